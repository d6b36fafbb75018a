"""Looks at the server's tree from outside, in a thread of its own, at no more than a share of a CPU."""
from __future__ import annotations

import contextlib
import json
import threading
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Iterator

from . import procfs
from .cgroup import Group
from .kept import Kept
from .profile import Profile

SHARE = 0.002   # of a core: smaps_rollup walks page tables, milliseconds for a GiB, so big servers are looked at less
SHORTEST_S = 0.5
DRAIN_S = 20    # a ring holds a minute of a busy CPU


class Sampler:
    def __init__(self, server: Kept, group: Group | None, out: Path, profile: Profile):
        self.server, self.group, self.profile = server, group, profile
        self.spent: dict[str, Counter[str]] = defaultdict(Counter)  # by phase: where user CPU went
        self.begun, self.phase = time.monotonic(), "start"
        self.rss: list[tuple[float, float]] = []              # (seconds, MiB)
        self._family: list[int] = []
        self._tree: list[int] = []                            # those of them that run
        self.cpu_s, self._last_look_s, self.problem = 0.0, 0.0, ""
        self._drained = self.begun
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

    def start(self) -> dict[str, Any]:
        """From now on; what the server has done before is its start. Returns the first mark."""
        self._find()
        self.profile.learn(self._tree)
        self.begun = self._drained = time.monotonic()
        self.profile.drain([])
        mark = self.look()
        self.cpu_s = 0.0  # that look was before the work
        self._thread.start()
        return mark

    def look(self, is_mark: bool = True) -> dict[str, Any]:
        """Now, whatever it costs: when the server is ready, and after each idle phase."""
        with self._lock, self._counted() as sample:
            before = time.thread_time()
            self._find()
            memory = procfs.memory(self._tree)
            sample |= {name: round(value, 3) for name, value in memory.as_mib().items()} | self._counters(is_mark)
            if memory.unreadable:
                self.problem = f"smaps_rollup of {memory.unreadable} may not be read: run as that user, or as root"
            if self._tree:
                self.rss.append((sample["at"], sample["rss_mib"]))
                self._write(sample)
            self._last_look_s = time.thread_time() - before
            return sample

    def count(self) -> dict[str, Any]:
        """What costs little: after a phase of work, whose memory the thread has seen."""
        with self._lock, self._counted() as sample:
            self._find()
            return sample | self._counters(True)

    def _find(self) -> None:
        self._family = self.server.family()
        self._tree = [pid for pid in self._family if procfs.is_running(pid)]

    def _counters(self, with_switches: bool) -> dict[str, Any]:
        self._drain()
        # What one that has ended took is nobody else's until its parent waits for it.
        return {"processes": len(self._tree), **vars(procfs.count(self.server.keeper.pid, self._family, with_switches)),
                **(self.group.figures() if self.group else {})}

    def _drain(self) -> None:
        self.spent[self.phase] += self.profile.drain(self._tree)
        self._drained = time.monotonic()

    def _glance(self) -> None:
        """RSS alone, of the processes that the last look has found: microseconds."""
        with self._lock, self._counted() as sample:
            if time.monotonic() - self._drained > DRAIN_S:
                self._drain()
            if rss := procfs.rss_mib(self._tree):
                self.rss.append((sample["at"], rss))

    @contextlib.contextmanager
    def _counted(self) -> Iterator[dict[str, Any]]:
        begun = time.thread_time()
        yield {"at": round(time.monotonic() - self.begun, 3), "phase": self.phase}
        self.cpu_s += time.thread_time() - begun

    def _write(self, sample: dict[str, Any]) -> None:
        try:
            self._out.write(json.dumps(sample) + "\n")
            self._out.flush()
        except OSError as e:
            self.problem = f"{self._out.name}: {e.strerror}"

    def _run(self) -> None:
        """A glance each time, a look as often as its share allows, marks of the work and the next one counted."""
        while not self._over.wait(SHORTEST_S):
            if self.cpu_s + 2 * self._last_look_s <= SHARE * (time.monotonic() - self.begun):
                self.look(False)
            else:
                self._glance()
