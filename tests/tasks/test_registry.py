"""The registry is the folder: names, the task of options, the task of a saved model."""

import subprocess
import sys

import pytest
from transformers import AutoConfig, AutoModel, AutoModelForSequenceClassification

from lmkit import tasks
from lmkit.recipe.options import OPTIONS


def test_each_task_has_its_options_and_the_other_way_round():
    assert tasks.names() == sorted(OPTIONS)


@pytest.mark.parametrize("name", sorted(OPTIONS))
def test_options_build_their_task(name):
    task = tasks.build(OPTIONS[name](name=name))
    assert task.options.name == name


@pytest.mark.slow
def test_only_the_module_asked_for_is_imported():
    code = (
        "import sys; from lmkit import tasks; before = {'lmkit.tasks.base'} & set(sys.modules);"
        "tasks.names(); from lmkit.recipe.options.causal_lm import CausalLMOptions;"
        "tasks.build(CausalLMOptions(name='causal_lm'));"
        "print(before, sorted(m for m in sys.modules if m.startswith('lmkit.tasks.')))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    shared = ("base", "base.measured", "base.task", "base.token_task")
    mine = [f"lmkit.tasks.{name}" for name in (*shared, "causal_lm")]
    assert ended.stdout.strip() == f"set() {mine}"


def test_a_saved_model_tells_its_task(tiny_gpt2_folder, tiny_bert_folder, tmp_path):
    found = {}
    bert = AutoConfig.from_pretrained(tiny_bert_folder)
    bert.id2label = {0: "no", 1: "yes"}
    AutoModelForSequenceClassification.from_config(bert).save_pretrained(tmp_path / "yes-no")
    AutoModel.from_config(bert).save_pretrained(tmp_path / "bare")
    for folder in (tiny_gpt2_folder, tiny_bert_folder, tmp_path / "yes-no", tmp_path / "bare"):
        task = tasks.for_model(AutoConfig.from_pretrained(folder), 48)
        found[folder.name] = task and task.options
    assert found["tiny-gpt2"] == OPTIONS["causal_lm"](name="causal_lm", block_size=48)
    assert found["tiny-bert"] == OPTIONS["masked_lm"](name="masked_lm", block_size=48)
    assert found["yes-no"].labels == ["no", "yes"]
    assert found["yes-no"].max_length == 48
    assert found["bare"] is None
