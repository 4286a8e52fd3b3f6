"""Parts that processes wrote, end to end, are the whole; another number of them reads it too."""

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from lmkit.errors import CheckpointError
from lmkit.models import in_parts
from lmkit.training import shards
from tests.training.conftest import tiny_model


@pytest.fixture
def alone():
    """A group of one process."""
    torch.distributed.init_process_group(
        "gloo", store=torch.distributed.HashStore(), rank=0, world_size=1
    )
    yield
    torch.distributed.destroy_process_group()


def made(rate=0.1):
    model = tiny_model()
    fully_shard(model, mesh=init_device_mesh("cpu", (1,)))
    return model, torch.optim.AdamW(model.parameters(), lr=rate, fused=True)


def step(model, optimizer):
    optimizer.zero_grad()
    for index, parameter in enumerate(model.parameters()):
        parameter.grad = torch.sin(parameter.detach() * 50 + index)
    optimizer.step()


def values(model):
    return [parameter.full_tensor() for parameter in model.parameters()]


def cut(folder, count):
    """Rewrite the parts as `count` processes would have: rows in equal pieces, the last shorter."""
    for kind in (in_parts.WEIGHTS, shards.OPTIMIZER):
        whole = folder / f"{kind}-part-00001-of-00001.safetensors"
        tensors = load_file(whole)
        whole.unlink()
        for rank in range(count):
            held = {}
            for name, value in tensors.items():
                pieces = value.chunk(count) if value.ndim else [value] * count
                held[name] = pieces[rank].contiguous() if rank < len(pieces) else value[:0]
            save_file(held, folder / f"{kind}-part-{rank + 1:05d}-of-{count:05d}.safetensors")


@pytest.mark.usefixtures("alone")
@pytest.mark.parametrize("count", [1, 3, 50])
def test_training_goes_on_as_if_never_stopped(tmp_path, count):
    model, optimizer = made()
    step(model, optimizer)
    shards.write(tmp_path, model, optimizer)
    assert in_parts.are_in(tmp_path)
    if count > 1:
        cut(tmp_path, count)
    other, others = made(rate=0.5)
    shards.read_weights(tmp_path, other)
    shards.read_optimizer(tmp_path, other, others)
    for _ in range(2):
        step(model, optimizer)
        step(other, others)
    for one, two in zip(values(model), values(other), strict=True):
        assert torch.equal(one, two)


@pytest.mark.usefixtures("alone")
def test_tied_weights_are_written_once_and_stay_tied(tmp_path):
    model, optimizer = made()
    shards.write(tmp_path, model, optimizer)
    names = load_file(tmp_path / "weights-part-00001-of-00001.safetensors")
    assert "transformer.wte.weight" in names
    assert "lm_head.weight" not in names
    shards.read_weights(tmp_path, model)
    assert model.lm_head.weight is model.transformer.wte.weight


@pytest.mark.usefixtures("alone")
def test_parts_that_do_not_fit_are_refused(tmp_path):
    model, optimizer = made()
    with pytest.raises(CheckpointError, match=r"not written with train.parallel: fsdp"):
        shards.read_weights(tmp_path, model)
    shards.write(tmp_path, model, optimizer)
    path = tmp_path / "weights-part-00001-of-00001.safetensors"
    tensors = load_file(path)
    name = "transformer.wpe.weight"
    save_file({**tensors, name: tensors[name][:5].contiguous()}, path)
    with pytest.raises(CheckpointError, match=f"{name} has 5 rows in the checkpoint and 32 here"):
        shards.read_weights(tmp_path, model)
    del tensors[name]
    save_file(tensors, path)
    with pytest.raises(CheckpointError, match=f"the checkpoint has no {name}"):
        shards.read_weights(tmp_path, model)
