#!/usr/bin/env python3
"""A server's way with a GPU: batches of unforeseen shapes, made on the host, pinned, sent.

    serve.py BATCHES

Prints a JSON line at each point that the caller looks at, and waits there for a line:
"ready" (the GPU has answered once), "done" (all batches, with the seconds and the sum),
"idle" (everything is freed). The sum is the same under every allocator.
"""
import gc
import json
import random
import sys
import threading
import time

import torch

SEED = 20
THREADS = 4
WIDTH = 1024


def say(point, **more):
    print(json.dumps({"point": point, **more}), flush=True)
    sys.stdin.readline()


def serve(number, batches, weight, sums):
    """One thread: what a request brings is copied, padded, pinned, computed and copied back."""
    chance = random.Random(SEED + number)
    generator = torch.Generator().manual_seed(SEED + number)
    stream = torch.cuda.Stream()
    kept, total = [], 0
    for _ in range(batches):
        rows = chance.randint(1, 2048)
        request = torch.randint(0, 4, (rows, WIDTH), generator=generator, dtype=torch.int8)
        padded = torch.nn.functional.pad(request.float(), (0, 0, 0, chance.randint(0, 512)))
        with torch.cuda.stream(stream):
            answer = (padded.pin_memory().to("cuda", non_blocking=True) @ weight).cpu()
        # Whole numbers, and few of them: the order of additions does not matter.
        total += int(answer[:rows].sum(dtype=torch.float64).item())
        kept = (kept + [answer])[-chance.randint(1, 16):]
    sums[number] = total


def main():
    batches, sums = int(sys.argv[1]), {}
    torch.set_num_threads(1)
    weight = torch.ones(WIDTH, 64, device="cuda")
    torch.cuda.synchronize()
    say("ready", device=torch.cuda.get_device_name(0))
    begun = time.monotonic()
    threads = [threading.Thread(target=serve, args=(n, batches, weight, sums)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    say("done", seconds=time.monotonic() - begun, sum=sum(sums.values()))
    gc.collect()
    torch.cuda.empty_cache()
    time.sleep(7)  # the decay of the profile is 5 s
    say("idle")


if __name__ == "__main__":
    main()
