"""A corpus of many files, of every format, compressed or not: read whole, quickly, end to end."""

import gzip
import json
import random
import time

import pyarrow as pa
import pytest
import zstandard
from pyarrow import feather, parquet

from lmkit.data.sources import open_splits
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import DataSection

TEXTS = CausalLMOptions(name="causal_lm")


def write(folder, number, text):
    """One document in a file of its own; the number decides the format."""
    row = json.dumps({"text": text})
    name, content = (
        (f"{number}.txt", text.encode()),
        (f"{number}.jsonl", f"{row}\n".encode()),
        (f"{number}.csv", f'text,label\n"{text}",x\n'.encode()),
        (f"{number}.md.gz", gzip.compress(text.encode())),
        (f"{number}.jsonl.zst", zstandard.compress(f"{row}\n".encode())),
        (f"{number}.tsv", f"id\ttext\n7\t{text}\n".encode()),
        (f"{number}.json", f"[{row}]".encode()),
    )[number % 7]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)


def corpus(root, count):
    """`count` documents in folders of 100 files; the texts."""
    draw = random.Random(0)
    words = ["the", "cat", "sat", "on", "a", "mat", "and", "looked", "at", "dogs", "in", "houses"]
    texts = [f"{' '.join(draw.choices(words, k=60))} {number}" for number in range(count)]
    for number, text in enumerate(texts):
        write(root / f"{number // 100:03}", number, text)
    return texts


def test_every_format_in_one_corpus(cli, tmp_path):
    texts = corpus(tmp_path / "corpus", 140)
    table = pa.table({"text": [f"of a table {n}" for n in range(3)]})
    parquet.write_table(table, tmp_path / "corpus" / "t.parquet")
    feather.write_feather(table, tmp_path / "corpus" / "u.arrow", compression="uncompressed")
    (tmp_path / "corpus" / "left-out.bin").write_bytes(b"\0")
    texts += table["text"].to_pylist() * 2
    section = DataSection(train=str(tmp_path / "corpus"), validation_share=0.1)
    train, validation, _ = open_splits(section, TEXTS)
    found = [row.values["text"] for side in (train, validation) for row in side.rows()]
    assert sorted(found) == sorted(texts)
    (tmp_path / "r.yaml").write_text(
        "task: {name: causal_lm, block_size: 32}\n"
        "model: {architecture: gpt2, config: {n_layer: 1, n_embd: 16, n_head: 1}}\n"
        "tokenizer: {train: {type: byte}}\n"
        "data: {train: 'corpus/**', validation_share: 0.1}\n"
    )
    prepared = json.loads(cli("data", "prepare", "r.yaml", "--json").out)
    assert prepared["documents"] == len(texts)
    assert prepared["bytes"] == sum(len(text.encode()) for text in texts)
    assert prepared["dropped_tokens"] == 0


@pytest.mark.slow
@pytest.mark.parametrize("spec", ["many", "many/**"])
def test_ten_thousand_files_take_seconds(tmp_path, monkeypatch, spec):
    """Found, looked into, hashed and read three times: about a second of one core, when written.

    The processor's time is asked, so that a busy machine is no failure.
    """
    monkeypatch.chdir(tmp_path)
    corpus(tmp_path / "many", 10_000)
    started = time.process_time()
    train, validation, _ = open_splits(DataSection(train=spec), TEXTS)
    assert train.fingerprint() != validation.fingerprint()
    assert len(train.describe()) == 10_000
    assert sum(1 for side in (train, validation) for _ in side.rows()) == 10_000
    assert time.process_time() - started < 8
