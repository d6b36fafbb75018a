"""The report as one HTML file: verdict first; it opens offline, and asks nobody for anything."""
from __future__ import annotations

import html
from pathlib import Path
from typing import Any

from . import pictures, summary
from .figures import METRICS
from .machine import save_text
from .store import Store

STYLE = """
:root { color-scheme: light dark; --soft: color-mix(in srgb, currentColor 15%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem;
  background: light-dark(#fff, #16181c); color: light-dark(#1b1d21, #e4e6ea); }
h1 { font-size: 1.5rem; } h2 { font-size: 1.1rem; margin-top: 2.2rem; }
.verdict { font-size: 1.1rem; padding: .8rem 1rem; border-left: .3rem solid #0072b2; background: var(--soft); }
.unfit { border-color: #d55e00; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: .9rem; }
td, th { padding: .25rem .7rem; text-align: right; border-bottom: 1px solid var(--soft); }
td:first-child, th:first-child, .words { text-align: left; }
td:first-child { white-space: nowrap; }
.path { overflow-wrap: anywhere; }
.better { color: light-dark(#00664a, #4fd1a5); font-weight: 600; }
.worse, .is-unfit { color: light-dark(#a33c00, #ff9d66); font-weight: 600; }
svg { width: 100%; height: auto; }
"""


def cell(value: object, kind: str = "td", style: str = "") -> str:
    return f"<{kind}{f' class={chr(34)}{style}{chr(34)}' if style else ''}>{html.escape(str(value))}</{kind}>"


def table(head: list[object], rows: list[str], words: tuple[int, ...] = ()) -> str:
    """WORDS: the columns that are no numbers."""
    heads = "".join(cell(h, "th", "words" if at in words else "") for at, h in enumerate(head))
    return (f"<div class=\"wide\"><table><thead><tr>{heads}</tr></thead>"
            f"<tbody>{''.join(f'<tr>{row}</tr>' for row in rows)}</tbody></table></div>")


def verdicts(report: dict[str, Any]) -> str:
    rows = []
    for c in report["comparisons"]:
        reach = "unknown" if c["low"] is None or c["high"] is None else f"{c['low']:.3f} to {c['high']:.3f}"
        rows.append(cell(c["arm"]) + cell(METRICS[c["metric"]].words, style="words") + cell(f"{c['ratio']:.3f}")
                    + cell(reach) + cell(f"{c['p_holm']:.3g}")
                    + cell(c["verdict"], style=f"words {'is-unfit' if c['word'] == 'unfit' else c['word']}"))
    return table(["arm", "", "ratio to glibc", "95 % interval", "p (Holm)", "verdict"], rows, (1, 5))


def figures(report: dict[str, Any]) -> str:
    arms = report["arms"]
    rows = []
    for metric in METRICS.values():
        if any(metric.name in arm["median"] for arm in arms.values()) or metric.name == "allocator_share":
            rows.append(cell(f"{metric.words}{', ' + metric.unit if metric.unit else ''}")
                        + "".join(cell(summary.number(arm["median"].get(metric.name))) for arm in arms.values()))
    return table([f"medians of {report['rounds']} rounds", *arms], rows)


def proofs(report: dict[str, Any]) -> str:
    rows = []
    for name, arm in report["arms"].items():
        for process in arm["proof"]:
            options = ", ".join(f"{k}={v}" for k, v in process["options"].items())
            rows.append(cell(name) + cell(process["name"], style="words") + cell(process["library"] or "", style="words path")
                        + cell(options, style="words") + cell(process["options_evidence"], style="words"))
    return table(["arm", "process", "what serves malloc", "options", "evidence"], rows, (1, 2, 3, 4))


def how(report: dict[str, Any]) -> str:
    plan, machine = report["plan"], report["machine"]
    said = {"server": " ".join(plan["server"]), "load": plan["load"], "phases": plan["phases"],
            "judged": f"{', '.join(METRICS[m].words for m in plan['metrics'])} (named before the run)", "seed": plan["seed"],
            "cpu": f"{machine['cpu']}, {machine['cpus']} usable", "memory": f"{machine['memory_mib']} MiB",
            "kernel": machine["kernel"], "libc": machine["libc"], "huge pages": machine["thp"],
            "load at the start": f"{machine['load']:.1f}"}
    return table(["", ""], [cell(key) + cell(value, style="words path") for key, value in said.items()], (1,))


def section(title: str, *parts: str) -> str:
    return f"<h2>{html.escape(title)}</h2>{''.join(parts)}" if any(parts) else ""


def render(report: dict[str, Any], rounds: pictures.Rounds) -> str:
    arms = list(report["arms"])
    server = " ".join(Path(word).name for word in report["plan"]["server"] if not word.startswith("-"))
    body = [f"<h1>allocbench: {html.escape(server[:60])}</h1>",
            f"<p class=\"verdict{' unfit' if report['unfit'] else ''}\">{html.escape(summary.headline(report))}</p>"]
    if rounds:
        body += [section("Against glibc, paired by round", verdicts(report) if report["comparisons"] else "",
                         pictures.forest(report)),
                 section("Memory over time, every round a line", pictures.memory(rounds, arms)),
                 section("Latency from the moment a request was due", pictures.cdf(rounds, arms),
                         pictures.by_percentile(rounds, arms)),
                 section("CPU of the server", pictures.cpu(report)),
                 section("Figures", figures(report)),
                 section("Proved in the running processes by allocrun --check", proofs(report))]
    notes = "".join(f"<li>{html.escape(line)}</li>" for line in summary.remarks(report) if line)
    body += [section("How", how(report), f"<ul>{notes}</ul>")]
    return ("<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" "
            f"content=\"width=device-width, initial-scale=1\"><title>allocbench</title><style>{STYLE}</style></head>"
            f"<body>{''.join(body)}</body></html>\n")


def write(store: Store, report: dict[str, Any], out: Path) -> None:
    save_text(out, render(report, store.rounds()))
