#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""One call of allocrun-node: the node decides, this hands over words and the answer."""
from __future__ import annotations

DOCUMENTATION = r"""
module: allocrun_node
short_description: One step of a node's change of allocrun
description:
  - Calls C(allocrun-node) on the node and returns its JSON.
  - What a step would change, and whether it changed something, is what C(plan) of the node says, in check mode and
    without.
author: allocrun (@allocrun)
options:
  verb: {description: "The step; C(drift) asks for the state and for what C(allocrun --check) finds.", type: str,
         required: true, choices: [plan, stage, apply, gate, confirm, revert, status, gc, recover, remove, drift]}
  host: {description: "The node's name, which is returned.", type: str}
  artefact: {description: "The tarball, the .deb or the .rpm, on the node; C(stage) removes it behind itself.", type: path}
  target: {description: "The artefact's version; for C(plan) and C(apply), else that which was staged last.", type: str}
  sha256: {description: The artefact's checksum. Another artefact is refused., type: str}
  sums: {description: Text of the checksums that list the artefact., type: str}
  signature: {description: "Text of O(sums)'s signature.", type: str}
  signers: {description: "Text of allowed signers; see ssh-keygen(1).", type: str}
  confirm_within: {description: Time after which the node goes back by itself., type: str, default: 10m}
  policy: {description: "Text of the fleet's policy; nothing: the policy is left alone.", type: str, default: ''}
  tune: {description: "Set the kernel's values as C([node]) of the policy says.", type: bool, default: false}
  units: {description: Units to restart beside those of the policy., type: list, elements: str, default: []}
  owner: {description: Who does this; another's open change is refused., type: str}
  health: {description: "URL or command of the server's health.", type: str}
  probe: {description: Command whose time is compared with what it was before., type: str}
  timeout: {description: "How long a server may take to be healthy, also that of the version before.", type: str, default: 2m}
  soak: {description: "How long C(gate) looks at it, again and again; else once.", type: str}
  rss_percent: {description: "How much more memory C(gate) lets through.", type: int, default: 20}
  latency_percent: {description: "How much more time C(gate) lets through.", type: int, default: 10}
  without_server: {description: The node has no server that could be proved., type: bool, default: false}
  program: {description: "The program; C(stage) puts it there from the artefact.", type: path,
            default: /opt/allocrun/allocrun-node}
  extra: {description: More options of the program., type: list, elements: str, default: []}
attributes:
  check_mode: {support: full, description: Only C(plan) is called.}
  diff_mode: {support: full, description: Version and policy.}
"""
EXAMPLES = r"""
- name: Switch, and go back in ten minutes unless confirmed
  allocrun.fleet.allocrun_node:
    verb: apply
    confirm_within: 10m
    units: [vllm.service]
"""
RETURN = r"""
node:
  description: What allocrun-node said; its fields are in allocrun-node(8).
  returned: when it could be read
  type: dict
host: {description: O(host)., returned: always, type: str}
"""

import contextlib
import hashlib
import json
import os
import re

from ansible.module_utils.basic import AnsibleModule
from ansible_collections.allocrun.fleet.plugins.module_utils.artefact import Broken, read_program

TEXTS = ("sums", "signature", "signers", "policy")
OPEN = ("applied", "gated", "reverting")
STATE = ("state", "version", "sha256", "current", "whole")
# The options that a verb has, save for those that all have.
OPTIONS = {
    "plan": ("target", "sha256", "policy"),
    "stage": ("sums", "signature", "signers", "owner"),
    "apply": ("target", "confirm_within", "policy", "owner", "health", "probe", "timeout"),
    "gate": ("owner", "health", "probe", "timeout", "soak", "rss_percent", "latency_percent"),
    "confirm": ("owner",),
    "recover": ("owner",),
}
SPEC = {
    "verb": {"required": True, "choices": ["plan", "stage", "apply", "gate", "confirm", "revert", "status", "gc",
                                           "recover", "remove", "drift"]},
    "host": {}, "artefact": {"type": "path"}, "target": {}, "sha256": {}, "sums": {}, "signature": {}, "signers": {},
    "confirm_within": {"default": "10m"}, "policy": {"default": ""}, "tune": {"type": "bool", "default": False},
    "units": {"type": "list", "elements": "str", "default": []}, "owner": {}, "health": {}, "probe": {},
    "timeout": {"default": "2m"}, "soak": {}, "rss_percent": {"type": "int", "default": 20},
    "latency_percent": {"type": "int", "default": 10}, "without_server": {"type": "bool", "default": False},
    "program": {"type": "path", "default": "/opt/allocrun/allocrun-node"},
    "extra": {"type": "list", "elements": "str", "default": []},
}
# Of a node that has no allocrun-node yet.
ABSENT = {"state": "absent", "current": None, "version": None, "sha256": None, "whole": False, "message": "nothing is installed"}


