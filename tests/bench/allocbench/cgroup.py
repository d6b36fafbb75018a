"""A control group of our own for the server, version 2 or 1, where we may make one."""
from __future__ import annotations

import os
from pathlib import Path

from .machine import file_text

V1 = ("memory", "cpuacct")


def mounts() -> list[tuple[str, str, str, str]]:
    """(root, where, type, options) of what is mounted of control groups."""
    found = []
    for line in file_text("/proc/self/mountinfo").splitlines():
        left, _, right = line.partition(" - ")
        words, kind = left.split(), right.split()
        if kind and kind[0] in ("cgroup", "cgroup2"):
            found.append((words[3], words[4], kind[0], kind[2]))
    return found


def own_folders() -> dict[str, Path]:
    """Our own group's folder by controller; that of version 2 is ""."""
    paths = {}
    for line in file_text("/proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        for name in controllers.split(","):
            paths[name] = path
    folders = {}
    for root, where, kind, options in mounts():
        names = [""] if kind == "cgroup2" else [n for n in V1 if n in options.split(",")]
        for name in names:
            path = paths.get(name)
            if path is not None and (path + "/").startswith(root.rstrip("/") + "/"):
                folders[name] = Path(where) / path[len(root.rstrip("/")):].lstrip("/")
    return folders


class Group:
    """Made by make(); what it cannot say it leaves out, so a figure is there or is "not measured"."""

    def __init__(self, made: dict[str, Path]):
        self.made = made

    def folders(self) -> str:
        return ":".join(map(str, self.made.values()))

    def members(self) -> list[int]:
        pids = set()
        for folder in self.made.values():
            for inner in (folder, *(f for f in folder.rglob("*") if f.is_dir())):
                pids |= {int(pid) for pid in file_text(inner / "cgroup.procs").split()}
        return sorted(pids)

    def figures(self) -> dict[str, float]:
        unified, memory = self.made.get(""), self.made.get("memory")
        found: dict[str, str] = {}
        if unified and (unified / "memory.current").exists():
            found = {"cgroup_current_mib": file_text(unified / "memory.current"),
                     "cgroup_peak_mib": file_text(unified / "memory.peak")}
            stat = file_text(unified / "memory.stat")
            names = {"anon": "cgroup_anon_mib", "file": "cgroup_file_mib", "anon_thp": "cgroup_huge_mib"}
        elif memory:
            found = {"cgroup_current_mib": file_text(memory / "memory.usage_in_bytes"),
                     "cgroup_peak_mib": file_text(memory / "memory.max_usage_in_bytes")}
            stat = file_text(memory / "memory.stat")
            names = {"rss": "cgroup_anon_mib", "cache": "cgroup_file_mib", "rss_huge": "cgroup_huge_mib"}
        else:
            return self.pressure()
        found |= {names[key]: value for key, value in (line.split() for line in stat.splitlines()) if key in names}
        return {name: int(value) / 2 ** 20 for name, value in found.items() if value.isdigit()} | self.pressure()

    def pressure(self) -> dict[str, float]:
        """Seconds in which a process of the group waited for memory or a CPU, since it was made."""
        found = {}
        for kind in ("memory", "cpu"):
            text = file_text(self.made[""] / f"{kind}.pressure") if "" in self.made else ""
            if text.startswith("some"):
                found[f"psi_{kind}_s"] = int(text.split("\n")[0].rsplit("total=", 1)[1]) / 1e6
        return found

    def remove(self) -> None:
        for folder in self.made.values():
            for inner in sorted((f for f in folder.rglob("*") if f.is_dir()), reverse=True):
                try:
                    inner.rmdir()
                except OSError:
                    pass
            try:
                folder.rmdir()
            except OSError:
                pass  # an empty group without a member costs nothing


def is_left_over(folder: Path) -> bool:
    pid = folder.name.rpartition("-")[2]
    return not (pid.isdigit() and Path(f"/proc/{pid}").exists()) and not file_text(folder / "cgroup.procs")


def make_in(parent: Path) -> Path | None:
    """A group of ours below PARENT, when we may; what a bench that was killed has left there goes."""
    folder = parent / f"allocbench-{os.getpid()}"
    try:
        for old in parent.glob("allocbench-*"):
            if is_left_over(old):
                Group({"": old}).remove()  # what cannot go does not keep us from our own
        folder.mkdir(exist_ok=True)
    except OSError:
        return None
    return folder if os.access(folder / "cgroup.procs", os.W_OK) else None


def make() -> Group | None:
    return make_below(own_folders())


def make_below(own: dict[str, Path]) -> Group | None:
    made = {}
    for name, parent in own.items():
        folder = make_in(parent)
        # Version 2 hands controllers on only from groups without processes, so below our own there are none; beside
        # it, where systemd and container runtimes have put it, there are.
        if name == "" and not has_memory(folder) and (parent.parent / "cgroup.procs").exists():
            beside = make_in(parent.parent)
            away = folder if has_memory(beside) else beside
            folder = beside if has_memory(beside) else folder
            if away:
                away.rmdir()
        if folder:
            made[name] = folder
    return Group(made) if made else None


def has_memory(folder: Path | None) -> bool:
    return folder is not None and (folder / "memory.current").exists()
