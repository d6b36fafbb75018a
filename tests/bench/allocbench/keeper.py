"""Holds a server or a load, and whatever that leaves behind, so that nothing outlives the bench.

    keeper.py COMMAND...

A process of its own, for it must end the command's whole tree when the bench itself is killed: it is
whom orphans fall to, and its standard input is a pipe from the bench. At its end (or at a line) it
asks the tree to end by SIGTERM, after GRACE seconds by SIGKILL. On its standard output: "pid N", and
"ended STATUS" as soon as the command has ended. Standard library only.
"""
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

from procfs import command_of, descendants, is_running  # beside this file

GRACE = float(os.environ.get("ALLOCBENCH_GRACE", "10"))
SET_PDEATHSIG, SET_CHILD_SUBREAPER = 1, 36


def below(root):
    return [pid for pid in descendants(root) if is_running(pid)]


def say(line):
    try:
        print(line.encode(errors="replace").decode(), flush=True)
    except OSError:
        pass  # the bench is gone; the end of its pipe says what to do


def send(pids, number):
    for pid in pids:
        try:
            os.kill(pid, number)
        except OSError:
            pass


def reap():
    """{pid: status} of those that have ended."""
    ended = {}
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended[pid] = os.waitstatus_to_exitcode(status)


def end_tree(first):
    """Asked first the command itself: what it has started is its own to end."""
    me, asked_all, until = os.getpid(), False, time.monotonic() + GRACE
    send(set(below(me)) & {first}, signal.SIGTERM)
    while left := below(me):
        if first not in left and not asked_all:
            asked_all = True
            say("left " + ", ".join(sorted(map(command_of, left))))
            send(left, signal.SIGTERM)
        if time.monotonic() > until:
            send(left, signal.SIGKILL)
        time.sleep(0.02)
        reap()
    reap()


def main():
    libc = ctypes.CDLL(None)
    libc.prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # the bench says when

    def before_exec():
        # Should the keeper itself be killed, the bench gets the orphans.
        libc.prctl(SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for folder in filter(None, os.environ.get("ALLOCBENCH_CGROUP", "").split(":")):
            with open(folder + "/cgroup.procs", "w", encoding="ascii") as procs:
                procs.write("0")

    environment = {k: v for k, v in os.environ.items() if not k.startswith("ALLOCBENCH_")}
    try:
        child = subprocess.Popen(sys.argv[1:], env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr,
                                 preexec_fn=before_exec, start_new_session=True)
    except (OSError, subprocess.SubprocessError) as e:
        print(f"failed {sys.argv[1]}: {getattr(e, 'strerror', None) or e}", flush=True)
        return
    say(f"pid {child.pid}")
    wake_in, wake_out = os.pipe()
    os.set_blocking(wake_out, False)
    signal.set_wakeup_fd(wake_out, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    told = False
    while True:
        status = reap().get(child.pid)
        if status is not None and not told:
            told = True
            say(f"ended {status}")
        ready, _, _ = select.select([0, wake_in], [], [], 5)
        if wake_in in ready:
            os.read(wake_in, 4096)
        if 0 in ready:
            break
    signal.set_wakeup_fd(-1)
    end_tree(child.pid)


if __name__ == "__main__":
    main()
