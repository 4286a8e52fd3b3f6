"""What the guard met is kept, counted and told as JSON."""

import json
import math

from lmkit.training.incidents import Incidents


def test_numbers_that_are_none_are_told_as_what_they_are(tmp_path):
    incidents = Incidents()
    incidents.add(
        {"step": 1, "kind": "nonfinite", "action": "skip", "examples": [{"loss": -math.inf}]}
    )
    incidents.write(tmp_path / "guard.json")
    told = json.loads((tmp_path / "guard.json").read_text())
    assert told == {"incidents": incidents.found}
    assert told["incidents"][0]["examples"] == [{"loss": "-inf"}]


def test_they_are_counted_by_what_was_done():
    incidents = Incidents()
    for step, action in ((1, "skip"), (4, "skip"), (5, "warn"), (6, "rollback")):
        incidents.add({"step": step, "kind": "k", "action": action})
    assert incidents.count("skip") == 2
    assert incidents.count("skip", after=1) == 1
    assert incidents.summary() == {"skipped_steps": 2, "rollbacks": 1, "warnings": 1}
    kept = incidents.found
    incidents.restore(kept[:1])
    assert incidents.summary() == {"skipped_steps": 1, "rollbacks": 0, "warnings": 0}
    assert len(kept) == 4
