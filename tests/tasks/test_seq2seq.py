"""Texts for texts: loss against transformers' own, generated text, what a run is told."""

import copy
import logging

import pytest
import torch
from transformers import AutoModelForSeq2SeqLM
from transformers.models.bart.modeling_bart import shift_tokens_right

from lmkit import tasks
from lmkit.commands.scoring_run import evaluate_split
from lmkit.errors import DataError, ModelError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader, open_config
from lmkit.recipe.options.seq2seq import Seq2SeqOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.seq2seq import Seq2Seq

BART_LIKE = {
    "d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 32, "decoder_ffn_dim": 32, "init_std": 0.3,
}  # fmt: skip
SIZES = {
    "t5": {"d_model": 32, "d_kv": 16, "d_ff": 48, "num_layers": 2, "num_heads": 2},
    "bart": BART_LIKE,
    "marian": BART_LIKE,
}
PAIRS = [
    ("the cat sat on the mat. And more.", "the cat sat on the mat."),
    ("a", "one cat and one dog live in the red house"),
    ("the house on the hill has a red door and " * 4, "zwölf boxkämpfer ✓"),
    ("a dog ran", "q"),
    ("she reads a book by the door", "she looked at the book"),
]


@pytest.fixture
def made(pair_tokenizer):
    """A function that gives a task, its model and tokenizer."""

    def make(architecture="t5", **options):
        tokenizer = copy.deepcopy(pair_tokenizer)
        task = tasks.build(
            Seq2SeqOptions(**{"name": "seq2seq", "max_source_length": 24, "max_target_length": 12,
                              "max_new_tokens": 6} | options)
        )  # fmt: skip
        torch.manual_seed(0)
        section = ModelSection(architecture=architecture, config=SIZES[architecture])
        return task, task.build_model(ModelLoader(section), tokenizer).eval(), tokenizer

    return make


@pytest.fixture
def five(paired):
    return paired(PAIRS)


def batch_of(task, examples):
    return task.collate([examples[0, index] for index in range(len(examples))])


@pytest.mark.parametrize("architecture", SIZES)
def test_the_loss_is_that_of_transformers(made, five, architecture):
    task, model, tokenizer = made(architecture)
    if architecture != "t5":
        model.final_logits_bias.normal_()
    batch = batch_of(task, task.examples(five, tokenizer, seed=0, training=True))
    own = model(**{key: batch[key] for key in ("input_ids", "attention_mask", "labels")}).loss
    task.attach(model)
    assert task.head.replaces_logits  # no logits are held
    outputs = task.forward(model, batch)
    found = task.loss(outputs, batch).item() / task.count(batch)
    assert found == pytest.approx(own.item(), rel=1e-6)
    task.detach(model)


def test_a_new_model_starts_and_ends_as_its_kind_does(made):
    _, t5, tokenizer = made("t5")
    assert t5.config.decoder_start_token_id == tokenizer.pad_token_id == 0
    _, bart, _ = made("bart")
    assert bart.config.decoder_start_token_id == tokenizer.eos_token_id == 1
    assert bart.generation_config.forced_eos_token_id == 1
    assert bart.config.max_position_embeddings == 24


def test_the_decoder_reads_the_labels_before(made, five):
    task, model, tokenizer = made("bart")
    batch = batch_of(task, task.examples(five, tokenizer, seed=0, training=True))
    seen = {}
    model.register_forward_pre_hook(lambda *a: seen.update(a[2]), with_kwargs=True)
    task.forward(model, batch)
    wanted = shift_tokens_right(batch["labels"], 0, 1)
    assert torch.equal(seen["decoder_input_ids"], wanted)


def test_fillers_cost_nothing(made, five):
    task, _, tokenizer = made()
    examples = task.examples(five, tokenizer, seed=0, training=True)
    features = [examples[0, index] for index in (0, 1)]
    blank = {**features[0], "labels": torch.full((3,), IGNORED).numpy()}
    batch = task.collate([*features, blank])
    wanted = sum(len(feature["labels"]) for feature in features)
    assert task.count(batch) == wanted
    assert task.tokens(batch) == wanted + sum(len(feature["input_ids"]) for feature in features)


