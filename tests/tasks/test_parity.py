"""However a batch of eight is dealt out, the same is learned: every head, by the exact trainer."""

import copy

import pytest
import torch
from transformers.trainer_callback import PrinterCallback

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.sections import ModelSection
from lmkit.recipe.train import TrainSection
from lmkit.training.arguments import training_arguments
from lmkit.training.batches import BatchShape, Order
from lmkit.training.signals import StopSignals
from lmkit.training.trainer import ExactTrainer, Setup

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
ENCODER = SIZES | {"intermediate_size": 32, "hidden_dropout_prob": 0.0,
                   "attention_probs_dropout_prob": 0.0}  # fmt: skip
CAUSAL = {
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
             "attn_pdrop": 0.0},
    "llama": SIZES | {"intermediate_size": 32},
    "opt": SIZES | {"ffn_dim": 32, "word_embed_proj_dim": 16, "dropout": 0.0},
    "lstm": {"embedding_size": 8, "hidden_size": 16, "tie_word_embeddings": True},
}  # fmt: skip
MASKED = {
    "bert": ENCODER,
    "roberta": ENCODER,
    "distilbert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 32, "dropout": 0.0,
                   "attention_dropout": 0.0},
    "electra": ENCODER,
    "modernbert": SIZES | {"intermediate_size": 32},
}  # fmt: skip
SEQ2SEQ = {
    "t5": {"d_model": 16, "d_kv": 8, "d_ff": 32, "num_layers": 2, "num_heads": 2,
           "dropout_rate": 0.0},
    "bart": {"d_model": 16, "encoder_layers": 2, "decoder_layers": 2, "encoder_ffn_dim": 32,
             "decoder_ffn_dim": 32, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
             "dropout": 0.0},
}  # fmt: skip
BLOCKS = {"block_size": 24, "packing": "none"}
OPTIONS_OF = {
    "seq2seq": {"max_source_length": 24, "max_target_length": 12},
    "chat": {"max_length": 48, "chat_template": "chatml"},
    "preference": {"max_length": 48, "reference": "none"},
}
TOKENIZERS = {"masked_lm": "tiny_bert_tokenizer", "seq2seq": "pair_tokenizer"}
CHATS = ["chat", "preference"]
CASES = [("seq2seq", name) for name in SEQ2SEQ]
CASES += [("causal_lm", name) for name in CAUSAL] + [("masked_lm", name) for name in MASKED]
CASES += [(name, architecture) for name in CHATS for architecture in ("gpt2", "llama")]


class Talks:
    """Questions with two answers each, as rows of `chat` and of `preference`."""

    name = "train"

    def __init__(self, texts):
        self.texts = texts

    def rows(self):
        for number, text in enumerate(self.texts):
            values = {"prompt": text[:30], "completion": text[-20:], "chosen": text[-20:] + "!",
                      "rejected": text[:10] + "?"}  # fmt: skip
            yield Row(values, f"row {number}")

    def fingerprint(self):
        return repr(self.texts)


def trained(name, architecture, tokenizer, source, micro, folder):
    """Losses and weights of four steps of eight documents."""
    task = tasks.build(OPTIONS[name](name=name, **OPTIONS_OF.get(name, BLOCKS)))
    torch.manual_seed(0)
    config = {**CAUSAL, **MASKED, **SEQ2SEQ}[architecture]
    loader = ModelLoader(ModelSection(architecture=architecture, config=config))
    model = task.build_model(loader, tokenizer)
    examples = task.examples(source, tokenizer, seed=0, training=True)
    section = TrainSection.model_validate(
        {"optim": "sgd", "learning_rate": 0.1, "max_grad_norm": 0.0, "max_steps": 4,
         "logging_steps": 1, "save_strategy": "no", "eval_strategy": "no", "compile": False,
         "lr_scheduler_type": "constant", "precision": "float32"}
    )  # fmt: skip
    shape = BatchShape(8, micro)
    args = training_arguments(
        section, folder, use_cpu=True, gradient_accumulation_steps=shape.accumulation,
        save_steps=1, eval_steps=1,
    )  # fmt: skip
    order = Order(examples, shape, seed=0, strategy="random")
    task.attach(model)
    trainer = ExactTrainer(
        model=model, args=args, tokenizer=tokenizer, evaluate=dict,
        setup=Setup(task, examples, order, "sgd", "run", StopSignals()),
    )  # fmt: skip
    trainer.remove_callback(PrinterCallback)
    trainer.train()
    losses = [line["loss"] for line in trainer.state.log_history if "loss" in line]
    return losses, {key: value.clone() for key, value in model.state_dict().items()}


@pytest.mark.parametrize(("name", "architecture"), CASES)
def test_accumulation_changes_nothing(name, architecture, request, texts, tmp_path):
    tokenizer = copy.deepcopy(request.getfixturevalue(TOKENIZERS.get(name, "tiny_tokenizer")))
    source = request.getfixturevalue("listed")(texts * 2)
    if name == "seq2seq":
        source = request.getfixturevalue("paired")([*zip(texts, texts[::-1], strict=True)] * 2)
    elif name in CHATS:
        source = Talks(texts * 2)
    whole, weights = trained(name, architecture, tokenizer, source, 8, tmp_path / "8")
    assert len(whole) == 4
    assert whole[0] != pytest.approx(whole[-1], abs=1e-3)  # something is learned at all
    for micro in (2, 1):
        losses, parts = trained(name, architecture, tokenizer, source, micro, tmp_path / str(micro))
        assert losses == pytest.approx(whole, abs=1e-6)
        for key, weight in weights.items():
            assert (parts[key] - weight).abs().max() < 1e-6, key
