"""Loading: what fits is loaded as asked for, and what does not is told before any training."""

import json
import shutil
import subprocess
import sys
import time

import pytest
import torch
from safetensors.torch import load_file
from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSequenceClassification,
)

from lmkit.errors import HubError, ModelError
from lmkit.models.loading import ModelLoader, load_for_inference, open_config, open_model
from lmkit.recipe.sections import ModelSection

GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2}
SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2,
         "intermediate_size": 16}  # fmt: skip


def new(architecture="gpt2", config=GPT2, **section):
    return ModelLoader(ModelSection(architecture=architecture, config=config, **section))


def saved(folder, resize=False, **section):
    return ModelLoader(ModelSection(source=str(folder), **section), resize=resize)


# A new model


def test_a_new_model_takes_vocabulary_tokens_and_positions_of_its_task(tiny_tokenizer):
    model = new().load(AutoModelForCausalLM, tiny_tokenizer, positions=24)
    assert model.get_input_embeddings().weight.shape == (len(tiny_tokenizer), 16)
    assert model.config.eos_token_id == model.config.bos_token_id == tiny_tokenizer.eos_token_id
    assert model.config.pad_token_id is None
    model(input_ids=torch.full((1, 24), 5))
    with pytest.raises(IndexError):
        model(input_ids=torch.full((1, 25), 5))


@pytest.mark.parametrize("architecture", ["bert", "roberta", "electra", "mpnet"])
@pytest.mark.parametrize("positions", [8, 24])
def test_so_many_positions_run_and_no_more(architecture, positions, tiny_bert_tokenizer):
    loader = new(architecture, SMALL)
    model = loader.load(AutoModelForMaskedLM, tiny_bert_tokenizer, positions=positions).eval()
    ids = torch.full((1, positions + 1), 7)
    model(input_ids=ids[:, :-1])
    with pytest.raises((RuntimeError, IndexError)):
        model(input_ids=ids)


def test_what_the_recipe_gives_stays(tiny_tokenizer):
    config = GPT2 | {"vocab_size": 512, "n_positions": 40, "eos_token_id": 7}
    model = new(config=config).load(AutoModelForCausalLM, tiny_tokenizer, positions=24)
    assert model.get_input_embeddings().weight.shape == (512, 16)
    assert (model.config.n_positions, model.config.eos_token_id) == (40, 7)


@pytest.mark.parametrize("key", ["n_positions", "max_position_embeddings"])
def test_too_few_positions_are_refused_by_either_name(tiny_tokenizer, key):
    with pytest.raises(ModelError, match=r"24 tokens .* has 20 positions; .* to at most 20"):
        new(config=GPT2 | {key: 20}).load(AutoModelForCausalLM, tiny_tokenizer, positions=24)


def test_robertas_unused_positions_do_not_count(tiny_bert_tokenizer):
    config = SMALL | {"max_position_embeddings": 24}
    with pytest.raises(ModelError, match=r"has 23 positions"):
        new("roberta", config).load(AutoModelForMaskedLM, tiny_bert_tokenizer, positions=24)


def test_roberta_needs_a_padding_token_to_count_from(tiny_tokenizer):
    config = SMALL | {"is_decoder": True}
    with pytest.raises(ModelError, match=r"roberta counts positions from its padding.*has none"):
        new("roberta", config).load(AutoModelForCausalLM, tiny_tokenizer, positions=24)
    given = new("roberta", config | {"pad_token_id": 0})
    model = given.load(AutoModelForCausalLM, tiny_tokenizer, positions=24)
    model(input_ids=torch.full((1, 24), 5))


def test_too_small_a_vocabulary_is_named(tiny_tokenizer):
    largest = len(tiny_tokenizer) - 1
    with pytest.raises(
        ModelError,
        match=rf"largest id is {largest}, .* holds 100 \(ids 0 to 99\).*at least {largest + 1}",
    ):
        new(config=GPT2 | {"vocab_size": 100}).load(AutoModelForCausalLM, tiny_tokenizer)


def test_a_padded_vocabulary_is_fine(tiny_tokenizer):
    new(config=GPT2 | {"vocab_size": 320}).load(AutoModelForCausalLM, tiny_tokenizer)


def test_an_architecture_without_the_head_is_told(tiny_tokenizer):
    with pytest.raises(ModelError, match=r"model: distilbert has no ForCausalLM head"):
        new("distilbert", {}).load(AutoModelForCausalLM, tiny_tokenizer)


def test_what_cannot_be_built_is_told(tiny_tokenizer):
    with pytest.raises(ModelError, match=r"model\.config: gpt2 cannot be built: .*divisible"):
        new(config={"n_embd": 15, "n_head": 2}).load(AutoModelForCausalLM, tiny_tokenizer)


