#!/usr/bin/env python3
"""PyTorch inference over many shapes: inference.py threads|fork|spawn

Prints "done SUM" when the work is done, then waits until its stdin is closed, so that
it can be looked at. With fork and spawn, two worker processes do the same work too.
"""
import multiprocessing
import random
import sys
import threading

import torch

SEED = 20
THREADS = 4
BATCHES = 12


def encoder():
    torch.manual_seed(SEED)
    layer = torch.nn.TransformerEncoderLayer(d_model=128, nhead=4, dim_feedforward=512, batch_first=True)
    return torch.nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False).eval()


def run(model, number, sums):
    """One thread: batches whose shapes nobody can foresee, as requests have them."""
    chance = random.Random(SEED + number)
    generator = torch.Generator().manual_seed(SEED + number)
    total = 0.0
    with torch.inference_mode():
        for _ in range(BATCHES):
            shape = (chance.randint(1, 8), chance.randint(1, 256), 128)
            total += model(torch.randn(shape, generator=generator)).double().sum().item()
    sums[number] = total


def work():
    torch.set_num_threads(1)
    model, sums = encoder(), {}
    threads = [threading.Thread(target=run, args=(model, n, sums)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(sums[number] for number in sorted(sums))


def worker(pipe):
    pipe.send(work())
    pipe.recv()


def main():
    mode = sys.argv[1]
    pipes = []
    # Workers come first: forking after OpenMP has started its threads would hang.
    for _ in range(2 if mode in ("fork", "spawn") else 0):
        context = multiprocessing.get_context(mode)
        ours, theirs = context.Pipe()
        context.Process(target=worker, args=(theirs,), daemon=True).start()
        pipes.append(ours)
    sums = {pipe.recv() for pipe in pipes} | {work()}
    if len(sums) != 1:
        sys.exit(f"the workers computed different sums: {sums}")
    print(f"done {sums.pop():.6f}", flush=True)
    sys.stdin.read()
    for pipe in pipes:
        pipe.send(None)


if __name__ == "__main__":
    main()
