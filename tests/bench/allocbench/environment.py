"""allocbench's own Python environment, for it starts servers and must not live in theirs."""
from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from .errors import UsageError
from .machine import save_text

REQUIREMENTS = Path(__file__).with_name("requirements.lock")
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


def needs_nothing(words: list[str]) -> bool:
    own = words[:words.index("--")] if "--" in words else words
    return own[:1] in ([], ["setup"]) or bool({"-h", "--help"} & set(own))


def enter(words: list[str]) -> None:
    """Goes on in the environment when this Python lacks something; returns when it does not, or none is needed."""
    if needs_nothing(words) or all(map(importlib.util.find_spec, NEEDED)):
        return
    if not is_finished(folder()) or os.environ.get("ALLOCBENCH_ENTERED"):
        print(f"allocbench: it needs {', '.join(NEEDED[:-1])} and {NEEDED[-1]}, in an environment of its own, {folder()}: "
              "allocbench setup makes it", file=sys.stderr)
        sys.exit(125)
    python = str(folder() / "bin/python")
    os.environ["ALLOCBENCH_ENTERED"] = "1"
    os.execv(python, [python, "-B", str(Path(sys.argv[0]).resolve()), *words])


def make(where: Path | None) -> int:
    """Each file by its checksum, from wherever this machine's pip is told to look."""
    import venv
    where = where or folder()
    if is_finished(where):
        return 0
    if where.exists() and any(where.iterdir()) and not (where / "pyvenv.cfg").exists():
        raise UsageError(f"{where} is there and is no Python environment; name another folder")
    names = [line.split()[0] for line in REQUIREMENTS.read_text().splitlines() if line[:1].isalpha()]
    print(f"==> {', '.join(names)} into {where}", file=sys.stderr)
    try:
        venv.EnvBuilder(with_pip=True, clear=True).create(where)
    except subprocess.CalledProcessError:
        print("allocbench: this Python cannot make environments with pip; on Debian the package python3-venv has what "
              "is missing", file=sys.stderr)
        return 1
    done = subprocess.run([str(where / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--no-input", "install",
                           "-q", "--require-hashes", "--only-binary", ":all:", "-r", str(REQUIREMENTS)], check=False)
    if done.returncode:
        print(f"allocbench: pip could not install into {where}", file=sys.stderr)
        return 1
    save_text(where / "stamp", stamp())
    return 0
