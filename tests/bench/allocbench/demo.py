"""The headline within three minutes: a small service under glibc, glibc with pinned thresholds, and allocrun."""
from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from . import arms as those
from . import experiment, loads, measure, phases, summary
from .store import Store

SERVICE = Path(__file__).resolve().parent / "workloads/service.py"
# The encoder needs more time for a request than the others.
PHASES = {"documents": "burst:700@140,idle:6,trickle:20@10,idle:6",
          "front": "burst:300@60,idle:6,trickle:20@10,idle:6",
          "embed": "burst:200@30,idle:7,trickle:20@4,idle:7",
          "prefork": "burst:700@140,idle:6,trickle:20@10,idle:6",
          "table": "burst:400@80,idle:6,trickle:20@10,idle:6"}
METRICS = ["idle_rss", "cpu_per_request", "system_per_request"]


def main(chosen: argparse.Namespace) -> int:
    allocrun = those.find_allocrun(chosen.allocrun)
    arms = those.parse(chosen.arms, [], allocrun)
    server = [chosen.python or sys.executable, "-B", str(SERVICE), "--port", "{port}", "--work", chosen.work]
    steps = chosen.phases or PHASES[chosen.work]
    task = measure.Task(server, "/", loads.parse("draws:/", ""), phases.parse(steps), allocrun, 0, 120, cool_s=2, in_use="/")
    plan = {"arms": [arm.as_json() for arm in arms], "metrics": METRICS, "rounds": chosen.rounds, "seed": 1,
            "server": server, "load": "draws:/", "bodies": "", "phases": steps, "ready": "/", "in_use": "/"}
    print(f"allocbench: a service of {chosen.work}, {len(arms)} arms, rounds: {chosen.rounds}; {steps}", file=sys.stderr)
    store = Store(chosen.folder)
    experiment.run(store, json.loads(json.dumps(plan)), task, arms)
    report = summary.read(store)
    print("\n".join(lines(report)))
    print(f"\nallocbench report {chosen.folder} --html FILE draws it; allocbench run -- SERVER does it with yours")
    return 0


def lines(report: dict) -> list[str]:
    """Memory at rest, to what the program holds; every round, for glibc's depends on the order of requests."""
    rows = [["arm", "working set MiB", "peak MiB", "idle MiB", "idle ÷ working set", "user s", "system s", "faults/request"]]
    for name, arm in report["arms"].items():
        rows.append([name, *(" / ".join(format(run[key], style) if key in run else "?" for run in arm["runs"])
                             for key, style in (("working_set", ".0f"), ("peak_rss", ".0f"), ("idle_rss", ".0f"),
                                                ("over_working_set", ".2f"), ("user_s", ".1f"), ("system_s", ".2f"),
                                                ("faults_per_request", ".0f")))])
    return [*summary.table(rows), "", summary.headline(report)]
