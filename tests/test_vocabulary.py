"""Tests of lmkit/vocabulary.py."""

import json

import pytest
from tokenizers import Tokenizer, models
from transformers import AutoModelForCausalLM, PreTrainedTokenizerFast

from lmkit.errors import ModelError, TokenizerError
from lmkit.models.loading import ModelLoader
from lmkit.recipe.sections import ModelSection
from lmkit.vocabulary import id_count


def words(vocabulary):
    return PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.WordLevel(vocabulary)))


def test_gaps_are_counted():
    assert id_count(words({"a": 0, "b": 1})) == 2
    gapped = words({"a": 0, "b": 9})
    assert (len(gapped), id_count(gapped)) == (2, 10)


def test_an_empty_one_is_refused():
    with pytest.raises(TokenizerError, match="empty"):
        id_count(words({}))


def test_a_model_holds_every_id(tiny_tokenizer):
    """One beyond the embeddings would be told by a traceback in some step."""
    state = json.loads(tiny_tokenizer.backend_tokenizer.to_str())
    state["model"]["vocab"]["far"] = 700
    gapped = PreTrainedTokenizerFast(tokenizer_object=Tokenizer.from_str(json.dumps(state)))
    assert len(gapped) < 700

    def new(**more):
        config = {"n_embd": 16, "n_layer": 1, "n_head": 2, **more}
        section = ModelSection(architecture="gpt2", config=config)
        return ModelLoader(section).load(AutoModelForCausalLM, gapped)

    assert new().get_input_embeddings().num_embeddings == 701
    with pytest.raises(ModelError, match=r"largest id is 700, .* holds 500"):
        new(vocab_size=500)
