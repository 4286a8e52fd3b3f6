"""`lmkit predict` on a tiny classifier: every way in, the order, the errors."""

import gzip
import json
import shutil
import sys

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from transformers import AutoConfig, AutoModelForNextSentencePrediction, pipeline

from lmkit.commands import asked
from lmkit.commands.predict import PredictOptions, predict
from lmkit.errors import DataError, ModelError, UsageError
from lmkit.recipe.load import dump_recipe, parse_recipe

WORDS = ("the", "cat", "sat", "on", "mat", "and", "looked", "dog", "one", "house", "red", "door")
TEXTS = [" ".join([*WORDS, *WORDS][i % 12 : i % 12 + 1 + (5 * i) % 11]) for i in range(20)]


def answers(rows):
    return [(row["text"], row["label"], row["scores"]) for row in rows]


def test_texts_are_answered_in_order_whatever_the_window_and_the_batch(
    lines, classifier, monkeypatch
):
    expected = lines(texts=TEXTS)
    assert [row["text"] for row in expected] == TEXTS
    ask = pipeline("text-classification", model=classifier, device="cpu", top_k=None)
    for row in expected:
        theirs = {found["label"]: found["score"] for found in ask(row["text"])[0]}
        assert row["scores"] == pytest.approx(theirs, abs=1e-5)
        assert row["label"] == max(theirs, key=lambda name: theirs[name])
        assert list(row["scores"]) == ["low", "mid", "high"]
    assert len({round(row["scores"]["low"], 3) for row in expected}) > 10
    for window, batch in ((3, 2), (7, None), (100, 50)):
        monkeypatch.setattr(asked, "WINDOW", window)
        for row, other in zip(lines(texts=TEXTS, batch_size=batch), expected, strict=True):
            assert (row["text"], row["label"]) == (other["text"], other["label"])
            assert row["scores"] == pytest.approx(other["scores"], abs=1e-5)


def test_files_of_every_format_give_the_same(lines, tmp_path):
    texts = ["the cat", 'a "red" door, open', "one\nhouse"]
    rows = [{"number": i, "text": text} for i, text in enumerate(texts)]
    table = "number,text\n" + "".join(
        f'{row["number"]},"{row["text"].replace(chr(34), chr(34) * 2)}"\n' for row in rows
    )
    (tmp_path / "a.csv").write_text(table)
    with gzip.open(tmp_path / "a.jsonl.gz", "wt") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "a.parquet")
    expected = lines(texts=texts)
    for name in ("a.csv", "a.jsonl.gz", "a.parquet"):
        found = lines(input=str(tmp_path / name))
        assert answers(found) == answers(expected)
        assert [int(row["number"]) for row in found] == [0, 1, 2]


def test_a_text_file_holds_a_text_a_line(lines, tmp_path):
    (tmp_path / "a.txt").write_text("the cat\n\n  \na dog\n")
    found = lines(input=str(tmp_path / "a.txt"))
    assert answers(found) == answers(lines(texts=["the cat", "a dog"]))


def test_own_columns_are_kept_beside_the_answer(lines, tmp_path):
    row = {"id": 7, "tweet": "the cat", "label": "x", "input_label": 1, "more": {"a": [1]}}
    (tmp_path / "a.jsonl").write_text(json.dumps(row) + "\n")
    (found,) = lines(input=str(tmp_path / "a.jsonl"), column="tweet")
    assert list(found)[:3] == ["text", "label", "scores"]
    assert found["text"] == "the cat"
    assert (found["id"], found["more"]) == (7, {"a": [1]})
    assert "tweet" not in found
    assert {found["input_label"], found["input_input_label"]} == {"x", 1}


def test_what_json_does_not_know_is_written_as_text_or_null(lines, tmp_path):
    table = pa.table({"text": ["the cat"], "x": [float("nan")], "when": pa.array([0], pa.date32())})
    pq.write_table(table, tmp_path / "a.parquet")
    (found,) = lines(input=str(tmp_path / "a.parquet"))
    assert (found["x"], found["when"]) == (None, "1970-01-01")


def test_lines_go_to_a_file(lines, tmp_path):
    output = tmp_path / "o.jsonl"
    assert lines(texts=TEXTS[:3], output=str(output)) == []
    assert [json.loads(line)["text"] for line in output.read_text().splitlines()] == TEXTS[:3]


