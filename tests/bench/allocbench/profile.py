"""Where the server's user CPU goes, by sampling: the kernel's software clock, which needs no counter of the machine."""
from __future__ import annotations

import bisect
import ctypes
import mmap
import os
import platform
import struct
from collections import Counter, defaultdict
from pathlib import Path
from typing import Iterator

from .machine import file_text
from .symbols import malloc_range, to_address

CALL = {"x86_64": 298, "aarch64": 241}.get(platform.machine())
SOFTWARE, CPU_CLOCK, IP_AND_TID = 1, 0, 1 | 2
INHERIT, EXCLUDE_KERNEL, EXCLUDE_HV, BY_FREQUENCY = 1 << 1, 1 << 5, 1 << 6, 1 << 10
CLOSE_ON_EXEC = 8
PER_SECOND = 99   # of a CPU; prime to what a server does in rhythm
PAGES = 32        # of each CPU's ring: a minute
RECORD_SAMPLE = 9
HEAD, TAIL = 1024, 1032
MALLOC = "malloc of the libc"
HEADER, SAMPLE = struct.Struct("<IHH"), struct.Struct("<QI")
Maps = list[tuple[int, int, str]]


def open_event(cpu: int) -> int:
    """Of this thread and all that it will start, on one CPU; raises OSError where it may not be."""
    attributes = struct.pack("<IIQQQQQIIQ", SOFTWARE, 64, CPU_CLOCK, PER_SECOND, IP_AND_TID, 0,
                             INHERIT | EXCLUDE_KERNEL | EXCLUDE_HV | BY_FREQUENCY, 0, 0, 0)
    libc = ctypes.CDLL(None, use_errno=True)
    if CALL is None:
        raise OSError("no number of the system call is known here")
    fd = libc.syscall(ctypes.c_long(CALL), attributes, ctypes.c_int(0), ctypes.c_int(cpu), ctypes.c_int(-1),
                      ctypes.c_ulong(CLOSE_ON_EXEC))
    if fd < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return fd


def online() -> list[int]:
    """The CPUs: a server may choose others than ours."""
    pieces = [[int(end) for end in piece.split("-")] for piece in file_text("/sys/devices/system/cpu/online").split(",")]
    return [cpu for piece in pieces for cpu in range(piece[0], piece[-1] + 1)]


class Ring:
    """One CPU's samples."""

    def __init__(self, cpu: int):
        self.fd = open_event(cpu)
        try:
            self.size = PAGES * mmap.PAGESIZE
            self.memory = mmap.mmap(self.fd, mmap.PAGESIZE + self.size)
        except OSError:
            os.close(self.fd)
            raise

    def drain(self, into: dict[int, list[int]]) -> None:
        """Addresses by PID."""
        head, = struct.unpack_from("<Q", self.memory, HEAD)
        tail, = struct.unpack_from("<Q", self.memory, TAIL)
        start, length = mmap.PAGESIZE + tail % self.size, head - tail
        before_wrap = min(length, mmap.PAGESIZE + self.size - start)
        data = self.memory[start:start + before_wrap] + self.memory[mmap.PAGESIZE:mmap.PAGESIZE + length - before_wrap]
        at = 0
        while at < len(data):
            kind, _, size = HEADER.unpack_from(data, at)
            if kind == RECORD_SAMPLE:
                address, pid = SAMPLE.unpack_from(data, at + HEADER.size)
                into[pid].append(address)
            at += size
        struct.pack_into("<Q", self.memory, TAIL, head)

    def close(self) -> None:
        self.memory.close()
        os.close(self.fd)


class Profile:
    """Samples of whatever this thread starts from now on. None of them where the system does not allow it."""

    def __init__(self) -> None:
        self.rings: list[Ring] = []
        self.problem = ""
        self._maps: dict[int, Maps] = {}
        self._fresh: set[int] = set()  # whose maps were read anew in this drain: once is enough
        try:
            for cpu in online():
                self.rings.append(Ring(cpu))
        except (OSError, ValueError) as e:
            self.problem = getattr(e, "strerror", None) or str(e)
            self.close()

    def close(self) -> None:
        while self.rings:
            self.rings.pop().close()

    def learn(self, tree: list[int]) -> None:
        """Where the code of TREE lies: its first time costs more than all others, and should not be while something counts."""
        if self.rings:
            self._maps |= {pid: maps_of(pid) for pid in tree}

    def drain(self, tree: list[int]) -> Counter[str]:
        """By the file that the code is of; those of others than TREE are dropped."""
        self._fresh.clear()
        seen: dict[int, list[int]] = defaultdict(list)
        for ring in self.rings:
            ring.drain(seen)
        found: Counter[str] = Counter()
        for pid in set(seen).intersection(tree):
            for name, count in self._by_name(pid, sorted(seen[pid])):
                found[name] += count
        return found

    def _by_name(self, pid: int, addresses: list[int]) -> Iterator[tuple[str, int]]:
        """ADDRESSES in order; each place at once."""
        at = 0
        while at < len(addresses):
            name, end = self._where(pid, addresses[at])
            until = bisect.bisect_left(addresses, end, at + 1)
            yield name, until - at
            at = until

    def _where(self, pid: int, address: int) -> tuple[str, int]:
        """The name of the place, and where it ends."""
        while True:
            maps = self._maps.get(pid, [])
            at = bisect.bisect_right(maps, (address, 1 << 64, "")) - 1
            if at >= 0 and address < maps[at][1]:
                return maps[at][2], maps[at][1]
            if pid in self._fresh:
                return "?", address + 1
            self._fresh.add(pid)
            self._maps[pid] = maps_of(pid)


def maps_of(pid: int) -> Maps:
    """(start, end, name) of executable code, in order; a libc's malloc is a place of its own."""
    try:
        lines = Path(f"/proc/{pid}/maps").read_text(errors="surrogateescape").splitlines()
    except OSError:
        return []
    found: Maps = []
    for line in lines:
        span, rights, offset, _, _, *path = line.split(None, 5)
        if "x" in rights:
            start, end = (int(word, 16) for word in span.split("-"))
            found += places(start, end, int(offset, 16), path[0].removesuffix(" (deleted)") if path else "?")
    return found


def places(start: int, end: int, offset: int, path: str) -> Maps:
    name = path.rpartition("/")[2]
    if name.startswith(("libc.so", "libc-2")):
        low, high = (at + start - to_address(path, offset) for at in malloc_range(path))
        if start <= low < high <= end:
            return [(start, low, name), (low, high, MALLOC), (high, end, name)]
    return [(start, end, name)]


def share(samples: Counter[str], libraries: set[str]) -> float | None:
    """In percent of user CPU; LIBRARIES are the names of the files that serve malloc."""
    total = sum(samples.values())
    names = {name if not name.startswith("libc.") else MALLOC for name in libraries}
    return sum(samples[name] for name in names) / total * 100 if total else None
