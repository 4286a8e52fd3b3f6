"""Hostile steps of a tokenizer.json end in an error within seconds; those that models have pass."""

import json
import time

import pytest

from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import TokenizerError

END = {
    "id": 0, "content": "<e>", "single_word": False, "lstrip": False, "rstrip": False,
    "normalized": False, "special": True,
}  # fmt: skip
PLAIN = {
    "version": "1.0", "truncation": None, "padding": None, "added_tokens": [END],
    "normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None,
    "model": {"type": "WordLevel", "vocab": {"<e>": 0, "a": 1, "b": 2}, "unk_token": "<e>"},
}  # fmt: skip
PADDING = {
    "strategy": "BatchLongest", "direction": "Right", "pad_to_multiple_of": None, "pad_id": 0,
    "pad_type_id": 0, "pad_token": "<e>",
}  # fmt: skip
CUTTING = {"direction": "Right", "max_length": 9, "strategy": "LongestFirst", "stride": 0}
MARK = {"SpecialToken": {"id": "<e>", "type_id": 0}}


def replace(pattern, content):
    kind = {"String": pattern} if isinstance(pattern, str) else pattern
    return {"type": "Replace", "pattern": kind, "content": content}


def prepend(text):
    return {"type": "Prepend", "prepend": text}


def chain(name, *steps):
    return {"type": "Sequence", name: list(steps)}


def split(pattern):
    return {
        "type": "Split", "pattern": {"Regex": pattern}, "behavior": "Isolated", "invert": False
    }  # fmt: skip


def around(parts):
    marks = {"<e>": {"id": "<e>", "ids": [0], "tokens": ["<e>"]}}
    return {"type": "TemplateProcessing", "single": parts, "pair": [], "special_tokens": marks}


def word_piece(longest):
    return PLAIN["model"] | {
        "type": "WordPiece", "continuing_subword_prefix": "##", "max_input_chars_per_word": longest
    }  # fmt: skip


DOUBLED = [replace("a", "aa")] * 40
TOO_MUCH = r"tried on short texts: makes [\d,]+ characters of \d+; allowed are 64 times as many"


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"normalizer": chain("normalizers", *DOUBLED)}, TOO_MUCH),
        ({"normalizer": chain("normalizers", *[chain("normalizers", *DOUBLED)] * 3)}, TOO_MUCH),
        ({"normalizer": chain("normalizers", *[replace({"Regex": ""}, "aaaa")] * 9)}, TOO_MUCH),
        ({"normalizer": chain("normalizers", replace({"Regex": "[x-z]"}, "yyyy"),
                              *[replace({"Regex": "y"}, "yyyyyyyyyy")] * 9)}, TOO_MUCH),
        ({"decoder": chain("decoders", *DOUBLED)}, TOO_MUCH),
        ({"normalizer": prepend("a" * 300)}, r"\(Prepend\) puts in 300 characters at once"),
        ({"normalizer": replace("q", "a" * 300)}, r"\(Replace\) puts in 300 characters at once"),
        ({"normalizer": chain("normalizers", *[prepend("a")] * 1001)}, "it has 1,00. steps"),
        ({"pre_tokenizer": split("(a+)+$")}, "tried on short texts: Onig.*retry-limit"),
        ({"pre_tokenizer": split("(q+)+$")}, "tried on short texts: Onig.*retry-limit"),
        ({"pre_tokenizer": {"type": "FixedLength", "length": 0}}, "chunk size must be non-zero"),
        ({"normalizer": {"type": "Precompiled", "precompiled_charsmap": "BAAAAP////9hAGIA"}},
         "index out of bounds"),
        ({"decoder": {"type": "Strip", "content": "a", "start": 1 << 62, "stop": 1 << 62}},
         "index out of bounds"),
        ({"post_processor": around([MARK] * 300 + [{"Sequence": {"id": "A", "type_id": 0}}])},
         "puts 301 parts around each text"),
        ({"padding": PADDING | {"strategy": {"Fixed": 10**12}}},
         r"padding\.length asks for 1,000,000,000,000 tokens"),
        ({"padding": PADDING | {"pad_to_multiple_of": 10**12}},
         r"pad_to_multiple_of asks for 1,000,000,000,000 tokens"),
        ({"truncation": CUTTING | {"max_length": 1 << 62, "stride": 1 << 60}}, r"stride asks for"),
        ({"model": word_piece(10**12)}, "max_input_chars_per_word is 1,000,000,000,000"),
    ],
)  # fmt: skip
def test_a_hostile_step_ends_in_an_error_within_seconds(tmp_path, fields, told):
    (tmp_path / "tokenizer.json").write_text(json.dumps(PLAIN | fields))
    begun = time.monotonic()
    with pytest.raises(TokenizerError, match=rf"^{tmp_path}: .* not safe to use: .*{told}"):
        load_tokenizer(str(tmp_path))
    assert time.monotonic() - begun < 10


def test_a_pattern_that_takes_the_cube_of_a_text_is_ended(tmp_path, monkeypatch):
    monkeypatch.setattr("lmkit.data.tokenizer_bounds.SECONDS", 0.5)
    fields = {"pre_tokenizer": split("a*a*(?:ab|q)*[a!](?<!!)(?<!a)")}
    (tmp_path / "tokenizer.json").write_text(json.dumps(PLAIN | fields))
    begun = time.monotonic()
    with pytest.raises(TokenizerError, match="tried on short texts: takes more than"):
        load_tokenizer(str(tmp_path))
    assert time.monotonic() - begun < 10


# As published: the patterns of GPT-2 (openai/gpt-2, encoder.py) and of cl100k (openai/tiktoken),
# and the steps that transformers' convert_slow_tokenizer.py gives to Llama.
GPT2 = r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+|"
    r"\s++$|\s*[\r\n]|\s+(?!\S)|\s"
)
LLAMA = {
    "normalizer": chain("normalizers", prepend("▁"), replace(" ", "▁")),
    "decoder": chain(
        "decoders", replace("▁", " "), {"type": "ByteFallback"}, {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "fields",
    [
        {"pre_tokenizer": split(GPT2)},
        {"pre_tokenizer": split(CL100K)},
        LLAMA,
        {"normalizer": chain("normalizers", *[replace(c, c * 3) for c in "…“”«»—–①②③"])},
        {"normalizer": chain("normalizers", replace({"Regex": r"\s+"}, " "), {"type": "NFKD"})},
        {"model": PLAIN["model"] | {"unk_token": "[none]"}, **LLAMA},
        {"padding": PADDING, "truncation": CUTTING},
    ],
)
def test_what_models_have_passes(tmp_path, fields):
    (tmp_path / "tokenizer.json").write_text(json.dumps(PLAIN | fields))
    assert load_tokenizer(str(tmp_path)).convert_tokens_to_ids("a") == 1


def test_an_ordinary_tokenizer_needs_no_trial(tiny_tokenizer, tmp_path, monkeypatch):
    monkeypatch.setattr("lmkit.data.tokenizer_bounds.Confined", None)
    tiny_tokenizer.save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path))("a")["input_ids"]
