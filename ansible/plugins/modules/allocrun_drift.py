#!/usr/bin/python
# SPDX-License-Identifier: Apache-2.0
"""What the nodes of a fleet have, beside each other: one page, one table, one JSON."""
from __future__ import annotations

DOCUMENTATION = r"""
module: allocrun_drift
short_description: Report on what differs between the nodes of a fleet
description:
  - Runs on the controller. Compares what C(allocrun_node) with C(drift) returned, with each other or with what is
    wanted, and writes C(drift.html), C(drift.csv) and C(drift.json).
  - It fails when a node drifts, so that a job of a CI does.
author: allocrun (@allocrun)
options:
  folder: {description: Where the reports go., type: path, required: true}
  hosts: {description: "All nodes, those that were not reached as well.", type: list, elements: str, required: true}
  results: {description: What allocrun_node returned., type: list, elements: dict, default: []}
  version: {description: The version that is wanted; else what most nodes have., type: str}
  fail_on_warnings: {description: Warnings of the audit are drift as well., type: bool, default: false}
attributes:
  check_mode: {support: full, description: The reports are written.}
  diff_mode: {support: none}
"""
EXAMPLES = r"""
- name: Compare
  allocrun.fleet.allocrun_drift:
    folder: /tmp/drift
    hosts: "{{ groups['allocrun'] }}"
"""
RETURN = r"""
drifting: {description: "Nodes that drift, and why.", returned: always, type: dict}
"""

import collections
import csv
import html
import io
import json
import os
import time

from ansible.module_utils.basic import AnsibleModule

SPEC = {
    "folder": {"type": "path", "required": True},
    "hosts": {"type": "list", "elements": "str", "required": True},
    "results": {"type": "list", "elements": "dict", "default": []},
    "version": {}, "fail_on_warnings": {"type": "bool", "default": False},
}
COLUMNS = ("host", "problems", "version", "state", "policy", "builds", "options", "processes", "warnings", "failures")
PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>allocrun: drift</title>
<style>
body {{ font: 14px system-ui, sans-serif; margin: 2em; color: #222; background: #fff; }}
table {{ border-collapse: collapse; }}
th, td {{ border-bottom: 1px solid #ccc; padding: .3em .7em; text-align: left; vertical-align: top; }}
th {{ cursor: pointer; position: sticky; top: 0; background: #eee; }}
tr.drift td {{ background: #fde8e4; }}
td {{ overflow-wrap: anywhere; }}
</style></head><body>
<h1>{drifting} of {total} nodes drift</h1>
<p>{time}; wanted: version {version}, policy {policy}. A click on a column sorts by it.</p>
<table><thead><tr>{heads}</tr></thead><tbody>
{rows}
</tbody></table>
<script>
document.querySelectorAll("th").forEach((th, column) => th.addEventListener("click", () => {{
  const body = document.querySelector("tbody"), down = th.dataset.down = th.dataset.down === "1" ? "" : "1";
  const text = row => row.cells[column].textContent;
  [...body.rows].sort((a, b) => (down ? 1 : -1) * text(a).localeCompare(text(b), undefined, {{ numeric: true }}))
    .forEach(row => body.append(row));
}}));
</script></body></html>
"""


def row_of(host, result):
    """What a node has; None where that is not known."""
    node, audit = (result or {}).get("node") or {}, (result or {}).get("audit")
    findings = (audit or {}).get("findings", [])
    return {
        "host": host, "reached": result is not None, "audited": audit is not None,
        "version": node.get("current"), "state": node.get("state"),
        "policy": (audit or {}).get("policy"), "builds": (audit or {}).get("builds"),
        "options": (audit or {}).get("options"), "processes": (audit or {}).get("processes"),
        "warnings": [f"{f['id']}: {f['observed']}" for f in findings if f["status"] == "warn"],
        "failures": [f"{f['id']} {f['status']}: {f['observed']}" for f in findings if f["status"] != "warn"],
    }


def most_common(values):
    return collections.Counter(values).most_common(1)[0][0] if values else None


def problems_of(row, wanted, fail_on_warnings):
    if not row["reached"]:
        return ["not reached"]
    problems = []
    if row["version"] != wanted["version"]:
        problems.append(f"version {row['version'] or 'none'}")
    if row["state"] not in ("confirmed", "reverted", "absent"):
        problems.append(f"a change is open: {row['state']}")
    if not row["audited"]:
        return problems + ["not audited"]
    if row["policy"] != wanted["policy"]:
        problems.append("another policy")
    if row["processes"] and row["builds"] != wanted["builds"]:
        problems.append("another build")
    if row["failures"]:
        problems.append(f"{len(row['failures'])} failures")
    if fail_on_warnings and row["warnings"]:
        problems.append(f"{len(row['warnings'])} warnings")
    return problems


def compare(params):
    """(wanted, rows): those with most problems first. Options follow from a machine's CPUs: they are shown alone."""
    by_host = {result.get("host"): result for result in params["results"]}
    rows = [row_of(host, by_host.get(host)) for host in params["hosts"]]
    audited = [row for row in rows if row["audited"]]
    wanted = {
        "version": params["version"] or most_common([row["version"] for row in rows if row["reached"]]),
        "policy": most_common([row["policy"] for row in audited]),
        "builds": list(most_common([tuple(row["builds"]) for row in audited if row["processes"]]) or ()),
    }
    for row in rows:
        row["problems"] = problems_of(row, wanted, params["fail_on_warnings"])
    return wanted, sorted(rows, key=lambda row: (-len(row["problems"]), row["host"]))


def cell(value):
    return "" if value is None else "; ".join(map(str, value)) if isinstance(value, list) else str(value)


def as_html(wanted, rows):
    def line(row):
        cells = "".join(f"<td>{html.escape(cell(row[column]))}</td>" for column in COLUMNS)
        return f"<tr{' class=drift' if row['problems'] else ''}>{cells}</tr>"

    return PAGE.format(drifting=sum(bool(row["problems"]) for row in rows), total=len(rows),
                       time=time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
                       version=html.escape(cell(wanted["version"]) or "none"),
                       policy=html.escape(cell(wanted["policy"]) or "none"),
                       heads="".join(f"<th>{column}</th>" for column in COLUMNS), rows="\n".join(map(line, rows)))


def as_csv(rows):
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in rows:
        # What a spreadsheet would take for a formula is a text.
        writer.writerow([("'" if cell(row[column])[:1] in ("=", "+", "-", "@") else "") + cell(row[column])
                         for column in COLUMNS])
    return out.getvalue()


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path + ".new", "w", encoding="utf-8") as file:
        file.write(text)
    os.rename(path + ".new", path)


def main():
    module = AnsibleModule(argument_spec=SPEC, supports_check_mode=True)
    folder = module.params["folder"]
    wanted, rows = compare(module.params)
    try:
        os.makedirs(folder, exist_ok=True)
        write(folder, "drift.html", as_html(wanted, rows))
        write(folder, "drift.csv", as_csv(rows))
        write(folder, "drift.json", json.dumps({"wanted": wanted, "nodes": rows}, indent=1) + "\n")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    drifting = {row["host"]: row["problems"] for row in rows if row["problems"]}
    if drifting:
        module.fail_json(msg=f"{len(drifting)} of {len(rows)} nodes drift: see {folder}/drift.html", drifting=drifting)
    module.exit_json(changed=False, drifting=drifting)


if __name__ == "__main__":
    main()
