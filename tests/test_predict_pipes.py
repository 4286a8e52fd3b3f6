"""`lmkit predict` in a pipe: a reader that goes, Ctrl-C, and memory that does not grow."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
from transformers import BertConfig, BertForSequenceClassification

TEXT = "the cat sat on the mat and looked at the dog"


@pytest.fixture
def command(tmp_path, tiny_bert_tokenizer):
    """The words of `lmkit predict` with a tiny classifier."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_bert_tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=1, intermediate_size=16, max_position_embeddings=64,
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(tmp_path / "model")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "model")
    return [sys.executable, "-m", "lmkit", "predict", str(tmp_path / "model")]


def started(command, *arguments, **streams):
    return subprocess.Popen(
        [*command, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **streams
    )


@pytest.mark.slow
def test_a_reader_that_goes_ends_it_with_0(command, tmp_path):
    (tmp_path / "a.txt").write_text(f"{TEXT}\n" * 20_000)
    with started(command, "--input", str(tmp_path / "a.txt"), "-q") as running:
        assert json.loads(running.stdout.readline())["text"] == TEXT
        running.stdout.close()
        assert running.wait(120) == 0
        assert running.stderr.read() == ""


@pytest.mark.slow
def test_ctrl_c_leaves_whole_lines(command, tmp_path):
    """The thread that waits for more of the pipe does not hold up the end."""
    written = tmp_path / "o.jsonl"
    words = ["-q", "--input", "-", "--output", str(written)]
    with started(command, *words, stdin=subprocess.PIPE) as running:
        running.stdin.write(f"{TEXT}\n" * 5000)
        running.stdin.flush()
        while running.poll() is None and (not written.exists() or not written.stat().st_size):
            time.sleep(0.05)
        running.send_signal(signal.SIGINT)
        assert running.wait(60) == 130
        assert running.stderr.read() == "stopped\n"
    lines = written.read_text().splitlines(keepends=True)
    assert lines
    assert all(line.endswith("\n") and json.loads(line)["text"] == TEXT for line in lines)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_input(command, tmp_path):
    peaks = []
    for rows in (6_000, 60_000):
        path = tmp_path / f"{rows}.jsonl"
        with path.open("w") as file:
            for number in range(rows):
                file.write(json.dumps({"text": f"{TEXT} {number}", "n": number}) + "\n")
        child = os.fork()
        if child == 0:
            os.execv(  # so that its peak can be waited for
                sys.executable, [*command, "-q", "--input", str(path), "-o", f"{path}.out"]
            )
        _, status, used = os.wait4(child, 0)
        assert status == 0
        with (tmp_path / f"{rows}.jsonl.out").open() as lines:
            assert [json.loads(line)["n"] for line in lines] == list(range(rows))
        peaks.append(used.ru_maxrss / 1024)
    assert peaks[1] - peaks[0] < 40
