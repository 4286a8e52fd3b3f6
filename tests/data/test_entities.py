"""Rows of entities as sentences: both forms, what is wrong with a row, what a split tells."""

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.entities import (
    SentenceReader,
    find_entities,
    likely_scheme,
    read_labeled,
    scheme_of,
    span_problem,
)
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.recipe.options.ner import NerOptions

OPTIONS = NerOptions(name="ner")
TEXT = "Anna met Bob-Jo in New York."


class Rows:
    """Rows in memory."""

    name = "train"

    def __init__(self, *rows):
        self._rows = rows

    def rows(self):
        for number, values in enumerate(self._rows, start=1):
            yield Row(values, f"train.jsonl:{number}")


def span(start, end, label="per"):
    return {"start": start, "end": end, "label": label}


def tagged(tokens, tags):
    return {"tokens": tokens.split(), "tags": tags.split()}


def read(values, scheme="iob2", options=OPTIONS):
    return SentenceReader(options, scheme).labeled(Row(values, "x:7"))


def test_spans_become_tags_of_words():
    found = read({"text": TEXT, "spans": [span(19, 27, "loc"), span(0, 4)]})
    assert found.words == ["Anna", "met", "Bob", "-", "Jo", "in", "New", "York", "."]
    assert found.tags == ["B-per", "O", "O", "O", "O", "O", "B-loc", "I-loc", "O"]
    assert found.widened == 0


def test_a_span_inside_a_word_takes_the_whole_word_and_spaces_are_left_out():
    found = read({"text": TEXT, "spans": [span(1, 5), span(18, 28, "loc")]})
    assert found.tags == ["B-per", "O", "O", "O", "O", "O", "B-loc", "I-loc", "I-loc"]
    assert found.widened == 1


def test_tokens_stand_in_a_text_of_their_own():
    found = read(tagged("Anna isn't here", "B-per O O"))
    assert (found.text, found.words) == ("Anna isn't here", ["Anna", "isn't", "here"])
    assert read({"tokens": ["New York", "", "x"], "tags": ["B-l", "O", "O"]}).words == [
        "New York", "", "x"
    ]  # fmt: skip
    assert read(tagged("a b", "I-x I-x"), "iob1").tags == ["B-x", "I-x"]


@given(st.text(), st.data())
def test_gold_spans_come_back_from_the_tags(text, data):
    sentence = SentenceReader(OPTIONS, "iob2").plain(Row({"text": text + "x"}, "x:1"))
    count = len(sentence.words)
    first = data.draw(st.integers(0, count - 1))
    last = data.draw(st.integers(first, count - 1))
    given_span = span(sentence.starts[first], sentence.ends[last])
    found = read({"text": text + "x", "spans": [given_span]})
    assert found.widened == 0
    names = ["O"] * first + ["B-per"] + ["I-per"] * (last - first) + ["O"] * (count - last - 1)
    assert found.tags == names


