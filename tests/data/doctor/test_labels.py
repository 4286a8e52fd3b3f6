"""Labels that are alike, unknown, rare."""

from lmkit.data.doctor.labels import alike, rare, unknown


def test_alike_but_for_case_or_space() -> None:
    found = alike({"Joy": 7, "joy ": 2, "JOY": 1, "anger": 5, "an ger": 1})
    assert [(t.kind, t.labels) for t in found] == [("similar_labels", ("joy ", "JOY"))]
    assert found[0].message.endswith("case or space: 'Joy' (7), 'joy ' (2), 'JOY' (1)")
    assert alike({"a": 1, "b": 1}) == []


def test_unknown_to_the_training_data() -> None:
    found = unknown({"joy": 1, "angr": 2}, {"joy": 5, "anger": 4})
    assert found is not None
    assert found.labels == ("angr",)
    assert found.message.endswith("lack: 'angr'; did you mean `anger`?")
    assert unknown({"joy": 1}, {"joy": 5}) is None


def test_rare() -> None:
    found = rare({"joy": 10, "awe": 9, "fear": 1})
    assert found is not None
    assert found.labels == ("fear", "awe")
    assert found.message.endswith("fewer than 10 rows: 'fear' (1), 'awe' (9)")
    assert rare({"joy": 10}) is None
    many = rare({f"c{i}": 1 for i in range(8)})
    assert many is not None
    assert many.message.endswith("'c4' (1) and 3 more")
