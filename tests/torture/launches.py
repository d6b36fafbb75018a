"""Many launches at a time: PID kept, allocator in service, record of that PID."""
import os

from common import ALLOCRUN, CHILD, LIBRARIES, RECORDS, Run, at_once, judge_allocator, judge_record


def launch(_):
    run = Run([ALLOCRUN, "--", CHILD])
    said = run.said()
    if not said:
        return f"it did not run: {run.told()}"
    if int(said["pid"]) != run.pid:
        return f"started as {run.pid}, it ran as {said['pid']}"
    if not said["malloc"].startswith(LIBRARIES) or said["mapped"] != "1":
        return f"{said['malloc']} serves malloc"
    if run.err:
        return f"something was said: {run.err}"
    if not os.path.exists(f"{RECORDS}/{run.pid}.json"):
        return f"there is no record of PID {run.pid}"
    return judge_allocator(said) or judge_record(run.pid, said)


def torture(count, n):
    count.part("launches, 8 at a time: PID kept, allocator in service, a record of that PID", at_once(launch, range(n)))