class Node:
    def __init__(self, module):
        self.module, self.params = module, module.params
        self.would = None

    def refuse(self, message, **more):
        self.module.fail_json(msg=message, host=self.params["host"], **{"rc": 1, **more})

    def text_file(self, name):
        path = os.path.join(self.module.tmpdir, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(self.params[name])
        return path

    def words(self, verb):
        words = [self.params["artefact"]] if verb == "stage" else []
        for name in OPTIONS.get(verb, ()):
            value = self.params[name]
            if value not in (None, ""):
                words += ["--" + name.replace("_", "-"), self.text_file(name) if name in TEXTS else str(value)]
        if verb in ("plan", "apply", "remove"):
            words += [word for unit in self.params["units"] for word in ("--unit", unit)]
        if verb == "apply" and self.params["tune"]:
            words.append("--tune")
        if verb == "gate" and self.params["without_server"]:
            words.append("--without-server")
        return words

    def call(self, verb):
        """(code, answer): an answer that is no JSON is an error of one line."""
        program = self.params["program"]
        code, out, err = self.module.run_command(
            [program, verb, "--format", "json", *self.params["extra"], *self.words(verb)], handle_exceptions=False)
        try:
            return code, json.loads(out)
        except ValueError:
            said = (err or out).strip().splitlines() or ["nothing"]
            return self.refuse(f"{program} {verb}: exit {code}: {said[-1]}", rc=code)

    def plan(self):
        try:
            return self.call("plan")
        except FileNotFoundError:
            would = {"stages": True, "changes": True, "version": {"before": None, "after": self.params["target"]},
                     "policy": {"before": None, "after": self.params["policy"] or None}, "restarts": self.params["units"]}
            return 0, dict(ABSENT, would=would)

    def is_open(self):
        try:
            return self.plan()[1]["state"] in OPEN
        except OSError:
            # One that does not run takes nothing back: it is replaced.
            return False

    def bring_program(self):
        """The artefact's own: the version that is there need not know the newer one's steps."""
        artefact, program = self.params["artefact"], self.params["program"]
        if self.params["sha256"] and self.module.sha256(artefact) != self.params["sha256"]:
            self.refuse(f"{artefact}: other bytes than those that were verified: push it again")
        try:
            dummy, data = read_program(artefact, "allocrun-node")
        except Broken as error:
            self.refuse(str(error))
        os.makedirs(os.path.dirname(program), mode=0o755, exist_ok=True)
        scratch = program + ".new"
        with open(scratch, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), 0o755)
        self.try_program(scratch)
        os.rename(scratch, program)

    def try_program(self, scratch):
        """Of another machine it must not take the place of the one that can go back."""
        try:
            code, dummy, err = self.module.run_command([scratch, "--version"], handle_exceptions=False)
        except OSError as error:
            code, err = 126, error.strerror
        if code != 0:
            os.unlink(scratch)
            with contextlib.suppress(OSError):
                # Made for it, if nothing else is in there.
                os.rmdir(os.path.dirname(scratch))
            self.refuse(f"{self.params['artefact']}: its allocrun-node does not run here, it is of another machine than this: "
                        f"{err.strip() or f'exit {code}'}")

    def would_change(self, before):
        verb, would = self.params["verb"], before.get("would") or {}
        if verb == "stage":
            is_new = not self.params["target"] and before["sha256"] != self.module.sha256(self.params["artefact"])
            return bool(would.get("stages")) or is_new
        if verb in ("plan", "apply", "confirm"):
            return verb != "plan" and bool(would.get("changes"))
        if verb == "remove":
            return before["current"] is not None
        return before["state"] in {"revert": OPEN + ("confirmed",), "recover": OPEN}.get(verb, ())

    def run(self):
        """(code, answer, has something changed, or would it)"""
        verb = self.params["verb"]
        # The program of an open change is what takes it back: it stays.
        if verb == "stage" and not self.module.check_mode and not self.is_open():
            self.bring_program()
        code, before = self.plan()
        self.would = before.get("would")
        if verb == "plan" or (self.module.check_mode and verb not in ("status", "drift")):
            return code, before, code == 0 and self.would_change(before)
        if before["message"] == ABSENT["message"]:
            if verb not in ("status", "drift", "revert", "recover", "remove", "gc"):
                self.refuse(f"{self.params['program']}: is not there: stage an artefact first")
            return 0, before, False
        code, after = self.call("status" if verb == "drift" else verb)
        # The gate only looks.
        return code, after, verb not in ("gate", "drift") and any(before[key] != after[key] for key in STATE)

    def audit(self):
        """What allocrun --check says of the node and of its servers, in short; None: it could not be asked."""
        program = os.path.join(os.path.dirname(self.params["program"]), "current/bin/allocrun")
        try:
            dummy, out, dummy = self.module.run_command([program, "--check", "--all", "--format", "json"],
                                                        handle_exceptions=False)
            return shorten(json.loads(out))
        except (OSError, ValueError, KeyError):
            return None


