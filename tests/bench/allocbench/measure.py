"""One run: a server started anew under one arm, proved, put through the phases, ended."""
from __future__ import annotations

import http.client
import json
import re
import socket
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable

from . import cgroup, loads, procfs
from .arms import Arm, prove
from .errors import BenchError, UsageError
from .figures import of_run
from .kept import Kept
from .machine import save_json
from .phases import Phase
from .profile import Profile, share
from .readings import Request
from .sampler import Sampler


@dataclass(frozen=True)
class Task:
    """What is the same for all runs."""
    server: list[str]
    ready: str            # a path, a port, or log:REGEX
    load: loads.Load
    phases: list[Phase]
    allocrun: str
    port: int             # 0: a free one for each start
    ready_s: float
    grace_s: float = 10   # between SIGTERM and SIGKILL
    cool_s: float = 10    # at most, before each start
    in_use: str = ""      # a path that answers {"in_use": bytes}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def expect_free(port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError as e:
            raise BenchError(f"port {port} is not free ({e.strerror}): end what listens there, or --port") from None


def get(port: int, path: str, timeout: float = 5) -> tuple[int, bytes]:
    link = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        link.request("GET", path)
        answer = link.getresponse()
        return answer.status, answer.read()
    finally:
        link.close()


def the_ready(text: str) -> str:
    """A word that can be waited for; raises UsageError."""
    if text.startswith("log:"):
        try:
            re.compile(text[4:])
        except re.error as e:
            raise UsageError(f"--ready {text}: {e}") from None
    elif text and not text.startswith("/") and not (text.isdigit() and 0 < int(text) < 1 << 16):
        raise UsageError(f"--ready {text}: it is a /PATH, a port or log:REGEX")
    return text


def is_ready(task: Task, port: int, log: Path) -> bool:
    if task.ready.startswith("log:"):
        return re.search(task.ready[4:], log.read_text(errors="replace")) is not None
    try:
        if task.ready.startswith("/"):
            return get(port, task.ready)[0] < 400
        with socket.create_connection(("127.0.0.1", int(task.ready or port)), 2):
            return True
    except (OSError, http.client.HTTPException):
        return False


def await_ready(task: Task, server: Kept, port: int) -> None:
    until = time.monotonic() + task.ready_s
    while not is_ready(task, port, server.log):
        if server.has_ended(0.05):
            server.expect_alive("before it was ready ")
        if time.monotonic() > until:
            others = procfs.listening_ports(server.tree()) - {port}
            where = f"it listens on {', '.join(map(str, sorted(others)))}, not on {port}" if others else \
                f"nothing answers on port {port}"
            raise BenchError(f"the server is not ready after {task.ready_s:g} s: {where}; --ready, --ready-timeout, "
                             f"or {server.log}")


def in_use(task: Task, port: int) -> float | None:
    """MiB that the program holds, if it can say so."""
    if not task.in_use:
        return None
    try:
        value = json.loads(get(port, task.in_use, 30)[1])["in_use"]
        return None if value is None else value / 2 ** 20
    except (OSError, ValueError, KeyError, TypeError, http.client.HTTPException) as e:
        raise BenchError(f"--in-use {task.in_use}: the server does not answer with {{\"in_use\": BYTES}}: {e!r}") from None


def one(task: Task, arm: Arm, seed: str, folder: Path, say: Callable[[str], None]) -> dict[str, Any]:
    """The row; raises BenchError where there is none. Nothing of the server is left in either case."""
    folder.mkdir(parents=True)
    port = task.port or free_port()
    expect_free(port)
    group = cgroup.make()
    environment = procfs.clean_environment() | {"PYTHONHASHSEED": "0", "PORT": str(port)}
    command = arm.around([word.replace("{port}", str(port)) for word in task.server])
    begun, profile = time.monotonic(), Profile()
    try:
        with Kept("the server", command, environment, folder / "server.log", group, task.grace_s) as server:
            with Sampler(server, group, folder / "samples.jsonl", profile) as sampler:
                row = watch(task, arm, seed, folder, server, sampler, port, begun, say)
            left = server.stop()
        if left:
            say(f"{arm.name}: the server left processes behind, which were ended: {left}")
        row["left_behind"] = left
        return row
    finally:
        profile.close()
        if group:
            group.remove()


def watch(task: Task, arm: Arm, seed: str, folder: Path, server: Kept, sampler: Sampler, port: int, begun: float,
          say: Callable[[str], None]) -> dict[str, Any]:
    await_ready(task, server, port)
    start_s = time.monotonic() - begun
    proof = prove(arm, server.pid, task.allocrun)
    save_json(folder / "proof.json", proof)
    used = [in_use(task, port)]
    requests: dict[str, list[Request]] = {}
    durations: dict[str, float] = {}
    marks = {"start": sampler.start()}
    for phase in task.phases:
        say(f"{arm.name}: {phase.name}")
        sampler.phase, at = phase.name, time.monotonic()
        if phase.is_idle:
            idle(phase, server, sampler)
        else:
            until = at + 600 + 10 * phase.expected_s()
            answers = loads.run(task.load, phase, port, seed, folder, server, lambda: sampler.problem, until, time.monotonic)
            requests[phase.name] = answers.requests
            durations[phase.name] = answers.duration or time.monotonic() - at
        marks[phase.name] = sampler.look() if phase.is_idle or phase is task.phases[-1] else sampler.count()
    used.append(in_use(task, port))
    server.expect_alive()
    if sampler.problem:
        raise BenchError(sampler.problem)
    figures = of_run(task.phases, start_s, marks, requests, durations, used, sampler)
    spent = sum((sampler.spent[p.name] for p in task.phases if p.kind != "warm"), Counter())
    allocator = share(spent, {Path(process["library"] or "").name for process in proof})
    return {"arm": arm.name, "metrics": figures if allocator is None else figures | {"allocator_share": allocator},
            "marks": marks, "proof": proof, "port": port, "spent": dict(spent.most_common(20)),
            "profile": sampler.profile.problem or "every phase but the warm-up",
            "memory": [[at, round(rss, 1)] for at, rss in sampler.rss],
            "latency": {name: [round(r.latency, 5) for r in rows if not r.error] for name, rows in requests.items()},
            "cgroup": sorted(sampler.group.made) if sampler.group else []}


def idle(phase: Phase, server: Kept, sampler: Sampler) -> None:
    until = time.monotonic() + phase.seconds
    while (left := until - time.monotonic()) > 0:
        if server.has_ended(min(left, 0.5)):
            server.expect_alive()
        if sampler.problem:
            raise BenchError(sampler.problem)
