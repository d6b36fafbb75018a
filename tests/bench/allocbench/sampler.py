"""Looks at the server's tree from outside, in a thread of its own, at no more than a share of a CPU."""
from __future__ import annotations

import json
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from . import procfs
from .cgroup import Group
from .kept import Kept
from .profile import Profile

SHARE = 0.004   # of a core: smaps_rollup walks page tables, milliseconds for a GiB, so big servers are looked at less
SHORTEST_S = 0.5


class Sampler:
    def __init__(self, server: Kept, group: Group | None, out: Path, profile: Profile):
        self.server, self.group, self.profile = server, group, profile
        self.spent: dict[str, Counter[str]] = defaultdict(Counter)  # by phase: where user CPU went
        self.begun, self.phase = time.monotonic(), "start"
        self.samples: list[dict[str, Any]] = []
        self.cpu_s, self.problem = 0.0, ""
        self._out = open(out, "w", encoding="utf-8")
        self._over, self._lock = threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Sampler":
        return self

    def __exit__(self, *_: Any) -> None:
        self._over.set()
        if self._thread.is_alive():
            self._thread.join()
        self._out.close()

    def start(self) -> None:
        """From now on; what the server has done before is its start."""
        self.begun = time.monotonic()
        self.profile.drain([])
        self._thread.start()

    def look(self, is_mark: bool = True) -> dict[str, Any]:
        """Now, whatever it costs: at the ends of phases."""
        with self._lock:
            begun = time.thread_time()
            tree = self.server.tree()
            memory = procfs.memory(tree)
            sample = {"at": round(time.monotonic() - self.begun, 3), "phase": self.phase, "processes": len(tree),
                      **{name: round(value, 3) for name, value in memory.as_mib().items()},
                      **vars(procfs.count(self.server.keeper.pid, tree, is_mark))}
            if memory.unreadable:
                self.problem = f"smaps_rollup of {memory.unreadable} may not be read: run as that user, or as root"
            if self.group:
                sample |= self.group.figures()
            self.spent[self.phase] += self.profile.drain(tree)
            cost = time.thread_time() - begun
            self.cpu_s += cost
            sample["cost_s"] = round(cost, 5)
            if tree:
                self.samples.append(sample)
                self._write(sample)
            return sample

    def _write(self, sample: dict[str, Any]) -> None:
        try:
            self._out.write(json.dumps(sample) + "\n")
            self._out.flush()
        except OSError as e:
            self.problem = f"{self._out.name}: {e.strerror}"

    def _run(self) -> None:
        """Looks as often as its share allows, marks counted; the first look is a mark."""
        while not self._over.wait(max(SHORTEST_S, self.cpu_s / SHARE - (time.monotonic() - self.begun))):
            self.look(False)
