"""Runs side by side: what is compared, what is refused, and which words are used."""

import json
import re
from typing import Any

import pytest

from lmkit.errors import UsageError
from lmkit.reports.comparison import Comparison
from lmkit.run_folder import RunFolder


def test_a_clear_difference_is_told_in_either_order(scored) -> None:
    weak, strong = scored("weak", 50), scored("strong", 80)
    found = Comparison([weak, strong])
    assert found.verdicts()[0].startswith(
        "strong is better than weak on this data: accuracy 0.8000 against 0.5000 (exact McNemar "
        "test, p = 1.9e-09; 95 % interval of strong - weak: 0.2"
    )
    assert (
        Comparison([strong, weak])
        .verdicts()[0]
        .startswith("strong is better than weak on this data: accuracy 0.8000 against 0.5000")
    )
    assert (
        Comparison([scored("w", 50, main="loss"), scored("s", 80, main="loss")])
        .verdicts()[0]
        .startswith("s is better than w on this data: loss 0.4800 against 1.0500 (paired bootstrap")
    )


def test_no_word_of_better_where_the_interval_covers_nothing(scored) -> None:
    sentence = Comparison([scored("a", 50), scored("b", 52)]).verdicts()[0]
    assert sentence.startswith("No difference is shown between b and a: accuracy 0.5200 against")
    assert "better" not in sentence


def test_recipes_and_cost_are_told_where_they_differ(scored) -> None:
    found = Comparison(
        [scored("a", 50), scored("b", 52, recipe="task: {labels: [a, b]}\ntrain: {seed: 2}\n")]
    )
    assert found.recipes() == [("train.seed", ["1", "2"])]
    assert found.costs() == [("steps", [50, 52]), ("tokens", [7, 7])]
    told = found.as_json()
    assert told["metrics"]["accuracy"] == [0.5, 0.52]
    assert told["against_first"][0]["differences"]["accuracy"]["value"] == pytest.approx(0.02)
    json.dumps(told, allow_nan=False)


def pair(scored, data: Any) -> Comparison:
    return Comparison([scored(f"a{data}", 50), scored(f"b{data}", 50, data=data)])


def test_other_data_are_refused_by_name(scored) -> None:
    other = {"test": {"sha256": "cd34" * 16, "files": [{"path": "other.csv"}]}}
    for data in (other, {}, None):
        with pytest.raises(UsageError, match="not scored on the same data") as caught:
            pair(scored, data).require_same_data()
        assert "test.csv, SHA-256 ab12ab12ab12" in str(caught.value)
    assert "of which the manifest does not tell the content" in str(caught.value)


def test_what_has_no_scores_of_its_own_is_refused(scored) -> None:
    whole = scored("whole", 50)
    for other, told in (
        (scored("running", 50, status="running"), "running: this run is not finished"),
        (scored("else", 50, task="ner"), "different tasks: whole: classification; else: ner"),
        (whole, "named twice"),
    ):
        with pytest.raises(UsageError, match=told):
            Comparison([whole, other]).require_same_data()
    bare = scored("bare", 50)
    bare.summary.write_text('{"task": "classification", "metrics": {}}')
    with pytest.raises(UsageError, match="bare: this run was scored on nothing"):
        Comparison([whole, bare]).require_same_data()


def test_without_rows_there_is_no_verdict(scored) -> None:
    whole, old, wrong, fewer = (
        scored("whole", 50), scored("old", 90), scored("wrong", 90), scored("fewer", 9, rows=10)
    )  # fmt: skip
    old.rows.unlink()
    wrong.rows.write_bytes(whole.rows.read_bytes())
    found = Comparison([whole, old, wrong, fewer])
    old_one, wrong_one, fewer_one = found.verdicts()
    assert old_one == (
        "No verdict on old and whole (accuracy 0.9000 against 0.5000): no paired test is possible: "
        "old has no rows.npz that can be read."
    )
    assert "the rows of wrong do not make the" in wrong_one
    assert "10 and 100 rows were scored" in fewer_one


def test_losses_of_other_tokens_are_not_compared(scored) -> None:
    found = Comparison(
        [scored("a", 50, task="chat"), scored("b", 80, task="chat", tokenizer="u", main="loss")]
    )
    assert "loss" not in found.against[0].differences
    assert "do not predict the same items" in found.against[0].reason
    counted = Comparison([scored("c", 50), scored("d", 80, items=2)])
    assert "loss" not in counted.against[0].differences
    assert "accuracy" in counted.against[0].differences


@pytest.mark.parametrize(
    ("task", "keys", "changed"),
    [
        ("preference", "{loss_type: ipo}", "loss: .*differ in task.loss_type, by"),
        ("preference", "{beta: 0.5, reference: none}", "loss: .*task.beta, task.reference, by"),
        ("embedding", "{temperature: 0.1}", "loss: .*differ in task.temperature, by"),
        ("classification", "{beta: 0.5, temperature: 0.1}", "^$"),
    ],
)
def test_what_is_measured_in_another_way_is_not_compared(scored, task, keys, changed) -> None:
    first, second = (
        scored(name, right, task=task, recipe=f"task: {keys}\n")
        for name, right, keys in (("a", 50, "{}"), ("b", 80, keys))
    )
    found = Comparison([first, second]).against[0]
    assert re.search(changed, found.reason)
    assert ("loss" in found.differences) == (task == "classification")
    assert "accuracy" in found.differences


def test_other_labels_leave_out_what_counts_them(scored) -> None:
    found = Comparison([scored("a", 50), scored("b", 80, recipe="task: {labels: [b, a]}\n")])
    assert "macro_f1" not in found.against[0].differences
    assert "accuracy" in found.against[0].differences


def test_runs_of_one_name_are_told_by_their_paths(scored, tmp_path) -> None:
    first = scored("run", 50)
    (tmp_path / "else").mkdir()
    first.path.rename(tmp_path / "else" / "run")
    found = Comparison([scored("run", 60), RunFolder(tmp_path / "else" / "run")])
    assert found.names == [str(tmp_path / "run"), str(tmp_path / "else" / "run")]
