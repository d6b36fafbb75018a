"""What there is to measure: one row for each benchmark program."""
from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ROOT / "tests/bench/programs"
BINARIES = ROOT / "build/bench/programs"
PYTHON = ROOT / "build/vllm/venv/bin/python"


@dataclass(frozen=True)
class Benchmark:
    letter: str
    title: str
    program: str                 # NAME.py, run by the environment with PyTorch, or a C program
    operation: str               # what op_p50_us and op_p99_us are about
    full: tuple[str, ...] = ()   # parameters; the program's own defaults when empty
    quick: tuple[str, ...] = ()
    rounds: int = 5
    columns: tuple[str, ...] = field(default=())  # figures beyond the common ones

    def is_python(self) -> bool:
        return self.program.endswith(".py")

    def command(self, is_quick: bool) -> list[str]:
        parameters = list(self.quick if is_quick else self.full)
        if self.is_python():
            return [str(PYTHON), "-B", str(PROGRAMS / self.program), *parameters]
        return [str(BINARIES / self.program), *parameters]


BENCHMARKS = {b.letter: b for b in (
    Benchmark("a", "PyTorch encoder, 16 threads, random batch shapes", "encoder.py",
              "a request", quick=("threads=4", "requests=24", "length=128")),
    Benchmark("b", "messages handed over: allocated here, freed there", "handover",
              "allocating and filling a message", quick=("epochs=6", "messages=20000"),
              columns=("growth_pct", "slope_kib")),
    Benchmark("c", "a load peak, then idleness", "peak",
              "allocating and filling an object", quick=("threads=2", "peak=64", "base=8"),
              columns=("back_1_pct", "back_5_pct", "back_15_pct")),
    Benchmark("d", "JSON front end: small objects come and go", "frontend",
              "a request", quick=("requests=200",)),
    Benchmark("t", "tokenizer front end in Python", "tokenizer.py",
              "a request", quick=("requests=40",)),
    Benchmark("e", "embedding table: millions of small rows", "rows",
              "reading 64 rows", quick=("rows=100000", "reads=20000"),
              columns=("row_overhead_bytes", "load_s")),
    Benchmark("f", "256 threads, objects below 1 KiB, a quarter freed elsewhere", "storm",
              "freeing one object and allocating another", quick=("threads=64", "operations=2000")),
    Benchmark("h", "churn of every size in 8 threads, then idleness", "churn",
              "a request", quick=("threads=2", "held=16", "requests=200")),
    Benchmark("r", "bursts with pauses of 0.5, 2 and 6 s", "burst",
              "a request after 6 s, but for each thread's first", quick=("threads=4", "gap=100", "bursts=3"),
              columns=tuple(f"gap_{gap}_{what}" for gap in (500, 2000, 6000)
                            for what in ("first_p50_us", "p50_us", "faults", "mib"))),
    Benchmark("g", "starting a program", "", "spawn to exit of an empty dynamic program", rounds=300),
)}
