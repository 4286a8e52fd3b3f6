"""Planted trouble: each finding names exactly the rows that it was planted in."""

import base64
import csv
import json
import random
from collections import Counter
from pathlib import Path

import pytest

from lmkit.data.doctor.examine import View

VIEW = View("text", "label")
CODE = base64.b64encode(random.Random(0).randbytes(300)).decode()


def plain(name: str, count: int = 24) -> list[tuple[str, str]]:
    return [(f"an ordinary {name} sentence, number {i}", "ab"[i % 2]) for i in range(count)]


def test_every_kind_of_trouble_is_named_where_it_was_planted(examination, write_csv) -> None:
    train = plain("train")
    planted = {
        5: ("a lost \ufffd character", "a"),
        6: ("caf\u00c3\u00a9", "a"),
        7: ("an escape \x1b here", "a"),
        8: ("joined\ufefffiles", "a"),
        9: ("one\r\ntwo\nthree", "a"),
        10: (f"see {CODE}", "a"),
        11: (train[0][0], "b"),  # repeats line 2 with another label
        12: (train[1][0].upper(), "b"),  # line 3 but for case
        13: ("ordinary enough", "A "),
        14: ("ok", "b"),
        15: ("long " * 5000, "b"),
        16: (" ", "b"),
    }
    for line, row in planted.items():
        train[line - 2] = row
    validation = plain("validation")
    validation[3] = train[2]
    validation[4] = (f"  {train[1][0]}", "b")
    validation[5] = ("a new class", "c")
    test = plain("test")
    test[7] = validation[0]
    found = examination(
        VIEW,
        train=write_csv("train.csv", train),
        validation=write_csv("dev.csv", validation),
        test=write_csv("test.csv", test),
    )
    # of line 9 two lines, so what follows stands one line lower
    assert found.places() == {
        ("train", "replacement_character"): ["train.csv:5"],
        ("train", "mojibake"): ["train.csv:6"],
        ("train", "control_character"): ["train.csv:7"],
        ("train", "inner_bom"): ["train.csv:8"],
        ("train", "mixed_line_ends"): ["train.csv:9"],
        ("train", "encoded_bytes"): ["train.csv:12"],
        ("train", "duplicate"): ["train.csv:13"],
        ("train", "conflicting_labels"): ["train.csv:13"],
        ("train", "near_duplicate"): ["train.csv:14"],
        ("train", "similar_labels"): ["train.csv:15"],
        ("train", "short"): ["train.csv:16"],
        ("train", "long"): ["train.csv:17"],
        ("train", "blank"): ["train.csv:18"],
        ("train", "rare_label"): ["train.csv:15"],
        ("validation", "leak"): ["dev.csv:5"],
        ("validation", "near_leak"): ["dev.csv:6"],
        ("validation", "unknown_label"): ["dev.csv:7"],
        ("test", "leak"): ["test.csv:9"],
    }
    duplicate = found.findings["train", "duplicate"]
    assert [row.rpartition("/")[2] for row in duplicate.others] == ["train.csv:2"]
    leak = found.findings["validation", "leak"]
    assert leak.severity == "error"
    assert [row.rpartition("/")[2] for row in leak.others] == ["train.csv:4"]
    assert leak.message == "1 row stands in train too"
    assert leak.cure == "take them out of train, or the scores of validation are too good"
    assert leak.share == 1 / 24
    assert found.findings["test", "leak"].message == "1 row stands in validation too"


def test_clean_data_have_no_finding(examination, write_csv) -> None:
    files = {name: write_csv(f"{name}.csv", plain(name)) for name in ("train", "validation")}
    assert examination(VIEW, **files).findings == {}


