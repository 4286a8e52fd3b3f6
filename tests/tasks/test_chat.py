"""Chat: the loss of the answers against sums of log-softmax, and what is told of the rows."""

import copy
import importlib
import logging
import math

import pytest
import torch
from datasets import Dataset

from lmkit.data.rows import Row
from lmkit.errors import DataError, ModelError, TokenizerError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.chat import ChatOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.chat import Chat

TINY = {"n_embd": 32, "n_layer": 2, "n_head": 2, "n_positions": 96, "initializer_range": 0.2}


class Talks:
    """Conversations of one to three turns."""

    name = "train"

    def __init__(self, *turns):
        self.turns = turns

    def rows(self):
        for number, turns in enumerate(self.turns, start=1):
            roles = ("user", "assistant")
            yield Row(
                {"messages": [{"role": roles[i % 2], "content": t} for i, t in enumerate(turns)]},
                f"train.jsonl:{number}",
            )


TALKS = Talks(
    ("the cat?", "on the mat"), ("a dog?", "ran", "and?", "up the hill"),
    ("who reads", "she reads a book by the door of the house"), ("q", "a"), ("the dog", "sat"),
)  # fmt: skip


@pytest.fixture
def chat(tiny_tokenizer):
    """A function from options to a task, its model and its tokenizer."""

    def build(config=TINY, **options):
        tokenizer = copy.deepcopy(tiny_tokenizer)
        given = {"chat_template": "chatml", "max_length": 64} | options
        task = Chat(ChatOptions(name="chat", **given))
        torch.manual_seed(0)
        section = ModelSection(architecture="gpt2", config=config)
        return task, task.build_model(ModelLoader(section), tokenizer).eval(), tokenizer

    return build


def nll_by_hand(task, model, examples):
    """Summed nll and number of predicted tokens of each conversation, run by itself."""
    found = []
    for index in range(len(examples)):
        item = examples[0, index]
        with torch.no_grad():
            shares = model(torch.tensor(item["input_ids"])[None]).logits[0].double().log_softmax(-1)
        places = [at for at, label in enumerate(item["labels"]) if label != IGNORED]
        found.append((-sum(float(shares[at, item["labels"][at]]) for at in places), len(places)))
    return found


@pytest.mark.parametrize("batch_size", [1, 3, 50])
def test_the_loss_is_nats_a_predicted_token(chat, batch_size):
    task, model, tokenizer = chat()
    examples = task.examples(TALKS, tokenizer, seed=0, training=False)
    by_hand = nll_by_hand(task, model, examples)
    task.attach(model)
    rows = score(model, task, examples, batch_size=batch_size)
    task.detach(model)
    assert rows["nll"] == pytest.approx([nll for nll, _ in by_hand], rel=1e-5)
    found = task.metrics(rows)
    loss = sum(nll for nll, _ in by_hand) / sum(count for _, count in by_hand)
    assert found["loss"] == pytest.approx(loss, rel=1e-6)
    assert found["perplexity"] == pytest.approx(math.exp(loss), rel=1e-5)
    low, high = task.intervals(rows, 1)["loss"]
    assert low < found["loss"] < high


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning")  # of TRL itself
def test_trl_finds_the_same(chat, tmp_path):
    """TRL's SFTTrainer, on conversations of one answer, over one batch of them."""
    trl = importlib.import_module("trl")
    task, model, tokenizer = chat()
    turns = [talk for talk in TALKS.turns if len(talk) == 2]
    examples = task.examples(Talks(*turns), tokenizer, seed=0, training=False)
    rows = [
        {
            "prompt": [{"role": "user", "content": question}],
            "completion": [{"role": "assistant", "content": answer}],
        }
        for question, answer in turns
    ]
    args = trl.SFTConfig(
        output_dir=str(tmp_path), per_device_train_batch_size=len(rows), use_cpu=True, bf16=False,
        report_to="none", max_length=None, completion_only_loss=True,
        eos_token=tokenizer.eos_token,
    )  # fmt: skip
    trainer = trl.SFTTrainer(
        model=model, args=args, processing_class=tokenizer, train_dataset=Dataset.from_list(rows)
    )
    batch = next(iter(trainer.get_train_dataloader()))
    for row in batch["labels"]:  # TRL also asks for the line break that the template adds at last
        last = int((row != IGNORED).nonzero()[-1])
        assert tokenizer.decode([int(row[last])]) == "\n"
        row[last] = IGNORED
    theirs = float(trainer.compute_loss(model.eval(), batch))
    task.attach(model)
    found = task.metrics(score(model, task, examples, batch_size=2))
    task.detach(model)
    assert found["loss"] == pytest.approx(theirs, rel=1e-5)


