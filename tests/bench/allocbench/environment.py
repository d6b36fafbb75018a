"""allocbench's own Python environment, for it starts servers and must not live in theirs."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
import venv
from pathlib import Path

from .machine import save_text

REQUIREMENTS = Path(__file__).with_name("requirements.txt")
NEEDED = ("numpy", "scipy", "matplotlib", "aiohttp")


def folder() -> Path:
    """ALLOCBENCH_VENV, or one in the user's cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(os.environ.get("ALLOCBENCH_VENV") or f"{cache}/allocrun/allocbench")


def stamp() -> str:
    return f"{sys.version_info[:2]}\n{REQUIREMENTS.read_text()}"


def is_finished(where: Path) -> bool:
    try:
        return (where / "stamp").read_text() == stamp()
    except OSError:
        return False


def enter(words: list[str]) -> None:
    """Goes on in the environment when this Python lacks something; returns when it does not, or only setup is asked."""
    if words[:1] in ([], ["setup"], ["-h"], ["--help"]) or all(map(importlib.util.find_spec, NEEDED)):
        return
    if not is_finished(folder()) or os.environ.get("ALLOCBENCH_ENTERED"):
        sys.exit(f"allocbench: this Python lacks {' or '.join(NEEDED)}, and {folder()} is no finished environment: "
                 "allocbench setup")
    python = str(folder() / "bin/python")
    os.environ["ALLOCBENCH_ENTERED"] = "1"
    os.execv(python, [python, "-B", str(Path(sys.argv[0]).resolve()), *words])


def make(where: Path | None) -> int:
    where = where or folder()
    if is_finished(where):
        return 0
    if where.exists() and any(where.iterdir()) and not (where / "pyvenv.cfg").exists():
        print(f"allocbench: {where} is there and is no Python environment; name another folder", file=sys.stderr)
        return 125
    print(f"==> {', '.join(REQUIREMENTS.read_text().split())} into {where}", file=sys.stderr)
    venv.EnvBuilder(with_pip=True, clear=True).create(where)
    done = subprocess.run([str(where / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install",
                           "-q", "-r", str(REQUIREMENTS)], check=False)
    if done.returncode:
        print(f"allocbench: pip could not install into {where}", file=sys.stderr)
        return 1
    save_text(where / "stamp", stamp())
    return 0
