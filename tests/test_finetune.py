"""From a file of texts and labels to a classifier that is measured and asked: `lmkit finetune`."""

import json
import random

import pytest
import yaml
from safetensors.torch import load_file
from transformers import pipeline

WORDS = {
    "sea": ("wave", "fish", "boat", "salt", "tide"),
    "sky": ("cloud", "bird", "wind", "star", "moon"),
    "soil": ("root", "worm", "seed", "clay", "mud"),
}
COMMON = ("the", "a", "and", "of", "on", "under", "old", "new")
BERT = {
    "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 64,
    "hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0,
    "initializer_range": 0.1,  # 0.02 is for widths of 768
}  # fmt: skip


def rows(count, seed):
    """Texts of 3 to 12 words, one or two of them words of the label; `sea` is the commonest."""
    draw = random.Random(seed)
    for _ in range(count):
        label = draw.choice(["sea", "sea", "sky", "soil"])
        words = draw.choices(COMMON, k=draw.randint(2, 10))
        for _ in range(draw.randint(1, 2)):
            words.insert(draw.randrange(len(words)), draw.choice(WORDS[label]))
        yield " ".join(words), label


@pytest.fixture
def data(tmp_path):
    """train.csv, dev.jsonl and test.csv."""
    for name, count, seed in (("train", 300, 1), ("test", 120, 2)):
        lines = [f"{text},{label}\n" for text, label in rows(count, seed)]
        (tmp_path / f"{name}.csv").write_text("text,label\n" + "".join(lines))
    lines = [json.dumps({"text": text, "label": label}) + "\n" for text, label in rows(60, 3)]
    (tmp_path / "dev.jsonl").write_text("".join(lines))
    return tmp_path


@pytest.fixture
def recipe(data):
    """A function that writes a recipe of a tiny model and gives its path."""

    def write(architecture="bert", config=BERT, tokenizer="wordpiece", **train):
        content = {
            "task": {"name": "classification", "max_length": 24},
            "model": {"architecture": architecture, "config": config},
            "tokenizer": {"train": {"type": tokenizer, "vocab_size": 300}},
            "data": {"train": "train.csv", "validation": "dev.jsonl", "test": "test.csv"},
            "train": {
                "num_train_epochs": 8, "total_batch_size": 16, "per_device_train_batch_size": 16,
                "learning_rate": 2e-3, "compile": False, "precision": "float32",
            } | train,
        }  # fmt: skip
        path = data / "recipe.yaml"
        path.write_text(yaml.safe_dump(content))
        return path

    return write


@pytest.fixture
def finetuned(cli, recipe):
    """A function that trains in this process and gives the summary."""

    def run(output, *arguments, **keys):
        ended = cli("finetune", recipe(**keys), "-o", output, "--json", *arguments)
        assert ended.code == 0, ended.err
        return json.loads(ended.out)

    return run


@pytest.mark.slow
def test_the_whole_way_from_a_csv_to_answers(run_cli, recipe, data):
    """The real commands, each in a process of its own."""
    ended = run_cli("finetune", recipe(precision="auto"), "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert (summary["task"], summary["split"]) == ("classification", "test")
    assert "3 labels: sea, sky, soil" in ended.err
    assert "data: rows: train " in ended.err
    majority = summary["baselines"]["majority"]
    assert majority["accuracy"] < 0.6
    assert summary["metrics"]["accuracy"] > 0.95
    assert summary["metrics"]["macro_f1"] > 0.95 > 3 * majority["macro_f1"]
    assert set(summary["intervals"]) == set(summary["metrics"])
    assert summary["baselines"]["tfidf_logistic"]["macro_f1"] > 0.9  # words tell these labels
    assert set(summary["per_class"]) == {"sea", "sky", "soil"}
    assert summary["against_baselines"]["baseline"] == "tfidf_logistic"
    assert "best macro_f1 on the validation data" in summary["kept_because"]

    ended = run_cli("eval", "run", "--json", "--batch-size", "7")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
    assert found["baselines"] == summary["baselines"]
    assert found["intervals"].keys() == summary["intervals"].keys()

    ended = run_cli("predict", "run", "--input", "test.csv")
    assert ended.code == 0, ended.err
    answers = [json.loads(line) for line in ended.out.splitlines()]
    assert [answer["text"] for answer in answers] == [text for text, _ in rows(120, 2)]
    right = sum(answer["label"] == answer["input_label"] for answer in answers)
    assert right / 120 == pytest.approx(summary["metrics"]["accuracy"])

    ended = run_cli("predict", "run", "--input", "-", stdin="the old boat\n\nunder a star\n")
    assert [json.loads(line)["label"] for line in ended.out.splitlines()] == ["sea", "sky"]
    stdin = '{"id": 1, "text": "the old boat"}\n'
    ended = run_cli("predict", "run", "--input", "-", "--column", "text", stdin=stdin)
    assert json.loads(ended.out)["id"] == 1
    stdin = 'id,text\n1,"the old boat,\nunder"\n2\n3,under a star\n'
    ended = run_cli("predict", "run", "--input", "-", "--input-format", "csv", stdin=stdin)
    told = [json.loads(line) for line in ended.out.splitlines()]
    assert [(row.get("id"), row.get("label")) for row in told] == [
        ("1", "sea"), (None, None), ("3", "sky"),
    ]  # fmt: skip
    assert "standard input:4: row 2 has 1 cells, the header has 2" in told[1]["error"]
    ended = run_cli("predict", "run", "--input", "-")
    assert (ended.code, ended.out) == (2, "")
    assert "standard input" in ended.err

    ended = run_cli("pretrain", "run/recipe.yaml", "-o", "other")
    assert ended.code == 2
    resolved = yaml.safe_load((data / "run" / "recipe.yaml").read_text())
    assert resolved["task"]["labels"] == ["sea", "sky", "soil"]


def test_transformers_opens_what_was_made(finetuned, cli, data):
    finetuned("run", "--set", "train.num_train_epochs=1")
    ask = pipeline("text-classification", model=str(data / "run" / "model"), device="cpu")
    texts = [text for text, _ in rows(5, 9)]
    ended = cli("predict", "run", *texts)
    for text, line in zip(texts, ended.out.splitlines(), strict=True):
        ours, (theirs,) = json.loads(line), ask(text)
        assert ours["label"] == theirs["label"]
        assert ours["scores"][ours["label"]] == pytest.approx(theirs["score"], abs=1e-6)


@pytest.mark.parametrize("architecture", ["bert", pytest.param("gpt2", marks=pytest.mark.slow)])
def test_accumulation_changes_nothing(finetuned, data, architecture):
    """(8, 1) and (2, 4) give the same weights and losses; the last batch is a short one."""
    keys = {"optim": "sgd", "learning_rate": 0.1, "num_train_epochs": 1, "total_batch_size": 8}
    keys |= {"logging_steps": 1, "eval_strategy": "no", "save_strategy": "no", "max_grad_norm": 0.0}
    if architecture == "gpt2":
        dropout = dict.fromkeys(("resid_pdrop", "embd_pdrop", "attn_pdrop"), 0.0)
        sizes = {"n_embd": 32, "n_layer": 1, "n_head": 2}
        keys |= {"architecture": "gpt2", "config": sizes | dropout, "tokenizer": "bpe"}
    found, losses = [], []
    for micro in (8, 2):
        name = f"{architecture}-{micro}"
        finetuned(name, "--set", f"train.per_device_train_batch_size={micro}", **keys)
        found.append(load_file(data / name / "model" / "model.safetensors"))
        lines = (data / name / "metrics.jsonl").read_text().splitlines()
        losses.append([line["loss"] for line in map(json.loads, lines) if "loss" in line])
    assert len(losses[0]) == 38  # 300 rows, the last step holds 4
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)
    for key, value in found[0].items():
        assert float((value - found[1][key]).abs().max()) < 1e-6, key


