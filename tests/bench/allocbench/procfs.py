"""What /proc says of a process and of all below it."""
from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from pathlib import Path

ALLOCATOR = re.compile(r"/[^/]*(jemalloc|tcmalloc|mimalloc)[^/]*\.so[^/]*$")
VARIABLES = ("MALLOC_CONF", "GLIBC_TUNABLES", "MALLOC_ARENA_MAX", "MIMALLOC_", "LD_PRELOAD")
PAGE = os.sysconf("SC_PAGE_SIZE")
TICKS = os.sysconf("SC_CLK_TCK")
SWITCHES = re.compile(rb"ctxt_switches:\t(\d+)")
ROLLUP = {"Rss": "rss", "Pss": "pss", "Anonymous": "anonymous", "AnonHugePages": "huge", "Swap": "swap",
          "LazyFree": "lazy_free"}


def text_of(path: Path) -> str:
    """Names of processes, files and variables may be no text in any encoding."""
    return path.read_text(encoding="utf-8", errors="replace")


def kib(path: Path, key: str) -> int:
    """A line "Key:  123 kB" of smaps_rollup or status. smaps_rollup walks the page tables:
    exact where the counters of status are off by a few pages for each CPU."""
    found = re.search(rf"^{key}:\s+(\d+) kB", text_of(path), re.MULTILINE)
    return int(found.group(1)) if found else 0


def mapped_allocator(process: Path) -> str:
    files = {line.split(None, 5)[5].strip() for line in text_of(process / "maps").splitlines()
             if len(line.split(None, 5)) == 6}
    return " ".join(sorted(f for f in files if ALLOCATOR.search(f)))


def allocator_environment(process: Path) -> dict[str, str]:
    pairs = (entry.split("=", 1) for entry in text_of(process / "environ").split("\0") if "=" in entry)
    return {name: value for name, value in pairs if name.startswith(VARIABLES)}


def clean_environment() -> dict[str, str]:
    """Ours, without what chooses or tunes an allocator."""
    return {k: v for k, v in os.environ.items() if not k.startswith((*VARIABLES, "ALLOCRUN", "MALLOC_"))}


def quick_read(path: str) -> bytes:
    """A small file, b"" when it is gone; a fifth of what Path costs, for what is read by the hundred."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return b""
    try:
        return os.read(file, 8192)
    except OSError:
        return b""
    finally:
        os.close(file)


def stat_fields(pid: int) -> list[bytes]:
    """Of /proc/PID/stat, from the third (state) on; [] when it is gone."""
    return quick_read(f"/proc/{pid}/stat").rpartition(b")")[2].split()


def command_of(pid: int) -> str:
    try:
        return text_of(Path(f"/proc/{pid}/comm")).strip()  # of 15 bytes: the last letter may be half
    except OSError:
        return "?"


def all_processes() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def descendants(root: int) -> list[int]:
    """All below ROOT, itself not; one that ends while we look may be missing."""
    children: dict[int, list[int]] = {}
    for pid in all_processes():
        if fields := stat_fields(pid):
            children.setdefault(int(fields[1]), []).append(pid)
    found, waiting = [], [root]
    while waiting:
        below = children.get(waiting.pop(), [])
        found += below
        waiting += below
    return found


def tops(tree: list[int]) -> list[int]:
    """Those whose parent is none of TREE."""
    return [pid for pid in tree if (fields := stat_fields(pid)) and int(fields[1]) not in tree]


def oldest(tree: list[int]) -> tuple[int, int]:
    """(PID, its start in ticks since boot) of whoever is there for longest; (0, 0) of nobody. The lowest PID may be a
    later one's: numbers begin again."""
    started = sorted((at, pid) for pid in tree if (at := begun(pid)) >= 0)
    return (started[0][1], started[0][0]) if started else (0, 0)


def begun(pid: int) -> int:
    """In ticks since boot; -1 when it is not there."""
    return int(fields[19]) if len(fields := stat_fields(pid)) > 19 else -1


def is_running(pid: int) -> bool:
    fields = stat_fields(pid)
    return bool(fields) and fields[0] not in (b"Z", b"X")


