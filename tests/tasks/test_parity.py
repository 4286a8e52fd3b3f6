"""However a batch of eight is dealt out, the same is learned: every head, by the exact trainer."""

import hashlib
import os
from collections import Counter
from itertools import product
from typing import NamedTuple

import pytest
import torch
from transformers import PreTrainedTokenizerFast
from transformers.trainer_callback import PrinterCallback

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.sections import ModelSection
from lmkit.recipe.train import TrainSection
from lmkit.supervise import free_port
from lmkit.training.arguments import training_arguments
from lmkit.training.batches import BatchShape, Order
from lmkit.training.guard import GuardSettings
from lmkit.training.processes import Processes, join, state_arguments
from lmkit.training.signals import StopSignals
from lmkit.training.trainer import ExactTrainer, Setup

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ENCODER = SIZES | {"intermediate_size": 32, "hidden_dropout_prob": 0.0,
                   "attention_probs_dropout_prob": 0.0}  # fmt: skip
CONFIGS = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
             "attn_pdrop": 0.0},
    "llama": SIZES | {"intermediate_size": 32},
    "opt": SIZES | {"ffn_dim": 32, "word_embed_proj_dim": 16, "dropout": 0.0},
    "lstm": {"embedding_size": 8, "hidden_size": 16},
    "bert": ENCODER,
    "roberta": ENCODER,
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "dropout": 0.0,
                   "attention_dropout": 0.0, "seq_classif_dropout": 0.0, "qa_dropout": 0.0},
    "electra": ENCODER | {"embedding_size": 8, "summary_last_dropout": 0.0},
    "deberta-v2": ENCODER | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"]},
    # norms right after small embeddings would make gradients, and so rounding, fifty times as large
    "modernbert": SIZES | {"intermediate_size": 32, "initializer_range": 0.2},
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2,
           "dropout_rate": 0.0},
    "bart": {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 32,
             "decoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
             "dropout": 0.0},
}  # fmt: skip
BLOCKS = {"name": "causal_lm", "block_size": 24, "packing": "none"}
CLASSES = {"name": "classification", "max_length": 24}
VECTORS = {"name": "embedding", "max_length": 24}
ENCODERS = ["bert", "roberta", "distilbert", "electra", "deberta-v2", "modernbert"]
CAUSAL = ["gpt2", "llama", "opt", "lstm"]
# the options of a head and the architectures that have it; the first one's tests are the quick ones
HEADS = {
    "causal_lm": (BLOCKS, CAUSAL),
    "masked_lm": (BLOCKS | {"name": "masked_lm"}, ENCODERS),
    "classification": (CLASSES, [*ENCODERS, *CAUSAL, "bart"]),
    "multi_label": (CLASSES | {"problem": "multi_label"}, ["bert"]),
    "regression": (CLASSES | {"problem": "regression"}, ["bert"]),
    "ner": ({"name": "ner", "max_length": 24}, [*ENCODERS, "lstm"]),
    "qa": ({"name": "qa", "max_length": 48, "max_answer_length": 6}, ENCODERS),
    "seq2seq": ({"name": "seq2seq", "max_source_length": 24, "max_target_length": 12},
                ["t5", "bart"]),
    "chat": ({"name": "chat", "max_length": 48, "chat_template": "chatml"}, ["gpt2", "llama"]),
    "preference": ({"name": "preference", "max_length": 48, "reference": "none"},
                   ["gpt2", "llama"]),
    "cosine": (VECTORS, ["bert"]),
    "contrastive": (VECTORS, ["bert"]),
    "triplet": (VECTORS, ["bert"]),
    "multiple_choice": ({"name": "multiple_choice", "max_length": 48},
                        ["bert", "roberta", "gpt2", "llama"]),
}  # fmt: skip
SGD = {"optim": "sgd", "learning_rate": 0.1}
ADAMW = {"optim": "adamw_torch", "learning_rate": 1e-3, "adam_epsilon": 1e-4}
ALONE = Processes()
FAR = ("cosine", "contrastive", "triplet", "multiple_choice")  # to new encoders all texts are alike
CASES = [(head, architecture) for head, (_, found) in HEADS.items() for architecture in found]
FIRST = [(head, found[0]) for head, (_, found) in HEADS.items()]
EARLY = [
    case if case in FIRST[::2] else pytest.param(*case, marks=pytest.mark.slow) for case in CASES
]
MARKED = [case if case in FIRST else pytest.param(*case, marks=pytest.mark.slow) for case in CASES]
TEXTS = (
    "the cat sat on the mat", "a dog ran to the house on the hill and up", "one", "red door",
    "she reads a book by the door of the house", "he looked at the hill", "the mat and a dog",
    "book and door", "on the red house the cat sat and looked at the dog", "a cat sat",
)  # fmt: skip


