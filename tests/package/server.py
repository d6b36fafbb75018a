"""A server that allocates in threads until it gets SIGTERM, then exits with 0.

    python3 server.py FILE

It counts its rounds in FILE. Every round uses a new thread, small and large blocks, and
looks at what it has written: a library that changes below it does not go unnoticed.
"""

import os
import random
import signal
import sys
import threading

stop = threading.Event()
signal.signal(signal.SIGTERM, lambda *_: stop.set())


def churn(seed, wrong):
    rand = random.Random(seed)
    blocks = []
    for i in range(200):
        size = rand.choice((16, 200, 3000, 70_000, 3_000_000))
        blocks.append((i & 0xFF, bytearray([i & 0xFF]) * size))
        if len(blocks) > 20:
            fill, block = blocks.pop(rand.randrange(len(blocks)))
            if block[0] != fill or block[-1] != fill:
                wrong.append(seed)


def publish(path, rounds):
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(f"{rounds}\n")
    os.replace(path + ".new", path)


def main():
    wrong = []
    rounds = 0
    while not stop.is_set():
        threads = [threading.Thread(target=churn, args=(rounds * 4 + i, wrong)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if wrong:
            sys.exit(f"blocks with foreign contents: {wrong}")
        rounds += 1
        publish(sys.argv[1], rounds)


main()