@dataclass
class Counters:
    """Of a whole tree, since its processes started."""
    user_s: float = 0.0
    system_s: float = 0.0
    minor_faults: int = 0
    major_faults: int = 0
    voluntary: int = 0      # context switches of the processes that live; kept by the kernel for each thread
    involuntary: int = 0

    def minus(self, other: "Counters") -> dict[str, float]:
        return {name: getattr(self, name) - getattr(other, name) for name in self.__dataclass_fields__}


def count(keeper: int, tree: list[int], with_switches: bool = True) -> Counters:
    """KEEPER is whom orphans of the tree fall to: what it and the others have waited for counts."""
    total = Counters()
    for pid in (keeper, *tree):
        fields = stat_fields(pid)
        if not fields:
            continue
        own = pid != keeper
        minor, minor_waited, major, major_waited = map(int, fields[7:11])
        user, system, user_waited, system_waited = map(int, fields[11:15])
        total.user_s += (user * own + user_waited) / TICKS
        total.system_s += (system * own + system_waited) / TICKS
        total.minor_faults += minor * own + minor_waited
        total.major_faults += major * own + major_waited
        if own and with_switches:
            add_switches(total, pid)
    return total


def add_switches(total: Counters, pid: int) -> None:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for thread in threads:
        found = SWITCHES.findall(quick_read(f"/proc/{pid}/task/{thread}/status"))
        if len(found) == 2:
            total.voluntary += int(found[0])
            total.involuntary += int(found[1])


@dataclass
class Memory:
    """Of a whole tree, in KiB."""
    rss: int = 0
    pss: int = 0
    anonymous: int = 0
    huge: int = 0
    swap: int = 0
    lazy_free: int = 0
    peak: int = 0                                             # VmHWM, summed: at most what was there at once
    unreadable: list[int] = field(default_factory=list)

    def as_mib(self) -> dict[str, float]:
        return {f"{name}_mib": getattr(self, name) / 1024 for name in (*ROLLUP.values(), "peak")}


def memory(tree: list[int]) -> Memory:
    total = Memory()
    for pid in tree:
        process = Path(f"/proc/{pid}")
        try:
            lines = text_of(process / "smaps_rollup").splitlines()
            total.peak += kib(process / "status", "VmHWM")
        except PermissionError:
            total.unreadable.append(pid)
            continue
        except OSError:
            continue  # it has ended
        for line in lines:
            key, _, rest = line.partition(":")
            if key in ROLLUP:
                name = ROLLUP[key]
                setattr(total, name, getattr(total, name) + int(rest.split()[0]))
    return total


def rss_mib(tree: list[int]) -> float:
    """By the kernel's counters, which are off by some pages for each CPU, and cost nothing."""
    pages = [fields[1] for pid in tree if len(fields := quick_read(f"/proc/{pid}/statm").split()) > 1]
    return sum(map(int, pages)) * PAGE / 2 ** 20


def listening() -> dict[str, int]:
    """Socket -> port, of TCP."""
    found = {}
    for table in ("tcp", "tcp6"):
        for row in map(bytes.split, read_whole(f"/proc/net/{table}").splitlines()[1:]):
            if row[3] == b"0A":
                found[f"socket:[{row[9].decode()}]"] = int(row[1].rpartition(b":")[2], 16)
    return found


def read_whole(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError:
        return b""


def open_files(pid: int) -> set[str]:
    links = set()
    try:
        for entry in os.scandir(f"/proc/{pid}/fd"):
            try:
                links.add(os.readlink(entry.path))
            except OSError:
                continue
    except OSError:
        pass
    return links


def listening_ports(tree: list[int]) -> set[int]:
    """TCP ports that a process of the tree listens on."""
    sockets = listening()
    return {sockets[file] for pid in tree for file in open_files(pid) & sockets.keys()}


def listeners(port: int) -> list[int]:
    """Who listens on a TCP port, as far as one may look."""
    sockets = {socket for socket, number in listening().items() if number == port}
    return [pid for pid in all_processes() if sockets & open_files(pid)] if sockets else []
