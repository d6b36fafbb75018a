"""Live servers for days: their memory, and whether it grows. Reads /proc alone; nothing is started, nothing changed."""
from __future__ import annotations

import argparse
import json
import signal
import sys
import threading
import time
import urllib.request
from pathlib import Path
from typing import Any

from . import procfs
from .cgroup import Group
from .errors import BenchError, UsageError

HOUR = 3600.0
LEAST = 40      # looks at one life of a server
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
        port = int(value)
        owners = [pid for pid in procfs.all_processes() if port in procfs.listening_ports([pid])]
        return [*owners, *(below for pid in owners for below in procfs.descendants(pid) if below not in owners)]
    pid = int(value)
    return [pid, *procfs.descendants(pid)] if procfs.is_running(pid) else []


def first_tokens(url: str) -> dict[str, float]:
    """The sum and count of vLLM's time to first token; {} when the page is not there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as page:
            lines = page.read(4 << 20).decode(errors="replace").splitlines()
    except (OSError, ValueError):
        return {}
    found: dict[str, float] = {}
    for line in lines:
        for part in ("sum", "count"):
            if line.startswith(f"vllm:time_to_first_token_seconds_{part}"):
                found[f"ttft_{part}"] = found.get(f"ttft_{part}", 0.0) + float(line.rsplit(" ", 1)[1])
    return found


def look(name: str, kind: str, value: str, url: str | None) -> dict[str, Any]:
    tree = tree_of(kind, value)
    memory, counters = procfs.memory(tree), procfs.count(0, tree)
    row = {"at": round(time.time(), 3), "arm": name, "processes": len(tree), "first": min(tree, default=0),
           "rss_mib": round(memory.rss / 1024, 3), "pss_mib": round(memory.pss / 1024, 3),
           "anonymous_mib": round(memory.anonymous / 1024, 3), "cpu_s": round(counters.user_s + counters.system_s, 2)}
    if memory.unreadable:
        row["problem"] = f"smaps_rollup of {memory.unreadable} may not be read: run as that user, or as root"
    return row | (first_tokens(url) if url else {})


def measure(chosen: argparse.Namespace, targets: list[tuple[str, str, str]], urls: dict[str, str]) -> None:
    over = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: over.set())
    end = time.monotonic() + chosen.days * 24 * HOUR
    with open(chosen.file, "a", encoding="utf-8") as out:
        while not over.is_set() and time.monotonic() < end:
            for name, kind, value in targets:
                out.write(json.dumps(look(name, kind, value, urls.get(name))) + "\n")
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


def last_life(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Since its last start: memory of another process says nothing of this one's."""
    first = rows[-1]["first"]
    begin = len(rows)
    while begin > 0 and rows[begin - 1]["first"] == first:
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


def report(path: Path) -> str:
    from .summary import table
    rows = [["arm", "hours", "starts", "RSS MiB", "PSS MiB", "most", "TTFT ms", "memory"]]
    for name, looks in read(path).items():
        life = last_life(looks)
        ttft = (life[-1].get("ttft_sum", 0.0) - life[0].get("ttft_sum", 0.0),
                life[-1].get("ttft_count", 0.0) - life[0].get("ttft_count", 0.0))
        rows.append([name, f"{(life[-1]['at'] - life[0]['at']) / HOUR:.1f}", str(len({row["first"] for row in looks})),
                     f"{life[-1]['rss_mib']:.0f}", f"{life[-1]['pss_mib']:.0f}", f"{max(row['rss_mib'] for row in life):.0f}",
                     f"{ttft[0] / ttft[1] * 1e3:.1f}" if ttft[1] > 0 else "not measured", slope(life)])
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
        measure(chosen, targets, urls)
    print(report(chosen.file))
    return 0
