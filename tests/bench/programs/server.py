#!/usr/bin/env python3
"""A server for the tests of allocbench, which can misbehave: server.py PORT [MODE...]

never     listens on no port             elsewhere  listens on another port than it was told
late      ends before it is ready        dies       ends at its tenth request
children  leaves processes behind, one of them in a session of its own
stubborn  ignores SIGTERM                errors     answers 500
churn      does nothing but allocate and free for each request
kills-keeper  kills the process above it at its tenth request       slow  needs 0.2 s for each, one at a time
"""
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
import time

port, modes = int(sys.argv[1]), sys.argv[2:]
seen, one_at_a_time = 0, threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        global seen
        seen += self.path != "/health"
        if "slow" in modes:
            with one_at_a_time:
                time.sleep(0.2)
        if seen == 10 and "dies" in modes:
            print("out of luck", flush=True)
            os._exit(3)
        if seen == 10 and "kills-keeper" in modes:
            os.kill(os.getppid(), signal.SIGKILL)
        if "churn" in modes and self.path != "/health":
            churn()
        if self.path == "/v1/completions":
            return self.stream()
        if self.path == "/metrics":
            return self.metrics()
        body = json.dumps({"in_use": 1 << 20}).encode()
        self.send_response(500 if "errors" in modes and self.path != "/health" else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        for word in ("one", "two", "three"):
            self.wfile.write(b"data: " + json.dumps({"choices": [{"text": word}]}).encode() + b"\n\n")
            self.wfile.flush()
            time.sleep(0.01)
        self.wfile.write(b"data: [DONE]\n\n")

    def metrics(self):
        """As vLLM has it; every request so far took between 0.1 and 0.2 s."""
        name = 'vllm:time_to_first_token_seconds_bucket{engine="0",le="%s",model_name="tiny"} %.1f\n'
        self.send_response(200)
        self.end_headers()
        self.wfile.write("".join(name % row for row in (("0.1", 0), ("0.2", seen), ("+Inf", seen))).encode())

    do_GET = do_POST = answer

    def log_message(self, *_):
        pass


def churn():
    """Numbers by the hundred thousand; under PYTHONMALLOC=malloc each is a block of the allocator's."""
    for _ in range(10):
        list(range(1 << 20, (1 << 20) + 100000))


def main():
    if "late" in modes:
        sys.exit("no weights here")
    if "stubborn" in modes:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    if "children" in modes:
        child = ["sh", "-c", "sleep 1234; :", sys.argv[0]]
        subprocess.Popen(child)
        subprocess.Popen(["sh", "-c", "setsid \"$@\" & exit", "sh", *child], start_new_session=True).wait()
    if "never" in modes:
        time.sleep(600)
    http.server.ThreadingHTTPServer.request_queue_size = 256
    http.server.ThreadingHTTPServer(("127.0.0.1", 0 if "elsewhere" in modes else port), Handler).serve_forever()


main()
