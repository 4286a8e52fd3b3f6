"""Parameters shared by two processes are really shared, and whole where they must be."""

import multiprocessing

import pytest
import torch
from torch.distributed.tensor import DTensor
from transformers import AutoConfig, AutoModel

from lmkit.errors import ModelError, UsageError
from lmkit.training import sharding
from tests.training.conftest import tiny_model

pytestmark = pytest.mark.filterwarnings(
    "ignore:.*multi-threaded, use of fork:DeprecationWarning",  # from 3.12 on
    "ignore:FSDP2-wrapped module .* returned a view tensor",
)


def observed(rank, file, queue):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{file}", rank=rank, world_size=2
    )
    model = tiny_model()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += rank  # the first process's are taken
    whole_bytes = sharding.held_bytes(model)
    sharding.shard(model, 2)
    sharding.shard(model, 2)  # as after a rollback: it stays as it is
    told = {
        "rank": rank,
        "shared": all(isinstance(parameter, DTensor) for parameter in model.parameters()),
        "share": sharding.held_bytes(model) / whole_bytes,
    }
    ids = torch.arange(6)[None] + rank
    loss = model(input_ids=ids, labels=ids).loss
    loss.backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()])
    told["norm"] = sharding.plain(norm).item()
    with sharding.whole(model), torch.no_grad():
        for _ in range(rank):  # the other process does not take part
            model(input_ids=ids)
        told["whole"] = {k: v.clone().numpy() for k, v in sharding.state_dict(model).items()}
    told["shared_again"] = all(isinstance(parameter, DTensor) for parameter in model.parameters())
    torch.distributed.destroy_process_group()
    queue.put(told)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    """What two processes saw, the first one's first."""
    context = multiprocessing.get_context("fork")  # torch is imported once
    queue, file = context.Queue(), tmp_path_factory.mktemp("meet") / "file"
    processes = [context.Process(target=observed, args=(r, file, queue)) for r in range(2)]
    for process in processes:
        process.start()
    found = sorted((queue.get(timeout=60) for _ in processes), key=lambda told: told["rank"])
    for process in processes:
        process.join(10)
    return found


def test_every_parameter_is_shared_and_each_process_holds_half(two):
    for told in two:
        assert told["shared"]
        assert told["shared_again"]
        assert told["share"] == pytest.approx(0.5, abs=0.01)


def test_whole_weights_are_those_of_the_first_process_under_a_models_own_names(two):
    wanted = tiny_model().state_dict()
    for told in two:
        assert told["whole"].keys() == wanted.keys()
        for name, value in told["whole"].items():
            torch.testing.assert_close(torch.from_numpy(value), wanted[name], rtol=0, atol=0)


def test_gradients_are_the_mean_of_the_processes(two):
    model = tiny_model()
    for rank in range(2):
        ids = torch.arange(6)[None] + rank
        (model(input_ids=ids, labels=ids).loss / 2).backward()
    norm = torch.nn.utils.get_total_norm([p.grad for p in model.parameters()]).item()
    assert [told["norm"] for told in two] == pytest.approx([norm, norm], rel=1e-6)


def test_one_process_alone_is_refused():
    sharding.require_processes("ddp", 1)
    sharding.require_processes("fsdp", 2)
    with pytest.raises(UsageError, match=r"train.parallel: fsdp: one process .*--processes N"):
        sharding.require_processes("fsdp", 1)


def test_what_cannot_be_taken_apart_is_refused():
    config = AutoConfig.for_model("lstm", vocab_size=10, hidden_size=4, num_layers=1)
    with pytest.raises(ModelError, match="recurrent layers"):
        sharding.require_shardable(AutoModel.from_config(config))
    model = tiny_model()
    model.scale = torch.nn.Parameter(torch.tensor(1.0))
    with pytest.raises(ModelError, match="scale is a single number"):
        sharding.require_shardable(model)
