"""Scoring: exact for any batch size, in the order of the examples, each example once."""

import multiprocessing
import socket

import numpy as np
import pytest
import torch
from transformers import (
    BertConfig,
    BertForMaskedLM,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
)

from lmkit.evaluation.scoring import score
from lmkit.models.inputs import model_inputs

IGNORED = -100
VOCABULARY = 31
SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}


def gpt2():
    return GPT2LMHeadModel(
        GPT2Config(vocab_size=VOCABULARY, n_embd=16, n_layer=2, n_head=2, n_positions=64)
    )


def llama():
    return LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, intermediate_size=32, max_position_embeddings=64, **SIZES
        )
    )


def bert():
    return BertForMaskedLM(
        BertConfig(vocab_size=VOCABULARY, intermediate_size=32, max_position_embeddings=64, **SIZES)
    )


class Texts:
    """Random token sequences of mixed length whose last third is predicted."""

    def __init__(self, count=23):
        random = np.random.default_rng(0)
        self.lengths = random.integers(1, 60, size=count)
        self.ids = [random.integers(1, VOCABULARY, size=length) for length in self.lengths]
        self.labels = [random.integers(0, VOCABULARY, size=length) for length in self.lengths]
        for labels in self.labels:
            labels[: len(labels) * 2 // 3] = IGNORED

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, key):
        epoch, index = key
        assert epoch == 0
        return {"index": index, "input_ids": self.ids[index], "labels": self.labels[index]}


class Likelihood:
    """The summed nll of each text, with its number kept beside it."""

    def __init__(self):
        self.batches = []

    def collate(self, features):
        longest = max(len(feature["input_ids"]) for feature in features)
        padded = {"input_ids": 0, "labels": IGNORED}
        batch = {
            key: torch.tensor(
                np.stack([np.pad(f[key], (0, longest - len(f[key])), constant_values=value)
                          for f in features])
            )
            for key, value in padded.items()
        }  # fmt: skip
        batch["attention_mask"] = (batch["input_ids"] != 0).long()
        batch["index"] = torch.tensor([feature["index"] for feature in features])
        self.batches.append(tuple(batch["input_ids"].shape))
        return batch

    def infer(self, model, batch):
        assert not model.training
        assert not torch.is_grad_enabled()
        return model(**model_inputs(model, batch))

    def reduce(self, outputs, batch):
        losses = torch.nn.functional.cross_entropy(
            outputs.logits.transpose(1, 2), batch["labels"], reduction="none"
        )
        return {
            "nll": losses.double().sum(1).tolist(),
            "count": (batch["labels"] != IGNORED).sum(1).tolist(),
            "number": batch["index"].tolist(),
        }


def one_by_one(model, texts):
    """The nll of each text from its logits alone, without padding or batches."""
    model.eval()
    sums = []
    with torch.no_grad():
        for i in range(len(texts)):
            ids = torch.tensor(texts.ids[i])[None]
            log_p = model(input_ids=ids).logits[0].double().log_softmax(-1)
            wanted = np.flatnonzero(texts.labels[i] != IGNORED)
            sums.append(-sum(float(log_p[t, texts.labels[i][t]]) for t in wanted))
    return sums


@pytest.mark.parametrize("build", [gpt2, llama, bert])
def test_equal_for_every_batch_size_and_to_an_independent_sum(build):
    torch.manual_seed(0)
    model, texts = build().train(), Texts()
    expected = one_by_one(model, texts)
    for batch_size in (1, 2, 8, 64):
        rows = score(model, Likelihood(), texts, batch_size=batch_size)
        assert rows["number"] == list(range(len(texts)))
        assert rows["nll"] == pytest.approx(expected, abs=1e-4)
        loss = sum(rows["nll"]) / sum(rows["count"])
        assert loss == pytest.approx(sum(expected) / sum(rows["count"]), abs=1e-5)


def test_the_mode_is_given_back():
    model, texts = gpt2(), Texts(3)
    for training in (True, False):
        model.train(training)
        score(model, Likelihood(), texts, batch_size=2)
        assert model.training is training
    model.train()

    class Failing(Likelihood):
        def reduce(self, outputs, batch):
            raise MemoryError

    with pytest.raises(MemoryError):
        score(model, Failing(), texts, batch_size=2)
    assert model.training


def test_batches_hold_similar_lengths_longest_first_and_progress_is_told():
    task, texts, seen = Likelihood(), Texts(), []
    score(gpt2(), task, texts, batch_size=8, progress=lambda *numbers: seen.append(numbers))
    widths = [width for _, width in task.batches]
    assert widths == sorted(widths, reverse=True)
    assert sum(height * width for height, width in task.batches) < 1.3 * texts.lengths.sum()
    assert seen == [(8, 23), (16, 23), (23, 23)]


def test_training_goes_on_after_scoring():
    model, texts = llama().train(), Texts(3)
    score(model, Likelihood(), texts, batch_size=2)
    model(input_ids=torch.tensor(texts.ids[0])[None]).logits.sum().backward()


def test_no_examples():
    assert score(gpt2(), Likelihood(), Texts(0), batch_size=4) == {}


def _part(rank, world_size, port, queue):
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"tcp://127.0.0.1:{port}", rank=rank, world_size=world_size
    )
    torch.manual_seed(0)
    task, seen = Likelihood(), []
    rows = score(
        gpt2(), task, Texts(5), batch_size=2, rank=rank, world_size=world_size,
        progress=lambda *numbers: seen.append(numbers),
    )  # fmt: skip
    torch.distributed.destroy_process_group()
    queue.put((rank, rows, seen[-1]))


@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")  # 3.12
def test_two_processes_share_the_work_and_both_know_all():
    torch.manual_seed(0)
    alone = score(gpt2(), Likelihood(), Texts(5), batch_size=2)
    context = multiprocessing.get_context("fork")  # torch is imported once
    queue = context.Queue()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    processes = [context.Process(target=_part, args=(r, 2, port, queue)) for r in range(2)]
    for process in processes:
        process.start()
    found = sorted((queue.get(timeout=60) for _ in processes), key=lambda part: part[0])
    for process in processes:
        process.join(10)
    for _, rows, _ in found:
        assert rows["number"] == alone["number"]
        assert rows["nll"] == pytest.approx(alone["nll"], abs=1e-5)
    assert [done for _, _, done in found] == [(3, 3), (2, 2)]
