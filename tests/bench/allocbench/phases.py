"""The phases of a run: work at given times, and idleness.

    warm:20@5,burst:200@40,idle:10,trickle:20@2,idle:10       NAME:REQUESTS[@PER_SECOND] or idle:SECONDS
"""
from __future__ import annotations

import math
import random
from dataclasses import dataclass

from .errors import UsageError

DEFAULT = "warm:20@5,burst:400@20,idle:15,trickle:40@2,idle:15"
# Requests in a second, and the shape of the gamma distribution of the gaps: 1 is Poisson, below it comes in bursts.
KINDS = {"warm": (5.0, 1.0), "burst": (20.0, 0.3), "steady": (10.0, 1.0), "trickle": (2.0, 1.0)}


@dataclass(frozen=True)
class Phase:
    name: str            # as printed; a second "idle" is "idle-2"
    kind: str
    requests: int = 0
    rate: float = 0.0
    seconds: float = 0.0  # of idleness

    @property
    def is_idle(self) -> bool:
        return self.kind == "idle"

    def expected_s(self) -> float:
        return self.seconds if self.is_idle else self.requests / self.rate

    def schedule(self, seed: str) -> list[float]:
        """Seconds from the phase's start at which requests are due, whatever the server does."""
        chance, shape, at, due = random.Random(f"{seed}:{self.name}"), KINDS[self.kind][1], 0.0, []
        for _ in range(self.requests):
            due.append(at)
            at += chance.gammavariate(shape, 1 / (shape * self.rate))
        return due


def parse_one(text: str) -> Phase:
    kind, _, rest = text.partition(":")
    amount, _, rate = rest.partition("@")
    try:
        if kind == "idle" and not rate:
            phase = Phase(kind, kind, seconds=float(amount))
            good = 0 < phase.seconds < math.inf
        else:
            phase = Phase(kind, kind, int(amount), float(rate) if rate else KINDS[kind][0])
            good = phase.requests > 0 and 0 < phase.rate < math.inf
    except (ValueError, KeyError):
        good = False
    if not good:
        raise UsageError(f"phase '{text}': wanted is idle:SECONDS or {'|'.join(KINDS)}:REQUESTS[@PER_SECOND]")
    return phase


def parse(text: str) -> list[Phase]:
    phases: list[Phase] = []
    for one in map(parse_one, text.split(",")):
        nth = 1 + sum(p.kind == one.kind for p in phases)
        phases.append(one if nth == 1 else Phase(f"{one.kind}-{nth}", one.kind, one.requests, one.rate, one.seconds))
    kinds = [p.kind for p in phases if not p.is_idle]
    if "warm" in kinds[kinds.count("warm"):]:
        raise UsageError(f"--phases {text}: a warm-up comes before all work, for what it costs is not counted")
    if not any(not p.is_idle and p.kind != "warm" for p in phases):
        raise UsageError(f"--phases {text}: no phase has work to measure (burst, steady or trickle)")
    return phases
