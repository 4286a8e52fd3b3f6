"""Packed documents against the same documents alone, for models of every kind."""

import copy
import re

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForMaskedLM

from lmkit.errors import ModelError
from lmkit.labels import SEGMENTS
from lmkit.models.inputs import model_inputs
from lmkit.models.isolation import Isolation, find_isolation, positions

VOCABULARY = 97
BLOCK = 40
SIZES = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64,
    "max_position_embeddings": BLOCK,
}  # fmt: skip
GROUPED = SIZES | {"num_key_value_heads": 2, "head_dim": 8}
CAUSAL = {
    "gpt2": ("positions", {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": BLOCK}),
    "llama": ("positions", GROUPED),
    "qwen3": ("positions", GROUPED),
    "gpt_neox": ("positions", SIZES),
    "gemma3_text": ("positions", GROUPED | {"sliding_window": 7}),
    "mistral": ("positions", GROUPED | {"sliding_window": 7}),
    "mpt": ("mask", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": BLOCK}),
    "opt": ("mask", SIZES | {"ffn_dim": 64, "word_embed_proj_dim": 32}),
    "bert": ("mask", SIZES | {"is_decoder": True}),
}
MASKED = {
    "bert": ("mask", SIZES),
    "roberta": ("mask", SIZES | {"max_position_embeddings": BLOCK + 2, "pad_token_id": 1}),
    "distilbert": ("mask", {"dim": 32, "n_layers": 2, "n_heads": 4, "hidden_dim": 64,
                            "max_position_embeddings": BLOCK}),
    "electra": ("mask", SIZES | {"embedding_size": 32}),
    "modernbert": ("masks", SIZES | {"local_attention": 10}),
}  # fmt: skip
CASES = [(AutoModelForCausalLM, name) for name in CAUSAL] + [
    (AutoModelForMaskedLM, name) for name in MASKED
]
NONE = {
    "deberta-v2": (AutoModelForMaskedLM, SIZES),
    "mamba": (AutoModelForCausalLM, {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}),
    "rwkv": (AutoModelForCausalLM, {"hidden_size": 16, "num_hidden_layers": 2,
                                    "attention_hidden_size": 16}),
    "bloom": (AutoModelForCausalLM, {"hidden_size": 32, "n_layer": 2, "n_head": 4}),
}  # fmt: skip


def new(auto, name, config, attention=None, dtype=torch.float32):
    """A model whose weights are large enough for every path through it to show."""
    torch.manual_seed(0)
    special = {"bos_token_id": 2, "eos_token_id": 3}
    if name != "roberta":
        special["pad_token_id"] = 0
    made = AutoConfig.for_model(name, vocab_size=VOCABULARY, **special, **config)
    model = auto.from_config(made, attn_implementation=attention, dtype=dtype).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.mul_(4)
    return model


def blocks():
    """Two blocks of forty: documents of 1, 23, 12 tokens and padding; one document."""
    ids = torch.randint(4, VOCABULARY, (2, BLOCK), generator=torch.Generator().manual_seed(0))
    sizes = torch.tensor([1, 23, 12, 4])
    segments = torch.repeat_interleave(torch.tensor([1, 2, 3, 0]), sizes)
    return {"input_ids": ids, SEGMENTS: torch.stack([segments, torch.ones_like(segments)])}


def run(model, isolation, batch):
    return model(**model_inputs(model, isolation.inputs(model, batch))).logits


@torch.no_grad()
def largest_difference(model, isolation):
    """Over all documents: logits packed less logits alone, and the largest logit."""
    batch = blocks()
    packed = run(model, isolation, batch)
    worst, scale = 0.0, 1.0
    for row in range(2):
        for number in batch[SEGMENTS][row].unique():
            own = batch[SEGMENTS][row] == number
            alone = model(**model_inputs(model, {"input_ids": batch["input_ids"][row, own][None]}))
            worst = max(worst, (packed[row, own] - alone.logits[0]).abs().max().item())
            scale = max(scale, alone.logits.abs().max().item())
    return worst, scale


@pytest.mark.parametrize(
    ("auto", "name", "attention"),
    [(*case, "eager") for case in CASES] + [(*case, "sdpa") for case in CASES if case[1] != "mpt"],
)
def test_packed_is_as_alone(auto, name, attention):
    causal = auto is AutoModelForCausalLM
    way, config = (CAUSAL if causal else MASKED)[name]
    model = new(auto, name, config, attention)
    isolation = find_isolation(model, block_size=BLOCK, causal=causal)
    assert isolation.way == way
    worst, scale = largest_difference(model, isolation)
    assert worst < 1e-5 * scale


@pytest.mark.parametrize("name", ["opt", "bert"])
def test_a_leak_is_seen_in_a_new_model_too(name):
    """The weights are as they are drawn: what one document does to another is hardly there."""
    causal = name == "opt"
    auto = AutoModelForCausalLM if causal else AutoModelForMaskedLM
    model = new(auto, name, (CAUSAL if causal else MASKED)[name][1])
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim == 2:
                parameter.div_(400)
    assert find_isolation(model, block_size=BLOCK, causal=causal).way == "mask"


@pytest.mark.parametrize("name", NONE)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_a_model_that_cannot_is_refused(name):
    auto, config = NONE[name]
    told = (
        rf"task\.packing: isolated: {re.escape(name)} with \w+ attention cannot keep packed "
        r"documents apart \(with positions that begin anew: they see one another; with a mask: "
        r".*\); use task\.packing: none .* or joined"
    )
    model = new(auto, name, config)
    with pytest.raises(ModelError, match=told):
        find_isolation(model, block_size=BLOCK, causal=auto is AutoModelForCausalLM)


@pytest.mark.parametrize("block_size", [9, 10, 11, 24])
def test_a_window_narrower_than_the_block_needs_masks_of_its_own(block_size):
    """ModernBERT with a window of five to either side, whatever fits into the block."""
    model = new(AutoModelForMaskedLM, *("modernbert", MASKED["modernbert"][1]))
    assert find_isolation(model, block_size=block_size, causal=False).way == "masks"
    model = new(AutoModelForMaskedLM, "modernbert", SIZES | {"local_attention": 2 * BLOCK})
    assert find_isolation(model, block_size=block_size, causal=False).way == "mask"


@pytest.mark.parametrize("block_size", [2, 3, 8])
def test_the_smallest_blocks(block_size):
    model = new(AutoModelForCausalLM, "gpt2", {**CAUSAL["gpt2"][1], "n_positions": block_size})
    assert find_isolation(model, block_size=block_size, causal=True).way == "positions"


@pytest.mark.parametrize(("auto", "name"), [CASES[0], CASES[-1]])
def test_the_probe_leaves_no_trace(auto, name):
    causal = auto is AutoModelForCausalLM
    model = new(auto, name, (CAUSAL if causal else MASKED)[name][1]).train()
    before, state = copy.deepcopy(model.state_dict()), torch.get_rng_state()
    find_isolation(model, block_size=BLOCK, causal=causal)
    assert model.training
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(parameter.grad is None for parameter in model.parameters())
    assert not model.get_input_embeddings()._forward_hooks


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("attention", ["eager", "sdpa"])
@pytest.mark.parametrize(("auto", "name"), [CASES[0], CASES[7], CASES[9], CASES[-1]])
@torch.no_grad()
def test_in_mixed_and_in_low_precision_nothing_leaks(auto, name, attention, dtype):
    """Other tokens in the other documents change no bit."""
    causal = auto is AutoModelForCausalLM
    model = new(auto, name, (CAUSAL if causal else MASKED)[name][1], attention, dtype)
    isolation = find_isolation(model, block_size=BLOCK, causal=causal)
    batch = blocks()
    other = {**batch, "input_ids": batch["input_ids"].clone()}
    middle = batch[SEGMENTS][0] == 2
    other["input_ids"][0, ~middle] = 5
    with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.float32):
        one, two = run(model, isolation, batch), run(model, isolation, other)
    assert one.isfinite().all()
    assert torch.equal(one[0, middle], two[0, middle])
    assert not torch.equal(one[0, ~middle], two[0, ~middle])


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.torch.jit.script_method:DeprecationWarning")  # torch's own
@pytest.mark.parametrize(("auto", "name"), [CASES[0], CASES[9]])
def test_compiled_once_for_all_blocks(auto, name):
    """Blocks of one document and of many, without compiling again."""
    causal = auto is AutoModelForCausalLM
    model = new(auto, name, (CAUSAL if causal else MASKED)[name][1])
    isolation = find_isolation(model, block_size=BLOCK, causal=causal)
    torch._dynamo.reset()
    compiled, batch, graphs = torch.compile(model, backend="eager"), blocks(), []
    own = batch[SEGMENTS]
    for segments in (own, torch.ones_like(own), own.flip(0), torch.zeros_like(own)):
        given = {**batch, SEGMENTS: segments}
        expected = run(model, isolation, given)
        torch.testing.assert_close(run(compiled, isolation, given), expected)
        graphs.append(torch._dynamo.utils.counters["stats"]["unique_graphs"])
    torch._dynamo.reset()
    assert graphs[0] > 0
    assert len(set(graphs)) == 1


def test_positions_begin_anew():
    segments = torch.tensor([[1, 1, 1, 2, 3, 3, 0, 0], [1, 1, 1, 1, 1, 1, 1, 1]])
    expected = [[0, 1, 2, 0, 0, 1, 0, 1], [0, 1, 2, 3, 4, 5, 6, 7]]
    assert positions(segments).tolist() == expected
    isolation = Isolation("positions", causal=True, first=2, window=None)
    given = isolation.inputs(torch.nn.Linear(1, 1), {SEGMENTS: segments})
    assert given["position_ids"].tolist() == [[2 + place for place in row] for row in expected]
    assert set(given) == {"position_ids", SEGMENTS}
