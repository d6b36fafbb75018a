"""The machine that figures come from, and files that are there whole or not at all."""
from __future__ import annotations

import json
import os
import platform
from pathlib import Path
from typing import Any


def file_text(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        return ""


def machine() -> dict[str, object]:
    cpu = next((line.split(":", 1)[1].strip() for line in file_text("/proc/cpuinfo").splitlines()
                if line.startswith("model name")), platform.machine())
    return {
        "cpu": cpu, "cpus": len(os.sched_getaffinity(0)), "kernel": platform.release(),
        "libc": " ".join(platform.libc_ver()),
        "memory_mib": int(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") >> 20),
        "thp": file_text("/sys/kernel/mm/transparent_hugepage/enabled"),
        "load": os.getloadavg()[0],
    }


def save_text(path: Path, text: str) -> None:
    """By a rename, when all of it is on the disk; a full disk leaves the old file as it is."""
    unfinished = path.with_name(path.name + ".new")
    try:
        with open(unfinished, "w", encoding="utf-8") as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        unfinished.rename(path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise


def save_json(path: Path, value: Any, indent: int | None = 1) -> None:
    save_text(path, json.dumps(value, indent=indent) + "\n")
