"""The one entry to a run's tokenizer: trained and cached, or loaded; and what it tells of ids."""

import hashlib
import json

import pytest
from transformers import BertTokenizer, GPT2Tokenizer

from lmkit.data import tokenizer as module
from lmkit.data.rows import Row
from lmkit.data.tokenizer import (
    end_token_id,
    prepare_tokenizer,
    start_token_id,
    tokenizer_fingerprint,
)
from lmkit.errors import DataError, TokenizerError
from lmkit.recipe.sections import Recipe

TEXTS = ["the cat sat on the mat", "a dog ran to the house", "the house on the hill"] * 4


class Texts:
    """A source of rows in memory."""

    name = "train"

    def __init__(self, rows):
        self.values = rows
        self.reads = 0

    def rows(self):
        self.reads += 1
        for number, values in enumerate(self.values, 1):
            yield Row(values, f"memory:{number}")

    def fingerprint(self):
        return hashlib.sha256(json.dumps(self.values).encode()).hexdigest()

    def describe(self):
        return []


@pytest.fixture
def source():
    return Texts([{"text": text, "label": "x"} for text in TEXTS])


def recipe(task="causal_lm", model=None, options=None, **tokenizer):
    return Recipe.model_validate(
        {
            "task": {"name": task, **(options or {})},
            "model": model or {"architecture": "gpt2"},
            "tokenizer": tokenizer or {"train": {"type": "bpe", "vocab_size": 280}},
            "data": {"train": "unused.txt"},
        }
    )


def gpt2(folder, **special):
    """A saved GPT-2 tokenizer of four tokens."""
    vocabulary = {"<|endoftext|>": 0, "a": 1, "b": 2, "ab": 3}
    GPT2Tokenizer(vocab=vocabulary, merges=[("a", "b")], **special).save_pretrained(folder)
    return str(folder)


def bert(folder):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat"]
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(folder)
    return str(folder)


def test_training_is_done_once_for_a_content_and_its_options(source, caplog):
    caplog.set_level("INFO")
    first = prepare_tokenizer(recipe(), source)
    assert "tokenizer: cache miss" in caplog.text
    caplog.clear()
    second = prepare_tokenizer(recipe(), source)
    assert "tokenizer: cache hit" in caplog.text
    assert source.reads == 1
    assert tokenizer_fingerprint(first) == tokenizer_fingerprint(second)
    prepare_tokenizer(recipe(train={"type": "bpe", "vocab_size": 270}), source)
    assert source.reads == 2
    other = Texts([*source.values, {"text": "more"}])
    prepare_tokenizer(recipe(), other)
    assert other.reads == 1


