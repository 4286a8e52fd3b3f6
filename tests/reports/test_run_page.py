"""The page of a run: what stands on it, that data cannot act on it, and that it stays small."""

import base64
import copy
import hashlib
import itertools
import json
import re
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmkit.reports.facts import RunFacts
from lmkit.reports.run_page import render
from lmkit.run_folder import RunFolder
from tests.reports.conftest import MANIFEST, SUMMARY
from tests.reports.reading import Reader

HOSTILE = "</script><script>alert(1)</script><img src=http://x.example/ onerror=alert(2)>\ud800\0"


def page_of(run) -> Reader:
    return Reader(render(RunFacts.of(run)))


def test_all_that_the_run_left_is_on_the_page(made_run) -> None:
    page = page_of(
        made_run(
            guard={"incidents": [{"step": 3, "kind": "spike", "action": "warn", "text": "up"}]}
        )
    )
    for told in (
        "The model beats the best baseline.",
        "0.6000 to 0.8500",
        "baseline: majority",
        "On the test data: 40 rows",
        "energy_kwh 0.2500",
        "test.csv",
        "ab12",
        "ledger",
        "parts.0.share 0.5000",
        "3 spike warn up",
        "versions.python 3.11",
        "lmkit finetune run/recipe.yaml -o run-again",
        "task: {name: classification}",
        "Step 4 is kept: the best.",
    ):
        assert told in page.words, told
    assert [one["title"] for one in page.figures] == [
        "Loss",
        "Learning rate",
        "Validation: accuracy",
    ]
    places = [
        found["id"] for found in page.all("div") if (found.get("id") or "").startswith("plot")
    ]
    assert places == ["plot-1", "plot-2", "plot-3"]


def test_details_are_shown_by_their_view(made_run) -> None:
    details = [
        {"title": "Matrix", "view": "matrix", "columns": ["gold", "a"], "rows": [["a", 3]]},
        {"title": "Curve", "view": "line", "columns": ["x", "y"], "rows": [[0.1, 0.2]]},
        {"title": "Words", "view": "line", "columns": ["x", "y"], "rows": [["one", 0.2]]},
        {"title": "Worst", "view": "texts", "columns": ["text"], "rows": [["so\nit is"]]},
        {"title": "Table", "view": "table", "columns": ["x"], "rows": "no list"},
        {"rows": [[], ["more", "cells", "than columns"]]},
    ]
    page = page_of(made_run(details={"details": details}))
    assert "shade-9" in {found.get("class") for found in page.all("td")}
    assert {"matrix", "texts"} <= {found.get("class") for found in page.all("table")}
    assert [one["title"] for one in page.figures][-1] == "Curve"
    assert "so it is" in page.words


def test_texts_of_the_data_are_only_texts(made_run) -> None:
    tables = [
        {"name": HOSTILE, "title": HOSTILE, "definition": HOSTILE, "view": view,
         "columns": [HOSTILE, HOSTILE], "rows": [[HOSTILE, HOSTILE], [1, 2]]}
        for view in ("table", "texts", "matrix", "line", HOSTILE)
    ]  # fmt: skip
    each = {HOSTILE: {HOSTILE: HOSTILE}}
    run = made_run(
        name="a <b> & c",
        recipe=f"task: {HOSTILE[:-2]}\n",
        details={"details": tables},
        guard={"incidents": [{"step": HOSTILE, "kind": HOSTILE, "action": HOSTILE}]},
        summary={
            "task": HOSTILE, "model": HOSTILE, "split": HOSTILE, "definition": HOSTILE,
            "metrics": {HOSTILE: HOSTILE}, "baselines": each, "per_class": each,
            "intervals": {HOSTILE: [HOSTILE, HOSTILE]}, "counts": {HOSTILE: 1}, "step": 1,
            "against_baselines": {"text": HOSTILE}, "train": each, "kept_because": HOSTILE,
        },
        manifest={
            "status": "finished", "command": HOSTILE, "ledger": each,
            "versions": {"lmkit": HOSTILE},
            "data": {HOSTILE: {"sha256": HOSTILE, "files": [{"path": HOSTILE}]}},
        },
        lines=[{"step": 1, HOSTILE: 1, f"eval_{HOSTILE}": 2}, {"step": 2, HOSTILE: 3}],
    )  # fmt: skip
    text = render(RunFacts.of(run))
    text.encode("utf-8")
    page = Reader(text)
    assert len(page.all("script")) == 2
    assert page.all("img") == []
    assert page.all("title") == [{}]


