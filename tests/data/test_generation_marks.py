"""Marks of a chat template: places in the rendered text, and the text cut at them."""

import copy

import pytest

from lmkit.data.generation_marks import cut_by_marks, generation_marks, has_marks

MESSAGES = [{"role": "user", "content": "a?"}, {"role": "assistant", "content": "bc", "name": None}]
TEMPLATE = (
    "{% for m in messages %}{%- if m['role'] == 'user' -%}{{ m['content'] }}{% else %}"
    "{%- generation -%}{{ m['content'] }}{{ m.name is defined }}{%- endgeneration -%}{% endif %}"
    "{% endfor %}"
)


def test_places_are_those_in_the_rendered_text(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    tokenizer.chat_template = TEMPLATE
    assert has_marks(tokenizer)
    text = tokenizer.apply_chat_template(MESSAGES, tokenize=False)
    ((begin, end),) = generation_marks(tokenizer, MESSAGES)
    assert text[begin:end] == "bcFalse"
    assert generation_marks(tokenizer, MESSAGES[:1]) == []
    tokenizer.chat_template = "{{ messages[0]['content'] }} generation"
    assert not has_marks(tokenizer)


@pytest.mark.parametrize(
    ("marks", "edges", "pieces"),
    [
        ([(2, 4)], [2, 4], [("ab", 0), ("cd", 1), ("efgh", 0)]),
        ([(3, 4)], [2, 4], [("ab", 0), ("c", 0), ("d", 1), ("efgh", 0)]),
        ([(1, 4)], [2, 4], [("a", 0), ("b", 1), ("cd", 1), ("efgh", 0)]),
        ([(2, 3), (6, 8)], [2, 4, 6, 8], [("ab", 0), ("c", 1), ("def", 0), ("gh", 2)]),
        ([], [2, 8], [("ab", 0), ("cdefgh", 0)]),
    ],
)
def test_pieces_are_marked_or_not(marks, edges, pieces):
    found = cut_by_marks("abcdefgh", marks, edges)
    assert [tuple(piece) for piece in found] == pieces
    assert "".join(piece.text for piece in found) == "abcdefgh"
