"""The load that comes along: requests are sent when they are due, whether or not the server keeps up.

    python3 -m allocbench.generate PLAN OUT

A request's latency counts from the moment at which it was due, so a server that stalls pays for all that
had to wait (no coordinated omission). PLAN is JSON: url, kind (openai or http), model, due (seconds),
bodies or a file of them, seed. OUT has, for each request, when it was due and sent, the time to its first
token, to its end, and its tokens. A process of its own: its CPU is not the server's.
"""
from __future__ import annotations

import asyncio
import json
import random
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from .machine import save_json

WORDS = "allocator tensor page fault latency cache model weight token batch request answer".split()


def openai_body(model: str, chance: random.Random) -> dict[str, Any]:
    """Prompts of heavy-tailed length, as traffic is; the same seed gives the same."""
    prompt = " ".join(chance.choices(WORDS, k=int(2 ** chance.uniform(3, 9))))
    return {"model": model, "prompt": prompt, "max_tokens": chance.choice((8, 16, 32, 64)), "stream": True,
            "temperature": 0, "ignore_eos": True, "stream_options": {"include_usage": True}}


def bodies(plan: dict[str, Any]) -> list[bytes | None]:
    chance, count = random.Random(f"{plan['seed']}"), len(plan["due"])
    if plan.get("bodies"):
        lines = [line for line in Path(plan["bodies"]).read_bytes().splitlines() if line.strip()]
        return chance.choices(lines, k=count)
    if plan["kind"] == "openai":
        return [json.dumps(openai_body(plan["model"], chance)).encode() for _ in range(count)]
    if plan["kind"] == "draws":  # of our own demo service
        return [json.dumps({"draw": chance.randrange(1 << 30)}).encode() for _ in range(count)]
    return [None] * count


async def read_answer(answer: aiohttp.ClientResponse, is_stream: bool, row: dict[str, Any], due: float) -> None:
    if not is_stream:
        async for _ in answer.content.iter_any():
            row.setdefault("ttfb", time.monotonic() - due)
        return
    tokens = 0
    async for line in answer.content:
        if not line.startswith(b"data:") or line[5:].strip() == b"[DONE]":
            continue
        event = json.loads(line[5:])
        if event.get("error"):
            row["error"] = str(event["error"])[:200]
        if any(choice.get("text") or (choice.get("delta") or {}).get("content") for choice in event.get("choices", [])):
            row.setdefault("ttft", time.monotonic() - due)
            tokens += 1
        tokens = (event.get("usage") or {}).get("completion_tokens", tokens)
    row["tokens"] = tokens


async def one(session: aiohttp.ClientSession, plan: dict[str, Any], body: bytes | None, at: float,
              start: float) -> dict[str, Any]:
    due = start + at
    await asyncio.sleep(max(0.0, due - time.monotonic()))
    row: dict[str, Any] = {"due": at, "sent": time.monotonic() - start, "error": None}
    try:
        async with session.request("POST" if body else "GET", plan["url"], data=body,
                                   headers={"Content-Type": "application/json"} if body else None) as answer:
            await read_answer(answer, plan["kind"] == "openai", row, due)
            if answer.status >= 400:
                row["error"] = f"HTTP {answer.status}"
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError) as e:
        row["error"] = f"{type(e).__name__}: {e}"[:200]
    row["latency"] = time.monotonic() - due
    return row


async def run(plan: dict[str, Any]) -> dict[str, Any]:
    prepared = bodies(plan)
    timeout = aiohttp.ClientTimeout(total=plan.get("timeout", 600))
    # A connection for each request in flight: none waits for another one's.
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
        start = time.monotonic()
        rows = await asyncio.gather(*(one(session, plan, body, at, start) for body, at in zip(prepared, plan["due"])))
        return {"duration": time.monotonic() - start, "requests": rows}


def main() -> None:
    plan = json.loads(Path(sys.argv[1]).read_text())
    save_json(Path(sys.argv[2]), asyncio.run(run(plan)), None)


if __name__ == "__main__":
    main()
