"""What rounds prove: paired within each round, on logarithms of ratios, and nothing without evidence."""
from __future__ import annotations

import functools
import math
from dataclasses import dataclass, field
from typing import Any

import numpy

from .arms import AGAIN, BASE
from .figures import METRICS
from .hypotheses import ALPHA, rounds_needed

MARGIN = 0.05      # an interval inside of it is "no difference"
MOST = 999         # rounds; nobody runs more
EXACT = 2 ** 16    # sign flips; beyond as many, drawn ones


@dataclass
class Comparison:
    arm: str
    metric: str
    rounds: int
    ratio: float                       # geometric mean, arm to glibc
    low: float                         # its 95 % interval
    high: float
    p: float                           # exact permutation test, as it is
    p_holm: float = 1.0                # over all that was named before the run
    ratios: list[float] = field(default_factory=list)  # of each round
    needed: int = 0                    # rounds after which a difference as large as this would be found
    word: str = ""                     # better, worse, same, undecided, few, unfit
    verdict: str = ""


@dataclass
class NoiseFloor:
    """Of a metric, from glibc against glibc."""
    metric: str
    ratio: float
    spread: float                      # standard deviation of the logarithms
    detectable: float                  # smallest difference of which this many rounds make a verdict in four of five cases
    p: float
    is_fit: bool = True


def sign_flip_p(differences: list[numpy.ndarray]) -> list[float]:
    """Exact permutation test: of all ways to swap arm and glibc within rounds, the share in which the mean
    differs as much. All comparisons at once, for they have the same rounds. (scipy's permutation_test gives the
    same, a hundred times slower; tests/bench compares them.)"""
    if not differences or len(differences[0]) < 2:
        return [1.0] * len(differences)
    n, values = len(differences[0]), numpy.array(differences)
    if 2 ** n <= EXACT:
        signs = 1 - 2 * ((numpy.arange(2 ** n)[:, None] >> numpy.arange(n)) & 1)
    else:
        signs = numpy.random.default_rng(1).choice((-1, 1), (EXACT, n))
        signs[0] = 1
    sums = numpy.abs(signs @ values.T)
    return [float(p) for p in (sums >= sums[0] * (1 - 1e-9)).mean(axis=0)]


def interval(differences: numpy.ndarray) -> tuple[float, float]:
    if len(differences) < 2:
        return -math.inf, math.inf
    if numpy.ptp(differences) == 0:
        return float(differences[0]), float(differences[0])
    from scipy import stats  # takes a second to load, and one round has no use for it
    found = stats.ttest_1samp(differences, 0.0).confidence_interval(0.95)
    return float(found.low), float(found.high)


def detectable(spread: float, n: int, hypotheses: int) -> float:
    """As a share: what n rounds find with 80 % power, where as many comparisons are corrected for."""
    if not 2 <= n <= MOST:
        return math.inf
    return math.expm1(min(reaches(ALPHA / hypotheses)[n - 2] * spread, 700.0))


@functools.cache
def reaches(alpha: float) -> numpy.ndarray:
    """In standard deviations, by number of rounds up to MOST: what is found with 80 % power."""
    from scipy import stats
    n = numpy.arange(2, MOST + 1)
    return (stats.t.ppf(1 - alpha / 2, n - 1) + stats.t.ppf(0.8, n - 1)) / numpy.sqrt(n)


def rounds_for(effect: float, spread: float, at_least: int, hypotheses: int) -> int:
    """Until a difference of EFFECT (a logarithm) is found with 80 % power, at most MOST. The correction is taken as
    for the first of them, which is hardest: what the others will show is not known."""
    enough = numpy.nonzero(reaches(ALPHA / hypotheses) * spread <= abs(effect))[0]
    return max(int(enough[0]) + 2, at_least) if len(enough) else MOST


def holm(ps: list[float]) -> list[float]:
    order, highest, corrected = sorted(range(len(ps)), key=ps.__getitem__), 0.0, [1.0] * len(ps)
    for rank, at in enumerate(order):
        highest = max(highest, min(1.0, ps[at] * (len(ps) - rank)))
        corrected[at] = highest
    return corrected


