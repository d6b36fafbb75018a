"""What is compared: each arm is what a command is put behind, and what must then be true of the processes."""
from __future__ import annotations

import json
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

from .errors import BenchError, UsageError

PROFILES = ("balanced", "memory", "latency", "throughput", "embedding", "debug")
PINNED = {"mmap_threshold": "131072", "trim_threshold": "131072", "arena_max": "2"}
DEFAULT = "glibc,glibc-again,glibc-pinned,glibc-2-arenas,balanced"
BASE, AGAIN = "glibc", "glibc-again"


@dataclass(frozen=True)
class Arm:
    name: str
    command: tuple[str, ...] = ()  # with leading NAME=VALUE settings, as for env(1)
    library: str = ""              # must be mapped where this is part of a file's name; "": none may be; "*": any
    profile: str = ""              # the launch record must name it

    def settings(self) -> dict[str, str]:
        return dict(word.split("=", 1) for word in self.command[:self.n_settings()])

    def prefix(self) -> list[str]:
        return list(self.command[self.n_settings():])

    def around(self, server: list[str]) -> list[str]:
        settings = list(self.command[:self.n_settings()])
        return [*(["env", *settings] if settings else []), *self.prefix(), *server]

    def n_settings(self) -> int:
        return next((i for i, word in enumerate(self.command) if "=" not in word or "/" in word.split("=")[0]),
                    len(self.command))

    def as_json(self) -> dict[str, object]:
        return asdict(self)


def tunables(options: dict[str, str]) -> str:
    return "GLIBC_TUNABLES=" + ":".join(f"glibc.malloc.{key}={value}" for key, value in options.items())


def find_allocrun(named: str | None = None) -> str:
    """The launcher beside this tool, else on PATH."""
    here = Path(__file__).resolve().parents[3]
    for path in (named,) if named else (here / "bin/allocrun", here / "build/prefix/bin/allocrun"):
        if Path(path).is_file():
            return str(Path(path).resolve())
    found = None if named else shutil.which("allocrun")
    if not found:
        raise UsageError(f"no allocrun {f'at {named}' if named else 'beside this program or on PATH'}; --allocrun PATH")
    return found


def parse_one(text: str, allocrun: str) -> Arm:
    """A name of ours, NAME=/PATH.so, or NAME='[VARIABLE=VALUE...] [COMMAND...]'."""
    name, separator, rest = text.partition("=")
    if not name or not all(c.isalnum() or c in "-_." for c in name):
        raise UsageError(f"arm '{text}': a name has letters, digits, '-', '_' and '.' (NAME='PREFIX...')")
    if not separator:
        return built_in(name, allocrun)
    if rest.startswith("/") and ".so" in rest and " " not in rest:
        if not Path(rest).is_file():
            raise UsageError(f"arm {name}: there is no library {rest}")
        return Arm(name, (f"LD_PRELOAD={rest}",), Path(rest).resolve().name)
    words = words_of(rest, f"arm {name}")
    return Arm(name, tuple(words[1:] if words[:1] == ["env"] else words), "*")


def words_of(text: str, what: str) -> list[str]:
    """As a shell takes them apart."""
    try:
        return shlex.split(text)
    except ValueError as e:
        raise UsageError(f"{what}: {text}: {str(e).lower()}") from None


def built_in(name: str, allocrun: str) -> Arm:
    if name in (BASE, AGAIN):
        return Arm(name)
    if name == "glibc-pinned":
        return Arm(name, (tunables(PINNED),))
    if name == "glibc-2-arenas":
        return Arm(name, (tunables({"arena_max": "2"}),))
    profile, _, allocator = name.partition("-")
    if profile in PROFILES and allocator in ("", "jemalloc", "mimalloc"):
        chosen = ("--allocator", allocator) if allocator else ()
        return Arm(name, (allocrun, "--quiet", "--profile", profile, *chosen, "--"),
                   f"lib{allocator}" if allocator else "lib", profile)
    raise UsageError(f"no arm '{name}'; there are: {DEFAULT.replace(',', ' ')} {' '.join(PROFILES)} "
                     "PROFILE-mimalloc NAME=/PATH.so NAME='PREFIX...'")


def parse(names: str, more: list[str], allocrun: str) -> list[Arm]:
    """NAMES are separated by commas; each of MORE is one arm, whatever is in it."""
    chosen = [parse_one(word.strip(), allocrun) for word in (*names.split(","), *more) if word.strip()]
    text = ",".join([names, *more])
    names = [arm.name for arm in chosen]
    if len(set(names)) < len(names):
        raise UsageError(f"--arms {text}: a name is there twice")
    if BASE not in names:
        raise UsageError(f"--arms {text}: glibc is what the others are compared with; add it")
    return chosen


# --- the proof -----------------------------------------------------------------


def check(pid: int, allocrun: str) -> dict:
    command = [allocrun, "--check", "--pid", str(pid), "--only", "preload-effective,options-in-force",
               "--format", "json"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, stdin=subprocess.DEVNULL, check=False)
        return json.loads(done.stdout)
    except subprocess.TimeoutExpired:
        raise BenchError(f"allocrun --check --pid {pid} does not end") from None
    except ValueError:
        raise BenchError(f"allocrun --check --pid {pid} gave no report: {done.stderr.strip() or 'nothing'}") from None


def prove(arm: Arm, pid: int, allocrun: str) -> list[dict]:
    """Applied is not effective: what serves malloc in every process of the tree, and with which options."""
    report = check(pid, allocrun)
    processes = [p for p in report["processes"]["list"] if p["state"] == "running" and not p["static"]]
    if not processes:
        raise BenchError(f"arm {arm.name} is not proved: allocrun --check sees no process that has a malloc to look at")
    for process in processes:
        if problem := what_is_wrong(arm, process, process["pid"] == pid):
            raise BenchError(f"arm {arm.name} is not proved: process {process['pid']} ({process['name']}): {problem}")
    keep = ("pid", "name", "allocator", "library", "build_id", "options_evidence", "environment")
    return [{key: process[key] for key in keep} | {"options": options_of(process)} for process in processes]


def options_of(process: dict) -> dict[str, str]:
    """Of a hundred those that somebody has set."""
    said = json.dumps(process["environment"])
    return {key: value for key, value in process["options"].items() if key in said}


def what_is_wrong(arm: Arm, process: dict, is_first: bool) -> str:
    library = process["library"] or ""
    if process["problem"]:
        return process["problem"]
    if not arm.library and process["allocator"] != "glibc":
        return f"malloc is {process['allocator']}'s, {library}, not the libc's own"
    if arm.library not in ("", "*") and (arm.library not in Path(library).name or process["allocator"] == "glibc"):
        return f"malloc is {process['allocator']}'s, {library}, not that of {arm.library}"
    if is_first and arm.profile and (process["record"] or {}).get("profile") not in (None, arm.profile):
        return f"it was started with profile {process['record']['profile']}"
    if arm.name == "glibc-pinned" and any(process["options"].get(k) != v for k, v in PINNED.items()):
        return f"its thresholds are {process['options']}"
    return ""
