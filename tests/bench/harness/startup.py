"""(g) What a start costs: spawn.c interleaves the contenders itself."""
from __future__ import annotations

import subprocess

from benchmarks import BINARIES
from contenders import Contender
from figures import Figures

SPAWN = BINARIES.parent / "spawn"
PROGRAM = BINARIES / "nothing"
HEADINGS = ("op_p50_us", "op_p90_us", "op_p99_us", "user_us", "system_us", "faults", "peak_kib")


def run(contenders: list[Contender], rounds: int) -> dict[str, Figures]:
    command = [str(SPAWN), "-t", str(rounds)]
    for contender in contenders:
        command += [contender.name, *contender.command, str(PROGRAM), ";"]
    lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.splitlines()
    figures = {}
    for line in lines:
        name, *numbers = line.split("\t")
        figures[name] = dict(zip(HEADINGS, map(float, numbers)))
        figures[name]["peak_mib"] = figures[name].pop("peak_kib") / 1024
    return figures
