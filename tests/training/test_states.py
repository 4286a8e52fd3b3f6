"""The states that a checkpoint keeps as JSON are told when they are not what lmkit writes."""

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lmkit.errors import CheckpointError
from lmkit.training.states import check_states

STATES = ("run_state.json", "trainer_state.json")


@pytest.fixture
def written(toy_run):
    """A checkpoint as the trainer writes it."""
    run = toy_run(save_strategy="steps", max_steps=2, decided={"save_steps": 2})
    run.trainer.train()
    return Path(run.trainer.args.output_dir) / "checkpoint-2"


def test_what_the_trainer_writes_is_taken(written):
    check_states(written)


@pytest.mark.parametrize(
    ("name", "change", "told"),
    [
        ("run_state.json", {"tokens": "many"}, "run_state.json: tokens: "),
        ("run_state.json", {"tokens": -1}, "run_state.json: tokens: "),
        ("run_state.json", {"pending_loss": []}, "run_state.json: pending_loss: "),
        ("run_state.json", {"incidents": [{"step": 1}]}, "run_state.json: incidents.0.kind: "),
        ("trainer_state.json", {"global_step": 7}, "trainer_state.json: global_step is 7"),
        ("trainer_state.json", {"log_history": 3}, "trainer_state.json: log_history: "),
        ("trainer_state.json", {"stateful_callbacks": {"A": 1}}, "stateful_callbacks.A"),
        ("trainer_state.json", {"a_key_of_nobody": 1}, "trainer_state.json: .*a_key_of_nobody"),
    ],
)
def test_a_state_of_another_form_is_told(written, name, change, told):
    path = written / name
    path.write_text(json.dumps(json.loads(path.read_text()) | change))
    with pytest.raises(CheckpointError, match=rf"checkpoint-2: its state .*{told}"):
        check_states(written)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=200)
@given(name=st.sampled_from(STATES), content=JSON.map(json.dumps) | st.text(max_size=40))
def test_no_text_in_their_place_is_a_traceback(written, name, content):
    path = written / name
    kept = path.read_bytes()
    path.write_text(content, encoding="utf-8", errors="replace")
    try:
        with pytest.raises(CheckpointError):
            check_states(written)
    finally:
        path.write_bytes(kept)


def test_nested_without_end(written):
    (written / "run_state.json").write_text("[" * 100_000)
    with pytest.raises(CheckpointError, match=r"run_state\.json"):
        check_states(written)