@pytest.mark.parametrize("beams", [1, 3])
def test_numbers_do_not_depend_on_the_batch(made, five, beams):
    task, model, tokenizer = made("bart", num_beams=beams)
    examples = task.examples(five, tokenizer, seed=0, training=False)
    found = []
    for size in (1, 2, 5):
        task.attach(model)
        rows = score(model, task, examples, batch_size=size)
        task.detach(model)
        found.append({**task.metrics(rows), "chrf of each": rows["chrf"]})
    assert list(found[0])[:6] == ["loss", "rouge1", "rouge2", "rougeL", "bleu", "chrf"]
    for other in found[1:]:
        assert other["chrf of each"] == found[0]["chrf of each"]
        assert other["loss"] == pytest.approx(found[0]["loss"], abs=1e-6)


@pytest.mark.parametrize("beams", [1, 3])
def test_texts_are_those_of_transformers(made, five, beams):
    task, model, tokenizer = made("bart", num_beams=beams, no_repeat_ngram_size=2)
    rows = list(five.rows())
    batch = task.collate(task.encode_inputs(rows, tokenizer))
    found = task.decode(task.infer(model, batch), batch)
    for index, answer in enumerate(found):
        ids = batch["input_ids"][index][batch["attention_mask"][index] > 0][None]
        theirs = model.generate(
            input_ids=ids, max_new_tokens=6, num_beams=beams, no_repeat_ngram_size=2
        )
        assert answer == {"generated": tokenizer.decode(theirs[0], skip_special_tokens=True)}


def test_texts_are_generated_with_the_head_attached_too(made, five):
    task, model, tokenizer = made()
    batch = batch_of(task, task.examples(five, tokenizer, seed=0, training=False))
    before = task.infer(model, batch).texts
    task.attach(model)
    assert task.infer(model, batch).texts == before
    assert task.forward(model, batch).logits.shape[-1] == 32
    task.detach(model)


def test_texts_are_left_out_while_training_unless_asked_for(made):
    task, _, _ = made()
    assert not task.while_training("loss").writes
    assert task.while_training("bleu").writes
    assert task.writes
    asked, _, _ = made(generate_on_validation=True)
    assert asked.while_training("loss").writes


def test_without_texts_there_is_only_the_loss(made, five):
    task, model, tokenizer = made()
    task.attach(model)
    examples = task.examples(five, tokenizer, seed=0, training=False)
    rows = score(model, task.while_training("loss"), examples, batch_size=2)
    assert list(task.metrics(rows)) == ["loss"]
    assert set(task.intervals(rows, 0)) == {"loss"}


def test_what_is_cut_is_counted_and_told(made, five, caplog):
    task, _, tokenizer = made()
    with caplog.at_level(logging.INFO, logger="lmkit"):
        examples = task.examples(five, tokenizer, seed=0, training=True)
    told = task.ledger(examples)
    assert told["examples"] == 5
    assert told["cut_sources"] >= 1
    assert told["cut_targets"] >= 1
    assert told["tokens"] == examples.lengths.sum()
    assert "of the sources are cut at 24 tokens" in caplog.text


def test_baselines_are_lead_and_copy(made, five):
    task, _, tokenizer = made(metrics=["rouge"])
    found = task.baselines(None, five, None, tokenizer)
    assert set(found) == {"lead", "copy"}
    assert found["lead"]["rouge1"] > found["copy"]["rouge1"] > 0
    assert set(found["lead"]) == {"rouge1", "rouge2", "rougeL"}


