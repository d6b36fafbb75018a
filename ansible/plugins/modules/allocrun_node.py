#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""One call of allocrun-node: the node decides, this hands over words and the answer."""
from __future__ import annotations

DOCUMENTATION = r"""
module: allocrun_node
short_description: One step of a node's change of allocrun
description:
  - Calls C(allocrun-node) on the node and returns its JSON.
  - In check mode only C(plan) is called, which writes nothing.
author: allocrun (@allocrun)
options:
  verb: {description: The step, type: str, required: true,
         choices: [stage, plan, apply, gate, confirm, revert, status, gc, recover]}
  artefact: {description: "The tarball, on the node; for C(stage).", type: path}
  sums: {description: "Checksums that list the artefact; for C(stage).", type: path}
  signature: {description: Signature of O(sums)., type: path}
  signers: {description: Whose signatures are trusted., type: path}
  confirm_within: {description: "Time after which the node goes back by itself, as 10m; for C(apply).", type: str}
  policy: {description: "The policy's fragment, on the node; for C(apply).", type: path}
  units: {description: "Units to restart; for C(apply).", type: list, elements: str, default: []}
  owner: {description: Who does this; another's open transaction is refused., type: str}
  health: {description: "URL or command of the server's health.", type: str}
  probe: {description: Command whose time is compared with what it was before., type: str}
  timeout: {description: "How long C(gate) waits for the server, as 2m.", type: str}
  rss_percent: {description: "How much more memory C(gate) lets through.", type: int}
  latency_percent: {description: "How much more time C(gate) lets through.", type: int}
  program: {description: The program., type: path, default: /opt/allocrun/current/bin/allocrun-node}
  extra: {description: "More options of the program, as --no-systemd.", type: list, elements: str, default: []}
attributes:
  check_mode: {support: full, description: Calls C(plan) instead.}
  diff_mode: {support: full, description: State and version before and after.}
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
"""

import json

from ansible.module_utils.basic import AnsibleModule

VALUES = ("sums", "signature", "signers", "confirm_within", "policy", "owner", "health", "probe", "timeout",
          "rss_percent", "latency_percent")
# From which states a verb changes something: what check mode says.
OPEN = ("applied", "gated", "reverting")
CHANGES = {"apply": ("staged", "applied"), "gate": ("applied",), "confirm": ("gated",), "revert": OPEN, "recover": OPEN}


def call(module, verb, words):
    """(code, answer): an answer that is no JSON is an error of one line."""
    program = module.params["program"]
    code, out, err = module.run_command([program, verb, "--format", "json", *module.params["extra"], *words],
                                        handle_exceptions=False)
    try:
        return code, json.loads(out)
    except ValueError:
        said = (err or out).strip().splitlines() or ["nothing"]
        module.fail_json(msg=f"{program} {verb}: exit {code}: {said[-1]}", rc=code)


def words_of(params):
    words = [params["artefact"]] if params["artefact"] else []
    for name in VALUES:
        if params[name] is not None:
            words += ["--" + name.replace("_", "-"), str(params[name])]
    for unit in params["units"]:
        words += ["--unit", unit]
    return words


def would_change(module, before):
    if module.params["verb"] == "stage":
        return before.get("sha256") != module.sha256(module.params["artefact"])
    return before.get("state") in CHANGES.get(module.params["verb"], ())


def short(node):
    return {key: node.get(key) for key in ("state", "version", "current")}


def main():
    option = {name: {"type": "str"} for name in ("confirm_within", "owner", "health", "probe", "timeout")}
    option.update({name: {"type": "path"} for name in ("artefact", "sums", "signature", "signers", "policy")})
    option.update({name: {"type": "int"} for name in ("rss_percent", "latency_percent")})
    option.update({name: {"type": "list", "elements": "str", "default": []} for name in ("units", "extra")})
    option["program"] = {"type": "path", "default": "/opt/allocrun/current/bin/allocrun-node"}
    option["verb"] = {"required": True, "choices": ["stage", "plan", "apply", "gate", "confirm", "revert", "status",
                                                    "gc", "recover"]}
    module = AnsibleModule(argument_spec=option, supports_check_mode=True, required_if=[
        ("verb", "stage", ["artefact"]), ("verb", "apply", ["confirm_within"])])
    verb = module.params["verb"]
    try:
        code, before = call(module, "plan", [])
        if module.check_mode or code != 0:
            changed, after = code == 0 and would_change(module, before), before
        else:
            code, after = call(module, verb, words_of(module.params))
            changed = short(before) != short(after)
    except OSError as error:
        module.fail_json(msg=f"{module.params['program']}: {error.strerror}: is allocrun on this node?")
    result = {"changed": changed, "node": after, "rc": code, "diff": {"before": short(before), "after": short(after)}}
    if code != 0:
        module.fail_json(msg=after.get("message", f"allocrun-node {verb}: exit {code}"), **result)
    module.exit_json(**result)


if __name__ == "__main__":
    main()
