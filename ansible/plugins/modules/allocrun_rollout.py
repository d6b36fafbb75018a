#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""The controller's side of a roll-out: what is decided once, for the whole fleet."""
from __future__ import annotations

DOCUMENTATION = r"""
module: allocrun_rollout
short_description: Waves, budget and journal of a roll-out of allocrun
description:
  - Runs on the controller. C(begin) verifies the artefact and tries the policy before any node is touched, takes the
    lock and computes the waves; C(wave) stops a roll-out that has lost more nodes than its budget, and counts those
    that were unreachable, which Ansible does not; C(done) and C(failed) write the journal; C(end) sums it up.
author: allocrun (@allocrun)
options:
  action: {description: "The step; C(claim) is for what is done beside roll-outs, named by O(message).", type: str,
           required: true, choices: [begin, claim, wave, done, failed, end]}
  folder: {description: "Where C(rollout.jsonl) and the lock lie.", type: path, default: ~/.local/state/allocrun}
  artefact: {description: "The tarball, the .deb or the .rpm, as make package makes them.", type: path}
  sums: {description: Checksums that list the artefact., type: path}
  signature: {description: Signature of O(sums)., type: path}
  signers: {description: "Allowed signers; see ssh-keygen(1).", type: path}
  policy: {description: The fleet's policy., type: path}
  group: {description: The inventory's group of nodes., type: str, default: allocrun}
  groups: {description: All groups of the inventory., type: dict, default: {}}
  waves: {description: "In order: how many nodes, a share of the fleet as C(10%), or a group's name.", type: list,
          elements: str, default: ['1', '10%', '100%']}
  stop: {description: How many waves; 0 is all., type: int, default: 0}
  budget: {description: How many nodes may be lost before it stops., type: int, default: 0}
  hosts: {description: The nodes of C(wave)., type: list, elements: str, default: []}
  results: {description: "What allocrun_node returned, of C(done) and C(failed).", type: list, elements: dict, default: []}
  message: {description: "Why, of C(failed).", type: str}
  owner: {description: "Of C(end): what C(begin) has returned.", type: str}
  abandon: {description: Another roll-out that has not ended is given up., type: bool, default: false}
attributes:
  check_mode: {support: full, description: Nothing is written and no lock is taken.}
  diff_mode: {support: none}
"""
EXAMPLES = r"""
- name: Decide, before any node is touched
  allocrun.fleet.allocrun_rollout:
    action: begin
    folder: /var/lib/rollouts/allocrun
    artefact: allocrun-0.2.0-x86_64-glibc.tar.gz
    groups: "{{ groups }}"
"""
RETURN = r"""
owner: {description: Name of this roll-out for the nodes., returned: begin, type: str}
target: {description: The artefact's version., returned: begin, type: str}
sha256: {description: The artefact's checksum., returned: begin, type: str}
hosts: {description: The nodes in the order of the waves., returned: begin, type: list}
serial: {description: The sizes of the waves., returned: begin, type: list}
lost: {description: "Nodes that are not confirmed, of waves that were begun.", returned: always, type: list}
"""

import fcntl
import hashlib
import json
import os
import platform
import pwd
import re
import secrets
import subprocess
import tempfile
import time

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.allocrun.fleet.plugins.module_utils.artefact import Broken, read_program

SPEC = {
    "action": {"required": True, "choices": ["begin", "claim", "wave", "done", "failed", "end"]},
    "folder": {"type": "path", "default": "~/.local/state/allocrun"},
    **{name: {"type": "path"} for name in ("artefact", "sums", "signature", "signers", "policy")},
    "group": {"default": "allocrun"}, "groups": {"type": "dict", "default": {}},
    "waves": {"type": "list", "elements": "str", "default": ["1", "10%", "100%"]},
    "stop": {"type": "int", "default": 0}, "budget": {"type": "int", "default": 0},
    "hosts": {"type": "list", "elements": "str", "default": []},
    "results": {"type": "list", "elements": "dict", "default": []},
    "message": {}, "owner": {}, "abandon": {"type": "bool", "default": False},
}


class Refused(Exception):
    """One line, of which the reader can do something."""


def sha256_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for piece in iter(lambda: file.read(1 << 20), b""):
            digest.update(piece)
    return digest.hexdigest()


# --- the artefact and the policy -----------------------------------------------

def verify_signature(sums, signature, signers):
    if not signature:
        return
    if not sums or not signers:
        raise Refused("a signature wants sums and signers as well")
    with open(signers, encoding="utf-8") as file:
        words = file.read().split()
    if not words:
        raise Refused(f"{signers}: names no signer")
    with open(sums, "rb") as file:
        run = subprocess.run(["ssh-keygen", "-Y", "verify", "-n", "allocrun", "-I", words[0], "-f", signers, "-s", signature],
                             stdin=file, capture_output=True, text=True, check=False)
    if run.returncode != 0:
        raise Refused(f"{sums}: its signature does not hold: {(run.stderr or run.stdout).strip().splitlines()[-1]}")


