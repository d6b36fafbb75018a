"""What a benchmark program in Python says to the runner (see bench.h for the protocol)."""
import os
import resource
import sys
import time

blocked = 0.0


def parameters(defaults: dict[str, int]) -> dict[str, int]:
    """name=value arguments over the defaults."""
    chosen = dict(defaults)
    for argument in sys.argv[1:]:
        name, _, value = argument.partition("=")
        if name not in chosen:
            sys.exit(f"{sys.argv[0]}: no parameter '{name}' ({' '.join(chosen)})")
        chosen[name] = int(value)
    return chosen


def mark(name: str) -> None:
    """Reports where the program stands and waits until the runner has looked at it."""
    global blocked
    now = time.monotonic()
    usage = resource.getrusage(resource.RUSAGE_SELF)
    say(f"mark {name} {os.getpid()} {now - blocked:.6f} {usage.ru_utime:.6f} {usage.ru_stime:.6f} {usage.ru_minflt}")
    if "BENCH_ANSWER" in os.environ:
        os.read(int(os.environ["BENCH_ANSWER"]), 1)
    blocked += time.monotonic() - now


def value(name: str, number: float) -> None:
    say(f"value {name} {number:.6f}")


def live() -> None:
    """What is resident without the allocator's own slack, where the allocator is a
    jemalloc that can be asked. After "end" only: asking allocates."""
    import ctypes
    process = ctypes.CDLL(None)
    if not hasattr(process, "mallctl"):
        return
    size = ctypes.c_size_t(ctypes.sizeof(ctypes.c_size_t))
    epoch = ctypes.c_uint64(1)
    process.mallctl(b"epoch", None, None, ctypes.byref(epoch), ctypes.c_size_t(8))

    def read(name: bytes) -> int:
        number = ctypes.c_size_t()
        process.mallctl(name, ctypes.byref(number), ctypes.byref(size), None, ctypes.c_size_t(0))
        return number.value

    with open("/proc/self/smaps_rollup", encoding="ascii") as rollup:
        resident = next(int(line.split()[1]) * 1024 for line in rollup if line.startswith("Rss:"))
    value("live_mib", (resident - read(b"stats.resident") + read(b"stats.allocated")) / 2 ** 20)


def latencies(seconds: list[float]) -> None:
    """The two quantiles of an operation that the table has."""
    ordered = sorted(seconds)
    value("op_p50_us", ordered[len(ordered) // 2] * 1e6)
    value("op_p99_us", ordered[int(len(ordered) * 0.99)] * 1e6)


def say(line: str) -> None:
    os.write(int(os.environ.get("BENCH_REPORT", "1")), (line + "\n").encode())
