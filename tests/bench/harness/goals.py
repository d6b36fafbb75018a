"""What the profiles are held to; each goal is judged within one run."""
from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Callable, Iterator

from figures import ratio
from result import Result


@dataclass
class Goal:
    text: str
    figure: float
    limit: float
    is_met: bool
    detail: str

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def at_most(text: str, figure: float, limit: float, detail: str = "") -> Goal:
    return Goal(text, figure, limit, not math.isnan(figure) and figure <= limit, detail)


def at_least(text: str, figure: float, limit: float, detail: str = "") -> Goal:
    return Goal(text, figure, limit, not math.isnan(figure) and figure >= limit, detail)


def against(result: Result, name: str, other: str, figure: str, limit: float, words: str) -> Iterator[Goal]:
    """`words` names the figure; the goal is void when one of the two was not run."""
    if name in result.runs and other in result.runs and figure in result.medians(name):
        yield at_most(f"{name}: {words} ≤ {limit} × {other}",
                      ratio(result.runs[name], result.runs[other], figure), limit,
                      f"{result.medians(name)[figure]:.2f} against {result.medians(other)[figure]:.2f}")


def least(result: Result, name: str, figure: str) -> float:
    return min(run[figure] for run in result.runs[name])


def no_slower(result: Result, name: str, other: str, figure: str, limit: float, words: str) -> Iterator[Goal]:
    """Times are judged by the fastest round of each: whatever else a machine does only ever
    adds, by a tenth and more on shared cores, and medians of a few rounds scatter with it."""
    if name in result.runs and other in result.runs:
        mine, theirs = least(result, name, figure), least(result, other, figure)
        yield at_most(f"{name}: {words} ≤ {limit} × {other}", mine / theirs, limit,
                      f"fastest rounds: {mine:.2f} s against {theirs:.2f} s; "
                      f"medians: {result.medians(name)[figure]:.2f} against {result.medians(other)[figure]:.2f}")


def best_rival(result: Result, figure: str) -> str:
    """By the medians; none is named where only ours were run."""
    rivals = [name for name in result.runs
              if not any(word.endswith("/allocrun") for word in result.contenders[name]["command"])]
    return min(rivals, key=lambda name: result.medians(name)[figure], default="")


def fastest(result: Result, figure: str) -> str:
    return min(result.runs, key=lambda name: least(result, name, figure))


def pauses(result: Result) -> Iterator[Goal]:
    """`never` gives nothing back, `own-thread` is jemalloc's own background thread."""
    for gap in (500, 2000, 6000):
        yield from against(result, "balanced", "own-thread", f"gap_{gap}_faults", 0.5,
                           f"page faults with pauses of {gap / 1000:g} s")
        yield from against(result, "balanced", "never", f"gap_{gap}_first_p50_us", 2.5,
                           f"first request after {gap / 1000:g} s")


def churn(result: Result) -> Iterator[Goal]:
    yield from against(result, "balanced", "tcmalloc", "request_us", 1.00, "CPU of a request")
    figures = result.medians("balanced") if "balanced" in result.runs else {}
    if "idle_5_mib" in figures:
        yield at_most("balanced: RSS after 5 s idle ≤ 1.1 × in use", figures["idle_5_mib"] / figures["in_use_mib"], 1.1,
                      f"{figures['idle_5_mib']:.0f} MiB against {figures['in_use_mib']:.0f} MiB")


def encoder(result: Result) -> Iterator[Goal]:
    yield from against(result, "balanced", "glibc", "peak_mib", 0.60, "peak RSS")
    yield from against(result, "balanced", "glibc", "idle_5_mib", 0.29, "RSS after 5 s idle")
    yield from live(result, "balanced", "idle_5_mib", 5, 1.05)
    yield from no_slower(result, "balanced", "tcmalloc", "cpu_s", 1.00, "user + system CPU")
    yield from no_slower(result, "balanced", fastest(result, "wall_s"), "wall_s", 1.02, "wall time of the best:")
    yield from against(result, "balanced", best_rival(result, "op_p99_us"), "op_p99_us", 0.95, "p99 of the best rival:")
    yield from against(result, "balanced", "never", "first_p50_us", 1.10, "first request after the idle time")
    yield from live(result, "memory", "idle_15_mib", 15, 1.15)


def live(result: Result, name: str, figure: str, seconds: int, limit: float) -> Iterator[Goal]:
    """Live is what the process holds without the allocator's slack (bench.py, live)."""
    figures = result.medians(name) if name in result.runs else {}
    if figure in figures and "live_mib" in figures:
        yield at_most(f"{name}: RSS after {seconds} s idle ≤ {limit} × live", figures[figure] / figures["live_mib"],
                      limit, f"{figures[figure]:.0f} MiB against {figures['live_mib']:.0f} MiB")


def handover(result: Result) -> Iterator[Goal]:
    if "balanced" in result.runs:
        figures = result.medians("balanced")
        yield at_most("balanced: growth over the second half ≤ 2 %", figures["growth_pct"], 2.0,
                      f"{figures['slope_kib']:.0f} KiB an epoch at {figures['done_mib']:.0f} MiB")


def peak(result: Result) -> Iterator[Goal]:
    if "balanced" in result.runs and "back_15_pct" in result.medians("balanced"):
        figures = result.medians("balanced")
        yield at_least("balanced: ≥ 95 % of what was freed is back within 15 s", figures["back_15_pct"], 95.0,
                       f"of {figures['freed_mib']:.0f} MiB; after 1 s {figures['back_1_pct']:.0f} %, "
                       f"after 5 s {figures['back_5_pct']:.0f} %")


def frontend(result: Result) -> Iterator[Goal]:
    yield from no_slower(result, "balanced", fastest(result, "cpu_s"), "cpu_s", 1.05, "CPU of the best:")


GOALS: dict[str, Callable[[Result], Iterator[Goal]]] = {
    "a": encoder, "b": handover, "c": peak, "d": frontend, "t": frontend, "h": churn, "r": pauses}


def judge(result: Result) -> list[Goal]:
    if result.letter not in GOALS or not result.runs:
        return []
    return list(GOALS[result.letter](result))
