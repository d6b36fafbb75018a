#!/usr/bin/env python3
"""Runs tiers beside each other, and before them, once, what several of them need.

    tests/gate/plan.py TIER...       for tests/run

As many steps at a time as there are CPUs: of those that are ready always the first on the
way to the first tiers that were named. The longest way (builds, allocator) is two jobs by
itself: it fills what one that waits beside it (containers, vLLM's start) leaves.

To add a tier: a line in TIERS, tier_NAME and its packages in tests/run, its name in TIERS of
the Makefile, where it stands the earlier the more it waits for and the longer it takes.
"""
import os
import signal
import subprocess
import sys

# What each tier needs.
TIERS = {
    "lint": ["prefix"],
    "unit": [],
    "fuzz": [],
    "pool": [],
    "torture": ["prefix"],
    "cli": ["prefix", "programs"],
    "check": ["prefix", "roots"],
    "systemd": ["prefix", "roots"],
    "vllm": ["prefix", "venv"],
    # On nodes, too: tests/fleet/artefacts.bats.
    "package": ["packages", "hosts", "ansible"],
    # What goes into an image is packed, the aarch64 tarball is looked at.
    "images": ["packages", "roots", "venv"],
    "fleet": ["prefix", "hosts", "ansible"],
    "faults": ["prefix", "hosts", "ansible"],
    "numa": ["guests"],
    "bench": ["prefix", "venv", "programs", "allocbench"],
    "allocator": ["builds"],
    "matrix": ["builds", "venv"],
}

# What is made once: what it needs itself, and how. Each is nothing to do when it is there.
CPUS = len(os.sched_getaffinity(0))
MADE = {
    "prefix": ([], f"make -s -j{CPUS} build"),
    # Every machine and libc; what is built for this one serves both.
    "builds": (["prefix"], "make -s -C allocator matrix"),
    "packages": (["builds"], "make -s package TARGETS=all"),
    # The aarch64 guests have the launcher and the builds that are packed.
    "guests": (["packages"], "tests/numa/setup"),
    # What the benchmarks measure with; a test of the command line does, too.
    "programs": ([], "make -s -C tests/bench/programs"),
    "roots": ([], "tests/images/base bookworm systemd python"),
    "hosts": ([], "tests/images/base fleet"),
    "ansible": ([], "tests/fleet/setup"),
    "venv": ([], "tests/vllm/setup"),
    "allocbench": ([], "tests/bench/allocbench/allocbench setup build/bench/venv"),
}


def needs_of(step):
    return MADE[step][0] if step in MADE else TIERS[step]


def in_order(tiers):
    """Every step, each behind what it needs."""
    order = []

    def add(step):
        for need in needs_of(step):
            add(need)
        if step not in order:
            order.append(step)

    for tier in tiers:
        add(tier)
    return order


def start(step):
    command = ["tests/gate/make-once", step, *MADE[step][1].split()] if step in MADE else ["tests/gate/tier", step]
    return subprocess.Popen(command, stdin=subprocess.DEVNULL).pid


def run(waiting):
    """What needs a step that has failed is never ready; the others go on."""
    running, done = {}, set()
    while True:
        for step in list(waiting):
            if len(running) < CPUS and done.issuperset(needs_of(step)):
                waiting.remove(step)
                running[start(step)] = step
        if not running:
            return not waiting
        pid, status = os.wait()
        step = running.pop(pid, None)
        if step and status == 0:
            done.add(step)


# An interrupt ends all of it, as it ends a shell's children.
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../.."))
sys.exit(0 if run(in_order(sys.argv[1:])) else 1)
