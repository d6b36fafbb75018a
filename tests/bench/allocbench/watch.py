"""Live servers for days: their memory, and whether it grows. Reads /proc and the server's Prometheus page, and asks
allocrun --stat; nothing is changed."""
from __future__ import annotations

import argparse
import json
import math
import re
import signal
import subprocess
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from . import procfs
from .arms import find_allocrun
from .cgroup import Group
from .errors import BenchError, UsageError

HOUR = 3600.0
LEAST = 40      # looks at one life of a server
BUCKET = re.compile(r'[a-z_]+:?[a-z_:]*time_to_first_token_seconds_bucket\{.*\ble="([^"]+)".*\} ([0-9.e+]+)$')
STEADY = 0.01   # of its memory an hour, to either side: what is within does not grow


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
        return [*owners, *(below for pid in owners for below in procfs.descendants(pid) if below not in owners)]
    pid = int(value)
    return [pid, *procfs.descendants(pid)] if procfs.is_running(pid) else []


def first_tokens(url: str) -> dict[str, float]:
    """The histogram of the time to the first token, bound -> count, over all models; {} when the page is not there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            lines = page.read(4 << 20).decode(errors="replace").splitlines()
    except (OSError, ValueError):
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
        done = subprocess.run([allocrun, "--stat", str(pid), "--format", "json"], capture_output=True, timeout=60,
                              stdin=subprocess.DEVNULL, check=False)
        try:
            heaps += [p["heap"] for p in json.loads(done.stdout)["processes"] if p["heap"]]
        except (ValueError, KeyError):
            continue
    known = [h for h in heaps if h["allocated"] is not None and h["resident"] is not None]
    if not known:
        return {}
    used = sum(heap["allocated"] for heap in known)
    return {"in_use_mib": round(used / 2 ** 20, 3),
            "kept_mib": round(max(0, sum(heap["resident"] for heap in known) - used) / 2 ** 20, 3)}


def look(name: str, kind: str, value: str, url: str | None, allocrun: str) -> dict[str, Any]:
    tree = tree_of(kind, value)
    memory, counters, (first, since) = procfs.memory(tree), procfs.count(0, tree, False), procfs.oldest(tree)
    row = {"at": round(time.time(), 3), "arm": name, "processes": len(tree), "first": first, "since": since,
           "rss_mib": round(memory.rss / 1024, 3), "pss_mib": round(memory.pss / 1024, 3),
           "anonymous_mib": round(memory.anonymous / 1024, 3), "cpu_s": round(counters.user_s + counters.system_s, 2)}
    if memory.unreadable:
        row["problem"] = f"smaps_rollup of {memory.unreadable} may not be read: run as that user, or as root"
    row |= in_heap(procfs.tops(tree), allocrun)
    return row | ({"ttft": first_tokens(url)} if url else {})


def measure(chosen: argparse.Namespace, targets: list[tuple[str, str, str]], urls: dict[str, str], allocrun: str) -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    end = time.monotonic() + chosen.days * 24 * HOUR
    with open(chosen.file, "a", encoding="utf-8") as out:
        while not over.is_set() and time.monotonic() < end:
            for name, kind, value in targets:
                out.write(json.dumps(look(name, kind, value, urls.get(name), allocrun)) + "\n")
            out.flush()
            over.wait(chosen.every)


def read(path: Path) -> dict[str, list[dict[str, Any]]]:
    """By arm, only of looks that saw the server; the last line may be the piece of one."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")[:-1]
        rows = [json.loads(line) for line in lines]
    except FileNotFoundError:
        raise UsageError(f"{path}: there is no such file; allocbench watch --arm NAME=PID makes it") from None
    except ValueError as e:
        raise BenchError(f"{path}: {e}") from None
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["processes"]:
            found.setdefault(row["arm"], []).append(row)
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


def slope(rows: list[dict[str, Any]]) -> str:
    """Theil and Sen's, which single peaks do not bend, over the second half: a server fills up first."""
    from scipy import stats
    if len(rows) < LEAST:
        return f"too few looks for a slope: {len(rows)} of {LEAST}"
    half = rows[len(rows) // 2:]
    hours = [(row["at"] - half[0]["at"]) / HOUR for row in half]
    found = stats.theilslopes([row["pss_mib"] for row in half], hours)
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
        rows.append([name, f"{(life[-1]['at'] - life[0]['at']) / HOUR:.1f}", str(len(set(map(life_of, looks)))),
                     grown(life, "rss_mib"), grown(life, "pss_mib"), f"{max(row['rss_mib'] for row in life):.0f}",
                     grown(life, "in_use_mib"), grown(life, "kept_mib"),
                     " / ".join("not measured" if v is None else f"{v * 1e3:.1f}" for v in ttft[:2 if ttft[0] else 1]), slope(life)])
    return "\n".join(table(rows))


def main(chosen: argparse.Namespace) -> int:
    targets = [target(text) for text in chosen.arm]
    urls = dict(text.split("=", 1) for text in chosen.metrics if "=" in text)
    names = [name for name, _, _ in targets]
    if len(urls) < len(chosen.metrics) or not set(urls) <= set(names):
        raise UsageError("--metrics: it is NAME=URL, of a NAME that an --arm has")
    if chosen.every < 0.1 or chosen.days <= 0:
        raise UsageError("--every: 0.1 seconds at least; --days: more than none")
    if chosen.report == bool(targets):
        raise UsageError("which server? allocbench watch --arm NAME=PID, or --report of a file")
    if targets:
        for name, kind, value in targets:
            if not tree_of(kind, value):
                raise BenchError(f"--arm {name}: there is no process of {kind or 'PID'} {value}")
        measure(chosen, targets, urls, find_allocrun(chosen.allocrun))
    print(report(chosen.file))
    return 0
