"""Rounds: each has every arm once, in an order drawn anew, each on a new start of the server."""
from __future__ import annotations

import os
import random
import signal
import sys
import time
from typing import Any, Callable

from . import measure
from .arms import Arm
from .errors import BenchError
from .kept import adopt_orphans
from .machine import machine
from .store import Store, explain


class Progress:
    """Where it stands, on standard error: one line that is written over on a terminal, lines elsewhere."""

    def __init__(self, runs: int, expected_s: float):
        self.runs, self.done, self.spent, self.expected_s = runs, 0, 0.0, expected_s
        self.is_terminal = sys.stderr.isatty()
        self.head, self.begun = "", 0.0

    def start(self, number: int, rounds: int, position: int, arms: int) -> None:
        self.head, self.begun = f"round {number + 1}/{rounds}, arm {position + 1}/{arms}", time.monotonic()

    def say(self, text: str) -> None:
        each = self.spent / self.done if self.done else self.expected_s
        left = max(0.0, each * (self.runs - self.done) - (time.monotonic() - self.begun))
        line = f"{self.head}, about {clock(left)} left: {text}"
        print(f"\r\x1b[2K{line}" if self.is_terminal else line, end="" if self.is_terminal else "\n",
              file=sys.stderr, flush=True)

    def end_run(self) -> None:
        self.done += 1
        self.spent += time.monotonic() - self.begun

    def end(self) -> None:
        if self.is_terminal:
            print(file=sys.stderr)


def clock(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def cool_down(limit: float) -> None:
    """Until no more waits for a CPU than CPUs are there, at most LIMIT seconds; the server before may still
    be taken apart."""
    until = time.monotonic() + limit
    while time.monotonic() < until:
        with open("/proc/loadavg", encoding="ascii") as file:
            if int(file.read().split()[3].split("/")[0]) - 1 <= len(os.sched_getaffinity(0)) / 2:
                return
        time.sleep(0.2)


def order_of(arms: list[Arm], seed: int, number: int) -> list[Arm]:
    return random.Random(f"{seed}:{number}").sample(arms, len(arms))


def run(store: Store, plan: dict[str, Any], task: measure.Task, arms: list[Arm],
        after_round: Callable[[], None] = lambda: None) -> None:
    """All rounds that are not there yet. Raises BenchError, or KeyboardInterrupt, with every complete round kept."""
    adopt_orphans()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:  # nohup means it
            signal.signal(number, signal.default_int_handler)
    store.hold()
    try:
        done = store.begin(plan, machine())
        if done:
            print(f"{store.folder}: {done} complete round{'s' if done > 1 else ''}, going on", file=sys.stderr)
        progress = Progress((plan["rounds"] - done) * len(arms), 5 + sum(p.expected_s() for p in task.phases))
        for number in range(done, plan["rounds"]):
            store.add_round(number, one_round(store, plan, task, arms, number, progress))
            after_round()
        progress.end()
    except OSError as e:
        raise explain(e, store.folder) from e


def one_round(store: Store, plan: dict[str, Any], task: measure.Task, arms: list[Arm], number: int,
              progress: Progress) -> list[dict[str, Any]]:
    rows = []
    for position, arm in enumerate(order_of(arms, plan["seed"], number)):
        progress.start(number, plan["rounds"], position, len(arms))
        cool_down(task.cool_s)
        progress.say(f"{arm.name}: start")
        try:
            rows.append(measure.one(task, arm, f"{plan['seed']}:{number}", store.run_folder(number, arm.name),
                                    progress.say))
        except BenchError as e:
            progress.end()
            raise BenchError(f"round {number + 1}, arm {arm.name}: {e}") from None
        progress.end_run()
    return rows