@pytest.mark.parametrize(
    ("spans", "problem"),
    [
        ([span(0, 4), span(4, 8)], None),
        ([], None),
        (None, "text or spans are missing"),
        ([[0, 4, "per"]], "span 1 is no object with `start`, `end` and `label`"),
        ([span(0, 99)], "span 1 (0 to 99) is outside the text, which has 28 characters, or empty"),
        ([span(-1, 2)], "span 1 (-1 to 2) is outside the text, which has 28 characters, or empty"),
        ([span(3, 3)], "span 1 (3 to 3) is outside the text, which has 28 characters, or empty"),
        ([span(0, 2.0)], "span 1 has the offsets 0 and 2.0, which are no whole numbers"),
        ([span(0, True)], "span 1 has the offsets 0 and True, which are no whole numbers"),
        ([span(0, 4, "")], "span 1 (0 to 4) has the label '', which is no name"),
        ([span(4, 5)], "span 1 (4 to 5) holds nothing but white space"),
        ([span(9, 12), span(0, 10)], "the spans 0 to 10 and 9 to 12 overlap"),
    ],
)
def test_spans_that_cannot_be(spans, problem):
    assert span_problem(TEXT, spans) == problem


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"text": TEXT, "spans": [span(0, 99)]}, "x:7: span 1 (0 to 99) is outside the text"),
        ({"text": TEXT, "span": []}, "x:7: no column `spans`; the columns are `text`, `span`; did"),
        ({"text": TEXT, "spans": [span(9, 11), span(11, 12)]}, "two spans share the word 'Bob'"),
        ({"text": " ", "spans": []}, "x:7: column `text` is blank"),
        ({"token": ["a"]}, "neither a column `tokens` with a list of words nor a column `text`"),
        ({"tokens": ["a"]}, "x:7: no column `tags`"),
        (tagged("a b", "O"), "x:7: 2 tokens but 1 tags; mend the row"),
        (tagged("a", "PER"), "the tag `PER`, which is neither O nor B-TYPE nor I-TYPE; mend"),
        (tagged("a", "I-x"), "`I-x` with no span open, which breaks IOB2; mend the tags"),
        ({"tokens": ["a"], "tags": [3]}, "column `tags` holds 3, not a name; write tags as O"),
        ({"tokens": [], "tags": []}, "x:7: column `tokens` is empty"),
        ({"tokens": ["a", None], "tags": ["O", "O"]}, "holds something other than text"),
        ({"tokens": ["\ud800"], "tags": ["O"]}, "half of a surrogate pair"),
    ],
)
def test_rows_that_cannot_be_used_are_named(values, says):
    with pytest.raises(DataError) as caught:
        read(values)
    assert says in str(caught.value)


def test_types_and_scheme_are_found_and_told(caplog):
    source = Rows(tagged("a b", "I-x I-x"), tagged("a b", "I-y B-y"), tagged("c", "O"))
    with caplog.at_level(logging.INFO, logger="lmkit"):
        found = find_entities(OPTIONS, source)
    assert (found.labels, found.scheme) == (["x", "y"], "iob1")
    assert "tags: IOB1 in the train data, read as IOB2" in caplog.text
    assert "2 entity types: x (1), y (2)" in caplog.text
    assert [sentence.tags for sentence in read_labeled(found, source)][1] == ["B-y", "B-y"]


def test_spans_have_no_scheme_and_widened_ones_are_told(caplog):
    source = Rows({"text": TEXT, "spans": [span(1, 4), span(19, 27, "loc")]})
    with caplog.at_level(logging.INFO, logger="lmkit"):
        found = find_entities(OPTIONS, source)
    assert (found.labels, found.scheme) == (["loc", "per"], "iob2")
    assert "1 of 2 spans begin or end inside a word; the whole word is taken" in caplog.text
    assert "tags:" not in caplog.text


def test_no_entity_and_types_that_are_not_known():
    with pytest.raises(DataError, match="there is no entity in 1 rows, so there is nothing"):
        find_entities(OPTIONS, Rows(tagged("a b", "O O")))
    options = NerOptions(name="ner", labels=["person", "loc"])
    with pytest.raises(DataError) as caught:
        find_entities(options, Rows(tagged("a", "B-loc"), tagged("a", "B-persn")))
    assert (
        "train.jsonl:2: the entity type `persn` is none of those that are learned: person, loc"
        in (str(caught.value))
    )
    assert "did you mean `person`?" in str(caught.value)


def test_a_scheme_of_ones_own_is_kept():
    options = NerOptions(name="ner", scheme="iob1")
    assert find_entities(options, Rows(tagged("a b", "B-x I-y"))).scheme == "iob1"
    assert scheme_of(options, Rows()) == "iob1"
    with pytest.raises(DataError, match="with no span open, which breaks IOB2"):
        find_entities(OPTIONS, Rows(tagged("a", "B-x"), tagged("b", "I-x")))


def test_the_scheme_of_rows_where_it_is_open():
    source = Rows(tagged("a b", "B-x E-x"), {"text": TEXT, "spans": []})
    assert scheme_of(OPTIONS, source) == "bioes"
    assert likely_scheme(OPTIONS, source) == "bioes"
    assert likely_scheme(OPTIONS, Rows(tagged("a b", "B-x"), tagged("a", "I-x"))) == "iob1"
    assert likely_scheme(OPTIONS, Rows(tagged("a", "B-x"), tagged("a", "I-x"))) == "iob2"
