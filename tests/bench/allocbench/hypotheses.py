"""What was named before the run, and how many rounds it takes at least. No library, for every start looks here."""
from __future__ import annotations

from .arms import AGAIN, BASE

ALPHA = 0.02       # over all comparisons together, after Holm: at most so many experiments name a false winner
FEWEST = 6         # rounds below which nothing can be a winner


def rounds_needed(arms: list[str], metrics: list[str]) -> int:
    """With n rounds no p of the permutation test is below 2/2^n, and Holm multiplies it."""
    hypotheses = max(1, sum(arm not in (BASE, AGAIN) for arm in arms) * len(metrics))
    n = FEWEST
    while 2 / 2 ** n * hypotheses > ALPHA:
        n += 1
    return n
