"""Labels without training through the real command, and the options that ask for them."""

import json
import random

import pytest

from lmkit.commands.few_shot import FewShot
from lmkit.commands.zero_shot import ZeroShotOptions, zero_shot_options
from lmkit.errors import UsageError


def options(labels=None, hypothesis=None, examples=None, shots=None, seed=None, multi_label=False):
    return zero_shot_options(labels, hypothesis, examples, shots, seed, multi_label=multi_label)


def test_what_the_command_line_says():
    assert options() is None
    assert options('a, "b, c",d') == ZeroShotOptions(("a", "b, c", "d"))
    assert options(examples="f", shots=3, seed=1) == ZeroShotOptions(
        examples=FewShot("f", shots=3, seed=1)
    )
    assert options("a", multi_label=True).labels == ("a",)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"labels": "a"}, "--labels: name two or more, parted by commas"),
        ({"labels": " , "}, "--labels: names no label"),
        ({"labels": 'a,"b" c'}, "--labels a,\"b\" c: "),
        ({"labels": "a,b,a"}, "--labels: a is named twice"),
        ({"labels": "a,b", "hypothesis": "about"}, r"--hypothesis 'about': `\{\}` stands once"),
        ({"hypothesis": "{}"}, "--hypothesis: says how to ask for --labels"),
        ({"multi_label": True}, "--multi-label: says how to ask for --labels"),
        ({"labels": "a,b", "shots": 3}, "--shots: says which of the --examples to show"),
        ({"labels": "a,b", "seed": 3}, "--seed: says which of the --examples to show"),
        ({"labels": "a,b", "examples": "f", "multi_label": True}, "--multi-label: needs an ent"),
    ],
)  # fmt: skip
def test_options_that_do_not_fit(asked, says):
    with pytest.raises(UsageError, match=says):
        options(**asked)


def test_a_causal_model_gives_labels(cli, tiny_gpt2_folder, tmp_path):
    ended = cli("predict", tiny_gpt2_folder, "the cat", "a dog", "--labels", "cat,dog", "--json")
    assert ended.code == 0, ended.err
    found = [json.loads(line) for line in ended.out.splitlines()]
    assert [row["text"] for row in found] == ["the cat", "a dog"]
    for row in found:
        assert list(row["scores"]) == ["cat", "dog"]
        assert sum(row["scores"].values()) == pytest.approx(1)
        assert row["label"] == max(row["scores"], key=row["scores"].get)
    (tmp_path / "shots.csv").write_text("text,label\nthe cat,cat\na dog,dog\none dog,dog\n")
    (tmp_path / "in.csv").write_text("id,body\n1,the cat\n2,a dog\n")
    words = "--input in.csv --column body --examples shots.csv --shots 2 -o o.csv"
    ended = cli("predict", tiny_gpt2_folder, *words.split())
    assert ended.code == 0, ended.err
    header, *lines = (tmp_path / "o.csv").read_text().splitlines()
    assert header == "text,label,scores.cat,scores.dog,id,error"
    assert [line.partition(",")[0] for line in lines] == ["the cat", "a dog"]
    assert float(lines[0].split(",")[2]) != pytest.approx(found[0]["scores"]["cat"], abs=1e-6)


def test_what_a_model_cannot_do_is_told(cli, tiny_gpt2_folder, tiny_bert_folder, tmp_path):
    ended = cli("predict", tiny_bert_folder, "a", "--labels", "a,b")
    assert ended.code == 2
    assert "BertForMaskedLM; labels without training are given by a sequence classif" in ended.err
    ended = cli("predict", tiny_gpt2_folder, "a", "--labels", "a,b", "--multi-label")
    assert ended.code == 2
    assert "--multi-label: needs an entailment model" in ended.err


@pytest.mark.slow
def test_a_causal_model_that_learned_the_form_gives_the_right_labels(run_cli, tmp_path):
    """A small GPT-2 reads answered texts in the prompt's form, then labels new ones."""
    words = {"sea": ["wave", "fish", "boat"], "sky": ["cloud", "bird", "wind"]}
    draw = random.Random(0)

    def row():
        label = draw.choice(["sea", "sky"])
        return f"the {draw.choice(['old', 'new'])} {draw.choice(words[label])}", label

    blocks = ["\n\n".join(f"{t}\nThis example is {name}." for t, name in (row(), row(), row()))
              for _ in range(300)]  # fmt: skip
    rows = [json.dumps({"text": block}) + "\n" for block in blocks]
    (tmp_path / "train.jsonl").write_text("".join(rows))
    (tmp_path / "small.yaml").write_text(
        """
task: {name: causal_lm, block_size: 64, packing: isolated}
model:
  architecture: gpt2
  config: {n_layer: 2, n_embd: 64, n_head: 2, initializer_range: 0.1, attn_pdrop: 0.0,
    resid_pdrop: 0.0, embd_pdrop: 0.0}
tokenizer: {train: {type: bpe, vocab_size: 300}}
data: {train: train.jsonl, validation_share: 0.1}
train: {max_steps: 200, total_batch_size: 16, learning_rate: 0.003, warmup_steps: 20,
  compile: false, precision: float32}
"""
    )
    ended = run_cli("pretrain", "small.yaml", "-o", "run", "-q")
    assert ended.code == 0, ended.err
    lines = [json.dumps(dict(zip(("text", "gold"), row(), strict=True))) for _ in range(60)]
    (tmp_path / "in.jsonl").write_text("\n".join(lines) + "\n")
    (tmp_path / "shots.csv").write_text("text,label\nthe old fish,sea\nthe new bird,sky\n")
    for extra in (["--labels", "sea,sky"], ["--examples", "shots.csv"]):
        ended = run_cli("predict", "run", "--input", "in.jsonl", *extra)
        assert ended.code == 0, ended.err
        found = [json.loads(line) for line in ended.out.splitlines()]
        assert sum(row["label"] == row["gold"] for row in found) > 54
