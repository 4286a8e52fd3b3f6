"""samples.jsonl: a line for each sample of each evaluation, and none twice after a resume."""

import json
from pathlib import Path

import numpy as np
import pytest

from lmkit.commands.samples_file import SamplesFile
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.tasks.causal_lm import CausalLM


class Encoded:
    lengths = np.array([5, 7])

    def __len__(self):
        return 2

    def __getitem__(self, key):
        return {"input_ids": np.arange(3, 3 + self.lengths[key[1]])}


@pytest.fixture
def write(tiny_gpt2, tiny_tokenizer):
    task = CausalLM(CausalLMOptions(name="causal_lm", block_size=8))
    return lambda file, step: file.write(step, tiny_gpt2, task, tiny_tokenizer, Encoded())


def read(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_lines_and_what_a_resume_cuts(tmp_path, write, tiny_tokenizer):
    path = tmp_path / "samples.jsonl"
    file = SamplesFile(path, 2, -1)
    write(file, 0)
    write(file, 4)
    lines = read(path)
    assert [(line["step"], line["sample"]) for line in lines] == [(0, 0), (0, 1), (4, 0), (4, 1)]
    assert lines[0]["given"] == tiny_tokenizer.decode([3, 4, 5])
    assert lines[1]["wanted"] == tiny_tokenizer.decode([7, 8, 9])
    assert lines[0]["text"] == lines[2]["text"]  # of the same model
    path.write_text(path.read_text() + '{"step": 6, "sam')  # killed
    write(SamplesFile(path, 2, 0), 4)
    assert read(path) == lines
    SamplesFile(path, 2, -1)
    assert path.read_text() == ""


def test_a_run_leaves_samples_that_change_nothing(cli, small_recipe):
    dropout = ["--set", "model.config.resid_pdrop=0.2", "--set", "train.eval_on_start=true"]
    for name, count in (("with", "2"), ("without", "0")):
        words = ["-o", name, "--set", f"train.eval_samples={count}", *dropout]
        ended = cli("pretrain", small_recipe, *words)
        assert ended.code == 0, ended.err
    lines = read(Path("with/samples.jsonl"))
    assert [line["step"] for line in lines] == [0, 0, 4, 4, 8, 8]
    assert lines[0]["given"] == lines[2]["given"]
    assert lines[0]["text"] != lines[4]["text"]
    one, two = (Path(name, "model/model.safetensors").read_bytes() for name in ("with", "without"))
    assert one == two
    assert not Path("without/samples.jsonl").exists()
    page = Path("with/report.html").read_text()
    assert "Samples through training" in page
    assert "Samples through training" not in Path("without/report.html").read_text()


def test_a_task_that_writes_nothing(cli, small_recipe):
    words = ["--set", "task={name: classification}", "--set", "train.eval_samples=2"]
    ended = cli("finetune", small_recipe, *words, "-o", "run")
    assert ended.code == 2
    assert "train.eval_samples: a classification model writes no texts" in ended.err
    assert not Path("run").exists()