def test_what_comes_from_the_cache_is_saved_with_the_same_bytes(source, tmp_path):
    for folder in ("miss", "hit"):
        prepare_tokenizer(recipe(), source).save_pretrained(tmp_path / folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        hit = (tmp_path / "hit" / name).read_bytes()
        assert (tmp_path / "miss" / name).read_bytes() == hit
        assert b"cache" not in hit


def test_a_new_model_takes_as_many_tokens_as_it_is_trained_with(source, tmp_path):
    made = prepare_tokenizer(recipe(options={"block_size": 77}), source)
    assert made.model_max_length == 77
    loaded = recipe(model={"source": gpt2(tmp_path, model_max_length=512)}, source=str(tmp_path))
    assert prepare_tokenizer(loaded, source).model_max_length == 512


@pytest.mark.parametrize(
    ("task", "architecture", "special"),
    [
        ("causal_lm", "gpt2", "eos_token"),
        ("masked_lm", "bert", "mask_token"),
        ("classification", "bert", "cls_token"),
        ("classification", "gpt2", "eos_token"),
        ("causal_lm", "bert", "eos_token"),
        ("classification", "lstm", "pad_token"),
    ],
)
def test_the_special_tokens_are_those_of_task_and_architecture(source, task, architecture, special):
    made = prepare_tokenizer(recipe(task, {"architecture": architecture}), source)
    assert getattr(made, special) is not None
    assert made.pad_token is not None


@pytest.mark.parametrize("architecture", ["bart", "t5"])
def test_an_encoder_decoder_ends_the_texts_that_it_classifies(source, architecture):
    made = prepare_tokenizer(recipe("classification", {"architecture": architecture}), source)
    assert made("abc")["input_ids"][-1] == made.eos_token_id != made.pad_token_id


def test_only_the_text_column_is_learned_from(source):
    tokenizer = prepare_tokenizer(recipe("classification", {"architecture": "bert"}), source)
    assert tokenizer.pad_token_id == 0
    with pytest.raises(DataError, match="no column `body`"):
        prepare_tokenizer(recipe(options={"text_column": "body"}), source)


def test_sources_and_targets_are_learned_from():
    rows = [Row({"source": "abc", "target": "xyz", "path": "qqq"}, "a:1")] * 3

    class Pairs:
        name = "train"

        def rows(self):
            return iter(rows)

        def fingerprint(self):
            return "pairs"

    made = prepare_tokenizer(recipe("seq2seq", {"architecture": "t5"}), Pairs())
    assert made("abc")["input_ids"][-1] == made.eos_token_id
    assert len(made("abc")["input_ids"]) == len(made("xyz")["input_ids"]) == 2
    assert len(made("qqq")["input_ids"]) == 4  # its column was not read


def test_added_tokens_are_counted_and_kept_whole(source, caplog):
    caplog.set_level("INFO")
    base = prepare_tokenizer(recipe(), source)
    train = {"type": "bpe", "vocab_size": 280}
    more = prepare_tokenizer(recipe(train=train, add_tokens=["<tool>", "▲", "a"]), source)
    assert "tokenizer: 2 tokens added (1 were there)" in caplog.text
    assert len(more) == len(base) + 2
    assert "<tool>" in more.convert_ids_to_tokens(more("a<tool>b")["input_ids"])
    assert "<tool>" not in more.all_special_tokens
    assert tokenizer_fingerprint(more) != tokenizer_fingerprint(base)


def test_the_models_own_tokenizer_is_taken_where_none_is_named(source, tmp_path):
    own = Recipe.model_validate(
        {
            "task": {"name": "causal_lm"},
            "model": {"source": gpt2(tmp_path)},
            "data": {"train": "unused.txt"},
        }
    )
    assert prepare_tokenizer(own, source)("ab")["input_ids"] == [3]
    assert source.reads == 0


def test_a_missing_special_token_is_named_with_the_cure(source, tmp_path):
    masked = recipe("masked_lm", {"architecture": "bert"}, source=gpt2(tmp_path / "gpt2"))
    with pytest.raises(
        TokenizerError, match=r"has no `mask_token`, which a masked.*tokenizer\.train"
    ):
        prepare_tokenizer(masked, source)
    causal = recipe(source=bert(tmp_path / "bert"))
    with pytest.raises(TokenizerError, match=r"has no `eos_token`, which a causal"):
        prepare_tokenizer(causal, source)


def test_gpt2_pads_with_its_end_token_where_a_task_pads(source, tmp_path):
    folder = gpt2(tmp_path)
    made = prepare_tokenizer(recipe("classification", {"source": folder}, source=folder), source)
    assert made.pad_token_id == made.eos_token_id
    assert len(made) == 4


def test_fewer_tokens_than_asked_for_are_told(source, caplog):
    prepare_tokenizer(recipe(train={"vocab_size": 9000}), source)
    assert "of the 9,000 asked for (tokenizer.train.vocab_size)" in caplog.text


def test_start_and_end_tokens(tmp_path):
    causal = module.load_tokenizer(gpt2(tmp_path / "gpt2"))
    assert (start_token_id(causal), end_token_id(causal)) == (0, 0)
    masked = module.load_tokenizer(bert(tmp_path / "bert"))
    assert (start_token_id(masked), end_token_id(masked)) == (2, 3)
    causal.eos_token = None
    causal.bos_token = None
    assert start_token_id(causal) is None
    with pytest.raises(
        TokenizerError, match=r"no `eos_token` and no `sep_token`.*tokenizer\.train"
    ):
        end_token_id(causal)


def test_the_fingerprint_is_of_content(source, tmp_path):
    here, there = gpt2(tmp_path / "here"), gpt2(tmp_path / "there")
    first, second = module.load_tokenizer(here), module.load_tokenizer(there)
    before = tokenizer_fingerprint(first)
    assert before == tokenizer_fingerprint(second)
    first("a b", truncation=True, max_length=1)
    assert tokenizer_fingerprint(first) == before
    second.eos_token = "a"
    assert tokenizer_fingerprint(second) != before