def seconds_of(text):
    match = re.fullmatch(r"([1-9][0-9]*)([smh]?)", text)
    return int(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600}[match[2]] if match else None


def check_times(node):
    """Before anything is staged: a typo is no reason to restart a server, and to go back."""
    times = {name: node.params[name] for name in ("confirm_within", "timeout", "soak") if node.params[name]}
    for name, text in times.items():
        if seconds_of(text) is None:
            node.refuse(f"{name}: '{text}' is no time: seconds, or with s, m or h behind them")
    if "soak" in times and seconds_of(times["soak"]) >= seconds_of(times["confirm_within"]):
        node.refuse(f"soak: {times['soak']} is not shorter than confirm_within, {times['confirm_within']}: the node would go back "
                    "before it can be confirmed")


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:12]


def read_bytes(path):
    with open(path, "rb") as file:
        return file.read()


def shorten(audit):
    """A thousand whole audits would be the controller's memory."""
    processes = audit["processes"]["list"]
    policy = b"".join(read_bytes(path) for path in audit["policy"]["files"])
    return {
        "policy": hashlib.sha256(policy).hexdigest()[:12] if policy else None,
        "builds": sorted({process["build_id"] or process["allocator"] or "unknown" for process in processes}),
        "options": sorted({digest(process["options"]) for process in processes}),
        "processes": len(processes),
        "findings": [{key: finding[key] for key in ("id", "status", "observed")} for finding in audit["findings"]
                     if finding["status"] in ("warn", "fail", "unknown")],
    }


def describe(side, would):
    version, policy = (would.get(what, {}).get(side) for what in ("version", "policy"))
    return f"version: {version or 'none'}\npolicy:\n{policy or ''}"


def main():
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True, required_if=[("verb", "stage", ["artefact"])])
    node = Node(module)
    check_times(node)
    try:
        code, answer, changed = node.run()
    except OSError as error:
        node.refuse(f"{error.filename or module.params['program']}: {error.strerror}")
    finally:
        # Refused as well as staged: a node is no place for artefacts that nobody asks for.
        if module.params["verb"] == "stage" and not module.check_mode and os.path.isfile(module.params["artefact"]):
            os.unlink(module.params["artefact"])
    result = {"changed": changed, "node": answer, "rc": code, "host": module.params["host"]}
    if module.params["verb"] == "apply" and node.would:
        result["diff"] = {side: describe(side, node.would) for side in ("before", "after")}
    if module.params["verb"] == "drift":
        result["audit"] = node.audit()
        module.exit_json(**result)
    if code != 0:
        module.fail_json(msg=answer.get("message", f"allocrun-node: exit {code}"), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
