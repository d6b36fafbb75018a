"""What is compared: each contender is a command that a benchmark program is put behind."""
from __future__ import annotations

import fnmatch
import shlex
import subprocess

from allocbench import arms
from allocbench.arms import Arm as Contender
from benchmarks import ROOT

ALLOCRUN = ROOT / "build/prefix/bin/allocrun"
PROFILES = ("balanced", "memory", "latency", "throughput", "embedding")


def of_distribution(name: str, soname: str) -> Contender:
    """The library as the loader finds it by name: the distribution's package."""
    cache = subprocess.run(["/sbin/ldconfig", "-p"], check=True, capture_output=True, text=True).stdout
    paths = [line.split("=>")[1].strip() for line in cache.splitlines() if line.strip().startswith(soname + " ")]
    if not paths:
        raise SystemExit(f"{soname} is not installed: tests/require bench")
    return Contender(name, (f"LD_PRELOAD={paths[0]}",), soname.split(".")[0])


def ours(name: str, *options: str, library: str = "libjemalloc") -> Contender:
    return Contender(name, (str(ALLOCRUN), "-q", "--record", "none", *options, "--"), library)


def built_in() -> list[Contender]:
    return [
        Contender("glibc", ()),
        Contender("glibc-2-arenas", ("MALLOC_ARENA_MAX=2",)),
        arms.built_in("glibc-pinned", str(ALLOCRUN)),
        of_distribution("jemalloc-debian", "libjemalloc.so.2"),
        of_distribution("tcmalloc", "libtcmalloc_minimal.so.4"),
        of_distribution("mimalloc-debian", "libmimalloc.so.2"),
        *(ours(profile, "--profile", profile) for profile in PROFILES),
        # Garbage stays for good; and as it was before the purge thread, with jemalloc's own.
        ours("never", "--allocator", "jemalloc", "--conf", "dirty_decay_ms:-1,muzzy_decay_ms:-1"),
        ours("own-thread", "--allocator", "jemalloc", "--conf", "background_thread:true,dirty_decay_ms:5000"),
        *(ours(f"{profile}-mimalloc", "--profile", profile, "--allocator", "mimalloc", library="libmimalloc")
          for profile in ("balanced", "throughput")),
    ]


def split(text: str) -> tuple[str, str]:
    name, separator, value = text.partition("=")
    if not name or not separator:
        raise SystemExit(f"'{text}': NAME=… is wanted")
    return name, value


def of_command(text: str) -> Contender:
    """NAME=[env] [VARIABLE=VALUE…] [COMMAND…]; whatever allocator that brings is accepted."""
    name, command = split(text)
    words = shlex.split(command)
    return Contender(name, tuple(words[1:] if words[:1] == ["env"] else words), "*")


def of_conf(text: str) -> Contender:
    """NAME=K:V,… over the balanced profile on our jemalloc; NAME=K=V,… on our mimalloc."""
    name, conf = split(text)
    if "=" in conf:
        return ours(name, "--allocator", "mimalloc", "--mimalloc", conf, library="libmimalloc")
    return ours(name, "--allocator", "jemalloc", "--conf", conf)


def of_library(text: str) -> Contender:
    """NAME=/PATH.so with the balanced profile's options."""
    name, path = split(text)
    return ours(name, "--allocator", path, library=path.rsplit("/", 1)[-1])


def choose(contenders: list[Contender], patterns: str) -> list[Contender]:
    chosen = [c for c in contenders
              if any(fnmatch.fnmatch(c.name, pattern) for pattern in patterns.split(","))]
    if not chosen:
        raise SystemExit(f"no contender is named like '{patterns}': {' '.join(c.name for c in contenders)}")
    return chosen
