"""kill -9 at random moments: nothing half written under a final name, leftovers go with the next run."""
import glob
import os
import shutil
import time

from common import ALLOCRUN, CHILD, RECORDS, TEMPORARY, Run, at_once, environment, judge_record, moments, read_json

NODE = TEMPORARY + "/node.conf"
KNOB = "/proc/sys/vm/max_map_count"
STATE = "/var/lib/allocrun/tune.json"


def how_long(command):
    """Seconds of a whole run: the moments lie within, and a little behind."""
    begun = time.monotonic()
    Run(command)
    return 1.2 * (time.monotonic() - begun)


def make_old(paths):
    for path in paths:
        os.utime(path, (1000, 1000), follow_symlinks=False)


def judge_json(path):
    try:
        read_json(path)
    except ValueError as error:
        return f"{path}: half written: {error}"
    return None


# --- a launch ------------------------------------------------------------------


def torture_launch(count, n, seed):
    command = [ALLOCRUN, "--user", "nobody", "--", CHILD]

    def kill(after):
        run = Run(command, kill_after=after)
        return judge_record(run.pid, run.said())

    results = at_once(kill, moments(n, how_long(command), seed))
    # 64 go with each launch.
    for _ in range(n // 64 + 2):
        Run(command)
    left = glob.glob(RECORDS + "/*.tmp")
    count.part("kills of a launch: each record whole", results)
    count.part("look for what they have left in /run/allocrun", [f"left: {left}" if left else None])


# --- --check --output ----------------------------------------------------------


def torture_output(count, n, seed):
    folder = TEMPORARY + "/output"
    path = folder + "/report.json"
    command = [ALLOCRUN, "--check", "--only", "thp-mode", "--format", "json", "--output", path]
    os.makedirs(folder)

    def kill(after):
        Run(command, kill_after=after)
        return judge_json(path)

    results = at_once(kill, moments(n, how_long(command), seed))
    make_old(glob.glob(folder + "/.*.tmp"))
    Run(command)
    left = [name for name in os.listdir(folder) if name != "report.json"]
    count.part("kills of --check --output: the report whole", results)
    count.part("look for what they have left beside it", [f"left: {left}" if left else None])


# --- --capture -----------------------------------------------------------------


def torture_capture(count, n, seed):
    folder = TEMPORARY + "/captures"
    os.makedirs(folder)
    whole = folder + "/whole"
    most = how_long([ALLOCRUN, "--capture", whole])
    names = sorted(os.listdir(whole))

    def judge(path):
        """None, or what is there of a capture that is not whole; a whole one is taken away."""
        found = sorted(os.listdir(path))
        if found != names:
            return f"{path}: half a capture: {found}"
        shutil.rmtree(path)
        return None

    def kill(trial):
        number, after = trial
        path = f"{folder}/{number}"
        Run([ALLOCRUN, "--capture", path], kill_after=after)
        if not os.path.exists(path):
            killed.append(path)
            return None
        return judge(path)

    killed = []
    results = at_once(kill, list(enumerate(moments(n, most, seed))))
    make_old(glob.glob(folder + "/.*.tmp"))
    again = at_once(lambda path: Run([ALLOCRUN, "--capture", path]).status or judge(path), killed)
    left = [name for name in os.listdir(folder) if name.startswith(".")]
    count.part("kills of --capture: a whole one, or none", results)
    count.part(f"look for what is left of {len(killed)} of them, and in the way of the next",
               [f"left: {left}, the next: {[r for r in again if r]}" if left or any(again) else None])


# --- --tune --------------------------------------------------------------------


def torture_tune(count, n, seed):
    """The knob is a file of ours, mounted over it: tests/torture/run has seen to that."""
    command = [ALLOCRUN, "--tune", "--policy", NODE]
    with open(KNOB, encoding="ascii") as file:
        before = file.read().strip()
    wanted = str(int(before) + 7)
    with open(NODE, "w", encoding="ascii") as file:
        file.write(f"[node]\nmax-map-count = {wanted}\n")

    def kill(after):
        Run(command, kill_after=after)
        with open(KNOB, encoding="ascii") as file:
            value = file.read().strip()
        if value not in (before, wanted):
            return f"{KNOB} is {value!r}"
        if value == wanted and not os.path.exists(STATE):
            return "changed, and nobody knows what it was"
        return judge_json(STATE) or revert()

    def revert():
        run = Run([ALLOCRUN, "--tune", "--revert"])
        with open(KNOB, encoding="ascii") as file:
            value = file.read().strip()
        return None if value == before else f"{KNOB} is {value} after --revert: {run.told()}"

    # One after the other: there is one knob.
    results = [kill(after) for after in moments(n, how_long(command), seed)]
    make_old(glob.glob(os.path.dirname(STATE) + "/.*.tmp"))
    run = Run(command)
    left = glob.glob(os.path.dirname(STATE) + "/.*.tmp")
    count.part("kills of --tune: old or new, and the way back known", results)
    count.part("look for what they have left in /var/lib/allocrun",
               [f"left: {left}, {run.told()}" if left or run.status != 0 else None])


def torture(count, n, seed):
    torture_launch(count, n, seed)
    torture_output(count, n // 2, seed + 1)
    torture_capture(count, n // 4, seed + 2)
    if os.environ.get("TORTURE_TUNE") == "yes":
        torture_tune(count, n // 4, seed + 3)
    else:
        count.skip("kills of --tune", "needs root, and a file mounted over a knob")