def test_people_get_a_readable_line(classifier, capsys, monkeypatch):
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    predict(classifier, PredictOptions(texts=["the cat", "a\n  dog"]))
    shown = capsys.readouterr().out.splitlines()
    assert [line.split()[2:] for line in shown] == [["the", "cat"], ["a", "dog"]]
    assert all(line.split()[0] in {"low", "mid", "high"} for line in shown)
    predict(classifier, PredictOptions(texts=["the cat"], as_json=True))
    assert json.loads(capsys.readouterr().out)["text"] == "the cat"


def test_a_long_text_is_cut_and_told(lines, caplog):
    caplog.set_level("INFO", logger="lmkit")
    (found,) = lines(texts=["cat " * 500])
    (short,) = lines(texts=["cat " * 62])
    assert found["scores"] == pytest.approx(short["scores"], abs=1e-6)
    assert "1 of 1 texts are cut at 64 tokens" in caplog.text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, r"nothing to predict: give texts as arguments, or --input FILE"),
        ({"texts": ["a"], "input": "f"}, r"--input and texts as arguments: give one"),
        ({"texts": ["a"], "column": "c"}, r"--column: names a column of --input"),
        ({"texts": ["a"], "input_format": "csv"}, r"--input-format: is that of --input, which is"),
        ({"input": "-", "input_format": "parquet"}, r"parquet: is read from its end, and standard"),
        ({"texts": ["a", " \n"]}, r"text 2: is blank"),
        ({"texts": ["\udcff"]}, r"text 1: is not valid UTF-8"),
        ({"texts": ["a"], "output": "/"}, r"--output /: is a folder"),
        ({"texts": ["a"], "output": "o.parquet"}, r"--output o\.parquet: JSON Lines or CSV is"),
        ({"texts": ["a"], "format": "xml"}, r"--format xml: allowed are jsonl and csv"),
    ],
)
def test_options_that_do_not_fit_are_told_before_the_model_is_looked_at(options, says):
    with pytest.raises(UsageError, match=says):
        predict("no/such/folder", PredictOptions(**options))


def test_a_missing_input_is_named(lines):
    with pytest.raises(DataError, match=r"--input: no such file or folder: no\.csv"):
        lines(input="no.csv")


def test_the_input_is_not_written_over(lines, tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("the cat\n")
    with pytest.raises(UsageError, match="is the input; name another file"):
        lines(input=str(path), output=str(path))
    assert path.read_text() == "the cat\n"


def test_a_language_model_is_told_what_it_is_for(lines, tiny_gpt2_folder, tiny_bert_folder):
    with pytest.raises(
        UsageError, match=r"causal_lm model has nothing to predict; .*lmkit generate"
    ):
        lines(str(tiny_gpt2_folder), texts=["a"])
    with pytest.raises(
        UsageError, match=r"masked_lm model has nothing to predict; .*lmkit finetune"
    ):
        lines(str(tiny_bert_folder), texts=["a"])


def test_a_head_that_no_task_knows_is_an_error(lines, classifier, tmp_path):
    config = AutoConfig.from_pretrained(classifier)
    AutoModelForNextSentencePrediction.from_config(config).save_pretrained(tmp_path / "next")
    shutil.copy(f"{classifier}/tokenizer.json", tmp_path / "next")
    shutil.copy(f"{classifier}/tokenizer_config.json", tmp_path / "next")
    with pytest.raises(ModelError, match="BertForNextSentencePrediction, whose head is that of no"):
        lines(str(tmp_path / "next"), texts=["a"])


def test_texts_are_cleaned_as_those_of_the_run(lines, classifier, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    shutil.copytree(classifier, run / "model")
    recipe = {
        "task": {"name": "classification", "labels": ["low", "mid", "high"],
                 "max_length": 64},
        "model": {"source": classifier},
        "data": {"train": "x", "clean": {"replace": {"[.!]": ""}, "stop_words": "en",
                                         "min_length": 50}},
    }  # fmt: skip
    text = dump_recipe(parse_recipe(json.dumps(recipe), "recipe.yaml"))
    (run / "recipe.yaml").write_text(text)
    (run / "manifest.json").write_text("{}")
    (row,) = lines(str(run), texts=["The cat. sat!"])
    assert row["text"] == "The cat. sat!"  # as it came
    assert row["scores"] == pytest.approx(lines(texts=["cat sat"])[0]["scores"], abs=1e-6)
    assert row["scores"] != pytest.approx(lines(texts=["the cat sat"])[0]["scores"], abs=1e-3)
    with pytest.raises(DataError, match=r"text 2: nothing is left of the text by the transforms"):
        lines(str(run), texts=["cat", "the!"], strict=True)
