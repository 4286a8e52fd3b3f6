"""Token kinds of Python source as spans, held against the source itself."""

import ast
import keyword

from lmkit.data.rows import Row
from lmkit.data.stdlib import open_stdlib
from lmkit.data.stdlib_entities import entity_rows, token_spans
from lmkit.recipe.options.ner import NerOptions
from lmkit.recipe.sections import DataSection

SOURCE = '''\
def f(x):  # not 1
    s = f"{x!r} is {'in'} 2"
    return """two
lines""" if x else 0x1f + 1.5e-3
'''


def test_spans_of_a_piece():
    found = [(SOURCE[s["start"] : s["end"]], s["label"]) for s in token_spans(SOURCE)]
    assert found == [
        ("def", "keyword"), ("# not 1", "comment"), ("f\"{x!r} is {'in'} 2\"", "string"),
        ("return", "keyword"), ('"""two\nlines"""', "string"), ("if", "keyword"),
        ("else", "keyword"), ("0x1f", "number"), ("1.5e-3", "number"),
    ]  # fmt: skip


def test_what_cannot_be_tokenized_or_is_long_or_bare_is_left_out():
    assert token_spans("def f(:\n '''") == []
    rows = [Row({"text": text, "path": "p"}, "o") for text in ("x", "# a\n" * 300, "# a")]
    (row,) = entity_rows(rows)
    assert row.values == {
        "text": "# a", "spans": [{"start": 0, "end": 3, "label": "comment"}], "path": "p"
    }  # fmt: skip


def test_the_embedded_set_has_them():
    source = open_stdlib(DataSection(dataset="stdlib"), NerOptions(name="ner")).test
    count = 0
    for row in source.rows():
        text = row.values["text"]
        for span in row.values["spans"]:
            part, label = text[span["start"] : span["end"]], span["label"]
            count += 1
            if label == "keyword":
                assert keyword.iskeyword(part)
            elif label == "comment":
                assert part.startswith("#")
            elif label == "number":
                assert isinstance(ast.literal_eval(part.lstrip("0") or "0"), int | float | complex)
            else:
                assert part[-1] in "\"'"
    assert count > 1_000
