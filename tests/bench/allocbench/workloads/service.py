"""A small, ordinary Python service whose memory shows what an allocator does with it.

    python3 service.py --port 8123 [--work documents|front|embed|prefork|table]

Handlers run on 40 threads, as FastAPI and Starlette run every handler that is not async, and what
sessions said is kept in a cache of bounded size. All that a request needs beside that is freed.

  documents  texts come in, are cut up, packed and indexed              (needs nothing)
  front      a chat front end that ranks documents by their embeddings   (needs numpy)
  embed      a text encoder: batches of any shape through two layers     (needs torch)
  prefork    documents, in four workers that were forked from one        (needs nothing)
  table      rows of embeddings that are looked up, refreshed, evicted   (needs nothing)

GET / says how much the program holds of malloc, as its allocator counts; POST / does one request, of a
size that "draw" decides. The same draws are the same work.
"""
import argparse
import collections
import concurrent.futures
import ctypes
import hashlib
import http.server
import json
import os
import random
import signal
import sys
import threading
import zlib

THREADS = 40  # AnyIO's default
CACHE_BYTES = 96 << 20
PIECE = 256 << 10
WORDS = b"allocator tensor page fault latency cache model weight token batch 0.125 1e-05 ".split(b" ")


def in_use():
    """Bytes that the program has from malloc and has not given back; None where nobody can say."""
    process = ctypes.CDLL(None)
    if hasattr(process, "mallctl"):
        number, size, epoch = ctypes.c_size_t(), ctypes.c_size_t(8), ctypes.c_uint64(1)
        process.mallctl(b"epoch", None, None, ctypes.byref(epoch), ctypes.c_size_t(8))
        process.mallctl(b"stats.allocated", ctypes.byref(number), ctypes.byref(size), None, ctypes.c_size_t(0))
        return number.value
    with open("/proc/self/maps", encoding="utf-8") as maps:
        if any(name in line for line in maps for name in ("mimalloc", "tcmalloc")):
            return None
    if not hasattr(process, "mallinfo2"):
        return None
    fields = type("mallinfo2", (ctypes.Structure,), {"_fields_": [(f"f{i}", ctypes.c_size_t) for i in range(10)]})
    process.mallinfo2.restype = fields
    info = process.mallinfo2()
    return info.f7 + info.f4  # uordblks + hblkhd: what is in heaps, and mappings of its own


class Sessions:
    """The last turns of each session; the session that was quiet for longest goes when it is full."""

    def __init__(self, limit):
        self.limit, self.held, self.lock = limit, 0, threading.Lock()
        self.turns = collections.OrderedDict()

    def remember(self, session, text):
        with self.lock:
            turns = self.turns.setdefault(session, collections.deque())
            turns.append(text)
            self.held += len(text)
            self.turns.move_to_end(session)
            if len(turns) > 12:
                self.held -= len(turns.popleft())
            while self.held > self.limit and len(self.turns) > 1:
                _, old = self.turns.popitem(last=False)
                self.held -= sum(map(len, old))


