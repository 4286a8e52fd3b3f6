"""`lmkit eval --details` and `--slice` through the command line."""

import json

import pytest


@pytest.fixture
def rows(tmp_path, tiny_corpus):
    lines = (tiny_corpus / "03.txt").read_text().splitlines()
    texts = ["\n".join(lines[:count]) for count in (6, 1, 3, 1, 2)] + ["a"]
    kinds = "xyxyxy"
    listed = [{"text": text, "kind": kind} for text, kind in zip(texts, kinds, strict=True)]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, listed)))
    return texts


@pytest.fixture
def score(cli, tiny_gpt2_folder, rows):
    return lambda *more: cli("eval", tiny_gpt2_folder, "--data", "rows.jsonl", *more)


def test_details_are_the_same_for_every_batch_size(score, rows, tmp_path):
    found = []
    for size in (1, 64):
        result = score("--details", "found.json", "--batch-size", str(size), "--json")
        assert result.code == 0, result.err
        found.append(json.loads((tmp_path / "found.json").read_text()))
    loss = json.loads(result.out)["metrics"]["loss"]
    assert [found[0][key] for key in ("task", "split")] == ["causal_lm", "rows.jsonl"]
    for one, other in zip(*(each["details"] for each in found), strict=True):
        assert set(one) == {"name", "title", "definition", "view", "columns", "rows"}
        assert one["name"] == other["name"]
        for row, same in zip(one["rows"], other["rows"], strict=True):
            texts, others = ([v for v in cells if isinstance(v, str)] for cells in (row, same))
            assert texts == others
            numbers = [[v for v in cells if isinstance(v, float)] for cells in (row, same)]
            assert numbers[0] == pytest.approx(numbers[1], abs=1e-6)
    by_name = {one["name"]: one["rows"] for one in found[0]["details"]}
    sizes = {len(text) for text in rows if len(text) >= 32}
    assert {row[2] for row in by_name["most_surprising"]} == sizes
    assert sum(row[1] for row in by_name["by_length"]) == len(rows)
    curve = [row[1] for row in by_name["loss_by_position"]]
    assert min(curve) < loss < max(curve)


def test_details_and_slices_in_the_terminal(score):
    shown = score("--details", "-")
    assert "Loss by tokens of context (loss_by_position)" in shown.out
    shown = score("--slice", "kind")
    assert "By column `kind` (by_column_kind)" in shown.out
    assert "loss_by_position" not in shown.out
    (table,) = json.loads(score("--slice", "kind", "--json").out)["slices"]
    assert [row[:2] for row in table["rows"]] == [["x", 3], ["y", 3]]


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["--details", "."], ["--details .: is a folder"]),
        (["--details", "-", "--json"], ["--details -: standard output gets the JSON object"]),
        (["--slice", "knd"], ["--slice knd: ", "has no such column; it has text, kind; did you"]),
    ],
)
def test_options_that_do_not_fit(score, options, texts):
    result = score(*options)
    assert result.code == 2
    assert result.out == ""
    for text in texts:
        assert text in result.err
