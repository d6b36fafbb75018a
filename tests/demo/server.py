#!/usr/bin/env python3
"""A small real HTTP server: the demo's server where vLLM cannot be had.

    server.py PORT

  GET  /health     200 once both workers answer
  POST /summary    a JSON list of records; answers their number and total size
  POST /churn      {"requests": N}: N rounds of the memory traffic of a busy front
                   end, spread over threads in two worker processes: bodies of many
                   sizes built, parsed and dropped in another order than they came

Only the standard library. Stops cleanly on SIGTERM.
"""
import json
import multiprocessing
import random
import signal
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

THREADS = 8
HELD = 64


def churn_thread(seed, rounds):
    """Keeps HELD bodies alive and replaces a random one each round. Bodies above
    pymalloc's 512 bytes go to malloc: that is what an allocator has to bear."""
    chance = random.Random(seed)
    held = [b""] * HELD
    for _ in range(rounds):
        size = int(chance.lognormvariate(10, 1.6))
        text = json.dumps([{"id": i, "text": "x" * chance.randrange(600, 2000)}
                           for i in range(min(size // 1000, 100))])
        held[chance.randrange(HELD)] = json.loads(text) or bytearray(size)


def churn(seed, rounds):
    threads = [threading.Thread(target=churn_thread, args=(seed * THREADS + i, rounds // THREADS))
               for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def work(number, pipe):
    """A worker process: churns as often as it is told to, until the pipe closes."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        while (rounds := pipe.recv()) is not None:
            churn(number, rounds)
            pipe.send(rounds)
    except (EOFError, KeyboardInterrupt):
        pass


class Workers:
    """Two processes, started afresh (not forked), as servers with threads must."""

    def __init__(self):
        context = multiprocessing.get_context("spawn")
        self.lock = threading.Lock()
        self.pipes, self.processes = [], []
        for number in range(2):
            ours, theirs = context.Pipe()
            process = context.Process(target=work, args=(number, theirs), daemon=True)
            process.start()
            theirs.close()
            self.pipes.append(ours)
            self.processes.append(process)

    def run(self, rounds):
        """Spreads the rounds over the workers and waits for them."""
        with self.lock:
            for pipe in self.pipes:
                pipe.send(rounds // len(self.pipes))
            return sum(pipe.recv() for pipe in self.pipes)

    def stop(self):
        for pipe in self.pipes:
            pipe.send(None)
        for process in self.processes:
            process.join()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    workers: Workers

    def answer(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_GET(self):
        if self.path == "/health":
            self.workers.run(0)
            self.answer(200, {"status": "ok"})
        else:
            self.answer(404, {"error": "no such page"})

    def do_POST(self):
        try:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            if self.path == "/summary":
                self.answer(200, {"records": len(body), "bytes": sum(len(json.dumps(r)) for r in body)})
            elif self.path == "/churn":
                self.answer(200, {"requests": self.workers.run(int(body["requests"]))})
            else:
                self.answer(404, {"error": "no such page"})
        except (ValueError, TypeError, KeyError) as error:
            self.answer(400, {"error": str(error)})

    def log_message(self, *_):
        """Quiet: the log is for what goes wrong."""


def main():
    Handler.workers = Workers()
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    # shutdown() waits for serve_forever(), which runs in this very thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    server.serve_forever()
    server.server_close()
    Handler.workers.stop()


if __name__ == "__main__":
    main()
