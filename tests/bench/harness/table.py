"""The table of one result, as text."""
from __future__ import annotations

from goals import Goal
from result import Result

# Figure, heading, format. Those that a benchmark does not have are left out.
COLUMNS = (
    ("peak_mib", "peak MiB", ".0f"), ("idle_1_mib", "1 s", ".0f"), ("idle_5_mib", "5 s", ".0f"),
    ("idle_15_mib", "15 s", ".0f"), ("user_s", "user s", ".2f"), ("system_s", "sys s", ".2f"),
    ("cpu_s", "CPU s", ".2f"), ("wall_s", "wall s", ".2f"), ("faults", "faults", ".0f"),
    ("op_p50_us", "p50 us", ".4g"), ("op_p99_us", "p99 us", ".4g"),
    ("user_us", "user us", ".0f"), ("system_us", "sys us", ".0f"),
    ("growth_pct", "growth %", ".1f"), ("slope_kib", "KiB/epoch", ".1f"),
    ("back_1_pct", "back 1 s %", ".0f"), ("back_5_pct", "5 s %", ".0f"), ("back_15_pct", "15 s %", ".1f"),
    *((f"gap_{gap}_{figure}", f"{gap / 1000:g} s: {heading}", style) for gap in (500, 2000, 6000)
      for figure, heading, style in (("first_p50_us", "first us", ".4g"), ("p50_us", "others us", ".4g"),
                                     ("faults", "faults", ".0f"), ("mib", "MiB", ".0f"))),
    ("first_p50_us", "first us", ".4g"), ("in_use_mib", "in use", ".0f"), ("request_us", "CPU us", ".0f"),
    ("row_overhead_bytes", "B/row over", ".1f"), ("load_s", "load s", ".2f"),
)
RATIOS = (("peak_mib", "peak ×"), ("idle_15_mib", "15 s ×"), ("cpu_s", "CPU ×"), ("wall_s", "wall ×"),
          ("op_p50_us", "p50 ×"))


def cells(result: Result, name: str) -> list[str]:
    figures, ratios = result.medians(name), result.ratios(name)
    return [name, *(format(figures[key], style) for key, _, style in COLUMNS if key in figures),
            *(f"{ratios[key]:.3f}" for key, _ in RATIOS if key in ratios)]


def table(result: Result) -> str:
    figures = result.medians(next(iter(result.runs)))
    rows = [["contender", *(heading for key, heading, _ in COLUMNS if key in figures),
             *(heading for key, heading in RATIOS if key in figures)]]
    rows += [cells(result, name) for name in result.runs]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) if i == 0 else cell.rjust(width)
                       for i, (cell, width) in enumerate(zip(row, widths))) for row in rows]
    rounds = len(next(iter(result.runs.values())))
    return "\n".join([f"== ({result.letter}) {result.title}",
                      f"medians of {rounds} round{'s' if rounds > 1 else ''}; × is to glibc within each round; "
                      f"an operation is {result.operation}", *lines])


def verdicts(goals: list[Goal]) -> str:
    return "\n".join(f"{'PASS' if goal.is_met else 'MISS'}  {goal.text}: {goal.figure:.3f}  ({goal.detail})"
                     for goal in goals)
