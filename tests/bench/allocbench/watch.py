"""Live servers for days: their memory, and whether it grows. Reads /proc and the server's Prometheus page, and asks
allocrun --stat; nothing is changed. What cannot be asked just now is left out of a look: days are not ended by it."""
from __future__ import annotations

import argparse
import http.client
import json
import math
import os
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from statistics import NormalDist, fmean, median
from typing import Any

from . import procfs
from .arms import find_allocrun
from .cgroup import Group
from .errors import BenchError, UsageError

HOUR = 3600.0
LEAST = 40      # looks at one life of a server
BUCKET = re.compile(r'[a-z_]+:?[a-z_:]*time_to_first_token_seconds_bucket\{.*\ble="([^"]+)".*\} ([0-9.e+]+)$')
BLOCKS = 100    # of a slope, at most: each pair of them is compared
FEWEST_BLOCKS = 12
ALIKE = 0.3     # the correlation of a block with the next one from which on they are no evidence of their own
LEAST_ALPHA = 1e-9  # beyond it scipy's rounding ends: the interval is as good as all slopes that there are
STEADY = 0.01   # of its memory an hour, to either side: what is within does not grow


# The server is on this machine: no proxy of the environment is asked.
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def target(text: str) -> tuple[str, str, str]:
    """NAME=PID, NAME=port:PORT, NAME=cgroup:PATH"""
    name, separator, what = text.partition("=")
    kind, _, value = what.partition(":") if ":" in what else ("", "", what)
    if not name or not separator or (kind in ("", "port") and not value.isdigit()) or kind not in ("", "port", "cgroup"):
        raise UsageError(f"--arm {text}: it is NAME=PID, NAME=port:PORT or NAME=cgroup:PATH")
    return name, kind, value


def tree_of(kind: str, value: str) -> list[int]:
    """The processes now; [] when there is none: a server may be on its way up again."""
    if kind == "cgroup":
        return Group({"": Path(value)}).members()
    if kind == "port":
        owners = procfs.listeners(int(value))
        # A socket that systemd made for a service is systemd's, too; all that runs is below that.
        owners = [pid for pid in owners if pid != 1] or owners
        return list({pid: 0 for owner in owners for pid in (owner, *procfs.descendants(owner))})
    pid = int(value)
    return [pid, *procfs.descendants(pid)] if procfs.is_running(pid) else []


def first_tokens(url: str) -> dict[str, float]:
    """The histogram of the time to the first token, bound -> count, over all models; {} when the page is not there."""
    try:
        with OPENER.open(url, timeout=5) as page:
            lines = page.read(4 << 20).decode(errors="replace").splitlines()
    except (OSError, ValueError, http.client.HTTPException):
        return {}
    found: dict[str, float] = {}
    for line in lines:
        if at := BUCKET.match(line):
            found[at[1]] = found.get(at[1], 0.0) + float(at[2])
    return found


def in_heap(pids: list[int], allocrun: str) -> dict[str, float]:
    """What of a heap is in use, and what its allocator keeps beside that, of these and all below; {} where nobody
    knows: only our own builds of jemalloc say it."""
    heaps = []
    for pid in pids:
        try:
            done = subprocess.run([allocrun, "--stat", str(pid), "--format", "json"], capture_output=True, timeout=60,
                                  stdin=subprocess.DEVNULL, check=False)
            heaps += [p["heap"] for p in json.loads(done.stdout)["processes"] if p["heap"]]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            continue
    known = [h for h in heaps if h["allocated"] is not None and h["resident"] is not None]
    if not known:
        return {}
    used = sum(heap["allocated"] for heap in known)
    return {"in_use_mib": round(used / 2 ** 20, 3),
            "kept_mib": round(max(0, sum(heap["resident"] for heap in known) - used) / 2 ** 20, 3)}


def look(name: str, tree: list[int], url: str | None, allocrun: str) -> dict[str, Any]:
    memory, counters, (first, since) = procfs.memory(tree), procfs.count(0, tree, False), procfs.oldest(tree)
    row = {"at": round(time.time(), 3), "up": round(time.clock_gettime(time.CLOCK_BOOTTIME), 3),
           "arm": name, "processes": len(tree), "first": first, "since": since,
           "rss_mib": round(memory.rss / 1024, 3), "pss_mib": round(memory.pss / 1024, 3),
           "anonymous_mib": round(memory.anonymous / 1024, 3), "cpu_s": round(counters.user_s + counters.system_s, 2)}
    if memory.unreadable:
        row["problem"] = f"smaps_rollup of {memory.unreadable} may not be read: run as that user, or as root"
    row |= in_heap(procfs.tops(tree), allocrun)
    return row | ({"ttft": first_tokens(url)} if url else {})


