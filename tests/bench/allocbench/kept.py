"""A command in the hands of a keeper (keeper.py): started, watched, ended with all that it leaves."""
from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .cgroup import Group
from .errors import BenchError
from .procfs import command_of, descendants, is_running

KEEPER = Path(__file__).with_name("keeper.py")
SET_CHILD_SUBREAPER = 36
KEEPERS: set[int] = set()  # those that live


def adopt_orphans() -> None:
    """Of a keeper that was killed, too."""
    ctypes.CDLL(None).prctl(SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def last_words(log: Path, lines: int = 3) -> str:
    try:
        with open(log, "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - 4096))
            text = file.read().decode(errors="replace")
    except OSError:
        return ""
    words = [line.strip() for line in text.splitlines() if line.strip()][-lines:]
    return f"; it said: {' | '.join(words)}" if words else ""


def how_it_ended(status: int) -> str:
    if status < 0:
        names = {number.value: number.name for number in signal.Signals}
        return f"was killed by {names.get(-status, f'signal {-status}')}"
    return f"ended with status {status}"


class Kept:
    def __init__(self, what: str, command: list[str], environment: dict[str, str], log: Path,
                 group: Group | None = None, grace: float = 10):
        self.what, self.command, self.log, self.group, self.grace = what, command, log, group, grace
        self.status: int | None = None
        self.pid = 0
        self._pending = b""
        keep = {"ALLOCBENCH_GRACE": str(grace), "ALLOCBENCH_CGROUP": group.folders() if group else ""}
        with open(log, "ab") as out:
            # Its own session: Ctrl-C goes to the bench alone, which ends things in order.
            self.keeper = subprocess.Popen([sys.executable, "-B", str(KEEPER), *command], env={**environment, **keep},
                                           stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out,
                                           start_new_session=True)
        KEEPERS.add(self.keeper.pid)
        self._await_start()

    def __enter__(self) -> "Kept":
        return self

    def __exit__(self, *_: Any) -> None:
        self.stop()

    def _await_start(self) -> None:
        try:
            while not self.pid:
                self.read(1)
                if self.keeper.poll() is not None and not self.pid:
                    raise BenchError(f"{self.what} could not be started: its keeper "
                                     f"{how_it_ended(self.keeper.returncode)}{last_words(self.log)}")
        except BaseException:
            self.stop()
            raise

    def read(self, timeout: float) -> None:
        """What the keeper has to say."""
        assert self.keeper.stdout
        ready, _, _ = select.select([self.keeper.stdout], [], [], timeout)
        if not ready:
            return
        chunk = os.read(self.keeper.stdout.fileno(), 4096)
        if not chunk:
            time.sleep(0.01)  # the keeper ends; poll() says how
            return
        *lines, self._pending = (self._pending + chunk).split(b"\n")
        for line in lines:
            word, _, rest = line.decode(errors="replace").partition(" ")
            if word == "pid":
                self.pid = int(rest)
            elif word == "ended":
                self.status = int(rest)
            else:
                raise BenchError(f"{self.what} could not be started: {rest}")

    def has_ended(self, timeout: float = 0) -> bool:
        if self.status is None:
            self.read(timeout)
        return self.status is not None or self.keeper.poll() is not None

    def expect_alive(self, when: str = "") -> None:
        if not self.has_ended():
            return
        if self.status is None:
            raise BenchError(f"the keeper of {self.what} was killed, and {self.what} with it")
        raise BenchError(f"{self.what} {when}{how_it_ended(self.status)}{last_words(self.log)}")

    def family(self) -> list[int]:
        """With those that have ended and that nobody has waited for."""
        return descendants(self.keeper.pid)

    def tree(self) -> list[int]:
        return [pid for pid in self.family() if is_running(pid)]

    def stop(self) -> str:
        """Ends the tree; returns the names of what the command had left behind when it had ended itself."""
        assert self.keeper.stdin and self.keeper.stdout
        if self.keeper.stdin.closed:
            return ""
        try:
            self.keeper.stdin.close()
        except OSError:
            pass
        try:
            self.keeper.wait(self.grace + 20)
        except subprocess.TimeoutExpired:
            self.keeper.kill()
            self.keeper.wait()
        said = (self._pending + self.keeper.stdout.read()).decode(errors="replace").splitlines()
        self.keeper.stdout.close()
        KEEPERS.discard(self.keeper.pid)
        end_orphans(self.what, self.group)
        return next((line[5:] for line in said if line.startswith("left ")), "")


def orphans(group: Group | None) -> list[int]:
    """Only when a keeper was killed is there anybody: they have fallen to us, and the group has their names."""
    kept = {pid for keeper in KEEPERS for pid in (keeper, *descendants(keeper))}
    return [pid for pid in {*descendants(os.getpid()), *(group.members() if group else [])} - kept if is_running(pid)]


def end_orphans(what: str, group: Group | None) -> None:
    until = time.monotonic() + 10
    while left := orphans(group):
        if time.monotonic() > until:
            raise BenchError(f"processes of {what} cannot be killed: "
                             f"{', '.join(f'{pid} {command_of(pid)}' for pid in left)}")
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
                os.waitpid(pid, os.WNOHANG)
            except OSError:
                pass
        time.sleep(0.02)
