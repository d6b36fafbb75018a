#!/usr/bin/env python3
"""Makes a tiny language model that a real server can load: nothing is downloaded.

    build/vllm/venv/bin/python tests/vllm/model.py [FOLDER]     default: build/vllm/model

A byte-level tokenizer trained on the licence texts that Debian puts on every
machine, and a Llama of 4 million random parameters. Seeded: the same versions make
the same files. A finished folder carries its recipe and is left as it is.
"""
import hashlib
import importlib.metadata
import os
import shutil
import sys
from pathlib import Path

SEED = 20
VOCABULARY = 2048
LONGEST = 2048
TEXTS = Path("/usr/share/common-licenses")
SPECIAL = ["<s>", "</s>", "<unk>", "<pad>"]
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ bos_token }}{{ message['role'] }}: {{ message['content'] }}{{ eos_token }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ bos_token }}assistant: {% endif %}"
)


def training_texts():
    """Every text once: several names there are links to the same file."""
    files = sorted({path.resolve() for path in TEXTS.glob("*") if path.is_file()})
    if not files:
        sys.exit(f"model.py: no texts to train a tokenizer on in {TEXTS}")
    return [path.read_text(errors="replace") for path in files]


def recipe(texts):
    """Changes when anything does that could change the files."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in ("torch", "transformers", "tokenizers"):
        digest.update(f"{name} {importlib.metadata.version(name)}\n".encode())
    for text in texts:
        digest.update(text.encode())
    return digest.hexdigest() + "\n"


def make_tokenizer(texts):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY, special_tokens=SPECIAL, show_progress=False,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet())
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>",
        pad_token="<pad>", model_max_length=LONGEST, chat_template=CHAT_TEMPLATE)


def make_model():
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from transformers.utils import logging

    logging.disable_progress_bar()
    torch.manual_seed(SEED)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=688, num_hidden_layers=4,
        num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=LONGEST,
        bos_token_id=0, eos_token_id=1, pad_token_id=3)
    return LlamaForCausalLM(config).to(torch.bfloat16)


def main():
    root = Path(__file__).resolve().parents[2]
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "build/vllm/model"
    texts = training_texts()
    wanted = recipe(texts)
    stamp = target / "recipe.sha256"
    if stamp.is_file() and stamp.read_text() == wanted:
        print(f"==> the model is there: {target}")
        return
    print(f"==> making a model of 4 million random parameters in {target}", flush=True)
    # Threads would count the pairs of equal frequency in varying order.
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    if target.exists() and not stamp.exists():
        sys.exit(f"model.py: {target} was not made by this script; name another folder")
    unfinished = target.with_name(f"{target.name}.unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    make_tokenizer(texts).save_pretrained(unfinished)
    make_model().save_pretrained(unfinished)
    (unfinished / stamp.name).write_text(wanted)
    shutil.rmtree(target, ignore_errors=True)
    unfinished.rename(target)


if __name__ == "__main__":
    main()