def test_a_run_folder_is_a_source(finetuned, cli, data):
    """A masked model of one's own, then a classifier from it: its tokenizer and its positions."""
    (data / "texts").mkdir()
    (data / "texts" / "all.txt").write_text("\n".join(text for text, _ in rows(200, 5)))
    masked = {
        "task": {"name": "masked_lm", "block_size": 16},
        "model": {"architecture": "bert", "config": BERT},
        "tokenizer": {"train": {"type": "wordpiece", "vocab_size": 300}},
        "data": {"train": "texts"},
        "train": {"max_steps": 2, "compile": False, "precision": "float32"},
    }
    (data / "masked.yaml").write_text(yaml.safe_dump(masked))
    assert cli("pretrain", "masked.yaml", "-o", "masked").code == 0
    sets = ("--set", "model={source: masked}", "--set", "tokenizer={}")
    finetuned("run", *sets, "--set", "task={name: classification}", "--set", "train.max_steps=2")
    resolved = yaml.safe_load((data / "run" / "recipe.yaml").read_text())
    assert resolved["task"]["max_length"] == 16  # the positions of the source
    too_long = (*sets, "--set", "task.max_length=17", "-o", "other")
    ended = cli("finetune", data / "recipe.yaml", *too_long)
    assert ended.code == 2
    assert "17 tokens are asked for, but bert here has 16 positions" in ended.err


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        (
            "train.csv",
            "text,lable\nx,a\ny,b\n",
            "no column `label`; the columns are `text`, `lable`",
        ),
        ("train.csv", "body,label\nx,a\ny,b\n", "no column `text`"),
        ("train.csv", "text,label\nx,a\ny,a\n", "every row has the label `a`"),
        ("train.csv", "text,label\nx,0.5\ny,1.5\n", "the number 0.5; a label is text or a whole"),
        ("train.csv", "text,label\n ,a\n,b\n", "nothing but white space"),
        ("train.csv", "text,label\n", "the file holds no row"),
        ("dev.jsonl", '{"text": "x", "label": "sun"}\n', "dev.jsonl:1: the label `sun` is none of"),
        ("test.csv", "text,label\nx,sea\ny,\n", "test.csv:3: column `label` is blank"),
        ("test.csv", "text,label\nx,se\n", "test.csv:2: the label `se` is none of .*`sea`"),
    ],
)
def test_bad_data_is_told_before_anything_is_trained(cli, recipe, data, name, content, says):
    (data / name).write_text(content)
    ended = cli("finetune", recipe(), "-o", "run")
    assert ended.code == 2, ended.err
    pattern = says if ".*" in says else None
    if pattern is None:
        assert says in ended.err
    else:
        before, after = pattern.split(".*")
        assert before in ended.err.partition(after)[0]
    assert "step 1/" not in ended.err


@pytest.mark.slow
def test_real_tweets_beat_the_majority(cli, test_data, tmp_path):
    """The packaged recipe on 3,257 tweets of four emotions (TweetEval), two epochs of it."""
    folder = test_data / "tweet_emotion"
    ended = cli(
        "finetune", "text-classification", "-o", "run", "--json",
        "--set", f"data.train={folder}/train.csv", "--set", f"data.validation={folder}/dev.csv",
        "--set", f"data.test={folder}/test.csv", "--set", "train.num_train_epochs=4",
        "--set", "task.max_length=48",
    )  # fmt: skip
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"]["macro_f1"] > 2.5 * found["baselines"]["majority"]["macro_f1"]
    assert found["metrics"]["accuracy"] > found["baselines"]["majority"]["accuracy"] + 0.05