def verify_sum(artefact, sums, digest):
    if not sums:
        return
    with open(sums, encoding="utf-8") as file:
        named = dict(reversed(line.rstrip("\n").split("  ", 1)) for line in file if "  " in line)
    wanted = named.get(os.path.basename(artefact))
    if wanted is None:
        raise Refused(f"{sums} does not name {os.path.basename(artefact)}")
    if wanted != digest:
        raise Refused(f"{artefact}: not the bytes that {sums} names: fetch it anew")


def try_policy(launcher, policy):
    """By the version that comes; where it is of another machine the nodes try it themselves."""
    if not policy:
        return
    try:
        run = subprocess.run([launcher, "--explain", "--policy", policy, "--", "/bin/true"], capture_output=True, text=True,
                             check=False, timeout=60)
    except OSError:
        return
    if run.returncode != 0:
        said = (run.stderr or run.stdout).strip().splitlines()
        raise Refused(f"{policy}: {said[0] if said else 'cannot be read'}; no node was touched")


def read_artefact(artefact, policy):
    """Its version; the policy is tried with its launcher."""
    try:
        version, data = read_program(artefact, "allocrun")
    except Broken as error:
        raise Refused(str(error)) from error
    with tempfile.TemporaryDirectory() as folder:
        launcher = os.path.join(folder, "allocrun")
        with open(launcher, "wb") as file:
            file.write(data)
        os.chmod(launcher, 0o755)
        try_policy(launcher, policy)
    return version


# --- waves ----------------------------------------------------------------------

