"""A benchmark's result: the one schema of build/bench/LETTER.json."""
from __future__ import annotations

import json
import math
import subprocess
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from allocbench.machine import machine, save_json
from figures import Figures, medians, ratio

SCHEMA = 1


@dataclass
class Result:
    letter: str
    title: str
    operation: str
    is_quick: bool
    columns: list[str]
    machine: dict[str, object] = field(default_factory=machine)
    started: str = field(default_factory=lambda: datetime.now(timezone.utc).isoformat(timespec="seconds"))
    commit: str = ""
    # By contender: its command, the library that was mapped, its variables, its RSS at each
    # tick of the last round; and the figures of each round.
    contenders: dict[str, dict[str, Any]] = field(default_factory=dict)
    runs: dict[str, list[Figures]] = field(default_factory=dict)

    def medians(self, name: str) -> Figures:
        return medians(self.runs[name])

    def ratios(self, name: str) -> Figures:
        """To glibc, or to the first contender when glibc was not run."""
        base = "glibc" if "glibc" in self.runs else next(iter(self.runs))
        ratios = {figure: ratio(self.runs[name], self.runs[base], figure) for figure in self.runs[name][0]}
        return {figure: number for figure, number in ratios.items() if not math.isnan(number)}

    def as_json(self, goals: list[dict[str, object]]) -> dict[str, object]:
        return {
            "schema": SCHEMA, "benchmark": self.letter, "title": self.title, "operation": self.operation,
            "quick": self.is_quick, "columns": self.columns, "started": self.started, "commit": self.commit,
            "machine": self.machine, "rounds": len(next(iter(self.runs.values()))),
            "contenders": {name: {**self.contenders[name], "median": self.medians(name),
                                  "ratio": self.ratios(name), "runs": runs}
                           for name, runs in self.runs.items()},
            "goals": goals,
        }

    def save(self, folder: Path, goals: list[dict[str, object]]) -> Path:
        path = folder / f"{self.letter}.json"
        save_json(path, self.as_json(goals))
        return path


def load(path: Path) -> Result:
    saved = json.loads(path.read_text())
    if saved.get("schema") != SCHEMA:
        raise SystemExit(f"{path}: not of schema {SCHEMA}; run the benchmark again")
    contenders = {name: {k: v for k, v in c.items() if k not in ("median", "ratio", "runs")}
                  for name, c in saved["contenders"].items()}
    return Result(saved["benchmark"], saved["title"], saved["operation"], saved["quick"], saved["columns"],
                  saved["machine"], saved["started"], saved["commit"], contenders,
                  {name: c["runs"] for name, c in saved["contenders"].items()})


def commit_of(root: Path) -> str:
    done = subprocess.run(["git", "-C", str(root), "describe", "--always", "--dirty"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip()
