"""From a file of pairs to a model that writes, is measured and asked: `lmkit finetune`, seq2seq."""

import gzip
import json
import random

import pytest
import yaml

WORDS = ("red", "blue", "cat", "dog", "sun", "moon", "tree", "hill")
T5 = {
    "d_model": 64, "d_kv": 16, "d_ff": 128, "num_layers": 2, "num_heads": 4, "dropout_rate": 0.0,
    "relative_attention_max_distance": 16,
}  # fmt: skip
TINY = {"d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2}


def pairs(count, seed):
    """Two to five words, and the same words in reverse."""
    draw = random.Random(seed)
    for _ in range(count):
        words = draw.choices(WORDS, k=draw.randint(2, 5))
        yield " ".join(words), " ".join(reversed(words))


def write(path, rows):
    lines = [json.dumps({"given": source, "wanted": target}) for source, target in rows]
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture
def recipe(tmp_path):
    """A recipe that learns to reverse; its test data hold no source that it was trained on."""
    train = list(pairs(1500, 1))
    known = {source for source, _ in train}
    write(tmp_path / "train.jsonl", train)
    for name, seed in (("dev", 2), ("test", 3)):
        new = [pair for pair in pairs(400, seed) if pair[0] not in known]
        write(tmp_path / f"{name}.jsonl", new[:60])
    content = {
        "task": {"name": "seq2seq", "source_column": "given", "target_column": "wanted",
                 "source_prefix": "turn: ", "max_source_length": 16, "max_target_length": 12},
        "model": {"architecture": "t5", "config": T5},
        "tokenizer": {"train": {"type": "unigram", "vocab_size": 330}},
        "data": {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"},
        "train": {"max_steps": 400, "total_batch_size": 32, "per_device_train_batch_size": 32,
                  "learning_rate": 3e-3, "optim": "adamw_torch", "compile": False,
                  "precision": "float32", "eval_steps": 200, "save_steps": 200},
    }  # fmt: skip
    path = tmp_path / "recipe.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_the_whole_way_from_pairs_to_texts(cli, recipe, tmp_path):
    ended = cli("finetune", recipe, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    copied = summary["baselines"]["copy"]
    assert summary["metrics"]["bleu"] > 60 > 2 * copied["bleu"]
    assert summary["metrics"]["rougeL"] > 0.9 > copied["rougeL"] + 0.2
    assert summary["baselines"].keys() == {"lead", "copy"}
    assert summary["against_baselines"]["beats"]
    assert summary["intervals"].keys() == summary["metrics"].keys()
    low, high = summary["intervals"]["chrf"]
    assert low < summary["metrics"]["chrf"] < high
    assert "sacrebleu nrefs:1|case:mixed" in summary["definition"]
    lines = [json.loads(line) for line in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    told = [set(line) for line in lines if "eval_loss" in line]
    assert len(told) == 2
    assert not any("eval_bleu" in keys for keys in told)  # only the loss between the steps

    ended = cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    assert found["baselines"] == summary["baselines"]

    ended = cli("predict", "run", "--input", "test.jsonl")
    assert ended.code == 0, ended.err
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert all(answer.keys() == {"text", "generated", "wanted"} for answer in answers)
    right = [answer["generated"] == answer["wanted"] for answer in answers]
    assert sum(right) > 0.6 * len(right)

    texts = [answer["text"] for answer in answers[:3]]
    ended = cli("generate", "run", *texts, "--json")  # reads the prefix that it was trained with
    assert ended.code == 0, ended.err
    written = [json.loads(line) for line in ended.out.splitlines()]
    assert [line["text"] for line in written] == [line["generated"] for line in answers[:3]]
    assert [line["prompt"] for line in written] == texts


@pytest.mark.slow
def test_the_best_by_a_metric_of_text(cli, recipe):
    overrides = ("task.metrics=[chrf]", "train.metric_for_best_model=chrf", "train.max_steps=8",
                 "train.eval_steps=4", "train.save_steps=4", "task.num_beams=2")  # fmt: skip
    words = [word for key in overrides for word in ("--set", key)]
    ended = cli("finetune", recipe, "-o", "run", "--json", *words)
    assert ended.code == 0, ended.err
    assert list(json.loads(ended.out)["metrics"]) == ["loss", "chrf"]
    assert "eval_chrf" in ended.err
    ended = cli("finetune", recipe, "-o", "other", "--set", "train.metric_for_best_model=blue")
    assert ended.code == 2
    assert "no metric 'blue'" in ended.err
    assert "did you mean `bleu`?" in ended.err


def test_a_pair_without_a_side_ends_before_the_first_step(cli, recipe, tmp_path):
    with (tmp_path / "dev.jsonl").open("a") as file:
        file.write('{"given": "red", "wanted": ""}\n')
    ended = cli("finetune", recipe, "-o", "run")
    assert ended.code == 2
    assert "dev.jsonl:61: column `wanted` is blank; fill it in or leave the row out" in ended.err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "folder", "baseline", "target"),
    [("translation", "multi30k_en_de", "copy", "de"),
     ("summarization", "scitldr", "lead", "references")],
)  # fmt: skip
def test_recipes_read_real_data(cli, test_data, tmp_path, name, folder, baseline, target):
    source = test_data / folder / "dev.jsonl.gz"
    if not source.exists():
        pytest.skip(f"{source} is not there")
    lines = gzip.decompress(source.read_bytes()).decode().splitlines()
    (tmp_path / "train.jsonl").write_text("\n".join(lines[:200]) + "\n")
    (tmp_path / "test.jsonl").write_text("\n".join(lines[200:230]) + "\n")
    small = {
        "model": {"architecture": "t5", "config": TINY},
        "tokenizer": {"train": {"type": "unigram", "vocab_size": 1000}},
        "data": {"train": "train.jsonl", "validation": "test.jsonl"},
        "task.target_column": target,
        "task.max_new_tokens": 8, "task.num_beams": 2, "task.max_source_length": 64,
        "train.max_steps": 2, "train.precision": "float32", "train.compile": False,
    }  # fmt: skip
    words = [
        word for key, value in small.items() for word in ("--set", f"{key}={json.dumps(value)}")
    ]
    ended = cli("finetune", name, "-o", "run", "--json", *words)
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert all(value > 0 for value in summary["baselines"][baseline].values())
    assert summary["counts"]["rows"] == 30
    assert ("best of a text's references" in summary["definition"]) == (target == "references")
