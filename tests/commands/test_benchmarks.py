"""`lmkit eval --benchmarks FILE`: two shapes of files, and what is refused."""

import json
from pathlib import Path

import pytest

TEXTS = [{"text": f"the cat sat on the {thing}"} for thing in ("mat", "hat", "cat", "dog")]
ASKED = [
    {"question": "Who sat?", "choices": ["the cat", "a dog", "the old bird"], "answer": 0},
    {"question": "Where?", "choices": ["on the mat", "in the sky"], "answer": "on the mat"},
]


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    texts, asked = tmp_path / "texts.jsonl", tmp_path / "asked.jsonl"
    texts.write_text("".join(json.dumps(row) + "\n" for row in TEXTS))
    asked.write_text("".join(json.dumps(row) + "\n" for row in ASKED))
    return texts, asked


def test_both_shapes_at_once(cli, tiny_gpt2_folder, files, tmp_path) -> None:
    words = [word for file in files for word in ("--benchmarks", file)]
    ended = cli("eval", tiny_gpt2_folder, *words, "--json", "-o", "told.json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told == json.loads((tmp_path / "told.json").read_text())
    texts, asked = (told["benchmarks"][str(file)] for file in files)
    assert texts["task"] == "last_word"
    assert set(texts["metrics"]) == {"accuracy", "perplexity"}
    assert texts["counts"]["rows"] == 4
    assert asked["task"] == "multiple_choice"
    assert set(asked["baselines"]) == {"chance", "longest_choice"}
    assert asked["against_baselines"]["metric"] == "accuracy"
    again = cli("eval", tiny_gpt2_folder, *words, "--batch-size", "64", "--json")
    other = json.loads(again.out)["benchmarks"][str(files[0])]["metrics"]
    assert other == pytest.approx(texts["metrics"], rel=1e-6)
    few = cli("eval", tiny_gpt2_folder, "--benchmarks", files[0], "--limit", "2", "--json")
    assert json.loads(few.out)["benchmarks"][str(files[0])]["counts"]["rows"] == 2


def test_for_people(cli, tiny_gpt2_folder, files) -> None:
    ended = cli("eval", tiny_gpt2_folder, "--benchmarks", files[1])
    assert ended.code == 0, ended.err
    for part in ("multiple_choice", "accuracy_norm", "baseline chance", "2 rows"):
        assert part in ended.out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--benchmarks", "none.jsonl"), "--benchmarks none.jsonl: no such file"),
        (
            ("--benchmarks", "texts.jsonl", "--split", "test"),
            "--benchmarks and --split: ",
        ),
        (("--limit", "3"), "--limit: is for --benchmarks, which is not given"),
        (("--benchmarks", "texts.jsonl", "--num-fewshot", "1"), "--num-fewshot: only for tasks of"),
        (("--benchmarks", "texts.jsonl", "--trust-benchmark-code"), "only for task files"),
        (("--benchmarks", "odd.jsonl"), "has the columns prompt; a benchmark needs `text`"),
    ],
)
@pytest.mark.usefixtures("files")
def test_what_does_not_fit_is_told(cli, tiny_gpt2_folder, tmp_path, words, told) -> None:
    (tmp_path / "odd.jsonl").write_text('{"prompt": "x"}\n')
    ended = cli("eval", tiny_gpt2_folder, *words)
    assert ended.code == 2
    assert told in ended.err
    assert ended.out == ""


def test_a_masked_model_writes_nothing(cli, tiny_bert_folder, files) -> None:
    ended = cli("eval", tiny_bert_folder, "--benchmarks", files[0])
    assert ended.code == 2
    assert "fills in masked tokens and does not write" in ended.err
