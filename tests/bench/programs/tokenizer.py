#!/usr/bin/env python3
"""(t) The text side of a front end in Python: the real tokenizers library and json.

    tokenizer.py [threads=4] [requests=1500] [sessions=128]

A request's body is parsed, its prompt encoded, the answer decoded token by token and
dumped as streamed chunks. The tokenizer is trained at start from texts that are on every
machine. `requests` is for all threads together.
"""
import json
import os
import random
import threading
import time
from pathlib import Path

os.environ["TOKENIZERS_PARALLELISM"] = "false"  # the threads are ours

import bench  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402

SEED = 20
TEXTS = sorted({path.resolve() for path in Path("/usr/share/common-licenses").glob("*") if path.is_file()})


def trained(texts: list[str]) -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(vocab_size=2048, show_progress=False,
                                  initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def body(chance: random.Random, texts: list[str]) -> str:
    """A conversation of a few messages, cut out of the texts."""
    messages = []
    for number in range(chance.randint(1, 8)):
        text = chance.choice(texts)
        start = chance.randrange(max(1, len(text) - 2000))
        messages.append({"role": "assistant" if number % 2 else "user",
                         "content": text[start:start + chance.randint(40, 2000)]})
    return json.dumps({"model": "any", "messages": messages, "stream": True, "temperature": 0.7})


def answer(tokenizer: Tokenizer, ids: list[int]) -> list[str]:
    return [json.dumps({"id": "chatcmpl-0", "object": "chat.completion.chunk",
                        "choices": [{"index": 0, "delta": {"content": tokenizer.decode([number])}}]})
            for number in ids]


def serve(tokenizer: Tokenizer, text: str):
    request = json.loads(text)
    prompt = "\n".join(f"{m['role']}: {m['content']}" for m in request["messages"])
    encoding = tokenizer.encode(prompt)
    answer(tokenizer, encoding.ids[:64])
    return request, encoding


def main() -> None:
    chosen = bench.parameters({"threads": 4, "requests": 1500, "sessions": 128})
    texts = [path.read_text(errors="replace") for path in TEXTS]
    tokenizer = trained(texts)
    chance = random.Random(SEED)
    bodies = [body(chance, texts) for _ in range(64)]
    per_thread = chosen["requests"] // chosen["threads"]
    took: list[float] = []

    def work(number: int) -> None:
        own = random.Random(SEED + number)
        sessions: list[object] = [None] * chosen["sessions"]
        for _ in range(per_thread):
            start = time.monotonic()
            sessions[own.randrange(len(sessions))] = serve(tokenizer, own.choice(bodies))
            took.append(time.monotonic() - start)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(chosen["threads"])]
    bench.mark("start")
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bench.mark("done")
    bench.mark("end")
    bench.latencies(took)


if __name__ == "__main__":
    main()