class Target:
    """A PID is the process that had it at first: numbers are given anew."""

    def __init__(self, name: str, kind: str, value: str):
        self.name, self.kind, self.value = name, kind, value
        self.begun = procfs.begun(int(value)) if kind == "" else 0

    def tree(self) -> list[int]:
        if self.kind == "" and procfs.begun(int(self.value)) != self.begun:
            return []
        return tree_of(self.kind, self.value)


def measure(chosen: argparse.Namespace, targets: list[Target], urls: dict[str, str], allocrun: str) -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    end = time.monotonic() + chosen.days * 24 * HOUR
    try:
        end_piece(chosen.file)
        with open(chosen.file, "a", encoding="utf-8") as out:
            while not over.is_set() and time.monotonic() < end:
                for one in targets:
                    out.write(json.dumps(look(one.name, one.tree(), urls.get(one.name), allocrun)) + "\n")
                out.flush()
                over.wait(chosen.every)
    except OSError as e:
        raise BenchError(f"{chosen.file}: {e.strerror}; the looks until then are kept, and the same command goes on") from e


def end_piece(path: Path) -> None:
    """A watcher that was killed may leave the piece of a line; the next look does not belong behind it."""
    try:
        with open(path, "rb+") as file:
            if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
                file.write(b"\n")
    except FileNotFoundError:
        pass


def row_of(line: str) -> dict[str, Any] | None:
    try:
        row = json.loads(line)
        return row if row["processes"] else None
    except (ValueError, KeyError, TypeError):
        return None  # the piece of one


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """By arm, only of looks that saw the server. Of a week's histograms the first and the last of each life are kept."""
    found: dict[str, list[dict[str, Any]]] = {}
    try:
        with open(path, encoding="utf-8", errors="replace") as lines:
            for row in filter(None, map(row_of, lines)):
                rows = found.setdefault(row["arm"], [])
                if len(rows) > 1 and life_of(rows[-2]) == life_of(rows[-1]) == life_of(row):
                    rows[-1].pop("ttft", None)
                rows.append(row)
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; allocbench watch --arm NAME=PID makes it") from None
    return found


def life_of(row: dict[str, Any]) -> tuple[int, int]:
    return row["first"], row["since"]


