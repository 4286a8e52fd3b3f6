"""What a run folder tells, whatever state it is in."""

import pytest

from lmkit.errors import RunFolderError
from lmkit.reports.facts import RunFacts, objects


def test_a_finished_run_has_no_remark(made_run) -> None:
    facts = RunFacts.of(made_run(guard={"incidents": [{"step": 3, "kind": "spike"}, "x"]}))
    assert (facts.name, facts.finished, facts.remarks, facts.verb) == ("run", True, (), "finetune")
    assert facts.incidents == [{"step": 3, "kind": "spike"}]
    assert facts.of_summary("train")["steps"] == 4
    assert facts.of_summary("task") == {}


def test_an_unfinished_run_says_how_far_it_came(made_run) -> None:
    facts = RunFacts.of(made_run(summary=None, manifest={"status": "running"}))
    assert not facts.finished
    assert facts.remarks == (
        "This run is not finished: it is running, or was stopped before its end. The metrics end "
        "at step 4.",
    )
    assert facts.verb == "pretrain"


def test_a_run_that_the_guard_stopped_says_why(made_run) -> None:
    stop = {"step": 3, "kind": "nonfinite", "action": "stop", "examples": []}
    facts = RunFacts.of(made_run(summary=None, manifest={}, guard={"incidents": [stop]}))
    assert facts.remarks == (
        "The guard stopped this run at step 3: a loss or gradient was not finite. The metrics end "
        "at step 4.",
    )


def test_a_run_that_is_made_longer_has_the_scores_of_before(made_run) -> None:
    facts = RunFacts.of(made_run(manifest={"status": "running"}, lines=[]))
    assert "No line of metrics is there yet" in facts.remarks[0]
    assert "the shorter training" in facts.remarks[0]


def test_damage_is_told(made_run) -> None:
    run = made_run()
    run.summary.write_text("{")
    run.guard.write_text("[" * 100_000)
    with run.metrics.open("a") as file:
        file.write("{\n")
    facts = RunFacts.of(run)
    assert set(facts.remarks[1:]) == {
        "summary.json is damaged and was left out.",
        "guard.json is damaged and was left out.",
        "1 of 4 lines of metrics.jsonl are damaged and were left out.",
    }
    assert facts.summary == {}


def test_what_cannot_be_read_is_named(made_run) -> None:
    run = made_run()
    run.recipe.unlink()
    run.recipe.mkdir()
    with pytest.raises(RunFolderError, match=r"recipe\.yaml: cannot be read"):
        RunFacts.of(run)


def test_only_objects_of_a_list_are_taken() -> None:
    assert objects([{"a": 1}, 2, None]) == [{"a": 1}]
    assert objects("text") == []
