#!/usr/bin/env python3
"""For tests/torture/run: what it counts, and how much of it."""
import os
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import faults  # noqa: E402
import kills  # noqa: E402
import launches  # noqa: E402
from common import Count  # noqa: E402

# Launches, errors at each system call (of a dozen), kills of a launch.
FORMS = {"short": (300, 1, 120), "long": (10000, 12, 200000)}


def main():
    n_launches, n_errors, n_kills = FORMS[sys.argv[1]]
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 1000000
    count = Count()
    print(f"# moments by seed {seed}: tests/torture/run {sys.argv[1]} {seed}")
    launches.torture(count, n_launches)
    faults.torture(count, n_errors)
    kills.torture(count, n_kills, seed)
    print(f"1..{count.points}")
    print(f"{count.passed} passed, {count.failed} failed, {count.skipped} skipped")
    return 1 if count.failed else 0


sys.exit(main())
