"""Heads over the recurrent model: generation, saving, losses, pipelines, and who opens them."""

import pytest
import torch
from torch.nn import functional
from transformers import (
    AutoModel,
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    AutoModelForTokenClassification,
    pipeline,
)
from transformers.models.auto import modeling_auto

from lmkit.errors import ModelError
from lmkit.models.head import OutputHead
from lmkit.models.inspecting import saved_with_head
from lmkit.models.loading import ModelLoader, load_for_inference
from lmkit.models.lstm import (
    LSTMForCausalLM,
    LSTMForSequenceClassification,
    LSTMForTokenClassification,
)
from lmkit.models.lstm_config import LSTMConfig
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.masked_lm import MaskedLM

HEADS = {
    AutoModel: {},
    AutoModelForCausalLM: {"tie_word_embeddings": True},
    AutoModelForSequenceClassification: {"num_labels": 3, "bidirectional": True},
    AutoModelForTokenClassification: {"num_labels": 5, "cell": "gru"},
}


def new(auto_class=AutoModelForCausalLM, **keys):
    """A model whose likeliest tokens stand clear of the others."""
    torch.manual_seed(0)
    sizes = {"vocab_size": 60, "embedding_size": 6, "hidden_size": 8, "pad_token_id": 0}
    model = auto_class.from_config(LSTMConfig(**sizes | keys)).eval()
    with torch.no_grad():
        for weight in model.parameters():
            weight.mul_(3)
    return model


def left_padded():
    ids = torch.randint(1, 60, (3, 7), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, :3] = mask[2, :6] = 0
    return ids, mask


@pytest.mark.parametrize("auto_class", HEADS)
def test_saved_and_opened_it_is_the_same(auto_class, tmp_path):
    model = new(auto_class, **HEADS[auto_class])
    model.save_pretrained(tmp_path)
    opened = auto_class.from_pretrained(tmp_path)
    assert type(opened) is type(model)
    saved, kept = opened.state_dict(), model.state_dict()
    assert {*saved} == {*kept}
    assert all(torch.equal(saved[name], weight) for name, weight in kept.items())
    ids, mask = left_padded()
    one, two = (found(ids, attention_mask=mask)[0] for found in (model, opened))
    torch.testing.assert_close(one, two)  # to rounding: it depends on where in memory weights lie


@pytest.mark.parametrize("cell", ["lstm", "gru"])
@pytest.mark.parametrize("tied", [False, True])
@torch.no_grad()
def test_greedy_is_what_is_likeliest_from_scratch(cell, tied):
    model = new(cell=cell, tie_word_embeddings=tied)
    ids, mask = left_padded()
    found = model.generate(ids, attention_mask=mask, do_sample=False, max_new_tokens=9)
    for row in range(3):
        text = ids[row, mask[row].bool()][None]
        for _ in range(9):
            text = torch.cat([text, model(text, use_cache=False).logits[:, -1:].argmax(-1)], 1)
        assert found[row, 7:].tolist() == text[0, -9:].tolist()


@torch.no_grad()
def test_beams_with_states_are_those_without():
    model, (ids, mask) = new(), left_padded()
    ways = [
        model.generate(
            ids, attention_mask=mask, do_sample=False, max_new_tokens=8, num_beams=4,
            num_return_sequences=3, use_cache=cached,
        )
        for cached in (True, False)
    ]  # fmt: skip
    assert ways[0].shape == (9, 15)
    assert torch.equal(*ways)


@torch.no_grad()
def test_several_samples_of_a_prompt():
    model, (ids, mask) = new(), left_padded()
    ways = []
    for cached in (True, False):
        torch.manual_seed(3)
        ways.append(
            model.generate(
                ids, attention_mask=mask, do_sample=True, max_new_tokens=6,
                num_return_sequences=2, use_cache=cached,
            )
        )  # fmt: skip
    assert torch.equal(*ways)
    assert not torch.equal(ways[0][::2], ways[0][1::2])


def test_tied_weights_are_one_and_a_projection_stands_between():
    model = new(tie_word_embeddings=True)
    assert model.lm_head.weight is model.model.embeddings.weight
    assert model.projection.weight.shape == (6, 8)
    assert isinstance(new(tie_word_embeddings=True, output_dropout=0.1).lm_head, torch.nn.Linear)
    model.resize_token_embeddings(64)
    assert model.lm_head.weight is model.model.embeddings.weight
    assert model(torch.tensor([[63]])).logits.shape == (1, 1, 64)
    loose = new()
    assert isinstance(loose.projection, torch.nn.Identity)
    assert loose.lm_head.weight.shape == (60, 8)


