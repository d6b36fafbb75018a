"""What a folder of results says: verdict first, then the figures."""
from __future__ import annotations

import math
from dataclasses import asdict
from statistics import median
from typing import Any

from . import VERSION, statistics
from .arms import AGAIN
from .figures import METRICS
from .hypotheses import ALPHA, rounds_needed
from .store import Store

# Beside the primary ones, in the table; what was not measured says so.
SHOWN = ("start", "idle_rss", "idle_pss", "peak_rss", "over_working_set", "user_per_request", "system_per_request",
         "faults_per_request", "ttft_p50", "ttft_p99", "e2e_p50", "e2e_p99", "throughput", "allocator_share")


def read(store: Store) -> dict[str, Any]:
    """The report as JSON; report.schema.json describes it."""
    meta, rounds = store.meta(), store.rounds()
    arms = [arm["name"] for arm in meta["plan"]["arms"]]
    by_arm = [{row["arm"]: row["metrics"] for row in rows} for rows in rounds]
    judged = statistics.compare(by_arm, arms, meta["plan"]["metrics"])
    fewest = rounds_needed(arms, meta["plan"]["metrics"])
    return {
        "allocbench": VERSION, "plan": meta["plan"], "machine": meta["machine"], "rounds": len(rounds),
        "rounds_needed_at_all": fewest, "alpha": ALPHA, "unfit": judged["unfit"],
        "comparisons": [finite(asdict(one)) for one in judged["comparisons"]],
        "not_judged": [{"arm": arm, "metric": metric} for arm, metric in judged["not_judged"]],
        "noise": [finite(asdict(floor)) for floor in judged["floors"].values()],
        "arms": {arm: {"median": medians([row[arm] for row in by_arm]), "runs": [row[arm] for row in by_arm],
                       "proof": next((r["proof"] for rows in rounds for r in rows if r["arm"] == arm), [])}
                 for arm in arms},
    }


def finite(row: dict[str, Any]) -> dict[str, Any]:
    """JSON knows no infinity."""
    return {k: None if isinstance(v, float) and not math.isfinite(v) else v for k, v in row.items()}


def medians(runs: list[dict[str, float]]) -> dict[str, float]:
    names = [name for name in (runs[0] if runs else {}) if all(name in run for run in runs)]
    return {name: median(run[name] for run in runs) for name in names}


def headline(report: dict[str, Any]) -> str:
    rounds = report["rounds"]
    if report["unfit"]:
        words = ", ".join(METRICS[m].words for m in report["unfit"])
        return f"This machine is unfit: glibc differs from itself in {words}. No verdict on that can be trusted."
    if rounds < report["rounds_needed_at_all"]:
        return (f"Too few rounds for a verdict: {rounds} of at least {report['rounds_needed_at_all']} that "
                f"{len(report['comparisons']) or 'these'} comparisons need. The figures are what was seen.")
    winners = [c for c in report["comparisons"] if c["word"] == "better"]
    if not winners:
        return f"No arm is proved better than glibc in what was named before the run ({rounds} rounds)."
    return f"{rounds} rounds; proved better than glibc: " + "; ".join(
        f"{c['arm']} in {METRICS[c['metric']].words}, {c['verdict']}" for c in winners) + "."


def number(value: float | None) -> str:
    return "not measured" if value is None else f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"


def table(rows: list[list[str]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return ["  ".join(cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def verdict_lines(report: dict[str, Any]) -> list[str]:
    rows = [["against glibc", "", "ratio", "95 % interval", "p", "verdict"]]
    for c in report["comparisons"]:
        reach = "unknown" if c["low"] is None or c["high"] is None else f"{c['low']:.3f} to {c['high']:.3f}"
        rows.append([c["arm"], METRICS[c["metric"]].words, f"{c['ratio']:.3f}", reach, f"{c['p_holm']:.3g}", c["verdict"]])
    widths = [max(len(row[i]) for row in rows) for i in range(6)]
    return ["  ".join(cell.rjust(w) if i in (2, 4) else cell.ljust(w) for i, (cell, w) in enumerate(zip(row, widths))).rstrip()
            for row in rows]


def figure_lines(report: dict[str, Any]) -> list[str]:
    arms = report["arms"]
    judged = report["plan"]["metrics"]
    names = [*(n for n in METRICS if n in judged),
             *(n for n in SHOWN if n not in judged and (n == "allocator_share" or any(n in a["median"] for a in arms.values())))]
    rows = [["", *arms]]
    for name in names:
        metric = METRICS[name]
        rows.append([f"{metric.words}{', ' + metric.unit if metric.unit else ''}",
                     *(number(arm["median"].get(name)) for arm in arms.values())])
    return table(rows)


def text(report: dict[str, Any]) -> str:
    lines = [headline(report), ""]
    if report["comparisons"] and report["rounds"] > 1:
        lines += [*verdict_lines(report), ""]
    for floor in report["noise"]:
        if floor["detectable"] is not None:
            lines.append(f"glibc against itself, {METRICS[floor['metric']].words}: {floor['ratio']:.3f}; "
                         f"{report['rounds']} rounds find differences from {floor['detectable'] * 100:.1f} % on")
    if report["noise"]:
        lines.append("")
    if report["rounds"]:
        lines.append(f"medians of {report['rounds']} round{'s' if report['rounds'] > 1 else ''}; each start of a server was "
                     "proved by allocrun --check")
        lines += figure_lines(report)
    lines += remarks(report)
    return "\n".join(lines)


def remarks(report: dict[str, Any]) -> list[str]:
    """What a reader would want to know before believing it."""
    found = []
    runs = [run for arm in report["arms"].values() for run in arm["runs"]]
    if runs and min(run["requests"] for run in runs) < 1000:
        found.append(f"A run has {min(run['requests'] for run in runs):.0f} requests: a 99th percentile of fewer than "
                     "1000 is hardly more than the worst one.")
    for one in report["not_judged"]:
        found.append(f"{one['arm']} is not judged in {METRICS[one['metric']].words}: in a round there is no figure above 0.")
    if any(run["failed"] for run in runs):
        found.append(f"{sum(run['failed'] for run in runs):.0f} requests failed; latencies are of the others.")
    if any(run["idle_swap"] > 1 for run in runs):
        found.append("Some memory was swapped out: RSS and PSS do not count it.")
    if any(run["idle_lazy_free"] > 1 for run in runs):
        found.append("Some memory is MADV_FREE: RSS counts it, and the kernel takes it when it needs it.")
    if AGAIN not in report["arms"]:
        found.append(f"Without the arm {AGAIN} nobody knows how much this machine differs from itself.")
    if runs:
        found.append(f"The sampler took {max(run['sampler_share'] for run in runs):.2f} % of a core at most.")
    return ["", *found] if found else []
