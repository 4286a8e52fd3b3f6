"""From the name of a target to what it is scored by."""

import json
import shutil

import pytest

from lmkit.commands import subject
from lmkit.commands.subject import open_subject, recipe_of
from lmkit.errors import ModelError, UsageError
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.load import dump_recipe, parse_recipe
from lmkit.recipe.options.ner import NerOptions


@pytest.fixture
def run(tmp_path, tiny_bert_folder, tiny_corpus):
    folder = tmp_path / "run"
    shutil.copytree(tiny_bert_folder, folder / "model")
    shutil.copytree(tiny_bert_folder, folder / "checkpoints" / "checkpoint-2")
    recipe = {
        "task": {"name": "masked_lm", "block_size": 16},
        "model": {"source": str(tiny_bert_folder), "attn_implementation": "eager"},
        "data": {"train": str(tiny_corpus), "validation": str(tiny_corpus / "00.txt")},
        "train": {"seed": 7},
        "output_dir": str(folder),
    }
    text = dump_recipe(parse_recipe(json.dumps(recipe), "recipe.yaml"))
    (folder / "recipe.yaml").write_text(text)
    (folder / "manifest.json").write_text("{}")
    return folder


def opened(target, data=None, split=None, **changes):
    return open_subject(str(target), data=data, split=split, changes=changes)


def test_a_recipe_is_found_from_every_model_of_its_run(run, monkeypatch):
    own = recipe_of(str(run))
    assert own is not None
    for part in ("model", "checkpoints/checkpoint-2", "checkpoints/checkpoint-2/"):
        assert recipe_of(f"{run}/{part}") == own
    monkeypatch.chdir(run / "model")
    assert recipe_of(".") == own


def test_what_lies_elsewhere_has_no_recipe(run, tiny_bert_folder):
    assert recipe_of(str(tiny_bert_folder)) is None
    assert recipe_of("gpt2") is None


def test_a_run_is_scored_as_its_recipe_says(run):
    found = opened(run)
    assert (found.split, found.seed, found.task.options.block_size) == ("validation", 7, 16)
    assert found.model.config._attn_implementation == "eager"
    assert found.train is not None
    assert found.train.name == "train"


def test_without_a_recipe_the_head_and_the_positions_tell(tiny_bert_folder, tiny_corpus):
    found = opened(tiny_bert_folder, data=str(tiny_corpus))
    assert (found.task.options.name, found.task.options.block_size) == ("masked_lm", 64)
    assert (found.split, found.seed, found.train) == (str(tiny_corpus), 42, None)


def test_without_a_recipe_the_context_is_bounded(tiny_gpt2_folder, tiny_corpus, monkeypatch):
    monkeypatch.setattr(subject, "MAX_CONTEXT", 48)
    found = opened(tiny_gpt2_folder, data=str(tiny_corpus), stride=48)
    assert (found.task.options.block_size, found.task.options.stride) == (48, 48)


def test_an_unfinished_run_names_its_checkpoint(run):
    shutil.rmtree(run / "model")
    with pytest.raises(ModelError, match=r"unfinished .*checkpoint-2"):
        opened(run)


def test_a_hub_name_without_data_is_told_before_the_hub_is_asked():
    with pytest.raises(UsageError, match=r"gpt2: is no run folder.*--data FILE"):
        opened("gpt2")


def test_a_model_without_a_head(tiny_bert_folder, tiny_corpus):
    config = json.loads((tiny_bert_folder / "config.json").read_text())
    config["architectures"] = ["BertModel"]
    (tiny_bert_folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(ModelError, match=r"names BertModel, whose head is .* \(causal_lm, "):
        opened(tiny_bert_folder, data=str(tiny_corpus))


def test_a_file_of_ones_own_is_cleaned_as_the_run_was(run, tmp_path):
    recipe = recipe_of(str(run))
    clean = CleanSection(lowercase=True, stop_words="en", min_length=50, duplicates="exact")
    data = recipe.data.model_copy(update={"clean": clean})
    (run / "recipe.yaml").write_text(dump_recipe(recipe.model_copy(update={"data": data})))
    (tmp_path / "own.jsonl").write_text('{"text": "The CAT"}\n{"text": "cat"}\n{"text": "The"}\n')
    source = opened(run, data=str(tmp_path / "own.jsonl")).source
    # transforms, no filters; of the last one nothing is left
    assert [row.values["text"] for row in source.rows()] == ["cat", "cat"]


def test_a_stride_is_held_against_what_the_task_reads_at_once():
    options = NerOptions(name="ner", max_length=16)
    assert subject._changed(options, {"stride": 16}).stride == 16
    with pytest.raises(UsageError, match="--stride 17: may be 1 to 16, the context"):
        subject._changed(options, {"stride": 17})
