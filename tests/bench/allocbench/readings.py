"""What loads write about their requests, from whichever tool: raw values, one for each request, in seconds."""
from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Iterator

from .errors import BenchError


@dataclass
class Request:
    latency: float            # from the moment it was due, where the load says so
    ttft: float | None = None
    tpot: float | None = None
    error: str | None = None


@dataclass
class Answers:
    """Of one phase. A load starts for seconds before it sends: how long it sent, where it says that."""
    requests: list[Request]
    duration: float | None = None


def own(saved: dict) -> Iterator[Request]:
    """Ours: {"requests": [{"latency": s, "ttft": s, "tokens": n, "error": null}]}"""
    for row in saved["requests"]:
        latency, ttft, tokens = float(row["latency"]), row.get("ttft"), row.get("tokens") or 0
        tpot = (latency - ttft) / (tokens - 1) if ttft is not None and tokens > 1 else None
        yield Request(latency, ttft, tpot, row.get("error") or None)


def vllm(saved: dict) -> Iterator[Request]:
    """vllm bench serve --save-detailed (and SGLang's of the same ancestry). Its latencies count from the real
    sending: what a request waited in the client is added again."""
    queue = saved.get("queue_times") or []
    for ttft, gaps, waited, error in zip_longest(saved["ttfts"], saved["itls"], queue, saved.get("errors") or []):
        waited = waited or 0.0
        yield Request(waited + ttft + sum(gaps), waited + ttft, sum(gaps) / len(gaps) if gaps else None, error or None)


def guidellm(saved: dict) -> Iterator[Request]:
    for benchmark in saved["benchmarks"]:
        for kind, rows in benchmark["requests"].items():
            for row in rows if kind in ("successful", "errored") else ():
                error = None if kind == "successful" else str(row.get("error") or kind)
                yield Request(row.get("request_latency") or 0.0, seconds(row.get("time_to_first_token_ms")),
                              seconds(row.get("time_per_output_token_ms")), error)


def seconds(milliseconds: float | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def aiperf(rows: list[dict]) -> Iterator[Request]:
    """The lines of profile_export.jsonl: a value and its unit."""
    scale = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "sec": 1.0}

    def value(row: dict, name: str) -> float | None:
        found = (row.get("metrics") or {}).get(name)
        return None if found is None else found["value"] * scale[found["unit"]]
    for row in rows:
        error = row.get("error") or (row.get("metadata") or {}).get("error")
        yield Request(value(row, "request_latency") or 0.0, value(row, "time_to_first_token"),
                      value(row, "inter_token_latency"), str(error) if error else None)


def parse(text: str) -> list[Request]:
    try:
        saved: Any = json.loads(text)
    except ValueError:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
        return list(aiperf(rows))
    if "requests" in saved:
        return list(own(saved))
    if "ttfts" in saved:
        return list(vllm(saved))
    if "benchmarks" in saved:
        return list(guidellm(saved))
    if "metrics" in saved:
        return list(aiperf([saved]))
    raise ValueError("it is none of the known kinds (ours, vllm bench serve --save-detailed, GuideLLM, AIPerf)")


def duration_of(text: str) -> float | None:
    """vllm bench serve and our own generator say it, in seconds."""
    try:
        said = json.loads(text)["duration"]
    except (ValueError, KeyError, TypeError):
        return None
    return float(said) if isinstance(said, (int, float)) and 0 < said < 1e6 else None


def is_time(value: float | None) -> bool:
    return value is None or 0 <= value < 1e6


def read(path: Path) -> Answers:
    try:
        text = path.read_text(encoding="utf-8")
        requests = parse(text)
        if not all(r.error or all(map(is_time, (r.latency, r.ttft, r.tpot))) for r in requests):
            raise ValueError("a latency is no number of seconds")
    except FileNotFoundError:
        raise BenchError(f"the load ended well but wrote no {path.name}; its command must write JSON to {{out}}") from None
    except (ValueError, KeyError, TypeError, AttributeError, UnicodeDecodeError) as e:
        raise BenchError(f"the load wrote nonsense to {path}: {e!r:.120}") from None
    if not requests:
        raise BenchError(f"the load wrote {path} without a single request")
    return Answers(requests, duration_of(text))
