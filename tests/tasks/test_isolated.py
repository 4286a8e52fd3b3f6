"""`packing: isolated` learns what `packing: none` learns: losses, gradients and steps agree."""

import copy

import pytest
import torch

from lmkit import tasks
from lmkit.errors import ModelError
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.sections import ModelSection

SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
ENCODER = SIZES | {"intermediate_size": 32, "hidden_dropout_prob": 0.0,
                   "attention_probs_dropout_prob": 0.0}  # fmt: skip
CASES = {
    "gpt2": ("causal_lm", {"n_embd": 32, "n_layer": 2, "n_head": 2, "resid_pdrop": 0.0,
                           "embd_pdrop": 0.0, "attn_pdrop": 0.0}),
    "llama": ("causal_lm", SIZES | {"intermediate_size": 32}),
    "opt": ("causal_lm", SIZES | {"ffn_dim": 32, "word_embed_proj_dim": 32, "dropout": 0.0}),
    "bert": ("masked_lm", ENCODER),
    "roberta": ("masked_lm", ENCODER),
    "modernbert": ("masked_lm", SIZES | {"intermediate_size": 32, "local_attention": 12}),
}  # fmt: skip
SIZE = 24


@pytest.fixture
def made(request, listed, texts):
    """A function to a task, a model and one batch of all training examples."""

    def make(architecture, packing):
        name, config = CASES[architecture]
        fixture = "tiny_tokenizer" if name == "causal_lm" else "tiny_bert_tokenizer"
        tokenizer = copy.deepcopy(request.getfixturevalue(fixture))
        task = tasks.build(OPTIONS[name](name=name, block_size=SIZE, packing=packing))
        section = ModelSection(architecture=architecture, config=config)
        torch.manual_seed(0)
        model = task.build_model(ModelLoader(section), tokenizer)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(3)
        examples = task.examples(listed(texts), tokenizer, seed=0, training=True)
        batch = task.collate([examples[1, index] for index in range(len(examples))])
        return task, model, batch

    return make


def stepped(task, model, batch):
    """Loss a token, and the weights after one step of SGD on it."""
    task.attach(model)
    model.train()
    loss = task.loss(task.forward(model, batch), batch) / task.count(batch)
    loss.backward()
    task.detach(model)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.grad is not None:
                parameter -= 0.1 * parameter.grad
    return loss.item(), dict(model.named_parameters())


@pytest.mark.parametrize("architecture", CASES)
def test_a_step_is_that_of_the_documents_alone(architecture, made):
    task, model, batch = made(architecture, "isolated")
    other, twin, apart = made(architecture, "none")
    assert batch["input_ids"].shape[1] == SIZE
    assert batch["input_ids"].shape[0] < apart["input_ids"].shape[0]
    assert task.count(batch) == other.count(apart)
    assert task.tokens(batch) == other.tokens(apart)
    loss, weights = stepped(task, model, batch)
    expected, expected_weights = stepped(other, twin, apart)
    assert loss == pytest.approx(expected, rel=1e-6)
    for name, weight in expected_weights.items():
        assert (weights[name] - weight).abs().max() < 1e-6, name


@pytest.mark.parametrize("architecture", ["gpt2", "bert"])
def test_every_batch_has_the_shape_of_a_block(architecture, made):
    task, _, batch = made(architecture, "isolated")
    padding = batch[SEGMENTS] == 0
    assert padding.any()
    assert "attention_mask" not in batch
    assert (batch["labels"][padding] == IGNORED).all()
    assert task.batch_length(7) == SIZE
    assert made(architecture, "none")[0].batch_length(7) == 7
    assert (batch[SEGMENTS].max(1).values > 1).any()


def test_causal_labels_are_all_tokens_once(made):
    one, two = (made("gpt2", packing)[2]["labels"] for packing in ("isolated", "joined"))
    assert torch.equal(one[one != IGNORED].sort().values, two[two != IGNORED].sort().values)


@pytest.mark.parametrize(
    ("name", "architecture", "config"),
    [
        ("masked_lm", "deberta-v2", ENCODER),
        ("causal_lm", "rwkv", {"hidden_size": 16, "num_hidden_layers": 2}),
    ],
)
@pytest.mark.filterwarnings("ignore::UserWarning")  # what they say of their kernels
def test_who_cannot_is_refused_before_any_step(
    name, architecture, config, tiny_tokenizer, tiny_bert_tokenizer
):
    tokenizer = tiny_tokenizer if name == "causal_lm" else tiny_bert_tokenizer
    loader = ModelLoader(ModelSection(architecture=architecture, config=config))
    with pytest.raises(ModelError, match=rf"task\.packing: isolated: {architecture} with"):
        tasks.build(OPTIONS[name](name=name, block_size=SIZE, packing="isolated")).build_model(
            loader, tokenizer
        )
    tasks.build(OPTIONS[name](name=name, block_size=SIZE)).build_model(loader, tokenizer)
