"""The quick pass counts what the thorough one counts."""

from lmkit.data.doctor.examine import View
from lmkit.data.doctor.glance import glance


def test_counts_are_those_of_the_findings(examination, test_data) -> None:
    home = test_data / "ag_news"
    files = {"train": "train.csv", "validation": "dev.csv", "test": "test.csv"}
    thorough = examination(
        View("description", "label"), **{split: home / name for split, name in files.items()}
    )
    sources = [split.source for split in thorough.splits.values()]
    quick = glance(sources, "description", "label")
    for name, split in thorough.splits.items():
        repeated = thorough.findings.get((name, "duplicate"))
        assert quick[name]["rows"] == split.rows
        assert quick[name]["labels"] == dict(split.labels)
        assert quick[name]["duplicates"] == (repeated.count if repeated else 0)
    assert quick["validation"]["leaks"] == {"train": thorough.findings["validation", "leak"].count}


def test_leaks_are_told_by_the_split_they_are_from(examination, write_lines) -> None:
    def texts(name: str, words: str):
        return write_lines(f"{name}.jsonl", [{"text": word} for word in words.split()])

    found = examination(
        View("text", None),
        train=texts("train", "a b b c"),
        validation=texts("validation", "b d"),
        test=texts("test", "d e c a"),
    )
    quick = glance([split.source for split in found.splits.values()], "text", None)
    assert quick["train"] == {"rows": 4, "labels": {}, "duplicates": 1, "leaks": {}}
    assert quick["validation"]["leaks"] == {"train": 1}
    assert quick["test"]["leaks"] == {"train": 2, "validation": 1}