class Split:
    """Twenty rows for a head."""

    name = "train"

    def __init__(self, head):
        self.head = head

    def values(self, number):
        one, two, three = (TEXTS[(number * step + step) % 10] for step in (1, 3, 7))
        words = one.split()
        return {
            "classification": {"text": one, "label": "abc"[number % 3]},
            "multi_label": {"text": one, "label": list("abc"[: number % 4])},
            "regression": {"text": one, "label": number / 7},
            "ner": {"tokens": words, "tags": ["B-pet" if len(w) == 3 else "O" for w in words]},
            "qa": {"id": number, "question": two, "context": one,
                   "answers": {"text": [words[-1]], "answer_start": [one.rindex(words[-1])]}},
            "seq2seq": {"source": one, "target": two},
            "chat": {"prompt": one, "completion": two},
            "preference": {"prompt": one, "chosen": two, "rejected": f"{three}!"},
            "cosine": {"sentence1": one, "sentence2": two, "score": number % 6},
            "contrastive": {"anchor": one, "positive": two},
            "triplet": {"anchor": one, "positive": two, "negative": f"{three} {three}"},
            "multiple_choice": {"question": one, "answer": number % 2,
                                "choices": [two, f"a {three}", "it"][: 2 + number % 2]},
        }.get(self.head, {"text": f"{one} {two}"})  # fmt: skip

    def rows(self):
        for number in range(20):
            yield Row(self.values(number), f"train.jsonl:{number + 1}")

    def fingerprint(self):
        return hashlib.sha256(self.head.encode()).hexdigest()

    def describe(self):
        return []


def tokenizer_for(home, architecture):
    kind = (
        "pairs"
        if architecture in ("t5", "bart")
        else "causal"
        if architecture in CAUSAL
        else "bert"
    )
    return PreTrainedTokenizerFast.from_pretrained(home / kind)


class Learned(NamedTuple):
    """What three steps came to."""

    losses: list[float]
    before: dict[str, torch.Tensor]
    after: dict[str, torch.Tensor]
    batches: list[dict[str, torch.Tensor]]
    """The micro-batches of this process."""


def trained(home, case, micro, *, optimizer=SGD, dtype=torch.float32, processes=ALONE):
    """Three steps of eight rows, of which the last has four; each micro-batch holds `micro`."""
    head, architecture = case
    tokenizer, source = tokenizer_for(home, architecture), Split(head)
    options = HEADS[head][0]
    task = tasks.build(OPTIONS[options["name"]].model_validate(options))
    task = tasks.build(task.resolve(source))
    torch.manual_seed(0)
    far = {"initializer_range": 0.3} if head in FAR and architecture in ENCODERS else {}
    section = ModelSection(architecture=architecture, config=CONFIGS[architecture] | far)
    model = task.build_model(ModelLoader(section), tokenizer).to(dtype)
    before = copies(model)
    examples = task.examples(source, tokenizer, seed=0, training=True)
    train = TrainSection.model_validate(
        {**optimizer, "max_grad_norm": 0.0, "max_steps": 3, "logging_steps": 1,
         "save_strategy": "no", "eval_strategy": "no", "compile": False,
         "lr_scheduler_type": "constant", "precision": "float32"}
    )  # fmt: skip
    shape = BatchShape(8, micro, processes.world_size, processes.rank)
    args = training_arguments(
        train, home / "out", gradient_accumulation_steps=shape.accumulation, save_steps=1,
        eval_steps=1, **state_arguments(processes) | {"use_cpu": True},
    )  # fmt: skip
    order = Order(examples, shape, seed=0, strategy="random")
    task.attach(model)
    trainer = Watched(
        model=model, args=args, tokenizer=tokenizer, evaluate=lambda _step: {},
        setup=Setup(
            task, examples, order, train.optim, "run", StopSignals(),
            GuardSettings(home / "guard.json"),
        ),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    assert len(losses) == 3
    return Learned(losses, before, copies(model), trainer.batches)


class Watched(ExactTrainer):
    """Keeps what it trains on."""

    def __init__(self, **parts):
        super().__init__(**parts)
        self.batches = []

    def training_step(self, model, inputs, *rest):
        self.batches.append(inputs)
        return super().training_step(model, inputs, *rest)


def copies(model):
    return {key: value.clone() for key, value in model.state_dict().items()}


def differences(whole, other, bound=1e-6):
    """What two trainings do not agree in: weights to a bound, losses to 1e-6."""
    apart = {
        key: float((other.after[key] - weight).abs().max()) for key, weight in whole.after.items()
    }
    found = {key: value for key, value in apart.items() if not value < bound}
    if other.losses != pytest.approx(whole.losses, rel=5e-7, abs=1e-6):
        found["loss"] = (whole.losses, other.losses)
    return found


@pytest.fixture(scope="module")
def home(tmp_path_factory, tiny_tokenizer, tiny_bert_tokenizer, pair_tokenizer):
    """A folder of the tokenizers."""
    folder = tmp_path_factory.mktemp("parity")
    tiny_tokenizer.save_pretrained(folder / "causal")
    tiny_bert_tokenizer.save_pretrained(folder / "bert")
    pair_tokenizer.save_pretrained(folder / "pairs")
    return folder


@pytest.mark.parametrize(("head", "architecture"), EARLY)
def test_accumulation_changes_nothing(home, head, architecture):
    case = (head, architecture)
    whole = trained(home, case, 8)
    assert any((whole.after[k] - value).abs().max() > 1e-4 for k, value in whole.before.items())
    for micro in (2, 1):
        assert differences(whole, trained(home, case, micro)) == {}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("head", "architecture"), FIRST)
