"""Two runs of the same arms, say before and after an update. Rounds of two runs are no pairs: what each arm is to
glibc within its own rounds is compared, so that a machine which became slower meanwhile is no finding."""
from __future__ import annotations

import math

import numpy

from .arms import AGAIN, BASE
from .errors import UsageError
from .figures import METRICS
from .hypotheses import FEWEST
from .statistics import MARGIN, exp, logs, percent
from .store import Store
from .summary import table

DIFFER = ("server", "load", "bodies", "phases")  # what must be the same for the two to be comparable


def rows_of(store: Store) -> list[dict[str, dict[str, float]]]:
    return [{row["arm"]: row["metrics"] for row in rows} for rows in store.rounds()]


def verdict(before: numpy.ndarray, after: numpy.ndarray, less_is_better: bool) -> tuple[float, str]:
    """The change of the ratio to glibc, and in words; Welch's interval, for the two may scatter differently."""
    change = float(numpy.mean(after) - numpy.mean(before))
    if min(len(before), len(after)) < FEWEST:
        return math.exp(change), f"too few rounds for a verdict: {FEWEST} of each are needed"
    from scipy import stats
    if numpy.ptp(before) == 0 and numpy.ptp(after) == 0:
        low = high = change
    else:
        found = stats.ttest_ind(after, before, equal_var=False).confidence_interval(0.95)
        low, high = float(found.low), float(found.high)
    low, high = exp(low) - 1, exp(high) - 1
    if low > 0 or high < 0:
        word = "better" if (change < 0) == less_is_better else "worse"
        return math.exp(change), f"{word} by {percent(low, high)}"
    beyond = max(abs(low), abs(high))
    return math.exp(change), f"no change beyond ±{beyond * 100:.1f} %" if beyond <= MARGIN else "undecided"


def lines_of(before: Store, after: Store) -> list[list[str]]:
    old, new = before.meta()["plan"], after.meta()["plan"]
    for key in DIFFER:
        if old.get(key) != new.get(key):
            raise UsageError(f"{before.folder} and {after.folder} are not of the same {key}: they cannot be compared")
    names = {arm["name"] for arm in old["arms"]}
    arms = [arm["name"] for arm in new["arms"] if arm["name"] in names and arm["name"] not in (BASE, AGAIN)]
    if not arms:
        raise UsageError(f"{before.folder} and {after.folder} have no arm in common beside glibc")
    rounds = rows_of(before), rows_of(after)
    rows = [["to glibc", "", "before", "after", "change", "verdict"]]
    for arm in arms:
        for metric in (m for m in new["metrics"] if m in old["metrics"]):
            first, second = (logs(found, arm, metric) for found in rounds)
            if not len(first) or not len(second):
                rows.append([arm, METRICS[metric].words, "", "", "", "not measured in both"])
                continue
            change, words = verdict(first, second, not METRICS[metric].more_is_better)
            rows.append([arm, METRICS[metric].words, f"{math.exp(first.mean()):.3f}", f"{math.exp(second.mean()):.3f}",
                         f"{change:.3f}", words])
    return rows


def text(before: Store, after: Store) -> str:
    rows = lines_of(before, after)
    machines = before.meta()["machine"], after.meta()["machine"]
    differ = [key for key in machines[1] if key != "load" and machines[0].get(key) != machines[1][key]]
    found = [*table(rows), "", f"{len(before.rounds())} rounds before, {len(after.rounds())} after; each row is judged by "
             "itself, at 5 %."]
    if differ:
        found.append("The machine is not the same: " + "; ".join(f"{k} {machines[0].get(k)} → {machines[1][k]}" for k in differ))
    return "\n".join(found)
