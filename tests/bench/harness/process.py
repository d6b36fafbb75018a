"""One run of one program under one contender, watched from outside (see programs/bench.h)."""
from __future__ import annotations

import os
import subprocess
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

from allocbench.procfs import allocator_environment, clean_environment, kib, mapped_allocator
from benchmarks import Benchmark
from contenders import Contender


@dataclass
class Mark:
    name: str
    wall: float
    user: float
    system: float
    faults: int
    rss_kib: int = 0
    anonymous_kib: int = 0
    huge_kib: int = 0
    peak_kib: int = 0


@dataclass
class Run:
    """What was seen. Idle RSS is by seconds after "done"."""
    marks: list[Mark] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    idle_kib: dict[int, int] = field(default_factory=dict)
    library: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    def mark(self, name: str) -> Mark:
        return next(m for m in self.marks if m.name == name)


def look(process: Path, mark: Mark) -> None:
    rollup = process / "smaps_rollup"
    mark.rss_kib = kib(rollup, "Rss")
    mark.anonymous_kib = kib(rollup, "Anonymous")
    mark.huge_kib = kib(rollup, "AnonHugePages")
    mark.peak_kib = kib(process / "status", "VmHWM")


class Watcher:
    """Runs a program. `busy` is set as soon as its work is over and it only idles."""

    def __init__(self, benchmark: Benchmark, contender: Contender, is_quick: bool, idle: tuple[int, ...]):
        self.benchmark, self.contender, self.idle = benchmark, contender, idle
        self.command = [*contender.prefix(), *benchmark.command(is_quick)]
        self.run = Run()
        self.work_over = threading.Event()
        self.problem = ""

    def watch(self) -> None:
        try:
            self._watch()
        except (OSError, ValueError, IndexError, RuntimeError, StopIteration) as e:
            self.problem = f"{self.benchmark.letter}, {self.contender.name}: {e}"
        finally:
            self.work_over.set()

    def _watch(self) -> None:
        report_in, report_out = os.pipe()
        answer_in, answer_out = os.pipe()
        environment = clean_environment()
        environment |= {"BENCH_REPORT": str(report_out), "BENCH_ANSWER": str(answer_in),
                        "OMP_NUM_THREADS": "1", "PYTHONHASHSEED": "0", "HF_HUB_OFFLINE": "1"}
        environment |= self.contender.settings()
        process = subprocess.Popen(self.command, env=environment, pass_fds=(report_out, answer_in),
                                   stdin=subprocess.DEVNULL)
        os.close(report_out)
        os.close(answer_in)
        with os.fdopen(report_in) as lines, os.fdopen(answer_out, "wb", buffering=0) as answer:
            for line in lines:
                self._take(line.split(), answer)
        if process.wait() != 0:
            raise RuntimeError(f"{' '.join(self.command)} ended with status {process.returncode}")
        if not self.run.marks or self.run.marks[-1].name != "end":
            raise RuntimeError("it did not come to its end")

    def _take(self, words: list[str], answer: IO[bytes]) -> None:
        if words[0] == "value":
            self.run.values[words[1]] = float(words[2])
            return
        process = Path("/proc") / words[2]
        mark = Mark(words[1], float(words[3]), float(words[4]), float(words[5]), int(words[6]))
        look(process, mark)
        self.run.marks.append(mark)
        if mark.name == "start":
            self._prove(process)
        if mark.name == "done":
            self._idle(process)
        answer.write(b".")

    def _prove(self, process: Path) -> None:
        """Applied is not effective: the library must be there, or none when none is wanted."""
        self.run.library = mapped_allocator(process)
        self.run.environment = allocator_environment(process)
        wanted = self.contender.library
        if wanted != "*" and (wanted not in self.run.library or bool(wanted) != bool(self.run.library)):
            raise RuntimeError(f"mapped is '{self.run.library}' where '{wanted}' should be")

    def _idle(self, process: Path) -> None:
        start = time.monotonic()
        self.work_over.set()
        for seconds in self.idle:
            time.sleep(max(0.0, start + seconds - time.monotonic()))
            self.run.idle_kib[seconds] = kib(process / "smaps_rollup", "Rss")
