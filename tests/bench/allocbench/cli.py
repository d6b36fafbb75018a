"""The command line of allocbench."""
from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from typing import Any

from . import arms as those
from . import errors, experiment, loads, measure, phases
from .figures import METRICS, PRIMARY
from .hypotheses import rounds_needed
from .store import Store

USAGE = 125


def rounds(text: str) -> int:
    if not text.isdigit() or int(text) < 1:
        raise errors.UsageError("--rounds: at least one")
    return int(text)


def parser() -> argparse.ArgumentParser:
    top = argparse.ArgumentParser(prog="allocbench", description="An honest A/B of one's own server over memory allocators.",
                                  epilog="allocbench(1) tells more.", allow_abbrev=False)
    commands = top.add_subparsers(dest="mode", required=True, metavar="run|report|compare|watch|demo|setup")
    run = commands.add_parser("run", help="measure; the same command again goes on where it was stopped",
                              usage="allocbench run [OPTION]... -- SERVER...", allow_abbrev=False)
    add_run_options(run)
    run.add_argument("server", nargs=argparse.REMAINDER, metavar="-- SERVER...", help="{port} in it is filled in")
    report = commands.add_parser("report", help="the verdicts of a folder of results", allow_abbrev=False)
    report.add_argument("folder", type=Path)
    report.add_argument("--html", type=Path, metavar="FILE", help="one page that needs nothing else")
    report.add_argument("--format", choices=("text", "json"), default="text")
    compare = commands.add_parser("compare", help="the same arms of two runs, say before and after an update",
                                  allow_abbrev=False)
    compare.add_argument("before", type=Path)
    compare.add_argument("after", type=Path)
    add_watch(commands)
    demo = commands.add_parser("demo", help="what an allocator does to a small service, within three minutes",
                               allow_abbrev=False)
    demo.add_argument("-o", dest="folder", type=Path, default=Path("allocbench-demo"))
    demo.add_argument("--rounds", type=rounds, default=2)
    demo.add_argument("--work", choices=("documents", "front", "embed", "prefork", "table"), default="documents")
    demo.add_argument("--python", metavar="PATH", help="runs the service; embed needs one with torch")
    demo.add_argument("--arms", default="glibc,glibc-pinned,balanced", metavar="LIST")
    demo.add_argument("--phases", metavar="LIST", help="in place of those that show most; see run")
    demo.add_argument("--allocrun", metavar="PATH")
    setup = commands.add_parser("setup", help="install what allocbench needs into an environment of its own",
                                allow_abbrev=False)
    setup.add_argument("folder", nargs="?", type=Path)
    return top


def add_run_options(run: argparse.ArgumentParser) -> None:
    run.add_argument("-o", dest="folder", type=Path, default=Path("allocbench-results"), metavar="FOLDER")
    run.add_argument("--arms", default=those.DEFAULT, metavar="LIST", help=f"default: {those.DEFAULT}")
    run.add_argument("--arm", action="append", default=[], metavar="NAME=...",
                     help="one more: NAME=/PATH.so or NAME='VARIABLE=VALUE COMMAND'")
    run.add_argument("--rounds", type=rounds, default=10)
    run.add_argument("--ready", default="", metavar="/PATH|PORT|log:REGEX", help="default: the port accepts connections")
    run.add_argument("--ready-timeout", type=float, default=600, metavar="SECONDS")
    run.add_argument("--load", default="http:/", metavar="openai:MODEL|vllm:MODEL|http:/PATH|COMMAND",
                     help="a command has {port} and {out} and writes JSON")
    run.add_argument("--bodies", default="", metavar="FILE", help="a request's body on each line, drawn by the seed")
    run.add_argument("--phases", default=phases.DEFAULT, metavar="LIST", help=f"default: {phases.DEFAULT}")
    run.add_argument("--metrics", default=PRIMARY, metavar="LIST", help=f"what is judged; default: {PRIMARY}")
    run.add_argument("--seed", type=int, default=1)
    run.add_argument("--port", type=int, default=0, help="default: a free one for each start")
    run.add_argument("--grace", type=float, default=10, metavar="SECONDS", help="for the server to end when it is asked to")
    run.add_argument("--cool", type=float, default=10, metavar="SECONDS",
                     help="at most, before each start, until the machine is quiet")
    run.add_argument("--in-use", default="", metavar="/PATH", help="answers {\"in_use\": BYTES}: the working set")
    run.add_argument("--allocrun", metavar="PATH")


def add_watch(commands: Any) -> None:
    watch = commands.add_parser("watch", help="live servers for days: memory and its slope", allow_abbrev=False)
    watch.add_argument("-o", dest="file", type=Path, default=Path("allocbench-watch.jsonl"), metavar="FILE")
    watch.add_argument("--arm", action="append", default=[], metavar="NAME=PID|port:PORT|cgroup:PATH")
    watch.add_argument("--metrics", action="append", default=[], metavar="NAME=URL", help="its Prometheus page, for TTFT")
    watch.add_argument("--every", type=float, default=10, metavar="SECONDS")
    watch.add_argument("--days", type=float, default=7)
    watch.add_argument("--report", action="store_true", help="measure nothing, say what the file has")
    watch.add_argument("--allocrun", metavar="PATH")


