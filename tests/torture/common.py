"""What the parts of the torture share: trials and their count, the command, what it says of itself."""
import json
import os
import random
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor

ALLOCRUN = os.path.abspath("build/prefix/bin/allocrun")
LIBRARIES = os.path.abspath("build/prefix/lib/allocrun") + "/"
WORK = os.path.abspath("build/torture")
CHILD = WORK + "/child"
TEMPORARY = WORK + "/tmp"  # in memory, and gone with the run
RECORDS = "/run/allocrun"
JOBS = 8
SECONDS = 60  # that no single run takes: then it hangs


class Count:
    """Of all trials; a point of TAP for each part, and what failed in it."""

    def __init__(self):
        self.passed = self.failed = self.skipped = self.points = 0

    def part(self, name, results):
        """results: for each trial None, or what is wrong with it."""
        wrong = [r for r in results if r]
        self.passed += len(results) - len(wrong)
        self.failed += len(wrong)
        self.points += 1
        print(f"{'not ok' if wrong else 'ok'} {self.points} - torture: {len(results)} {name}", flush=True)
        for words in wrong[:20]:
            print("#  ", words.replace("\n", "\n#   "))
        if wrong:
            print(f"#   {len(wrong)} of {len(results)} failed", flush=True)

    def skip(self, name, reason):
        self.points += 1
        self.skipped += 1
        print(f"ok {self.points} - torture: {name} # SKIP {reason}", flush=True)


def at_once(function, items, jobs=JOBS):
    with ThreadPoolExecutor(jobs) as pool:
        return list(pool.map(function, items))


def environment(**more):
    """The same for every trial, whoever starts it."""
    kept = {"PATH": os.environ["PATH"], "HOME": "/root"}
    return {**kept, **more}


class Run:
    """A process that has ended: status, PID, what it said."""

    def __init__(self, command, env=None, kill_after=None):
        process = subprocess.Popen(command, env=env or environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.pid = process.pid
        try:
            if kill_after is not None:
                try:
                    process.wait(kill_after)
                except subprocess.TimeoutExpired:
                    process.send_signal(signal.SIGKILL)
            out, err = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            err += f"torture: it hung for {SECONDS} s".encode()
        self.out, self.err = out.decode(errors="replace"), err.decode(errors="replace")
        self.status = process.returncode

    def said(self):
        """What the command said of itself; None: it has not run to its end."""
        pairs = [line.split(" ", 1) for line in self.out.splitlines()]
        said = {pair[0]: pair[1] if len(pair) > 1 else "" for pair in pairs}
        return said if self.status == 0 and "HOME" in said else None

    def told(self):
        return f"status {self.status}, stdout {self.out!r}, stderr {self.err!r}"


def read_json(path):
    """Its value, None where there is none; an exception where it is no JSON."""
    try:
        with open(path, encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        return None


def judge_allocator(said):
    """The bundled library and its options, or neither."""
    preload = [entry for entry in said["LD_PRELOAD"].split(":") if entry.startswith(LIBRARIES)]
    if preload and (said["malloc"] != preload[0] or said["mapped"] != "1"):
        return f"{preload[0]} is in LD_PRELOAD, and {said['malloc']} serves malloc"
    if bool(preload) != bool(said["options"]):
        return "half applied: LD_PRELOAD {LD_PRELOAD!r}, options {options!r}".format(**said)
    return None


def judge_record(pid, said):
    """None, or what is wrong with the record of this start, if there is one."""
    path = f"{RECORDS}/{pid}.json"
    try:
        record = read_json(path)
    except ValueError as error:
        return f"{path}: no JSON: {error}"
    if record is None:
        return None
    if record["pid"] != pid:
        return f"{path} is of PID {record['pid']}"
    # What we did not set is not in it.
    ours = record["environment"].get("LD_PRELOAD")
    if said and (ours != said["LD_PRELOAD"] if ours or LIBRARIES in said["LD_PRELOAD"] else False):
        return f"{path} has {record['environment']}, the command LD_PRELOAD {said['LD_PRELOAD']}"
    return None


def moments(n, most, seed):
    """n random moments within the first `most` seconds, the same for the same seed."""
    chance = random.Random(seed)
    return [chance.uniform(0, most) for _ in range(n)]
