"""The report's pictures, as SVG that takes its colours from the page it stands in."""
from __future__ import annotations

import io
import re
from typing import Any, Callable

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import StrMethodFormatter

from .figures import METRICS

# Told apart in light and dark, and by who does not see red and green.
COLOURS = ("#7f7f7f", "#b0b0b0", "#e69f00", "#cc79a7", "#0072b2", "#009e73", "#56b4e9", "#d55e00", "#8a6fdf", "#a6761d")
POINTS = 400  # of a line; more are not seen
INK = "#010203"
PLAIN = StrMethodFormatter("{x:g}")

Rounds = list[list[dict[str, Any]]]


def colour_of(arms: list[str], arm: str) -> str:
    return COLOURS[arms.index(arm) % len(COLOURS)]


def draw(name: str, paint: Callable[[Axes], None], width: float = 8.5, height: float = 3.6) -> str:
    """Inline SVG. Text stays text; what is INK becomes the page's own colour."""
    style = {"svg.fonttype": "none", "svg.hashsalt": name, "text.color": INK, "axes.labelcolor": INK, "axes.edgecolor": INK,
             "xtick.color": INK, "ytick.color": INK, "axes.spines.top": False, "axes.spines.right": False,
             "axes.grid": True, "axes.axisbelow": True, "grid.alpha": 0.2, "grid.color": INK, "legend.frameon": False, "font.size": 10,
             "font.family": "sans-serif"}
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(width, height), layout="constrained")
        paint(figure.add_subplot())
        out = io.StringIO()
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    svg = out.getvalue()
    svg = svg[svg.index("<svg"):].replace(INK, "currentColor")
    return re.sub(r'<svg ([^>]*?)width="[^"]*" height="[^"]*"', rf'<svg role="img" aria-label="{name}" \1', svg, count=1)


def thinned(points: list[Any]) -> list[Any]:
    step = max(1, len(points) // POINTS)
    return [*points[::step], points[-1]] if points else []


def memory(rounds: Rounds, arms: list[str]) -> str:
    """Every round a line: glibc's memory depends on the order of requests, and a mean would hide it."""
    def paint(axes: Axes) -> None:
        for arm in arms:
            for number, rows in enumerate(rounds):
                points = thinned(next(r["memory"] for r in rows if r["arm"] == arm))
                axes.plot([p[0] for p in points], [p[1] for p in points], color=colour_of(arms, arm), linewidth=1.2,
                          alpha=0.8, label=None if number else arm)
        axes.set(xlabel="seconds since the server was ready", ylabel="RSS, MiB")
        axes.set_ylim(bottom=0)
        axes.legend()
    return draw("memory over time", paint)


def latencies(rounds: Rounds, arm: str) -> list[list[float]]:
    """In ms, sorted, by round; without the warm-up."""
    return [sorted(v * 1e3 for row in rows if row["arm"] == arm for phase, values in row["latency"].items()
                   if not phase.startswith("warm") for v in values) for rows in rounds]


def shares(count: int) -> list[float]:
    return [(i + 0.5) / count for i in range(count)]


def cdf(rounds: Rounds, arms: list[str]) -> str:
    def paint(axes: Axes) -> None:
        for arm in arms:
            for number, values in enumerate(latencies(rounds, arm)):
                points = thinned(list(zip(values, shares(len(values)))))
                axes.plot([p[0] for p in points], [p[1] for p in points], color=colour_of(arms, arm), linewidth=1,
                          alpha=0.8, label=None if number else arm)
        axes.set(xscale="log", xlabel="whole request, ms", ylabel="share of requests", ylim=(0, 1))
        axes.xaxis.set_major_formatter(PLAIN)
        axes.legend()
    return draw("latency, cumulative", paint)


def by_percentile(rounds: Rounds, arms: list[str]) -> str:
    def paint(axes: Axes) -> None:
        for arm in arms:
            for number, values in enumerate(latencies(rounds, arm)):
                points = thinned(list(zip(shares(len(values)), values)))
                points += list(zip(shares(len(values)), values))[-20:]  # the tail is what it is about
                points.sort()
                axes.plot([1 / (1 - p[0]) for p in points], [p[1] for p in points], color=colour_of(arms, arm),
                          linewidth=1, alpha=0.8, label=None if number else arm)
        axes.set(xscale="log", yscale="log", xlabel="percentile", ylabel="whole request, ms")
        axes.yaxis.set_major_formatter(PLAIN)
        marks = {2: "50", 10: "90", 100: "99", 1000: "99.9", 10000: "99.99"}
        right = axes.get_xlim()[1]
        axes.set_xticks([at for at in marks if at <= right], [words for at, words in marks.items() if at <= right])
        axes.minorticks_off()
        axes.legend()
    return draw("latency by percentile", paint)


def cpu(report: dict[str, Any]) -> str:
    arms = list(report["arms"])

    def paint(axes: Axes) -> None:
        values = [report["arms"][arm]["median"] for arm in arms]
        user, system = ([v[f"{kind}_per_request"] for v in values] for kind in ("user", "system"))
        axes.barh(arms, user, color="#0072b2", label="user")
        axes.barh(arms, system, left=user, color="#e69f00", label="system")
        axes.set(xlabel="CPU per request, ms (medians)")
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
        axes.legend()
    return draw("CPU per request", paint, height=1 + 0.4 * len(arms))


def forest(report: dict[str, Any]) -> str:
    """Ratios with their intervals; the band is what glibc differs from itself."""
    rows = [c for c in report["comparisons"] if c["low"] is not None and c["high"] is not None]
    floors = {floor["metric"]: floor["detectable"] for floor in report["noise"]}

    def paint(axes: Axes) -> None:
        for at, row in enumerate(rows):
            noise = floors.get(row["metric"])
            if noise is not None:
                axes.fill_betweenx([at - 0.4, at + 0.4], 1 / (1 + noise), 1 + noise, color=INK, alpha=0.12, linewidth=0)
            axes.plot([row["low"], row["high"]], [at, at], color="#0072b2", linewidth=2)
            axes.plot(row["ratio"], at, "o", color="#0072b2")
        axes.axvline(1, color=INK, linewidth=1)
        axes.set_xscale("log")
        axes.set_yticks(range(len(rows)), [f"{r['arm']}: {METRICS[r['metric']].words}" for r in rows])
        axes.set(xlabel="ratio to glibc, 95 % interval (band: noise)")
        low, high = axes.get_xlim()
        wide = (0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20)
        ticks = [t for t in (wide if high / low > 3 else (0.6, 0.8, 0.9, 0.95, 1, 1.05, 1.1, 1.2, 1.5)) if low <= t <= high]
        axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
        axes.minorticks_off()
        axes.invert_yaxis()
        axes.grid(axis="y", visible=False)
    return draw("ratios to glibc", paint, height=1 + 0.35 * max(1, len(rows))) if rows else ""
