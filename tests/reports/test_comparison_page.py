"""Runs side by side on one page: scores where they may be compared, curves in any case."""

from lmkit.reports.comparison import Comparison
from lmkit.reports.comparison_page import render_comparison
from tests.reports.reading import Reader

HOSTILE = "<script>alert(1)</script>"


def test_scores_curves_recipes_and_cost(scored) -> None:
    other = "task: {labels: [a, b]}\ntrain: {seed: 2}\n"
    runs = [scored("a", 50), scored("b", 80, recipe=other), scored("c", 51)]
    page = Reader(render_comparison(Comparison(runs)))
    for told in (
        "b is better than a on this data: accuracy 0.8000 against 0.5000",
        "No difference is shown between c and a",
        "accuracy 0.5000 [0.1000, 0.9000] 0.8000 [0.1000, 0.9000]",
        "exact McNemar test",
        "train.seed 1 2 1",
        "steps 50 80 51",
        "a finished classification bert -",
    ):
        assert told in page.words, told
    assert [one["title"] for one in page.figures][:2] == ["Training loss", "Learning rate"]
    assert page.figures[0]["names"] == ["a", "b", "c"]
    assert all(found.get("scope") in ("col", "row") for found in page.all("th"))
    assert len(page.all("caption")) == len(page.all("table"))


def test_other_data_and_unfinished_runs_show_their_curves_alone(scored) -> None:
    page = Reader(render_comparison(Comparison([scored("a", 50), scored("b", 80, data={})])))
    assert "Their scores are not compared: the runs were not scored on the same" in page.words
    assert "McNemar" not in page.words
    assert page.figures[0]["names"] == ["a", "b"]
    page = Reader(
        render_comparison(Comparison([scored("c", 50), scored("d", 80, status="running")]))
    )
    assert "d: this run is not finished" in page.words


def test_texts_of_the_data_are_only_texts(scored) -> None:
    runs = [
        scored(f"<i>{number}", 50, task=HOSTILE, recipe=f"{HOSTILE}: {number}\n", data={})
        for number in range(2)
    ]
    page = Reader(render_comparison(Comparison(runs)))
    assert len(page.all("script")) == 2
    assert page.all("i") == []