def test_configurations_of_the_head_arrive(tiny_bert_tokenizer):
    model = new("bert", SMALL).load(
        AutoModelForSequenceClassification, tiny_bert_tokenizer, num_labels=5
    )
    assert model(input_ids=torch.full((1, 4), 7)).logits.shape == (1, 5)


@pytest.mark.parametrize("kernel", ["eager", "sdpa"])
@pytest.mark.parametrize("dtype", [None, "float32", "bfloat16"])
def test_kernel_and_type_arrive(kernel, dtype, tiny_tokenizer, tiny_gpt2_folder):
    asked = {"attn_implementation": kernel, "dtype": dtype}
    for loader in (new(**asked), saved(tiny_gpt2_folder, **asked)):
        model = loader.load(AutoModelForCausalLM, tiny_tokenizer)
        assert model.config._attn_implementation == kernel
        assert {p.dtype for p in model.parameters()} == {getattr(torch, dtype or "float32")}


def test_positions_start_as_asked(tiny_tokenizer):
    tables = [
        new(**asked).load(AutoModelForCausalLM, tiny_tokenizer).transformer.wpe.weight
        for asked in ({}, {"position_init": "sinusoidal"})
    ]
    length = [table.norm(dim=1) for table in tables]
    assert length[0].std() > 0.01 * length[0].mean()  # noise
    assert length[1].std() < 1e-4 * length[1].mean()  # sin^2 + cos^2


def test_a_kernel_that_is_not_installed_is_told(tiny_tokenizer, tiny_gpt2_folder):
    asked = {"attn_implementation": "flash_attention_2"}
    for loader in (new(**asked), saved(tiny_gpt2_folder, **asked)):
        with pytest.raises(ModelError, match=r"(?i)flash.?attention"):
            loader.load(AutoModelForCausalLM, tiny_tokenizer)


# A saved one


def test_saved_weights_are_the_files(tiny_gpt2_folder, tiny_tokenizer):
    model = saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer, positions=64)
    for name, tensor in load_file(tiny_gpt2_folder / "model.safetensors").items():
        assert torch.equal(model.state_dict()[name], tensor)


def test_a_saved_configuration_is_overridden_and_held(tiny_gpt2_folder, tiny_tokenizer):
    loader = saved(tiny_gpt2_folder, config={"resid_pdrop": 0.25})
    model = loader.load(AutoModelForCausalLM, tiny_tokenizer)
    assert model.transformer.h[0].mlp.dropout.p == 0.25
    with pytest.raises(ModelError, match=r"model\.config\.resid_drop: gpt2 has no such key"):
        saved(tiny_gpt2_folder, config={"resid_drop": 0.25}).config()


def test_saved_positions_and_vocabulary_are_checked(
    tiny_gpt2_folder, tiny_tokenizer, tiny_bert_folder
):
    with pytest.raises(ModelError, match=r"65 tokens .* gpt2 here has 64 positions"):
        saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer, positions=65)
    with pytest.raises(ModelError, match=r"tokenizer: its largest id"):
        saved(tiny_bert_folder).load(AutoModelForMaskedLM, tiny_tokenizer)


def test_added_tokens_grow_the_embeddings_and_keep_the_old_rows(tiny_bert_folder, tiny_tokenizer):
    before = open_model(str(tiny_bert_folder), AutoModelForMaskedLM)
    model = saved(tiny_bert_folder, resize=True).load(AutoModelForMaskedLM, tiny_tokenizer)
    old = before.get_input_embeddings().weight
    assert len(old) < len(tiny_tokenizer)
    assert model.get_input_embeddings().weight.shape[0] == len(tiny_tokenizer)
    assert torch.equal(model.get_input_embeddings().weight[: len(old)], old)
    ids = torch.tensor([[len(tiny_tokenizer) - 1]])
    assert model(input_ids=ids).logits.shape[-1] == len(tiny_tokenizer)


def test_pickled_weights_are_refused_with_the_way_to_convert_them(tiny_gpt2_folder, tiny_tokenizer):
    weights = load_file(tiny_gpt2_folder / "model.safetensors")
    torch.save(weights, tiny_gpt2_folder / "pytorch_model.bin")
    saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer)  # both: safetensors is read
    (tiny_gpt2_folder / "model.safetensors").unlink()
    with pytest.raises(
        ModelError, match=r"only pickled weights \(pytorch_model\.bin\).*run code.*save_pretrained"
    ):
        saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer)