def text(chance, size):
    """SIZE bytes of words; cheap to make, so that the service is what costs."""
    line = b" ".join(chance.choices(WORDS, k=64))
    return (line * (size // len(line) + 1))[:size]


def documents_work():
    def handle(chance, sessions):
        # Heavy-tailed, as uploads are: most are small, a few are of many MiB.
        whole = text(chance, int(2 ** chance.uniform(14, 22.5)))
        pieces = [whole[i:i + PIECE] for i in range(0, len(whole), PIECE)]
        packed = [zlib.compress(piece, 1) for piece in pieces]
        index = b"".join(hashlib.blake2b(piece).digest() for piece in pieces)
        upper = [piece.upper() for piece in pieces]
        answer = b"\n".join(upper)
        # What is kept is made while all the rest is there.
        sessions.remember(chance.randrange(4000), whole[:chance.randrange(600, 400000)] + packed[0][:64] + index[:64])
        return {"bytes": len(answer), "packed": sum(map(len, packed))}
    return handle


def front_work():
    import numpy

    def handle(chance, sessions):
        count = int(2 ** chance.uniform(2, 8.6))
        texts = [text(chance, int(2 ** chance.uniform(7, 13))).decode() for _ in range(count)]
        request = json.dumps({"documents": [{"text": t, "embedding": [round(chance.random(), 5) for _ in range(128)]}
                                            for t in texts]})
        documents = json.loads(request)["documents"]
        matrix = numpy.asarray([d["embedding"] for d in documents], dtype=numpy.float64)
        matrix /= numpy.linalg.norm(matrix, axis=1, keepdims=True) + 1e-9
        best = numpy.argsort(matrix @ matrix[0])[::-1][:8]
        prompt = "\n\n".join(documents[int(i)]["text"] for i in best)
        sessions.remember(chance.randrange(4000), prompt[:20000 + 37 * count].encode())
        return {"prompt_bytes": len(prompt), "best": [int(i) for i in best]}
    return handle


def embed_work():
    import torch
    torch.set_num_threads(1)
    torch.manual_seed(0)
    layer = torch.nn.TransformerEncoderLayer(d_model=128, nhead=4, dim_feedforward=512, batch_first=True)
    model = torch.nn.TransformerEncoder(layer, num_layers=2, enable_nested_tensor=False).eval()
    table = torch.nn.Embedding(4096, 128)

    def handle(chance, sessions):
        # Most texts are short, few are long, in batches of 1 to 16.
        batch, length = chance.choice([1, 1, 2, 4, 8, 16]), int(16 * 48 ** chance.random())
        rows = [[chance.randrange(4096) for _ in range(max(4, int(length * chance.uniform(.3, 1))))]
                for _ in range(batch)]
        width = max(map(len, rows))
        with torch.inference_mode():
            ids = torch.tensor([row + [0] * (width - len(row)) for row in rows])
            vectors = model(table(ids)).mean(1).tolist()
        answer = json.dumps(vectors).encode()
        sessions.remember(chance.randrange(4000), answer)
        return {"embeddings": len(vectors), "bytes": len(answer)}
    return handle


def table_work():
    rows, lock, held = collections.OrderedDict(), threading.Lock(), [0]

    def handle(chance, _sessions):
        # Few keys are asked for often, many once; a tenth of those that are there is fetched anew.
        keys, missed = [int(chance.paretovariate(0.25)) % 2000003 for _ in range(int(2 ** chance.uniform(6, 11)))], 0
        for key in keys:
            with lock:
                is_there = key in rows
                if is_there:
                    rows.move_to_end(key)
            if not is_there or chance.random() < 0.1:
                row, missed = bytearray(chance.choice((768, 1536, 3072, 4096))), missed + 1
                with lock:
                    held[0] += len(row) - len(rows.get(key, b""))
                    rows[key] = row
                    while held[0] > CACHE_BYTES:
                        held[0] -= len(rows.popitem(last=False)[1])
        return {"rows": len(keys), "missed": missed}
    return handle


WORKS = {"documents": documents_work, "front": front_work, "embed": embed_work, "prefork": documents_work, "table": table_work}
WORKERS = 4


class Service(http.server.HTTPServer):
    request_queue_size = 512
    allow_reuse_address = True

    def __init__(self, port, work):
        self.handle_work = WORKS[work]()
        self.counts = work != "prefork"  # one worker does not know what the others hold
        self.sessions = Sessions(CACHE_BYTES if self.counts else CACHE_BYTES // WORKERS)
        super().__init__(("127.0.0.1", port), Handler)

    def serve(self):
        self.pool = concurrent.futures.ThreadPoolExecutor(THREADS)
        # All threads from the start, as a warm service has them: their stacks belong to the working set.
        together = threading.Barrier(THREADS + 1)
        for _ in range(THREADS):
            self.pool.submit(together.wait)
        together.wait()
        self.serve_forever()

    def process_request(self, request, client_address):
        self.pool.submit(self.process_request_thread, request, client_address)

    def process_request_thread(self, request, address):
        try:
            self.finish_request(request, address)
        except OSError:
            pass  # the client has gone
        finally:
            self.shutdown_request(request)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.answer({"held": self.server.sessions.held, "in_use": in_use() if self.server.counts else None})

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.answer(self.server.handle_work(random.Random(body["draw"]), self.server.sessions))

    def answer(self, value):
        out = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(out)))
        self.end_headers()
        self.wfile.write(out)

    def log_message(self, *_):
        pass


def serve_in_workers(service):
    """All listen on one socket, none before all are there; who ends the parent ends them."""
    workers, (wait, all_there) = [], os.pipe()

    def end(*_):
        for pid in workers:
            os.kill(pid, signal.SIGTERM)
        sys.exit(0)
    for _ in range(WORKERS):
        pid = os.fork()
        if pid == 0:
            os.close(all_there)
            os.read(wait, 1)
            service.serve()
        workers.append(pid)
    signal.signal(signal.SIGTERM, end)
    os.close(all_there)
    for pid in workers:
        os.waitpid(pid, 0)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--work", choices=WORKS, default="documents")
    chosen = parser.parse_args()
    service = Service(chosen.port, chosen.work)
    try:
        if chosen.work == "prefork":
            serve_in_workers(service)
        else:
            service.serve()
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
