"""Pictures of results, drawn by gnuplot."""
from __future__ import annotations

import math
import subprocess
from pathlib import Path

from result import Result

TERMINAL = "set terminal pngcairo size {width},{height} font 'DejaVu Sans,10' background '#ffffff'\n"
STYLE = """
set style data histograms
set style fill solid 0.85 border -1
set boxwidth 0.9
set grid ytics lc rgb '#dddddd'
set xtics rotate by -35 nomirror scale 0 font ',9'
set ytics nomirror
set border 3
set key outside top right horizontal
set rmargin 9
"""
COLOURS = ("#4c566a", "#bf616a", "#d08770", "#ebcb8b", "#5e81ac", "#88c0d0", "#a3be8c", "#b48ead",
           "#8fbcbb", "#2e3440", "#d8dee9", "#81a1c1")


def gnuplot(script: str) -> None:
    subprocess.run(["gnuplot", "-"], input=script, text=True, check=True)


def quoted(text: object) -> str:
    return '"' + str(text).replace("\\", "").replace('"', "'").replace("_", " ") + '"'


def block(name: str, rows: list[list[object]]) -> str:
    """A gnuplot data block; the first column is the label."""
    lines = [" ".join([quoted(row[0]), *map(str, row[1:])]) for row in rows]
    return "\n".join([f"${name} << EOD", *lines, "EOD", ""])


def bars(name: str, result: Result, figures: list[tuple[str, str]], title: str, is_stacked: bool = False) -> str:
    """One group of bars for each contender, one bar for each (figure, heading) that is there."""
    there = [(key, heading) for key, heading in figures if key in result.medians(next(iter(result.runs)))]
    rows = [[contender, *(result.medians(contender)[key] for key, _ in there)] for contender in result.runs]
    plots = ", ".join(f"${name} using {i + 2}:xtic(1) title {quoted(heading)} lc rgb '{COLOURS[i]}'"
                      for i, (_, heading) in enumerate(there))
    if not there:
        return ""
    kind = "rowstacked" if is_stacked else "clustered gap 1"
    return block(name, rows) + f"set style histogram {kind}\nset title {quoted(title)}\nset yrange [0:*]\nplot {plots}\n"


def ticks(result: Result) -> str:
    """RSS over time of the last run, a line for each contender."""
    lines = ["set style data lines", "set key outside right vertical", "set rmargin 24", "set xtics rotate by 0 autofreq",
             "set title 'RSS after each epoch, MiB'"]
    plots = []
    for i, name in enumerate(result.runs):
        rows = list(enumerate(result.contenders[name].get("ticks_mib") or []))
        lines.append("\n".join([f"$tick{i} << EOD", *(f"{n} {mib}" for n, mib in rows), "EOD"]))
        plots.append(f"$tick{i} using 1:2 title {quoted(name)} lw 2 lc rgb '{COLOURS[i % len(COLOURS)]}'")
    return "\n".join([*lines, "plot " + ", ".join(plots), ""])


def special(result: Result) -> str:
    if result.letter == "b":
        return ticks(result)
    if result.letter == "c":
        return bars("special", result, [("back_1_pct", "1 s"), ("back_5_pct", "5 s"), ("back_15_pct", "15 s")],
                    "back with the kernel, % of what was freed")
    if result.letter == "e":
        return bars("special", result, [("row_overhead_bytes", "bytes")], "overhead of a row, bytes")
    return bars("special", result, [("faults", "faults")], "page faults")


def draw(result: Result, folder: Path) -> Path:
    path = folder / f"{result.letter}.png"
    panels = [
        bars("memory", result, [("peak_mib", "peak"), ("idle_1_mib", "idle 1 s"), ("idle_5_mib", "5 s"),
                                ("idle_15_mib", "15 s")], "resident memory, MiB"),
        bars("cpu", result, [("user_s", "user"), ("system_s", "system")], "CPU, s", True) or
        bars("cpu", result, [("user_us", "user"), ("system_us", "system")], "CPU, us", True),
        bars("wall", result, [("wall_s", "wall")], "wall time, s") or
        bars("wall", result, [("op_p50_us", "p50"), ("op_p90_us", "p90")], f"{result.operation}, us"),
        special(result),
    ]
    rounds = len(next(iter(result.runs.values())))
    title = f"({result.letter}) {result.title}: medians of {rounds} rounds, {result.machine['cpus']} CPUs"
    gnuplot(TERMINAL.format(width=1500, height=950) + f"set output '{path}'\n" + STYLE +
            f"set multiplot layout 2,2 title {quoted(title)} font ',14'\n" + "\n".join(panels) + "\nunset multiplot\n")
    return path


HEAT = """
set palette defined (0 '#2c7bb6', 0.45 '#abd9e9', 0.5 '#ffffff', 0.55 '#fdcc8a', 1 '#d7191c')
set cbrange [-1:1]
unset colorbox
unset key
unset grid
set border 0
set tics scale 0
set xtics rotate by 0 font ',11'
set ytics font ',10'
"""


def heat(name: str, title: str, results: list[Result], contenders: list[str], key: str) -> str:
    """A cell for each contender and benchmark: the ratio as a number and a colour, white
    at 1, full colour at a half and at twice. Rows run from the bottom."""
    rows = []
    for y, contender in enumerate(reversed(contenders)):
        for x, result in enumerate(results):
            if contender in result.runs and key in result.ratios(contender):
                ratio = result.ratios(contender)[key]
                rows.append(f"{x} {y} {max(-1.0, min(1.0, math.log2(max(ratio, 0.01))))} {ratio:.2f}")
    xtics = ", ".join(f"{quoted('(' + r.letter + ')')} {x}" for x, r in enumerate(results))
    ytics = ", ".join(f"{quoted(c)} {y}" for y, c in enumerate(reversed(contenders)))
    return "\n".join([
        f"${name} << EOD", *rows, "EOD",
        f"set title {quoted(title)}", f"set xtics ({xtics})", f"set ytics ({ytics})",
        f"set xrange [-0.5:{len(results) - 0.5}]", f"set yrange [-0.5:{len(contenders) - 0.5}]",
        f"plot ${name} using 1:2:(0.49):(0.48):3 with boxxyerror fs solid lc palette, "
        f"${name} using 1:2:4 with labels font ',10'", ""])


def overview(results: list[Result], folder: Path) -> Path:
    """Ratios to glibc of every contender in every benchmark."""
    path = folder / "alloc.png"
    contenders = list(dict.fromkeys(name for result in results for name in result.runs))
    panels = []
    for key, title in (("peak_mib", "peak RSS"), ("idle_15_mib", "RSS after 15 s idle"),
                       ("cpu_s", "user + system CPU"), ("wall_s", "wall time")):
        having = [r for r in results if key in r.medians(next(iter(r.runs)))]
        if having:
            panels.append(heat(key, title, having, contenders, key))
    height = 300 + 2 * 26 * max(8, len(contenders))
    gnuplot(TERMINAL.format(width=1400, height=height) + f"set output '{path}'\n" + HEAT +
            "set multiplot layout 2,2 title 'ratios to glibc within each round: blue is less, red is more' "
            "font ',14'\n" + "\n".join(panels) + "\nunset multiplot\n")
    return path
