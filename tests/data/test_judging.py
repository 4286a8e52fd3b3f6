"""One pass beside a plain reading of what the keys mean, over random data."""

import re

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.clean_text import TextCleaner
from lmkit.data.judging import FILTERS, KEPT, Judge
from lmkit.data.rows import Row
from lmkit.data.text_columns import TextColumns
from lmkit.recipe.cleaning import CleanSection

TEXTS = st.text(alphabet="aAb <>&;\n", max_size=8) | st.sampled_from(["<b>a</b>", "&lt;", "A a"])
ROWS = st.lists(
    st.tuples(TEXTS | st.none(), st.sampled_from(["x", "y", None])), min_size=1, max_size=30
)
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "html": st.sampled_from(["entities", "tags"]),
        "lowercase": st.booleans(),
        "whitespace": st.sampled_from(["lines", "all"]),
        "replace": st.just({"b+": "B"}),
        "drop": st.sampled_from([[], ["^a"], ["b$", "A"]]),
        "min_length": st.integers(1, 3),
        "max_length": st.integers(3, 6),
        "duplicates": st.sampled_from(["exact", None]),
        "drop_leaks": st.booleans(),
    },
)


class Rows:
    """Rows in memory."""

    name = "train"

    def __init__(self, rows):
        self.given = [Row({"text": text, "label": label}, "memory") for text, label in rows]

    def rows(self):
        yield from self.given

    def fingerprint(self):
        return repr(self.given)

    def describe(self):
        return []


def judged(rows, options, others=(), **columns):
    section = CleanSection(**options)
    judge = Judge(
        TextCleaner(section),
        section,
        **{"columns": TextColumns(("text",)), "label_column": "label"} | columns,
    )
    return judge.judge(Rows(rows), [Rows(other) for other in others])


def expected(rows, section, scored):
    """The key of the filter of each row, and which duplicates have another label."""
    cleaner = TextCleaner(section)
    reasons, seen, conflicts = [], {}, []
    for number, (before, label) in enumerate(rows):
        text = None if before is None else cleaner(before)
        if text is None:
            reason = None
        elif not text.strip():
            reason = "blank"
        elif any(re.search(pattern, text) for pattern in section.drop):
            reason = "drop"
        elif section.min_length and len(text) < section.min_length:
            reason = "min_length"
        elif section.max_length and len(text) > section.max_length:
            reason = "max_length"
        elif section.drop_leaks and text in scored:
            reason = "drop_leaks"
        elif section.duplicates and text in seen:
            reason = "duplicates"
            conflicts += [number] if label != seen[text] else []
        else:
            reason = None
            seen.setdefault(text, label)
        reasons.append(reason)
    return reasons, conflicts


@given(rows=ROWS, options=OPTIONS, scored=st.lists(TEXTS, max_size=5))
def test_every_row_is_judged_by_the_first_filter_and_counts_add_up(rows, options, scored):
    section = CleanSection(**options)
    cleaner = TextCleaner(section)
    others = [[(text, None)] for text in scored] if section.drop_leaks else []
    found = judged(rows, options, others)
    reasons, conflicts = expected(rows, section, scored)
    names = [None if reason == KEPT else FILTERS[reason - 1] for reason in found.reasons]
    assert names == reasons
    ledger = found.ledger
    assert ledger.dropped == {
        name: reasons.count(name) for name in FILTERS if name == "blank" or getattr(section, name)
    }
    assert ledger.documents_in == len(rows)
    assert ledger.documents_out == reasons.count(None)
    assert ledger.conflicting_labels == len(conflicts)
    assert found.conflict == (conflicts[0] if conflicts else None)
    texts = [text or "" for text, _ in rows]
    assert ledger.characters_in == sum(map(len, texts))
    kept = [text for text, reason in zip(texts, reasons, strict=True) if reason is None]
    assert ledger.characters_out == sum(len(cleaner(text)) for text in kept)
    for name, count in ledger.changed.items():
        changed = 0
        for text in texts:
            for step, transform in cleaner.steps:
                before, text = text, transform(text)
                changed += step == name and text != before
        assert count == changed
    assert list(ledger.changed) == [name for name, _ in cleaner.steps]


def test_without_a_label_column_there_is_no_conflict():
    rows = [("a", "x"), ("a", "y"), ("a", "x")]
    assert judged(rows, {"duplicates": "exact"}).ledger.conflicting_labels == 1
    found = judged(rows, {"duplicates": "exact"}, label_column=None)
    assert (found.ledger.conflicting_labels, found.conflict) == (0, None)


def test_splits_that_are_scored_lose_blank_documents_only():
    section = CleanSection(
        stop_words="en", drop=["a"], min_length=9, max_length=9, language=["de"],
        duplicates="near", drop_leaks=True,
    )  # fmt: skip
    rows = [("cat", "x"), ("cat", "x"), ("the", "y")]
    found = Judge(
        TextCleaner(section), None, columns=TextColumns(("text",)), label_column="label"
    ).judge(Rows(rows), [])
    assert found.reasons.tolist() == [KEPT, KEPT, 1 + FILTERS.index("blank")]
    assert found.ledger.dropped == {"blank": 1}


def test_language_is_told_before_stop_words_are_gone():
    text = "The man who was with her in the house said that it was not for them to decide."
    rows = [(text, None), ("Er sagte, dass es nicht an ihnen sei, das zu entscheiden.", None)]
    found = judged(rows, {"stop_words": "en", "language": ["en"], "replace": {r"[a-z]+": "x"}})
    assert found.reasons.tolist() == [KEPT, 1 + FILTERS.index("language")]
    assert found.ledger.dropped == {"blank": 0, "language": 1}


def test_near_duplicates_and_near_leaks():
    words = [f"word{number}" for number in range(60)]
    texts = [" ".join(words), " ".join([*words[:-1], "last"]), "something else", "b " * 9]
    options = {"duplicates": "near", "drop_leaks": True}
    leak = [(" ".join(["first", *words[1:]]), None)]
    assert judged([(text, None) for text in texts], options).ledger.dropped["duplicates"] == 1
    found = judged([(text, None) for text in texts], options, [leak])
    assert found.ledger.dropped == {"blank": 0, "drop_leaks": 2, "duplicates": 0}
    assert np.flatnonzero(found.reasons == KEPT).tolist() == [2, 3]