def test_the_browser_may_run_and_load_nothing_else(made_run) -> None:
    text = render(RunFacts.of(made_run()))
    page = Reader(text)
    policy = next(
        str(found["content"])
        for found in page.all("meta")
        if found.get("http-equiv") == "Content-Security-Policy"
    )
    assert policy.startswith("default-src 'none'; ")
    for tag in ("style", "script"):
        whole = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(whole[0].encode()).digest()).decode()
        assert len(whole) == 1
        assert f"{tag}-src 'sha256-{digest}'" in policy
    attributes = [key for _, found in page.elements for key in found]
    assert not {"src", "style", "onclick", "onload", "onerror"} & set(attributes)
    assert all(str(found["href"]).startswith("#") for found in page.all("a"))


def test_the_page_can_be_read_without_seeing_it(made_run) -> None:
    page = page_of(made_run())
    assert page.all("html") == [{"lang": "en"}]
    assert page.all("a")[0] == {"class": "skip", "href": "#main"}
    assert len(page.all("caption")) == len(page.all("table"))
    assert len(page.all("figcaption")) == len(page.all("figure")) == 3
    assert all(found.get("scope") in ("col", "row") for found in page.all("th"))
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h\d", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    ids = [str(found["id"]) for _, found in page.elements if "id" in found]
    assert len(ids) == len(set(ids))
    named = [
        str(found["aria-labelledby"]) for _, found in page.elements if "aria-labelledby" in found
    ]
    targets = [str(found["href"])[1:] for found in page.all("a")]
    assert set(named) | set(targets) <= set(ids)


def test_a_page_stays_under_two_megabytes(made_run) -> None:
    text = "x" * 5000
    keys = ("loss", "learning_rate", "grad_norm", "tokens_per_second", "one", "two")
    tables = [
        {"title": text, "view": "texts", "columns": ["text"] * 50, "rows": [[text] * 15] * 201},
        {"title": "Matrix", "view": "matrix", "columns": ["n"] * 500, "rows": [[1] * 99] * 99},
    ]
    run = made_run(
        recipe=text * 100,
        details={"details": tables},
        guard={"incidents": [{"step": 1, "text": text}] * 201},
        lines=[{"step": step, **dict.fromkeys(keys, step % 97 / 7)} for step in range(2000)],
        manifest={
            "status": "finished",
            "ledger": {f"key {number}": text for number in range(201)},
            "data": {"train": {"files": [{"path": text}] * 51}},
        },
    )
    assert len(render(RunFacts.of(run)).encode()) < 2_000_000


def test_secrets_are_not_repeated(made_run) -> None:
    address = "https://user:hunter2hunter2@data.example/x"
    run = made_run(
        recipe=f"data: {{train: '{address}'}}\n",
        manifest={"status": "finished", "command": f"lmkit pretrain {address}",
                  "data": {"train": {"files": [{"path": address}]}}},
    )  # fmt: skip
    assert "hunter2" not in render(RunFacts.of(run))


JUNK = (None, True, 1.5, "text", [], {}, [1], {"a": 1}, [[1]], {"a": {"b": None}})
FILES = {
    "manifest": {**MANIFEST, "tokenizer": {"sha256": "x"}},
    "summary": SUMMARY,
    "guard": {"incidents": [{"step": 1, "kind": "spike", "action": "stop", "text": "up"}]},
    "details": {
        "details": [
            {"title": "M", "view": "matrix", "columns": ["gold", "a"], "rows": [["a", 3]]},
            {"title": "L", "view": "line", "columns": ["x", "y"], "rows": [[1, 2]]},
            {"title": "T", "view": "texts", "columns": ["text"], "rows": [["a"]]},
        ]
    },
}


def spoiled(value: Any, draw: Any) -> Any:
    """The same with one of its parts replaced by something else."""
    children = (
        list(value)
        if isinstance(value, dict)
        else range(len(value))
        if isinstance(value, list)
        else ()
    )
    if not children or draw(st.booleans()):
        return draw(st.sampled_from(JUNK))
    key = draw(st.sampled_from(list(children)))
    changed = copy.copy(value)
    changed[key] = spoiled(value[key], draw)
    return changed


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_files_of_another_shape_make_a_page_too(tmp_path: Path, data: Any) -> None:
    """A file that was edited, or is of another version, is no reason to show nothing."""
    run = RunFolder(tmp_path / "run")
    run.path.mkdir(exist_ok=True)
    run.recipe.write_text("a: 1\n")
    for name, content in FILES.items():
        spoil = data.draw(st.booleans())
        made = spoiled(content, data.draw) if spoil else content
        getattr(run, name).write_text(json.dumps(made))
    assert "Where it comes from" in Reader(render(RunFacts.of(run))).words