def last_life(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Since its last start: memory of another process says nothing of this one's."""
    life = life_of(rows[-1])
    begin = len(rows)
    while begin > 0 and life_of(rows[begin - 1]) == life:
        begin -= 1
    return rows[begin:]


def hours_of(rows: list[dict[str, Any]]) -> list[float]:
    """Since the first of them; by the clock that nobody sets, for they are of one life."""
    return [(row["up"] - rows[0]["up"] if "up" in row and "up" in rows[0] else row["at"] - rows[0]["at"]) / HOUR for row in rows]


def in_blocks(values: list[float], count: int) -> list[float]:
    """Medians of as many looks in a row as make COUNT of all."""
    each = -(-len(values) // count)
    return [median(values[at:at + each]) for at in range(0, len(values), each)]


def theil_sen(hours: list[float], values: list[float]) -> Any:
    """Over blocks, each pair of which is compared: one look is much like the next one, so they are made larger until
    they are not. What likeness is left then widens the interval."""
    from scipy import stats
    count = BLOCKS
    while True:
        x, y = in_blocks(hours, count), in_blocks(values, count)
        found = stats.theilslopes(y, x)
        likeness = likeness_of([b - found.slope * a for a, b in zip(x, y)])
        if likeness <= ALIKE or count // 2 < FEWEST_BLOCKS:
            return stats.theilslopes(y, x, alpha=alpha_of(likeness, len(x)))
        count //= 2


def likeness_of(values: list[float]) -> float:
    """The correlation of each with the next one."""
    mean = fmean(values)
    left = [value - mean for value in values]
    power = sum(r * r for r in left)
    return sum(a * b for a, b in zip(left, left[1:])) / power if power else 0.0


def alpha_of(likeness: float, count: int) -> float:
    """5 % where the values are evidence of their own. Where each is like the next one the deviation of a trend's test is
    sqrt((1 + r) / (1 - r)) times as large (Bayley and Hammersley 1946), r being found too small by (1 + 4 r) / n in n
    values (Kendall 1954)."""
    true = min(max(likeness + (1 + 4 * likeness) / count, 0.0), 0.99)
    wide = NormalDist().inv_cdf(0.975) * math.sqrt((1 + true) / (1 - true))
    return max(2 * NormalDist().cdf(-wide), LEAST_ALPHA)


def slope(rows: list[dict[str, Any]]) -> str:
    """Theil and Sen's, which single peaks do not bend, over the second half: a server fills up first."""
    if len(rows) < LEAST:
        return f"too few looks for a slope: {len(rows)} of {LEAST}"
    half = rows[len(rows) // 2:]
    found = theil_sen(hours_of(half), [row["pss_mib"] for row in half])
    steady = STEADY * half[-1]["pss_mib"]
    if -steady <= found.low_slope and found.high_slope <= steady:
        return f"steady: {found.slope:+.2f} MiB an hour"
    if found.low_slope > 0:
        return f"grows by {found.low_slope:.2f} to {found.high_slope:.2f} MiB an hour"
    return f"{'shrinks' if found.high_slope < 0 else 'not clear'}: {found.low_slope:+.2f} to {found.high_slope:+.2f} MiB an hour"


def quantile(share: float, before: dict[str, float], after: dict[str, float]) -> float | None:
    """Of what a histogram has counted between two looks, in seconds, straight within a bucket as Prometheus does."""
    bounds = sorted((math.inf if bound == "+Inf" else float(bound), after[bound] - before.get(bound, 0.0)) for bound in after)
    if not bounds or bounds[-1][1] <= 0:
        return None
    wanted, below, low = share * bounds[-1][1], 0.0, 0.0
    for bound, count in bounds:
        if count >= wanted:
            return low if math.isinf(bound) else low + (bound - low) * (wanted - below) / (count - below)
        below, low = count, bound
    return None


def grown(life: list[dict[str, Any]], key: str) -> str:
    """Now, and by how much more than at the first look at this life."""
    values = [row[key] for row in life if key in row]
    return f"{values[-1]:.0f} ({values[-1] - values[0]:+.0f})" if values else "unknown"


def report(path: Path) -> str:
    from .summary import table
    rows = [["arm", "hours", "starts", "RSS MiB", "PSS MiB", "most", "in use", "kept", "TTFT p50 / p99 ms", "memory"]]
    for name, looks in read(path).items():
        life = last_life(looks)
        ttft = [quantile(share, life[0].get("ttft", {}), life[-1].get("ttft", {})) for share in (0.5, 0.99)]
        rows.append([name, f"{hours_of(life)[-1]:.1f}", str(len(set(map(life_of, looks)))),
                     grown(life, "rss_mib"), grown(life, "pss_mib"), f"{max(row['rss_mib'] for row in life):.0f}",
                     grown(life, "in_use_mib"), grown(life, "kept_mib"),
                     " / ".join("not measured" if v is None else f"{v * 1e3:.1f}" for v in ttft[:2 if ttft[0] else 1]), slope(life)])
    return "\n".join(table(rows))


def main(chosen: argparse.Namespace) -> int:
    targets = [target(text) for text in chosen.arm]
    urls = dict(text.split("=", 1) for text in chosen.metrics if "=" in text)
    names = [name for name, _, _ in targets]
    if len(set(names)) < len(names):
        raise UsageError(f"--arm: a name is there twice: {' '.join(names)}")
    if len(urls) < len(chosen.metrics) or not set(urls) <= set(names):
        raise UsageError("--metrics: it is NAME=URL, of a NAME that an --arm has, each once")
    if not 0.1 <= chosen.every < 1e6 or not 0 < chosen.days < 1e4:
        raise UsageError("--every: 0.1 seconds at least; --days: more than none")
    if chosen.report == bool(targets):
        raise UsageError("which server? allocbench watch --arm NAME=PID, or --report of a file")
    if targets:
        seen = [Target(*one) for one in targets]
        for one in seen:
            if not one.tree():
                raise BenchError(f"--arm {one.name}: there is no process of {one.kind or 'PID'} {one.value}")
        measure(chosen, seen, urls, find_allocrun(chosen.allocrun))
    print(report(chosen.file))
    return 0
