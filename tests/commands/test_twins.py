"""`lmkit eval --swaps` against two predictions of the same model."""

import json

import numpy as np
import pytest

TEXTS = ["he ran up the hill", "the dog ran", "she looked at the book and him", "she reads a book"]
TWINS = {0: "she ran up the hill", 2: "he looked at the book and her", 3: "he reads a book"}


@pytest.fixture
def data(tmp_path):
    rows = [{"text": text, "label": "low"} for text in TEXTS]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "rows.jsonl"


@pytest.mark.parametrize("size", ["1", "64"])
def test_the_difference_is_that_of_two_predictions(cli, classifier, data, lines, tmp_path, size):
    texts = [TEXTS[at] for at in TWINS]
    before, after = (
        [answer["scores"] for answer in lines(texts=tuple(found))]
        for found in (texts, TWINS.values())
    )
    call = ("eval", classifier, "--data", data, "--swaps", "gender", "--batch-size", size)
    result = cli(*call, "--json", "--details", "found.json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["counts"] == {"texts": 3, "one_way": 2}
    names = ["low", "mid", "high"]
    shift = np.array([[b[n] - a[n] for n in names] for a, b in zip(before, after, strict=True)])
    assert found["metrics"]["mean_shift"] == pytest.approx(np.abs(shift).max(1).mean(), abs=1e-4)
    (table,) = found["slices"]
    toward = (shift[0] - shift[2]) / 2  # women less men; the second text goes both ways
    assert [row[2] for row in table["rows"]] == pytest.approx(toward.tolist(), abs=1e-4)
    shown = cli(*call).out
    assert "words for women less words for men" in shown
    assert "It shows what these words do" in " ".join(shown.split())


def test_a_list_of_ones_own_and_what_does_not_fit(
    cli, classifier, tiny_gpt2_folder, data, tmp_path
):
    (tmp_path / "swaps.csv").write_text("from,to\ndog,cat\n")
    (tmp_path / "none.csv").write_text("from,to\nzebra,gnu\n")
    base = ("eval", classifier, "--data", data, "--swaps")
    assert json.loads(cli(*base, "swaps.csv", "--json").out)["counts"]["texts"] == 1
    for arguments, told in (
        ((*base, "none.csv"), "--swaps none.csv: no text of rows.jsonl holds such a word"),
        ((*base, "absent.csv"), "absent.csv"),
        ((*base, "gender", "--slice", "label"), "--swaps and --slice: what --swaps asks for"),
        ((*base, "gender", "--run-tokens", "9"), "--swaps and --run-tokens: what --swaps"),
        (
            ("eval", tiny_gpt2_folder, "--data", data, "--swaps", "names"),
            "--swaps: is for classification",
        ),
    ):
        result = cli(*arguments)
        assert result.code == 2
        assert told in result.err
        assert result.out == ""
