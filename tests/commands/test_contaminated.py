"""`lmkit eval --contamination` on runs and benchmarks, with copies planted in what is scored."""

import json

import pytest

from lmkit.commands.contaminated import Trained, contamination
from lmkit.data.row_texts import texts_of
from lmkit.data.sources import open_files
from lmkit.data.text_columns import TextColumns
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.sections import DataSection
from tests.commands.conftest import run_of

SIZE = 3
KNOWN, NEW = "the dog ran up the hill", "she looked at a book and him"
ROWS = {
    "causal_lm": lambda text: {"text": text},
    "masked_lm": lambda text: {"text": text},
    "classification": lambda text: {"text": text, "label": "a"},
    "ner": lambda text: {"tokens": text.split(), "tags": ["O"] * len(text.split())},
    "qa": lambda text: {"question": "a", "context": text, "answers": {"text": ["x"]}},
    "seq2seq": lambda text: {"source": "a b", "target": ["x", text]},
    "chat": lambda text: {"messages": [{"role": "user", "content": text}]},
    "preference": lambda text: {"prompt": "a", "chosen": "b", "rejected": text},
    "embedding": lambda text: {"anchor": "a", "positive": text},
    "multiple_choice": lambda text: {"question": "a", "choices": ["b", text], "answer": 0},
}


def split_of(path, options, rows):
    path.write_text("\n".join(map(json.dumps, rows)))
    return open_files(str(path), DataSection(train=str(path)), options, name="x", key="--data")


@pytest.mark.parametrize("task", OPTIONS)
def test_it_is_what_sets_of_tokens_tell(task, tmp_path, tiny_bert_tokenizer):
    """Of every task, against a count that holds all runs of tokens in sets."""
    options, row = OPTIONS[task](name=task), ROWS[task]
    train = split_of(tmp_path / "train.jsonl", options, [row(KNOWN), row("a man and a woman")])
    test = split_of(
        tmp_path / "test.jsonl", options, [row(NEW), row(f"{NEW} the dog ran"), row(KNOWN)]
    )
    trained = Trained(train, options, tiny_bert_tokenizer, 0)
    (numbers,) = contamination([trained], test, options, SIZE, {}).numbers

    def runs(source):
        columns = TextColumns.of(options)
        for one in source.rows():
            made: list[tuple[int, ...]] = []
            for text in texts_of(one, columns):
                ids = tiny_bert_tokenizer(text, add_special_tokens=False)["input_ids"]
                made += [tuple(ids[at : at + SIZE]) for at in range(len(ids) - SIZE + 1)]
            yield made

    seen = {run for made in runs(train) for run in made}
    listed = list(runs(test))
    assert numbers.runs.tolist() == [len(made) for made in listed]
    assert numbers.found.tolist() == [sum(run in seen for run in made) for made in listed]
    assert numbers.dirty.tolist() == [False, True, True]


@pytest.fixture
def run(tmp_path, tiny_gpt2_folder, tiny_corpus):
    """A run whose second test document holds lines that was trained on."""
    copied = "\n".join((tiny_corpus / "03.txt").read_text().splitlines()[2:5])
    test = [
        {"text": "0123456789 " * 4},
        {"text": f"+-*/ {copied} {{}}"},
        {"text": "short"},
    ]
    (tmp_path / "test.jsonl").write_text("\n".join(map(json.dumps, test)))
    data = {"train": tiny_corpus, "test": tmp_path / "test.jsonl"}
    return run_of(tmp_path / "run", tiny_gpt2_folder, data), copied


def test_planted_lines_are_found(cli, run, tmp_path):
    folder, lines = run
    result = cli("eval", folder, "--contamination", "--json", "--details", "found.json")
    assert result.code == 0, result.err
    told = json.loads(result.out)["contamination"]
    assert (told["rows"], told["dirty_rows"]) == (3, 1)
    details = json.loads((tmp_path / "found.json").read_text())["details"]
    by_name = {one["name"]: one["rows"] for one in details}
    ((where, runs, found, share),) = by_name["contamination"]
    assert where.endswith("test.jsonl:2")
    assert 0 < found < runs
    assert share == found / runs
    ((_, tokens, text),) = by_name["copies"]
    assert text.strip() in lines.replace("\n", " ")
    assert tokens == found + 12
    assert [row[:2] for row in by_name["by_contamination"]] == [["clean", 2], ["contaminated", 1]]
    shown = cli("eval", folder, "--contamination", "--run-tokens", "500").out
    assert "contamination: no row has a text of 500 tokens" in shown
    own = cli("eval", folder, "--data", "test.jsonl", "--contamination", "--json")
    assert json.loads(own.out)["contamination"] == told
    trained = json.loads(cli("eval", folder, "--split", "train", "--contamination", "--json").out)
    assert trained["contamination"]["share"] == 1.0