def wave_hosts(word, fleet, left, groups):
    if re.fullmatch(r"[1-9][0-9]*", word):
        return left[:int(word)]
    share = re.fullmatch(r"([1-9][0-9]?|100)%", word)
    if share:
        done = len(fleet) - len(left)
        # A share of the whole fleet is what is behind us when the wave is through.
        return left[:max(1, -(-len(fleet) * int(share[1]) // 100) - done)]
    if word in groups:
        return [host for host in left if host in groups[word]]
    raise Refused(f"wave '{word}': neither a number, nor a share as 10%, nor a group of the inventory")


def compute_waves(words, fleet, groups):
    """[[host]]: all of the fleet, each host once."""
    waves, left = [], list(fleet)
    for word in words:
        wave = wave_hosts(word, fleet, left, groups)
        left = [host for host in left if host not in wave]
        if wave:
            waves.append(wave)
    return waves + ([left] if left else [])


# --- the journal ------------------------------------------------------------------

def now():
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def start_of(pid):
    """Field 22 of stat: with it a number that was given anew is no longer the same process."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rsplit(")", 1)[1].split()[19]
    except OSError:
        return None


def controller_process():
    """The ansible-playbook that we are of: the topmost of our ancestors that is one."""
    pid, found = os.getpid(), os.getppid()
    while pid > 1:
        try:
            with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
                words = file.read().split("\0")
            with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
                parent = int(file.read().rsplit(")", 1)[1].split()[1])
        except OSError:
            break
        if any(os.path.basename(word) in ("ansible-playbook", "ansible-pull") for word in words[:2]):
            found = pid
        pid = parent
    return found


def read_event(line):
    try:
        return json.loads(line)
    except ValueError:
        return None


class Journal:
    """Of one process at a time: the guard is held until we end."""

    def __init__(self, folder, is_dry):
        self.is_dry, self.events, self.is_torn = is_dry, [], False
        self.path, self.lock_path = os.path.join(folder, "rollout.jsonl"), os.path.join(folder, "lock")
        if not is_dry:
            os.makedirs(folder, mode=0o755, exist_ok=True)
            self.guard = open(os.path.join(folder, "guard"), "w", encoding="utf-8")
            fcntl.flock(self.guard, fcntl.LOCK_EX)
        try:
            with open(self.path, encoding="utf-8") as file:
                lines = file.readlines()
        except FileNotFoundError:
            return
        # The last line of one that was killed may be half of one.
        self.is_torn = bool(lines) and not lines[-1].endswith("\n")
        if self.is_torn:
            lines.pop()
        self.events = [event for event in map(read_event, lines) if event]

    def current(self):
        """The events of the last roll-out."""
        begun = [i for i, event in enumerate(self.events) if event["event"] == "begin"]
        return self.events[begun[-1]:] if begun else []

    def add(self, event, **more):
        entry = {"time": now(), "event": event, **more}
        self.events.append(entry)
        if self.is_dry:
            return
        with open(self.path, "a", encoding="utf-8") as file:
            # What is torn becomes a line that nobody reads.
            file.write(("\n" if self.is_torn else "") + json.dumps(entry) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self.is_torn = False

    def lost(self):
        begun, confirmed = {}, set()
        for event in self.current():
            if event["event"] == "resumed":
                begun, confirmed = {}, set()
            if event["event"] == "wave":
                begun.update(dict.fromkeys(event["hosts"]))
                confirmed.difference_update(event["hosts"])
            if event["event"] == "done":
                confirmed.update(event["hosts"])
        return [host for host in begun if host not in confirmed]

    def lock(self, owner):
        if self.is_dry:
            return
        pid = controller_process()
        try:
            with open(self.lock_path, encoding="utf-8") as file:
                held = json.load(file)
        except (FileNotFoundError, ValueError):
            held = None
        if held and held["pid"] != pid and start_of(held["pid"]) == held["start"]:
            raise Refused(f"{self.lock_path}: held by {held['owner']}, process {held['pid']}, since {held['time']}: "
                          "wait until it has ended")
        with open(self.lock_path + ".new", "w", encoding="utf-8") as file:
            json.dump({"pid": pid, "start": start_of(pid), "owner": owner, "time": now()}, file)
        os.rename(self.lock_path + ".new", self.lock_path)

    def unlock(self):
        if not self.is_dry and os.path.exists(self.lock_path):
            os.unlink(self.lock_path)


# After them a roll-out is not gone on with.
ENDS = ("end", "abandoned", "claimed")


# --- actions ------------------------------------------------------------------------

def owner_of(what):
    return f"{pwd.getpwuid(os.getuid()).pw_name}@{platform.node()}:{what}"


def begin(params, journal):
    fleet, groups = params["groups"].get(params["group"]), params["groups"]
    if not fleet:
        raise Refused(f"the inventory has no hosts in the group '{params['group']}'")
    if not params["artefact"]:
        raise Refused("which artefact? Set allocrun_artefact")
    digest = sha256_of(params["artefact"])
    verify_signature(params["sums"], params["signature"], params["signers"])
    verify_sum(params["artefact"], params["sums"], digest)
    target = read_artefact(params["artefact"], params["policy"])
    waves = compute_waves(params["waves"], fleet, groups)
    waves = waves[:params["stop"] or len(waves)]
    what = {"target": target, "sha256": digest, "policy_sha256": sha256_of(params["policy"]) if params["policy"] else None}
    last = journal.current()
    is_open = bool(last) and not any(event["event"] in ENDS for event in last)
    resumes = is_open and all(last[0].get(key) == value for key, value in what.items())
    if is_open and not resumes and not params["abandon"]:
        raise Refused(f"{journal.path}: the roll-out of {last[0]['target']} has not ended: run that again, or set "
                      "allocrun_abandon=true")
    # Given up, its name lives on: what it has staged on nodes is now ours.
    owner = last[0]["owner"] if is_open else owner_of(f"{target}-{secrets.token_hex(4)}")
    journal.lock(owner)
    if is_open and not resumes:
        journal.add("abandoned", owner=last[0]["owner"])
    journal.add("resumed" if resumes else "begin", owner=owner, waves=waves, budget=params["budget"], **what)
    return {"owner": owner, "target": target, "sha256": digest, "resumes": resumes,
            "hosts": [host for wave in waves for host in wave], "serial": [len(wave) for wave in waves],
            "changed": False}


def claim(params, journal):
    """Nothing else is at work; a roll-out that has not ended ends here."""
    owner = owner_of(params["message"] or "by hand")
    journal.lock(owner)
    journal.add("claimed", owner=owner, message=params["message"])
    return {"owner": owner}


def wave(params, journal):
    # Those of this wave are tried again.
    lost = [host for host in journal.lost() if host not in params["hosts"]]
    if len(lost) > params["budget"]:
        raise Refused(f"stopped before the next wave: {len(lost)} lost, {params['budget']} may be: {', '.join(lost)}")
    journal.add("wave", hosts=params["hosts"])
    return {"lost": lost}


def figures(result):
    node = result.get("node") or {}
    return {key: node.get(key) for key in ("state", "version", "current", "message", "units")}


def done(params, journal):
    journal.add("done", hosts=params["hosts"],
                nodes={result["host"]: figures(result) for result in params["results"] if result.get("host")})
    return {"lost": journal.lost()}


def failed(params, journal):
    journal.add("failed", hosts=params["hosts"], message=params["message"],
                nodes={result["host"]: figures(result) for result in params["results"] if result.get("host")})
    return {"lost": journal.lost()}


def end(params, journal):
    if not params["owner"]:
        raise Refused("nothing was begun: leave --limit away, and name the nodes by allocrun_group")
    lost = journal.lost()
    journal.add("end", lost=lost)
    journal.unlock()
    if len(lost) > params["budget"]:
        raise Refused(f"{len(lost)} lost, {params['budget']} may be: {', '.join(lost)}")
    return {"lost": lost}


ACTIONS = {"begin": begin, "claim": claim, "wave": wave, "done": done, "failed": failed, "end": end}


def main():
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    try:
        journal = Journal(module.params["folder"], module.check_mode)
        result = ACTIONS[module.params["action"]](module.params, journal)
    except (Refused, OSError, ValueError) as error:
        module.fail_json(msg=str(error))
    module.exit_json(**{"changed": False, **result})


if __name__ == "__main__":
    main()