def test_packed_conversations_have_the_same_loss(chat):
    task, model, tokenizer = chat(packing="isolated")
    packed = task.examples(TALKS, tokenizer, seed=0, training=True)
    alone = task.examples(TALKS, tokenizer, seed=0, training=False)
    assert len(packed) < len(alone)
    task.attach(model)
    sums = []
    for examples in (packed, alone):
        batch = task.collate([examples[0, index] for index in range(len(examples))])
        with torch.no_grad():
            total = task.loss(task.forward(model, batch), batch)
        sums.append((float(total), task.count(batch), task.tokens(batch)))
    assert SEGMENTS not in batch
    assert sums[0] == pytest.approx(sums[1], rel=1e-5)


def test_rows_that_fill_a_batch_count_nothing(chat):
    task, model, tokenizer = chat()
    examples = task.examples(TALKS, tokenizer, seed=0, training=True)
    real = examples[0, 0]
    filler = {**examples[0, 1], "labels": examples[0, 1]["labels"] * 0 + IGNORED}
    one, two = task.collate([real]), task.collate([real, filler])
    task.attach(model)
    with torch.no_grad():
        first, second = (float(task.loss(task.forward(model, b), b)) for b in (one, two))
    assert first == pytest.approx(second, rel=1e-6)
    assert (task.count(one), task.tokens(one)) == (task.count(two), task.tokens(two))


def test_the_model_has_the_new_tokens_and_stops_at_the_end_of_an_answer(chat):
    _, model, tokenizer = chat()
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert model.get_input_embeddings().weight.shape[0] == len(tokenizer) == 302
    assert model.generation_config.eos_token_id == sorted({end, tokenizer.eos_token_id})


def test_a_pretrained_model_grows(tiny_gpt2_folder, tiny_gpt2, tiny_tokenizer, caplog):
    task = Chat(ChatOptions(name="chat", chat_template="chatml"))
    loader = ModelLoader(ModelSection(source=str(tiny_gpt2_folder)))
    with caplog.at_level(logging.INFO, logger="lmkit"):
        model = task.build_model(loader, copy.deepcopy(tiny_tokenizer))
    assert "added for the chat template: <|im_start|>, <|im_end|>" in caplog.text
    assert model.get_input_embeddings().weight.shape[0] == 302
    old = tiny_gpt2.get_input_embeddings().weight
    torch.testing.assert_close(model.get_input_embeddings().weight[:300], old)
    assert task.options.max_length == 64  # its positions


def test_a_base_model_without_a_template_is_refused(tiny_gpt2_folder, tiny_tokenizer):
    task = Chat(ChatOptions(name="chat"))
    loader = ModelLoader(ModelSection(source=str(tiny_gpt2_folder)))
    with pytest.raises(TokenizerError, match=r"no chat template .*name one: task\.chat_template"):
        task.build_model(loader, tiny_tokenizer)


def test_too_few_positions(chat):
    with pytest.raises(ModelError, match="96 positions; lower block_size"):
        chat(max_length=128)


def test_what_the_limit_does_is_told(chat, caplog):
    task, _, tokenizer = chat(max_length=40)
    with caplog.at_level(logging.INFO, logger="lmkit"):
        examples = task.examples(
            Talks(*TALKS.turns, ("the house " * 30, "a")), tokenizer, seed=0, training=True
        )
    assert "1 of the 6 train conversations are left out" in caplog.text
    assert "of the train conversations are cut at 40 tokens" in caplog.text
    counted = task.ledger(examples)
    assert (counted["examples"], counted["unanswered"]) == (5, 1)
    with pytest.raises(DataError, match=r"no answer begins within task\.max_length"):
        task.examples(Talks(("the house " * 30, "a")), tokenizer, seed=0, training=True)


def test_a_broken_row_is_told_before_anything_is_read(chat):
    task, _, _ = chat()
    with pytest.raises(DataError, match=r"train\.jsonl:2: it ends with the user"):
        task.resolve(Talks(("a", "b"), ("c",)))


def test_a_template_file_becomes_part_of_the_recipe(tmp_path):
    file = tmp_path / "mine.jinja"
    file.write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    task = Chat(ChatOptions(name="chat", chat_template=str(file)))
    assert task.resolve(TALKS).chat_template == file.read_text()


def test_the_unigram_is_that_of_the_answers(chat):
    task, _, tokenizer = chat()
    examples = task.examples(TALKS, tokenizer, seed=0, training=False)
    found = task.baselines(TALKS, TALKS, examples, tokenizer)["unigram"]
    labels = [t for n in range(5) for t in examples[0, n]["labels"].tolist() if t != IGNORED]
    size = len(tokenizer)
    nll = [-math.log((labels.count(t) + 1) / (len(labels) + size)) for t in labels]
    assert found["loss"] == pytest.approx(sum(nll) / len(nll))
    assert task.baselines(None, TALKS, examples, tokenizer) == {}