def test_the_training_column_is_that_of_the_recipe(cli, run, tmp_path):
    folder, lines = run
    (tmp_path / "other.jsonl").write_text(json.dumps({"body": lines}))
    call = ("eval", folder, "--data", "other.jsonl", "--text-column", "body", "--contamination")
    told = json.loads(cli(*call, "--json").out)["contamination"]
    assert told["share"] == 1.0


def test_a_classifier_and_the_run_that_it_began_with(cli, run, classifier, tmp_path):
    """Its own training data and the pretraining's are looked through each in its own tokens."""
    folder, lines = run
    rows = [{"text": "0 1 2 3 4 5", "label": "low"}, {"text": "a b", "label": "mid"}]
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, rows)))
    rows[1] = {"text": lines.replace("\n", " "), "label": "mid"}
    (tmp_path / "val.jsonl").write_text("\n".join(map(json.dumps, rows)))
    task = {"name": "classification", "labels": ["low", "mid", "high"], "max_length": 64}
    data = {"train": tmp_path / "train.jsonl", "validation": tmp_path / "val.jsonl"}
    tuned = run_of(tmp_path / "tuned", classifier, data, task)
    call = ("eval", tuned, "--contamination", "--run-tokens", "4", "--pretraining", folder)
    result = cli(*call, "--json", "--details", "found.json")
    assert result.code == 0, result.err
    told = json.loads(result.out)
    assert told["contamination"]["dirty_rows"] == 1
    assert told["pretraining"]["trained"] == str(folder)
    assert told["pretraining"]["dirty_rows"] == 1
    details = json.loads((tmp_path / "found.json").read_text())["details"]
    where = {one["name"]: one["rows"][0][0] for one in details if "contamination" in one["name"]}
    assert where["contamination"].endswith("val.jsonl:1")
    assert where["pretraining_contamination"].endswith("val.jsonl:2")
    assert where["by_contamination"] == "clean"
    assert f"contamination by {folder}: " in cli(*call).out
    alone = cli("eval", classifier, "--data", "val.jsonl", *call[2:], "--json")
    assert json.loads(alone.out)["pretraining"] == told["pretraining"]
    assert "contamination" not in json.loads(alone.out)


def test_the_items_of_benchmarks(cli, run, tiny_gpt2_folder, tmp_path):
    folder, lines = run
    line = lines.splitlines()[0]
    asked = [
        {"question": line, "choices": ["0123456789", "a b"], "answer": 0},
        {"question": "0123456789 " * 3, "choices": ["0123456789 " * 3, "a"], "answer": 1},
    ]
    (tmp_path / "asked.jsonl").write_text("\n".join(map(json.dumps, asked)))
    (tmp_path / "words.jsonl").write_text(json.dumps({"text": f"0123456789 {line}"}))
    call = ("eval", folder, "--benchmarks", "asked.jsonl", "--contamination", "--run-tokens", "5")
    words = ("--benchmarks", "words.jsonl")
    result = cli(*call, *words, "--json", "--details", "found.json")
    assert result.code == 0, result.err
    told = json.loads(result.out)["benchmarks"]
    assert told["asked.jsonl"]["contamination"]["dirty_rows"] == 1
    assert 0 < told["words.jsonl"]["contamination"]["share"] < 1
    details = json.loads((tmp_path / "found.json").read_text())["details"]
    by_name = {one["name"]: one for one in details}
    assert by_name["contamination"]["rows"][0][0].endswith("asked.jsonl:1")
    assert by_name["contamination_2"]["title"].endswith(": words.jsonl")
    assert by_name["by_contamination"]["columns"][:3] == ["group", "rows", "accuracy"]
    assert "in 1 of 2 rows" in cli(*call).out
    few = json.loads(cli(*call, "--limit", "1", "--json").out)["benchmarks"]["asked.jsonl"]
    assert few["contamination"]["rows"] == 1
    for arguments, message in (
        (("eval", tiny_gpt2_folder, *call[2:]), "is no run folder"),
        (("eval", folder, "--benchmarks", "lambada", "--contamination"), "is a task of lm-eval"),
    ):
        refused = cli(*arguments)
        assert refused.code == 2
        assert message in refused.err


def test_what_has_no_training_data(cli, tiny_gpt2_folder, run, tmp_path):
    folder, _ = run
    base = ("--data", "test.jsonl", "--contamination")
    for arguments, told in (
        ((tiny_gpt2_folder, *base), "is no run folder, so it does not say what it was trained on"),
        ((folder, *base, "--pretraining", tiny_gpt2_folder), "--pretraining "),
        ((folder, *base, "--pretraining", "absent"), "--pretraining absent: is no run folder"),
    ):
        result = cli("eval", *arguments)
        assert result.code == 2
        assert told in result.err
        assert result.out == ""


def test_training_data_that_moved(cli, run, tiny_corpus, tmp_path):
    folder, _ = run
    tiny_corpus.rename(tmp_path / "elsewhere")
    result = cli("eval", folder, "--data", "test.jsonl", "--contamination")
    assert result.code == 2
    assert "without it nobody can look for what" in result.err
    assert "--data FILE" not in result.err
