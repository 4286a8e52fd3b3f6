"""The rows of several processes, end to end, are the tensors; what is missing is told."""

import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoModelForCausalLM

from lmkit.errors import ModelError
from lmkit.models.in_parts import IN_EVERY_PART, are_in, part_file, whole_weights
from lmkit.models.loading import load_for_inference


def cut(folder: Path, tensors: dict[str, Tensor], count: int, alone: list[str]) -> None:
    """Write tensors as `count` processes would: equal pieces of rows, the last ones shorter."""
    for rank in range(count):
        held = {}
        for name, value in tensors.items():
            size = -(-len(value) // count)
            piece = value[rank * size : (rank + 1) * size]
            held[name] = value.clone() if name in alone else piece.contiguous()
        metadata = {IN_EVERY_PART: json.dumps(alone)}
        save_file(held, part_file(folder, "weights", rank, count), metadata=metadata)


@given(rows=st.integers(1, 12), count=st.integers(1, 5))
def test_parts_end_to_end_are_the_whole(tmp_path_factory, rows, count):
    folder = tmp_path_factory.mktemp("parts")
    tensors = {"shared": torch.randn(rows, 3), "own": torch.randn(rows)}
    cut(folder, tensors, count, ["own"])
    found = whole_weights(folder)
    assert found.keys() == tensors.keys()
    assert all(torch.equal(found[name], value) for name, value in tensors.items())


def as_parts(folder: Path) -> None:
    whole = folder / "model.safetensors"
    cut(folder, load_file(whole), 3, [])
    whole.unlink()


def test_a_checkpoint_in_parts_is_a_model(tiny_gpt2_folder):
    plain = AutoModelForCausalLM.from_pretrained(tiny_gpt2_folder)
    as_parts(tiny_gpt2_folder)
    assert are_in(tiny_gpt2_folder)
    found = load_for_inference(str(tiny_gpt2_folder), AutoModelForCausalLM)
    wanted = plain.state_dict()
    assert all(torch.equal(wanted[name], value) for name, value in found.state_dict().items())


def test_a_missing_or_foreign_part_is_told(tiny_gpt2_folder):
    as_parts(tiny_gpt2_folder)
    last = part_file(tiny_gpt2_folder, "weights", 2, 3)
    content = last.read_bytes()
    save_file({"other": torch.zeros(1)}, last)
    with pytest.raises(ModelError, match="part 3 holds other tensors than the first"):
        load_for_inference(str(tiny_gpt2_folder), AutoModelForCausalLM)
    last.write_bytes(content[:100])
    with pytest.raises(ModelError, match=r"weights-part-00003-of-00003.* is missing or damaged"):
        load_for_inference(str(tiny_gpt2_folder), AutoModelForCausalLM)
    last.unlink()
    with pytest.raises(ModelError, match="is missing or damaged"):
        load_for_inference(str(tiny_gpt2_folder), AutoModelForCausalLM)