def the_metrics(text: str) -> list[str]:
    names = list(dict.fromkeys(text.split(",")))
    for name in names:
        if name not in METRICS:
            raise errors.UsageError(f"--metrics: no metric '{name}'; there are: {' '.join(METRICS)}")
    return names


def the_server(words: list[str]) -> list[str]:
    server = words[1:] if words[:1] == ["--"] else words
    if not server:
        raise errors.UsageError("which server? allocbench run [OPTION]... -- SERVER...")
    return server


def run(chosen: argparse.Namespace) -> int:
    if not 0 <= chosen.port < 1 << 16:
        raise errors.UsageError(f"--port {chosen.port}: it is 1 to 65535, or 0 for a free one")
    for name in ("ready_timeout", "grace", "cool"):
        if not 0 <= getattr(chosen, name) < 1e6:
            raise errors.UsageError(f"--{name.replace('_', '-')}: it is a number of seconds")
    allocrun = those.find_allocrun(chosen.allocrun)
    arms = those.parse(chosen.arms, chosen.arm, allocrun)
    server = the_server(chosen.server)
    if chosen.bodies and not Path(chosen.bodies).is_file():
        raise errors.UsageError(f"--bodies: there is no file {chosen.bodies}")
    task = measure.Task(server, measure.the_ready(chosen.ready), loads.parse(chosen.load, chosen.bodies), phases.parse(chosen.phases),
                        allocrun, chosen.port, chosen.ready_timeout, chosen.grace, chosen.cool, chosen.in_use)
    plan = {"arms": [arm.as_json() for arm in arms], "metrics": the_metrics(chosen.metrics), "rounds": chosen.rounds,
            "seed": chosen.seed, "server": server, "load": chosen.load, "bodies": chosen.bodies,
            "phases": chosen.phases, "ready": chosen.ready, "in_use": chosen.in_use}
    return measure_all(Store(chosen.folder), json.loads(json.dumps(plan)), task, arms)


def measure_all(store: Store, plan: dict[str, Any], task: measure.Task, arms: list[those.Arm]) -> int:
    fewest = rounds_needed([arm.name for arm in arms], plan["metrics"])
    if plan["rounds"] < fewest:
        print(f"allocbench: {plan['rounds']} rounds give figures, no verdicts: {len(arms)} arms and "
              f"{len(plan['metrics'])} metrics need {fewest}", file=sys.stderr)
    experiment.run(store, plan, task, arms)
    from . import summary  # with numpy, which a start that ends early does not need
    print(summary.text(summary.read(store)))
    print(f"\n{store.folder}: allocbench report {store.folder} --html FILE draws it")
    return 0


def report(chosen: argparse.Namespace) -> int:
    Store(chosen.folder).meta()  # before what takes its time to load
    from . import summary
    found = summary.read(Store(chosen.folder))
    if chosen.html:
        from . import page
        page.write(Store(chosen.folder), found, chosen.html)
    print(json.dumps(found, indent=1) if chosen.format == "json" else summary.text(found))
    return 0


def compare(chosen: argparse.Namespace) -> int:
    from . import compare as comparing
    print(comparing.text(Store(chosen.before), Store(chosen.after)))
    return 0


def watch(chosen: argparse.Namespace) -> int:
    from . import watch as watching
    return watching.main(chosen)


def demo(chosen: argparse.Namespace) -> int:
    from . import demo as showing
    return showing.main(chosen)


def setup(chosen: argparse.Namespace) -> int:
    from . import environment
    return environment.make(chosen.folder)


def main(words: list[str] | None = None) -> int:
    sys.stdout.reconfigure(errors="replace")  # a locale without the signs of the tables stops no report
    chosen = argparse.Namespace(mode="")
    modes = {"run": run, "report": report, "compare": compare, "watch": watch, "demo": demo, "setup": setup}
    try:
        chosen = parser().parse_args(words)
        done = modes[chosen.mode](chosen)
        sys.stdout.flush()
        return done
    except SystemExit as e:
        return USAGE if e.code else 0
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # the reader has seen enough; nor is there anybody for the rest
        return 0
    except errors.UsageError as e:
        print(f"allocbench: {e}", file=sys.stderr)
        return USAGE
    except errors.BenchError as e:
        print(f"allocbench: {e}", file=sys.stderr)
        return 1
    except OSError as e:
        print(f"allocbench: {f'{e.filename}: ' if e.filename else ''}{e.strerror or e}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        kept = "; the complete rounds are kept, and the same command goes on" if chosen.mode in ("run", "demo") else ""
        print(f"\nallocbench: stopped{kept}", file=sys.stderr)
        return 130
