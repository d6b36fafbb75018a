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


def fastest(result: Result, figure: str) -> str:
    return min(result.runs, key=lambda name: least(result, name, figure))


def encoder(result: Result) -> Iterator[Goal]:
    yield from against(result, "balanced", "glibc", "peak_mib", 0.70, "peak RSS")
    yield from against(result, "balanced", "glibc", "idle_15_mib", 0.35, "RSS after 15 s idle")
    yield from no_slower(result, "balanced", "tcmalloc", "cpu_s", 1.02, "user + system CPU")
    yield from no_slower(result, "balanced", fastest(result, "wall_s"), "wall_s", 1.02, "wall time of the best:")
    yield from memory(result)


def memory(result: Result) -> Iterator[Goal]:
    """Live is what the process holds without the allocator's slack (bench.py, live)."""
    figures = result.medians("memory") if "memory" in result.runs else {}
    if "idle_15_mib" in figures and "live_mib" in figures:
        yield at_most("memory: RSS after 15 s idle ≤ 1.15 × live",
                      figures["idle_15_mib"] / figures["live_mib"], 1.15,
                      f"{figures['idle_15_mib']:.0f} MiB against {figures['live_mib']:.0f} MiB")


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
    "a": encoder, "b": handover, "c": peak, "d": frontend, "t": frontend}


def judge(result: Result) -> list[Goal]:
    if result.letter not in GOALS or not result.runs:
        return []
    return list(GOALS[result.letter](result))
