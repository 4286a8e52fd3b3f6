"""Text piece by piece against the text of all tokens at once."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from lmkit.generation.continuation import Continuation, TextStream

ENDS = frozenset({256})


def _ids(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def _streamed(tokenizer, tokens, context=(), stops=()):
    pieces = []
    stream = TextStream(tokenizer, context, stops=stops, on_text=pieces.append)
    for token in tokens:
        stream.push(token)
        if stream.stopped:
            break
    stream.close()
    assert "".join(pieces) == stream.text
    return pieces


@given(st.lists(st.integers(0, 255), max_size=30), st.text(max_size=12))
@settings(deadline=None)
def test_pieces_of_any_bytes_make_the_text_of_all_tokens(byte_tokenizer, tokens, prompt):
    pieces = _streamed(byte_tokenizer, tokens, _ids(byte_tokenizer, prompt))
    assert "".join(pieces) == byte_tokenizer.decode(tokens)


@given(st.text(max_size=30))
@settings(deadline=None)
def test_no_piece_ends_within_a_character(byte_tokenizer, text):
    pieces = _streamed(byte_tokenizer, _ids(byte_tokenizer, text))
    assert "".join(pieces) == text
    if "\ufffd" not in text:
        assert all("\ufffd" not in piece for piece in pieces)


def test_a_character_comes_when_its_last_byte_does(byte_tokenizer):
    pieces = []
    stream = TextStream(byte_tokenizer, on_text=pieces.append)
    seen = []
    for token in _ids(byte_tokenizer, "aé😀b"):
        stream.push(token)
        seen.append("".join(pieces))
    assert seen == ["a", "a", "aé", "aé", "aé", "aé", "aé😀", "aé😀b"]


def test_a_character_cut_off_at_the_end_is_told_as_decode_tells_it(byte_tokenizer):
    tokens = _ids(byte_tokenizer, "a😀")[:-1]
    assert "".join(_streamed(byte_tokenizer, tokens)) == "a\ufffd"


def test_the_first_piece_has_the_space_that_a_decoder_strips():
    """WordPiece and SentencePiece decoders drop the space of a first word."""
    inner = Tokenizer(models.WordPiece({"the": 0, "cat": 1, "##s": 2, "sat": 3}, unk_token="the"))
    inner.decoder = decoders.WordPiece(cleanup=False)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=inner)
    assert _streamed(tokenizer, [2, 3, 0, 1], context=[0, 1]) == ["s", " sat", " the", " cat"]
    assert _streamed(tokenizer, [0, 1, 2, 3]) == ["the", " cat", "s", " sat"]


@given(
    st.text("abc", max_size=20),
    st.lists(st.text("abc", min_size=1, max_size=4), min_size=1, max_size=3),
)
@settings(deadline=None)
def test_the_text_ends_before_the_first_stop_string(byte_tokenizer, text, stops):
    pieces = _streamed(byte_tokenizer, _ids(byte_tokenizer, text), stops=stops)
    # as soon as any stop string is complete the text ends, before the earliest that is in it
    whole = next(
        (text[:n] for n in range(len(text) + 1) if any(s in text[:n] for s in stops)), None
    )
    found = [whole.find(stop) for stop in stops if stop in whole] if whole is not None else []
    assert "".join(pieces) == (whole[: min(found)] if found else text)


def test_what_may_begin_a_stop_string_is_held_back(byte_tokenizer):
    pieces = []
    stream = TextStream(byte_tokenizer, stops=["\n\n"], on_text=pieces.append)
    for token in _ids(byte_tokenizer, "a\nb\n"):
        stream.push(token)
    assert pieces == ["a", "\nb"]
    stream.close()
    assert pieces == ["a", "\nb", "\n"]


def test_a_stop_string_in_the_prompt_is_none(byte_tokenizer):
    assert "".join(_streamed(byte_tokenizer, _ids(byte_tokenizer, "bx"), [0, 1], ["ab"])) == "bx"


def _continue(tokenizer, tokens, **more):
    text = TextStream(tokenizer, stops=more.pop("stops", ()))
    row = Continuation([1], key=(0, 0), limit=4, text=text, **more)
    for token in tokens:
        row.push(token, ENDS)
        if row.finish is not None:
            break
    return row


@pytest.mark.parametrize(
    ("text", "stops", "finish", "left"),
    [("ab", (), None, ""), ("abcdef", (), "length", "abcd"), ("abcdef", ("c",), "stop", "ab"),
     ("abcdef", ("d",), "stop", "abc")],
)  # fmt: skip
def test_why_a_text_ended(byte_tokenizer, text, stops, finish, left):
    row = _continue(byte_tokenizer, _ids(byte_tokenizer, text), stops=stops)
    assert row.finish == finish
    if finish:
        assert row.text.text == left


def test_the_end_token_is_no_part_of_the_text(byte_tokenizer):
    row = _continue(byte_tokenizer, [*_ids(byte_tokenizer, "ab"), 256, 70])
    assert (row.finish, row.text.text, len(row.tokens)) == ("end", "ab", 2)


def test_the_context_may_be_what_limits(byte_tokenizer):
    row = _continue(byte_tokenizer, _ids(byte_tokenizer, "abcdef"), at_limit="context")
    assert row.finish == "context"


def test_ending_from_outside_takes_the_limit_as_the_reason(byte_tokenizer):
    row = _continue(byte_tokenizer, _ids(byte_tokenizer, "ab"))
    row.end()
    assert (row.finish, row.text.text) == ("length", "ab")
