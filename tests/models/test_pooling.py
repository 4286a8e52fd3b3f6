"""Pooling against loops over single texts, and what is told of it to others."""

import importlib
import json

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoConfig, BertConfig, GPT2Config, T5Config

from lmkit.errors import ModelError
from lmkit.models.pooling import (
    KEY,
    Pooling,
    as_kept,
    choose_pooling,
    is_decoder,
    pool,
    saved_pooling,
    write_modules,
)

LENGTHS = st.lists(st.integers(1, 6), min_size=1, max_size=5)


@given(LENGTHS, st.booleans())
def test_a_vector_is_that_of_the_text_alone(lengths, left):
    """Whatever stands in the padding, on either side."""
    generator = torch.Generator().manual_seed(len(lengths))
    longest = max(lengths) + 1
    states = torch.randn(len(lengths), longest, 3, generator=generator)
    places = torch.arange(longest)
    rows = [places >= longest - n if left else places < n for n in lengths]
    mask = torch.stack(rows).long()
    for mode in ("mean", "cls", "last"):
        found = pool(states, mask, mode)
        for vector, text, own in zip(found, states, rows, strict=True):
            alone = text[own]
            wanted = {"mean": alone.mean(0), "cls": alone[0], "last": alone[-1]}[mode]
            torch.testing.assert_close(vector, wanted)


def test_without_a_mask_every_token_counts():
    states = torch.arange(12.0).reshape(2, 3, 2)
    torch.testing.assert_close(pool(states, None, "mean"), states.mean(1))
    assert pool(states, None, "last").tolist() == states[:, -1].tolist()
    assert pool(states.bfloat16(), None, "cls").dtype == torch.float32


def test_normalized_vectors_have_the_length_one():
    states = torch.randn(4, 3, 8)
    long, unit = (Pooling("mean", normalize)(states, None) for normalize in (False, True))
    torch.testing.assert_close(unit.norm(dim=-1), torch.ones(4))
    torch.testing.assert_close(unit * long.norm(dim=-1, keepdim=True), long)


def test_which_models_read_from_left_to_right():
    assert is_decoder(GPT2Config())
    assert not is_decoder(BertConfig())
    assert is_decoder(BertConfig(is_decoder=True))


def test_what_is_left_out_suits_the_model():
    assert choose_pooling(BertConfig(), None, None) == ("mean", True)
    assert choose_pooling(GPT2Config(), None, None) == ("last", True)
    assert choose_pooling(BertConfig(), "cls", False) == ("cls", False)
    kept = BertConfig(**{KEY: as_kept(Pooling("cls", False))})
    assert choose_pooling(kept, None, None) == ("cls", False)
    assert choose_pooling(kept, None, True) == ("cls", True)
    with pytest.raises(ModelError, match=r"task\.pooling: cls .* in gpt2 knows nothing"):
        choose_pooling(GPT2Config(), "cls", None)
    with pytest.raises(ModelError, match="t5 has an encoder and a decoder"):
        choose_pooling(T5Config(), None, None)


@pytest.mark.parametrize("pooling", [Pooling("mean", True), Pooling("cls", False)])
def test_it_is_read_back_from_either_place(tmp_path, pooling):
    config = BertConfig(**{KEY: as_kept(pooling)})
    config.save_pretrained(tmp_path)
    assert saved_pooling(AutoConfig.from_pretrained(tmp_path)) == pooling
    BertConfig().save_pretrained(tmp_path)
    write_modules(tmp_path, pooling, width=768, max_length=64)
    assert saved_pooling(AutoConfig.from_pretrained(tmp_path)) == pooling
    assert saved_pooling(BertConfig()) is None


def modules(folder, settings, *more):
    """The files of sentence-transformers, as others write them."""
    BertConfig().save_pretrained(folder)
    kinds = [("", "Transformer"), ("1_Pooling", "Pooling"), *more]
    (folder / "modules.json").write_text(
        json.dumps([{"path": path, "type": f"x.models.{kind}"} for path, kind in kinds])
    )
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(settings))
    return AutoConfig.from_pretrained(folder)


def test_the_newer_name_is_known(tmp_path):
    assert saved_pooling(modules(tmp_path, {"pooling_mode": "lasttoken"})) == ("last", False)


@pytest.mark.parametrize(
    ("settings", "more", "says"),
    [
        ({"pooling_mode_max_tokens": True}, (), "made by pooling_mode_max_tokens"),
        (
            {"pooling_mode_max_tokens": True, "pooling_mode_mean_tokens": True},
            (),
            "pooling_mode_max_tokens, pooling_mode_mean_tokens",
        ),
        ({"pooling_mode": "weightedmean"}, (), "made by weightedmean"),
        ({"pooling_mode_mean_tokens": True}, (("2_Dense", "Dense"),), "made by Dense"),
    ],
)
def test_another_way_is_refused(tmp_path, settings, more, says):
    with pytest.raises(ModelError, match=f"{says}.*set to mean, cls or last"):
        saved_pooling(modules(tmp_path, settings, *more))


def test_a_broken_file_is_named(tmp_path):
    config = modules(tmp_path, {})
    (tmp_path / "modules.json").write_text("{")
    with pytest.raises(ModelError, match=r"modules\.json: does not tell how"):
        saved_pooling(config)


def test_sentence_transformers_makes_the_same(tmp_path, tiny_bert, tiny_bert_tokenizer):
    theirs = importlib.import_module("sentence_transformers")
    for pooling in (Pooling("mean", True), Pooling("cls", False)):
        folder = tmp_path / pooling.mode
        tiny_bert.bert.save_pretrained(folder)
        tiny_bert_tokenizer.save_pretrained(folder)
        write_modules(folder, pooling, width=32, max_length=64)
        texts = ["the cat sat", "a red house on the hill"]
        batch = tiny_bert_tokenizer(texts, padding=True, return_tensors="pt")
        states = tiny_bert.bert(**batch).last_hidden_state
        wanted = theirs.SentenceTransformer(str(folder)).encode(texts, convert_to_tensor=True)
        torch.testing.assert_close(pooling(states, batch["attention_mask"]), wanted.cpu())