@pytest.mark.parametrize(("metrics", "main"), [(["rouge"], "rougeL"), (["chrf", "bleu"], "chrf")])
def test_the_texts_are_held_against_the_baselines_not_the_loss(made, five, metrics, main):
    """No baseline has a loss, so nothing was told of whether the model is worth its training."""
    task, model, tokenizer = made(metrics=metrics)
    found = evaluate_split(task, model, tokenizer, five, batch_size=2, seed=0)
    told = found.verdict
    assert (told.metric, told.greater_is_better) == (main, True)
    assert told.value == found.metrics[main]
    assert told.baseline_value == max(found.baselines[n][main] for n in ("lead", "copy"))


def test_several_references_are_all_held_against_a_text(made, paired):
    task, model, tokenizer = made(metrics=["chrf", "rouge"])
    one = task.examples(paired([("a b", "a b")]), tokenizer, seed=0, training=False)
    written = task.infer(model, batch_of(task, one)).texts[0]
    several = paired([("a b", ["no such word", f"x {written}"]), ("a", "a")])
    task.check(several)
    task.attach(model)
    examples = task.examples(several, tokenizer, seed=0, training=False)
    rows = score(model, task, examples, batch_size=2)
    first = score(
        model, task, task.examples(paired([("a b", "no such word"), ("a", "a")]), tokenizer,
                                   seed=0, training=False), batch_size=2,
    )  # fmt: skip
    assert rows["nll"] == first["nll"]
    assert rows["chrf"][0] != first["chrf"][0]
    task.examples(several, tokenizer, seed=0, training=False)
    assert "nrefs:var" in task.definition()
    assert task.baselines(None, several, None, tokenizer)["copy"]["rouge1"] == 0.5


def test_a_pair_without_a_side_is_named_before_training(made, paired):
    task, _, _ = made()
    with pytest.raises(DataError, match=r"test\.jsonl:2: column `target` is blank"):
        task.check(paired([("a", "b"), ("c", " ")], name="test"))


def test_settings_of_generation_are_saved_with_the_model(made, tmp_path):
    task, model, _ = made("bart", num_beams=4, no_repeat_ngram_size=3, length_penalty=0.6)
    model.save_pretrained(tmp_path)
    own = AutoModelForSeq2SeqLM.from_pretrained(tmp_path).generation_config
    assert (own.num_beams, own.no_repeat_ngram_size, own.length_penalty) == (4, 3, 0.6)
    assert own.max_new_tokens == 6
    plain = Seq2Seq(Seq2SeqOptions(name="seq2seq", max_source_length=24, max_target_length=12))
    loader = ModelLoader(ModelSection(source=str(tmp_path)))
    plain.build_model(loader, task.tokenizer)
    assert plain.beams == 4  # the model's own, where the recipe says nothing
    assert "4 beams" in plain.definition()


def test_a_saved_model_is_known_by_its_head(made, tmp_path):
    for architecture in ("t5", "bart"):
        _, model, _ = made(architecture)
        model.save_pretrained(tmp_path / architecture)
        task = tasks.for_model(open_config(str(tmp_path / architecture)), 48)
        assert task.options.name == "seq2seq"
        assert (task.options.max_source_length, task.options.max_target_length) == (48, 48)


def test_lengths_over_the_positions_are_refused_or_fitted(made, tmp_path, pair_tokenizer):
    _, model, _ = made("bart")
    model.save_pretrained(tmp_path)
    loader = ModelLoader(ModelSection(source=str(tmp_path)))
    task = Seq2Seq(Seq2SeqOptions(name="seq2seq", max_source_length=99))
    with pytest.raises(ModelError, match=r"task\.max_source_length: 99, but the model has 24"):
        task.build_model(loader, pair_tokenizer)
    task = Seq2Seq(Seq2SeqOptions(name="seq2seq"))
    task.build_model(loader, pair_tokenizer)
    assert (task.options.max_source_length, task.options.max_target_length) == (24, 24)


def test_a_causal_architecture_is_refused(pair_tokenizer):
    task = Seq2Seq(Seq2SeqOptions(name="seq2seq"))
    with pytest.raises(ModelError, match="gpt2 has no ForSeq2SeqLM head"):
        task.build_model(ModelLoader(ModelSection(architecture="gpt2")), pair_tokenizer)
