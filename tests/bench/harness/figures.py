"""From what was seen to the figures of one run, and from those to medians and ratios."""
from __future__ import annotations

from itertools import combinations
from statistics import median

from process import Run

Figures = dict[str, float]


def of_run(run: Run) -> Figures:
    """Work is from "start" to "done"; CPU and faults are counted to the end of the idle
    time, so that purging in the background is not for free."""
    start, done, end = run.mark("start"), run.mark("done"), run.mark("end")
    figures: Figures = {
        "start_mib": start.rss_kib / 1024,
        # The kernel's high-water mark may lag behind by a few pages for each CPU, and a thread
        # that goes to sleep after "done" may touch one more: the most that was ever seen.
        "peak_mib": max(done.peak_kib, *run.idle_kib.values(),
                        *(m.rss_kib for m in run.marks if m is not end)) / 1024,
        "done_mib": done.rss_kib / 1024,
        "user_s": end.user - start.user,
        "system_s": end.system - start.system,
        "cpu_s": end.user + end.system - start.user - start.system,
        "idle_cpu_s": end.user + end.system - done.user - done.system,
        "wall_s": done.wall - start.wall,
        "faults": float(end.faults - start.faults),
        "huge_mib": done.huge_kib / 1024,
    }
    figures |= {f"idle_{seconds}_mib": kib / 1024 for seconds, kib in run.idle_kib.items()}
    figures |= run.values
    names = [m.name for m in run.marks]
    if "peak" in names:
        figures |= returned(run)
    if "tick" in names:
        figures |= growth([m.rss_kib for m in run.marks if m.name in ("tick", "done")])
    if "loaded" in names:
        figures |= rows(run)
    if "held_mib" in run.values:
        figures |= churn(run, figures["cpu_s"])
    return figures


def returned(run: Run) -> Figures:
    """The share of what was freed that is back with the kernel, by seconds."""
    peak, freed = run.mark("peak").rss_kib / 1024, run.values["freed_mib"]
    return {f"back_{seconds}_pct": (peak - kib / 1024) / freed * 100 for seconds, kib in run.idle_kib.items()}


def churn(run: Run, cpu: float) -> Figures:
    """What the program holds in the end, over what it was before its first request; and CPU
    of a request, with what is paid for purging afterwards."""
    return {"in_use_mib": run.mark("start").rss_kib / 1024 + run.values["held_mib"],
            "request_us": cpu / run.values["requests"] * 1e6}


def growth(ticks: list[int]) -> Figures:
    """The slope (Theil and Sen) of the second half: per tick, and what that comes to
    over all those ticks in percent of their median."""
    tail = ticks[len(ticks) // 2:]
    if len(tail) < 2:
        return {"slope_kib": 0.0, "growth_pct": 0.0}
    slope = median((tail[k] - tail[i]) / (k - i) for i, k in combinations(range(len(tail)), 2))
    return {"slope_kib": slope, "growth_pct": slope * (len(tail) - 1) / median(tail) * 100}


def rows(run: Run) -> Figures:
    grown = (run.mark("loaded").rss_kib - run.mark("start").rss_kib) * 1024
    count = run.values["rows"]
    return {"row_overhead_bytes": (grown - run.values["payload_loaded_bytes"]) / count,
            "row_payload_bytes": run.values["payload_loaded_bytes"] / count}


def medians(runs: list[Figures]) -> Figures:
    return {name: median(run[name] for run in runs) for name in runs[0]}


def ratio(runs: list[Figures], others: list[Figures], name: str) -> float:
    """The median of the ratios within each round: what drifts from round to round, drifts
    for both."""
    ratios = [mine[name] / theirs[name] for mine, theirs in zip(runs, others) if theirs.get(name)]
    return median(ratios) if ratios else float("nan")