@pytest.mark.parametrize("tied", [False, True])
def test_the_chunked_loss_takes_its_head(tied):
    model, ids = new(tie_word_embeddings=tied), left_padded()[0]
    logits = model(ids).logits
    head = OutputHead(model)
    assert head.replaces_logits
    head.attach()
    found = head.loss(model(ids).logits, ids)
    head.detach()
    torch.testing.assert_close(
        found, functional.cross_entropy(logits.flatten(0, 1), ids.flatten(), reduction="sum")
    )


def test_losses_of_their_own_are_means():
    """What plain Trainer of transformers trains with."""
    ids = left_padded()[0]
    model = new()
    logits = model(ids).logits
    expected = functional.cross_entropy(logits[:, :-1].flatten(0, 1), ids[:, 1:].flatten())
    torch.testing.assert_close(model(ids, labels=ids).loss, expected)
    model, gold = new(AutoModelForSequenceClassification, num_labels=3), torch.tensor([0, 2, 1])
    found = model(ids, labels=gold)
    torch.testing.assert_close(found.loss, functional.cross_entropy(found.logits, gold))
    model, gold = new(AutoModelForTokenClassification, num_labels=3), ids % 3
    found = model(ids, labels=gold)
    torch.testing.assert_close(
        found.loss, functional.cross_entropy(found.logits.flatten(0, 1), gold.flatten())
    )


@pytest.mark.parametrize("pooling", ["max", "mean", "last"])
@torch.no_grad()
def test_pooling_is_of_the_text_alone(pooling):
    model = new(AutoModelForSequenceClassification, bidirectional=True, pooling=pooling)
    ids, mask = left_padded()
    found = model(ids, attention_mask=mask).logits
    for row in range(3):
        text = ids[row, mask[row].bool()][None]
        torch.testing.assert_close(found[row], model(text).logits[0], atol=1e-5, rtol=1e-4)
        states = model.model(text).last_hidden_state[0]
        pooled = {
            "max": states.amax(0),
            "mean": states.mean(0),
            "last": torch.cat([states[-1, :8], states[0, 8:]]),
        }[pooling]
        torch.testing.assert_close(model.score(pooled), found[row], atol=1e-5, rtol=1e-4)


def test_pipelines_take_them(tiny_bert_tokenizer, tiny_tokenizer, caplog):
    model = new(
        AutoModelForSequenceClassification, num_labels=3, vocab_size=len(tiny_bert_tokenizer)
    )
    ask = pipeline("text-classification", model=model, tokenizer=tiny_bert_tokenizer)
    texts = ["the cat sat on the mat", "a dog"]
    apart = [ask(text)[0] for text in texts]
    together = ask(texts, batch_size=2)
    assert [a["label"] for a in apart] == [a["label"] for a in together]
    assert [a["score"] for a in apart] == pytest.approx([a["score"] for a in together])
    model = new(vocab_size=len(tiny_tokenizer))
    write = pipeline("text-generation", model=model, tokenizer=tiny_tokenizer)
    (answer,) = write("the cat", max_new_tokens=4, do_sample=False)
    assert answer["generated_text"].startswith("the cat")
    assert "not supported" not in caplog.text


def test_they_are_told_by_their_names():
    for model, names in (
        (LSTMForCausalLM, modeling_auto.MODEL_FOR_CAUSAL_LM_MAPPING_NAMES),
        (
            LSTMForSequenceClassification,
            modeling_auto.MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
        ),
        (LSTMForTokenClassification, modeling_auto.MODEL_FOR_TOKEN_CLASSIFICATION_MAPPING_NAMES),
    ):
        config = LSTMConfig(architectures=[model.__name__])
        assert saved_with_head(config, names)
        assert not saved_with_head(config, modeling_auto.MODEL_FOR_MASKED_LM_MAPPING_NAMES)


def test_a_language_model_reads_one_way(tiny_tokenizer):
    section = ModelSection(architecture="lstm", config={"bidirectional": True})
    with pytest.raises(ModelError, match="lstm cannot be built: bidirectional: true reads what"):
        ModelLoader(section).load(AutoModelForCausalLM, tiny_tokenizer)


def test_nothing_is_masked_for_it(tiny_bert_tokenizer):
    task = MaskedLM(MaskedLMOptions(name="masked_lm"))
    with pytest.raises(ModelError, match="model: lstm has no ForMaskedLM head"):
        task.build_model(ModelLoader(ModelSection(architecture="lstm")), tiny_bert_tokenizer)


def test_lmkit_opens_it(tmp_path):
    new().save_pretrained(tmp_path)
    model = load_for_inference(str(tmp_path), AutoModelForCausalLM, device="cpu")
    assert not model.training