def logs(rounds: list[dict[str, dict[str, float]]], arm: str, metric: str) -> numpy.ndarray:
    """One for each round, of arm to glibc; where glibc ran twice, to the mean of the two, which is less noise."""
    found = []
    for row in rounds:
        value, base = row[arm].get(metric, 0), row[BASE].get(metric, 0)
        again = row.get(AGAIN, {}).get(metric, base) if arm != AGAIN else base
        if min(value, base, again) <= 0:
            return numpy.array([])
        found.append(math.log(value) - (math.log(base) + math.log(again)) / 2)
    return numpy.array(found)


def compare(rounds: list[dict[str, dict[str, float]]], arms: list[str], metrics: list[str]) -> dict[str, Any]:
    """ROUNDS: for each, arm -> metric -> value. METRICS as they were named before the run."""
    named = [(arm, metric) for arm in arms if arm not in (BASE, AGAIN) for metric in metrics]
    fewest = rounds_needed(arms, metrics)
    floors = noise_floors(rounds, metrics, max(1, len(named)))
    # What could not be measured was named all the same, and counts in the correction.
    measured = {key: differences for key in named if len(differences := logs(rounds, *key))}
    ps = sign_flip_p(list(measured.values()))
    corrected = holm(ps + [1.0] * (len(named) - len(ps)))
    found = []
    for ((arm, metric), differences), p, p_holm in zip(measured.items(), ps, corrected):
        low, high = interval(differences)
        one = Comparison(arm, metric, len(differences), math.exp(differences.mean()), exp(low), exp(high), p, p_holm,
                         [float(x) for x in numpy.exp(differences)])
        judge(one, floors.get(metric), fewest, len(named))
        found.append(one)
    return {"comparisons": found, "floors": floors, "unfit": [m for m, floor in floors.items() if not floor.is_fit],
            "not_judged": [key for key in named if rounds and key not in measured]}


def exp(value: float) -> float:
    return math.exp(min(value, 700.0))


def noise_floors(rounds: list[dict[str, dict[str, float]]], metrics: list[str], hypotheses: int) -> dict[str, NoiseFloor]:
    if not rounds or AGAIN not in rounds[0]:
        return {}
    measured = {metric: d for metric in metrics if len(d := logs(rounds, AGAIN, metric)) > 1}
    ps = sign_flip_p(list(measured.values()))
    floors = {}
    for (metric, differences), p, p_holm in zip(measured.items(), ps, holm(ps)):
        spread = float(differences.std(ddof=1))
        floors[metric] = NoiseFloor(metric, math.exp(differences.mean()), spread,
                                    detectable(spread, len(differences), hypotheses), p, p_holm > ALPHA)
    return floors


def percent(low: float, high: float) -> str:
    low, high = sorted((abs(low), abs(high)))
    style = ".0f" if low >= 0.1 else ".1f"
    return f"{format(low * 100, style)}–{format(high * 100, style)} %"


def judge(one: Comparison, floor: NoiseFloor | None, fewest: int, hypotheses: int) -> None:
    """In words. A winner beats the correction, the interval, and what glibc differs from itself."""
    sign = -1 if METRICS[one.metric].more_is_better else 1
    effect = math.log(one.ratio)
    beyond = max(abs(one.low - 1), abs(one.high - 1))
    spread = float(numpy.log(one.ratios).std(ddof=1)) if one.rounds > 1 else 0.0
    one.needed = rounds_for(effect, spread, fewest, hypotheses) if effect and one.rounds > 1 else MOST
    if floor and not floor.is_fit:
        one.word, one.verdict = "unfit", "this machine is unfit: glibc differs from itself"
    elif one.rounds < fewest:
        one.word, one.verdict = "few", f"too few rounds for a verdict: {fewest} are needed"
    elif one.p_holm <= ALPHA and not one.low <= 1 <= one.high and (floor is None or abs(effect) > abs(math.log(floor.ratio))):
        one.word = "better" if effect * sign < 0 else "worse"
        one.verdict = f"{one.word} by {percent(one.low - 1, one.high - 1)}"
    elif beyond <= MARGIN:
        one.word, one.verdict = "same", f"no difference beyond ±{beyond * 100:.1f} %"
    else:
        rounds = f"about {max(one.needed, one.rounds + 1)} rounds needed" if one.needed < MOST else "no number of rounds would do"
        one.word, one.verdict = "undecided", f"undecided, {rounds}"