def test_no_weights(tiny_gpt2_folder, tiny_tokenizer):
    (tiny_gpt2_folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"holds no weights \(model\.safetensors\)"):
        saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer)


def test_no_configuration(tiny_gpt2_folder):
    (tiny_gpt2_folder / "config.json").unlink()
    with pytest.raises(ModelError, match=r"no config\.json, so this is no model folder"):
        saved(tiny_gpt2_folder).config()


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "{}", '{"model_type": "gpt9"}', '{"model_type": "gpt2", "n_layer": "x"}'],
)
def test_a_broken_configuration_is_named(tiny_gpt2_folder, text):
    (tiny_gpt2_folder / "config.json").write_text(text)
    with pytest.raises(ModelError, match=r"tiny-gpt2: cannot be read: \S") as told:
        open_config(str(tiny_gpt2_folder))
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("damage", ["empty", "truncated", "header", "garbage"])
def test_broken_weights_are_named(tiny_gpt2_folder, tiny_tokenizer, damage):
    file = tiny_gpt2_folder / "model.safetensors"
    raw = file.read_bytes()
    file.write_bytes(
        {"empty": b"", "truncated": raw[: len(raw) // 2], "header": b"\xff" * 8 + raw[8:],
         "garbage": bytes(range(256)) * 40}[damage]
    )  # fmt: skip
    with pytest.raises(ModelError, match=r"tiny-gpt2: cannot be read: \S"):
        saved(tiny_gpt2_folder).load(AutoModelForCausalLM, tiny_tokenizer)


def test_weights_of_another_shape_are_named(tiny_gpt2_folder, tiny_tokenizer):
    with pytest.raises(ModelError, match=r"tiny-gpt2: transformer\..* has the shape .* asks for"):
        saved(tiny_gpt2_folder, config={"n_embd": 16}).load(AutoModelForCausalLM, tiny_tokenizer)


def test_a_missing_part_of_the_weights_is_named(tiny_gpt2, tiny_tokenizer, tmp_path):
    tiny_gpt2.save_pretrained(tmp_path / "parts", max_shard_size="50KB")
    shards = sorted((tmp_path / "parts").glob("*.safetensors"))
    assert len(shards) > 1
    shards[-1].unlink()
    with pytest.raises(ModelError, match=r"parts: cannot be read: .*safetensors"):
        saved(tmp_path / "parts").load(AutoModelForCausalLM, tiny_tokenizer)


# For inference


def test_for_inference_it_is_float32_and_without_dropout(tiny_gpt2_folder, tiny_gpt2):
    shutil.copytree(tiny_gpt2_folder, tiny_gpt2_folder.parent / "half")
    tiny_gpt2.bfloat16().save_pretrained(tiny_gpt2_folder.parent / "half")
    for name in ("tiny-gpt2", "half"):
        folder = str(tiny_gpt2_folder.parent / name)
        model = load_for_inference(folder, AutoModelForCausalLM, device="cpu")
        assert not model.training
        assert {p.dtype for p in model.parameters()} == {torch.float32}


def test_for_inference_a_head_is_needed(tiny_bert_folder):
    config = json.loads((tiny_bert_folder / "config.json").read_text()) | {
        "model_type": "distilbert"
    }
    (tiny_bert_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"tiny-bert: distilbert has no ForCausalLM head"):
        load_for_inference(str(tiny_bert_folder), AutoModelForCausalLM)


# The hub


def test_offline_a_hub_name_is_told_at_once(tiny_tokenizer):
    start = time.monotonic()
    with pytest.raises(HubError, match=r"no/such-model: .*`hf download no/such-model"):
        ModelLoader(ModelSection(source="no/such-model")).load(AutoModelForCausalLM, tiny_tokenizer)
    assert time.monotonic() - start < 3


SILENT = """
import os, socket, sys, time
server = socket.create_server(("127.0.0.1", 0))  # takes connections and never answers
port = server.getsockname()[1] if sys.argv[1] == "silent" else 9
os.environ |= {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": f"http://127.0.0.1:{port}"}
from lmkit.errors import HubError
from lmkit.models.loading import open_config
start = time.monotonic()
try:
    open_config("no/such-model")
except HubError as error:
    print(error)
print(time.monotonic() - start)
"""


@pytest.mark.slow
@pytest.mark.parametrize("hub", ["refuses", "silent"])
def test_a_hub_that_does_not_answer_is_told_within_seconds(hub, tmp_path):
    ended = subprocess.run(
        [sys.executable, "-c", SILENT, hub], capture_output=True, text=True, check=True, timeout=120
    )
    *told, seconds = ended.stdout.splitlines()
    assert told[0].startswith("no/such-model: there is no such folder here")
    assert float(seconds) < 10
