"""From what was seen of one run to its figures; a figure that could not be taken is not there."""
from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .phases import Phase
from .readings import Request
from .sampler import Sampler


@dataclass(frozen=True)
class Metric:
    name: str
    words: str
    unit: str
    more_is_better: bool = False


# What can be named by --metrics. Less is better but for throughput.
METRICS = {m.name: m for m in (
    Metric("idle_pss", "memory (PSS) after the last idle phase", "MiB"),
    Metric("idle_rss", "memory (RSS) after the last idle phase", "MiB"),
    Metric("burst_pss", "memory (PSS) after the first idle phase", "MiB"),
    Metric("peak_rss", "highest memory (RSS)", "MiB"),
    Metric("over_working_set", "memory after idleness ÷ working set", "×"),
    Metric("cpu_per_request", "CPU per request", "ms"),
    Metric("user_per_request", "user CPU per request", "ms"),
    Metric("system_per_request", "system CPU per request", "ms"),
    Metric("faults_per_request", "page faults per request", ""),
    Metric("switches_per_request", "context switches per request", ""),
    Metric("start", "start to ready", "s"),
    Metric("ttft_p50", "time to first token, median", "ms"),
    Metric("ttft_p99", "time to first token, 99th percentile", "ms"),
    Metric("tpot_p50", "time per further token, median", "ms"),
    Metric("e2e_p50", "whole request, median", "ms"),
    Metric("e2e_p99", "whole request, 99th percentile", "ms"),
    Metric("throughput", "requests answered in a second", "/s", True),
    Metric("cgroup_peak", "highest memory of the control group", "MiB"),
    Metric("allocator_share", "malloc's share of user CPU", "%"),
)}
PRIMARY = "idle_pss,cpu_per_request,e2e_p99"


def percentile(values: list[float], share: float) -> float:
    """Of the raw values of one run, interpolated; never averaged over runs."""
    ordered = sorted(values)
    at = share * (len(ordered) - 1)
    low = int(at)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (at - low)


def of_requests(rows: list[Request], duration: float) -> dict[str, float]:
    good = [r for r in rows if not r.error]
    found = {"throughput": len(good) / duration, "failed": float(len(rows) - len(good)), "requests": float(len(rows))}
    for name, values, shares in (("e2e", [r.latency for r in good], (50, 90, 99)),
                                 ("ttft", [r.ttft for r in good if r.ttft is not None], (50, 90, 99)),
                                 ("tpot", [r.tpot for r in good if r.tpot is not None], (50, 99))):
        found |= {f"{name}_p{share}": percentile(values, share / 100) * 1e3 for share in shares if values}
    return found


def of_run(phases: list[Phase], start_s: float, marks: dict[str, dict], requests: dict[str, list[Request]],
           durations: dict[str, float], used: list[float | None], sampler: Sampler) -> dict[str, Any]:
    """CPU, faults and switches count from the end of the warm-up to the end of the last phase, so that what is
    done in the background and at idleness is paid for. Latencies are of the measured work together."""
    last = phases[-1].name
    warm = [p.name for p in phases if p.kind == "warm"]
    work = [p.name for p in phases if not p.is_idle and p.kind != "warm"]
    idle = [p.name for p in phases if p.is_idle]
    before, after = marks[warm[-1] if warm else "start"], marks[last]
    answered = sum(not r.error for name in work for r in requests[name])
    found: dict[str, float] = {"start": start_s}
    found |= of_requests([r for name in work for r in requests[name]], sum(durations[name] for name in work))
    for name, keys in (("cpu", ("user_s", "system_s")), ("user", ("user_s",)), ("system", ("system_s",))):
        found[f"{name}_s"] = sum(after[key] - before[key] for key in keys)
        found[f"{name}_per_request"] = found[f"{name}_s"] / answered * 1e3
    found["faults_per_request"] = (after["minor_faults"] - before["minor_faults"]) / answered
    found["major_faults"] = float(after["major_faults"] - before["major_faults"])
    found["switches_per_request"] = (after["voluntary"] + after["involuntary"]
                                     - before["voluntary"] - before["involuntary"]) / answered
    found |= of_memory(marks, idle, last, sampler)
    if used[0] is not None and used[1] is not None:
        found["working_set"] = marks["start"]["rss_mib"] + used[1] - used[0]
        if found["working_set"] > 0:
            found["over_working_set"] = found["idle_rss"] / found["working_set"]
    found["sampler_share"] = sampler.cpu_s / (marks[last]["at"] or 1) * 100
    return found


def of_memory(marks: dict[str, dict], idle: list[str], last: str, sampler: Sampler) -> dict[str, float]:
    end = marks[idle[-1] if idle else last]
    found = {"start_rss": marks["start"]["rss_mib"], "idle_rss": end["rss_mib"], "idle_pss": end["pss_mib"],
             "idle_anonymous": end["anonymous_mib"], "idle_huge": end["huge_mib"], "idle_swap": end["swap_mib"],
             "idle_lazy_free": end["lazy_free_mib"],
             "peak_rss": max(max(rss for _, rss in sampler.rss),
                             marks[last]["peak_mib"] if marks[last]["processes"] == 1 else 0.0)}
    if idle:
        found["burst_pss"] = marks[idle[0]]["pss_mib"]
    if "cgroup_peak_mib" in marks[last]:
        found["cgroup_peak"] = marks[last]["cgroup_peak_mib"]
        found["cgroup_current"] = end["cgroup_current_mib"]
    for kind in ("memory", "cpu"):
        if f"psi_{kind}_s" in marks[last]:
            found[f"psi_{kind}_s"] = marks[last][f"psi_{kind}_s"] - marks["start"][f"psi_{kind}_s"]
    return found