def test_nor_does_it_with_adamw(home, head, architecture, dtype):
    case = (head, architecture)
    # A gradient that is zero but for rounding (of a bias before a softmax) becomes a whole step of
    # AdamW, in a direction of its own, unless epsilon is above that rounding.
    optimizer = ADAMW | ({"adam_epsilon": 1e-8} if dtype == torch.float64 else {})
    whole = trained(home, case, 8, optimizer=optimizer, dtype=dtype)
    for micro in (2, 1):
        other = trained(home, case, micro, optimizer=optimizer, dtype=dtype)
        assert differences(whole, other, 1e-5 if dtype == torch.float32 else 1e-6) == {}


def share(rank, home, port):
    """One of two processes, which train every head by micro-batches of four."""
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    os.environ |= dict.fromkeys(("RANK", "LOCAL_RANK"), str(rank))
    os.environ |= dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE"), "2")
    processes = join(60)
    found = {}
    for case, optimizer in product(FIRST, (SGD, ADAMW)):
        learned = trained(home, case, 4, optimizer=optimizer, processes=processes)
        found[(*case, optimizer["optim"])] = learned._asdict()
    torch.save(found, home / f"found-{rank}.pt")
    processes.part()


@pytest.fixture(scope="module")
def halves(home):
    """What two processes came to, by head, architecture and optimizer."""
    torch.multiprocessing.spawn(share, args=(home, free_port()), nprocs=2)
    found = [torch.load(home / f"found-{rank}.pt", weights_only=True) for rank in (0, 1)]
    return [{key: Learned(**value) for key, value in one.items()} for one in found]


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", [SGD, ADAMW], ids=["sgd", "adamw"])
@pytest.mark.parametrize(("head", "architecture"), FIRST)
def test_two_processes_learn_what_one_does(home, halves, head, architecture, optimizer):
    whole = trained(home, (head, architecture), 8, optimizer=optimizer)
    for half in halves:
        part = half[head, architecture, optimizer["optim"]]
        assert differences(whole, part, 1e-6 if optimizer is SGD else 1e-5) == {}


@pytest.mark.slow
def test_two_processes_take_half_the_data_each(home, halves):
    whole = trained(home, ("causal_lm", "gpt2"), 8)
    parts = [half["causal_lm", "gpt2", "sgd"] for half in halves]
    assert len(whole.batches) == 3  # the steps
    for step, batch in enumerate(whole.batches):
        one, two = (texts(part.batches[step]) for part in parts)
        assert one.total() == two.total() == texts(batch).total() / 2
        assert one + two == texts(batch)
    assert [len(part.batches) for part in parts] == [3, 3]


def texts(batch):
    """The rows of a batch that count, by the tokens that are predicted."""
    rows = (tuple(row[row != IGNORED].tolist()) for row in batch["labels"])
    return Counter(row for row in rows if row)
