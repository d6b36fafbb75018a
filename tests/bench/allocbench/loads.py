"""Which command makes the load of a phase: our own generator, vllm bench serve, or anybody's."""
from __future__ import annotations

import json
import shlex
import shutil
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .arms import words_of
from .errors import BenchError, UsageError
from .kept import Kept
from .phases import Phase
from .procfs import clean_environment
from .readings import Answers, read

PACKAGE = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Load:
    """kind: openai, http, draws, vllm or command. what: a model, a path or a command."""
    kind: str
    what: str
    bodies: str = ""

    def is_ours(self) -> bool:
        return self.kind not in ("command", "vllm")

    def command(self, phase: Phase, port: int, seed: str, folder: Path) -> tuple[list[str], Path]:
        out = folder / f"load-{phase.name}.json"
        if self.kind == "command":
            values = {"port": port, "out": out, "phase": phase.name, "requests": phase.requests, "rate": phase.rate,
                      "seed": seed_of(phase, seed)}
            return [fill(word, values) for word in shlex.split(self.what)], out
        if self.kind == "vllm":
            return vllm_command(self.what, phase, port, seed, out), out
        plan = folder / f"plan-{phase.name}.json"
        path = "/v1/completions" if self.kind == "openai" else self.what
        plan.write_text(json.dumps({"url": f"http://127.0.0.1:{port}{path}", "kind": self.kind, "model": self.what,
                                    "due": phase.schedule(seed), "seed": f"{seed}:{phase.name}",
                                    "bodies": self.bodies}))
        return [sys.executable, "-B", "-m", "allocbench.generate", str(plan), str(out)], out


def seed_of(phase: Phase, seed: str) -> int:
    """A number for whom no text is a seed; another one for each round and phase."""
    return zlib.crc32(f"{seed}:{phase.name}".encode()) & 0x7fffffff


def fill(word: str, values: dict) -> str:
    """Only what we know: a load's own JSON has braces of its own."""
    for name, value in values.items():
        word = word.replace("{" + name + "}", str(value))
    return word


def vllm_command(model: str, phase: Phase, port: int, seed: str, out: Path) -> list[str]:
    shape = 0.3 if phase.kind == "burst" else 1.0
    return [*shlex.split(find_vllm()), "bench", "serve", "--backend", "openai", "--host", "127.0.0.1", "--port",
            str(port), "--model", model, "--dataset-name", "random", "--random-input-len", "512",
            "--random-output-len", "24", "--random-range-ratio", "0.9", "--ignore-eos",
            "--num-prompts", str(phase.requests), "--request-rate", str(phase.rate), "--burstiness", str(shape),
            "--seed", str(seed_of(phase, seed)), "--save-result", "--save-detailed",
            "--result-dir", str(out.parent), "--result-filename", out.name, "--disable-tqdm"]


def find_vllm() -> str:
    found = shutil.which("vllm")
    if not found:
        raise UsageError("--load vllm: there is no vllm on PATH; put its environment's bin there, or --load openai:MODEL")
    return shlex.quote(found)


def parse(text: str, bodies: str) -> Load:
    kind, _, what = text.partition(":")
    if kind == "draws":
        return Load(kind, what or "/")
    if kind in ("openai", "vllm"):
        if not what:
            raise UsageError(f"--load {text}: which model? {kind}:MODEL")
        if kind == "vllm":
            find_vllm()
        return Load(kind, what, bodies)
    if kind == "http":
        return Load(kind, "/" + what.lstrip("/"), bodies)
    if "{out}" not in text:
        raise UsageError(f"--load {text}: wanted is openai:MODEL, vllm:MODEL, http:/PATH or a command with {{out}}")
    command = words_of(text, "--load")[0]
    if not shutil.which(command):
        raise UsageError(f"--load {text}: there is no command {command}")
    return Load("command", text)


def run(load: Load, phase: Phase, port: int, seed: str, folder: Path, server: Kept, problem: Callable[[], str],
        until: float, now: Callable[[], float]) -> Answers:
    """The load to its end; an error as soon as the server ends, or the sampler cannot go on."""
    command, out = load.command(phase, port, seed, folder)
    environment = clean_environment()
    if load.is_ours():
        environment |= {"PYTHONPATH": str(PACKAGE.parent)}
    with Kept(f"the load of {phase.name}", command, environment, folder / "load.log", grace=3) as client:
        while not client.has_ended(0.2):
            server.expect_alive()
            if problem():
                raise BenchError(problem())
            if now() > until:
                raise BenchError(f"the load of {phase.name} does not end")
    if client.status != 0:
        client.expect_alive()
    server.expect_alive()
    answers = read(out)
    requests = answers.requests
    failed = [r for r in requests if r.error]
    if len(failed) > len(requests) * 0.05:
        raise BenchError(f"{len(failed)} of {len(requests)} requests of {phase.name} failed: {failed[0].error}")
    return answers