def test_unreadable_rows_are_all_named(examination, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    good = json.dumps({"text": "fine", "label": "a"}).encode()
    lines = [
        good,
        b"{broken",
        good,
        b"[1]",
        b'{"text": "\xff", "label": "a"}',
        b'{"text": "\\ud800"}',
    ]
    path.write_bytes(b"\n".join(lines))
    found = examination(VIEW, train=path).findings["train", "unreadable"]
    assert [row.rpartition("/")[2] for row in found.rows] == [
        "t.jsonl:2:2", "t.jsonl:4", "t.jsonl:5", "t.jsonl:6",
    ]  # fmt: skip
    assert found.count == 4
    assert "4 rows cannot be read (the first: " in found.message
    assert "broken JSON" in found.message


def test_a_lopsided_set(examination, write_csv) -> None:
    rows = [(f"sentence number {i}", "b" if i % 9 == 0 else "a") for i in range(100)]
    found = examination(VIEW, train=write_csv("t.csv", rows)).findings
    assert [(key, f.message, f.rows) for key, f in found.items()] == [
        (("train", "lopsided"), "88.0% of the rows have the label 'a'", [])
    ]


def test_tags_answers_and_turns(examination, tmp_path: Path, write_lines) -> None:
    tags = tmp_path / "t.conll"
    tags.write_text("a O\nb B-x\n\nc I-x\n\nd B-x\ne I-x\n\nf I-y\n")
    found = examination(View(None, None), train=tags)
    assert found.places()["train", "broken_tags"] == ["t.conll:4", "t.conll:9"]
    message = found.findings["train", "broken_tags"].message
    assert message == (
        "2 rows have tags that make no spans (the first: token 1 has the tag `I-x` with no span "
        "open)"
    )

    answers = [{"text": "Poland", "answer_start": start} for start in (4, 3)]
    questions = [{"id": str(i), "question": "?", "answers": [a]} for i, a in enumerate(answers)]
    squad = tmp_path / "t.json"
    squad.write_text(
        json.dumps({"data": [{"paragraphs": [{"context": "In  Poland.", "qas": questions}]}]})
    )
    found = examination(View(None, None), train=squad)
    assert found.places() == {("train", "answer_offset"): ["t.json:row 2"]}

    user, bot = ({"role": role, "content": "hello"} for role in ("user", "assistant"))
    chats = write_lines("c.jsonl", [{"messages": [user, bot]}, {"messages": [bot, user]}])
    found = examination(View(None, None), train=chats)
    assert found.places() == {("train", "chat_roles"): ["c.jsonl:2"]}

    pairs = write_lines("p.jsonl", [{"anchor": "a", "positive": p} for p in ("b", "", "c")])
    found = examination(View(None, None), train=pairs)
    assert found.places()["train", "missing_side"] == ["p.jsonl:2"]
    asked = [{"question": f"q{a}", "choices": ["x", "y"], "answer": a} for a in (0, 2)]
    found = examination(View(None, None), train=write_lines("q.jsonl", asked))
    assert found.places() == {("train", "broken_choices"): ["q.jsonl:2"]}


@pytest.mark.parametrize("name", ["ag_news", "tweet_emotion"])
def test_real_sets_against_plain_counts(examination, test_data, name: str) -> None:
    column = {"ag_news": "description", "tweet_emotion": "text"}[name]
    files = {"train": "train", "validation": "dev", "test": "test"}
    paths = {split: test_data / name / f"{file}.csv" for split, file in files.items()}
    found = examination(View(column, "label"), **paths)
    texts = {}
    for split, path in paths.items():
        with path.open(encoding="utf-8", newline="") as file:
            texts[split] = [row[column] for row in csv.DictReader(file)]
        repeated = sum(Counter(texts[split]).values()) - len(set(texts[split]))
        told = found.findings.get((split, "duplicate"))
        assert (told.count if told else 0) == repeated
    for split, seen in (("validation", set(texts["train"])),):
        told = found.findings.get((split, "leak"))
        assert (told.count if told else 0) == sum(text in seen for text in texts[split])


def test_real_tags_answers_and_turns_are_whole(examination, test_data) -> None:
    for folder, train, validation in (
        ("wnut17", "train.conll", "dev.conll"),
        ("xquad_en", "train.json", "dev.json"),
        ("sgd_chat", "train.jsonl.gz", "dev.jsonl.gz"),
    ):
        home = test_data / folder
        found = examination(View(None, None), train=home / train, validation=home / validation)
        broken = {"broken_tags", "answer_offset", "chat_roles", "unreadable"}
        assert [key for key in found.findings if key[1] in broken] == []
