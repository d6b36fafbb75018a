#!/usr/bin/env python3
"""(a) A transformer encoder of PyTorch: many threads, batch shapes that nobody can foresee.

    encoder.py [threads=16] [requests=640] [batch=10] [length=512]

The threads stay, idle, as a server's pool does. The shapes come from one seeded list, so
that every contender does the same work whatever the order in which threads take it.
"""
import queue
import random
import threading
import time

import bench
import torch

SEED = 20
WIDTH = 128


def encoder() -> torch.nn.Module:
    torch.manual_seed(SEED)
    layer = torch.nn.TransformerEncoderLayer(
        d_model=WIDTH, nhead=4, dim_feedforward=4 * WIDTH, batch_first=True)
    return torch.nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False).eval()


def shapes(requests: int, batch: int, length: int) -> list[tuple[int, int, int]]:
    chance = random.Random(SEED)
    return [(chance.randint(1, batch), chance.randint(1, length), WIDTH)
            for _ in range(requests)]


def serve(model: torch.nn.Module, work: queue.SimpleQueue, took: list[float], done: threading.Semaphore) -> None:
    with torch.inference_mode():
        while (shape := work.get()) is not None:
            start = time.monotonic()
            model(torch.ones(shape)).sum().item()
            took.append(time.monotonic() - start)
            done.release()


def run(work: queue.SimpleQueue, done: threading.Semaphore, todo: list[tuple[int, int, int]]) -> None:
    for shape in todo:
        work.put(shape)
    for _ in todo:
        done.acquire()


def main() -> None:
    chosen = bench.parameters({"threads": 16, "requests": 640, "batch": 10, "length": 512})
    torch.set_num_threads(1)
    model = encoder()
    work: queue.SimpleQueue = queue.SimpleQueue()
    took: list[float] = []
    done = threading.Semaphore(0)
    threads = [threading.Thread(target=serve, args=(model, work, took, done), daemon=True)
               for _ in range(chosen["threads"])]
    for thread in threads:
        thread.start()
    # What is initialised at the first request is no part of the work.
    run(work, done, [(1, 8, WIDTH)] * (2 * len(threads)))
    took.clear()
    todo = shapes(chosen["requests"], chosen["batch"], chosen["length"])
    bench.mark("start")
    run(work, done, todo)
    bench.mark("done")
    bench.mark("end")
    bench.latencies(took)
    bench.live()
    took.clear()
    # One for each thread, of the same shape: what it pays for memory that went back meanwhile.
    run(work, done, [(chosen["batch"], chosen["length"] // 2, WIDTH)] * len(threads))
    bench.value("first_p50_us", sorted(took)[len(took) // 2] * 1e6)


if __name__ == "__main__":
    main()
