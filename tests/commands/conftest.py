"""A tiny classifier, and what `lmkit predict` says with it."""

import copy
import json
import shutil

import pytest
import torch

from lmkit.commands.predict import PredictOptions, predict
from lmkit.models.loading import ModelLoader
from lmkit.recipe.load import dump_recipe, parse_recipe
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.classification import Classification


def run_of(folder, model, data, task=None):
    """A run folder that holds a model and a recipe with such data, as if it had trained.

    Args:
        folder: to be made.
        model: the folder of the model.
        data: its section of the recipe.
        task: its section; left out, a causal model's.
    """
    folder.mkdir()
    shutil.copytree(model, folder / "model")
    recipe = {
        "task": task or {"name": "causal_lm", "block_size": 32},
        "model": {"source": str(model)},
        "data": {name: str(path) for name, path in data.items()},
        "output_dir": str(folder),
    }
    text = dump_recipe(parse_recipe(json.dumps(recipe), "recipe.yaml"))
    (folder / "recipe.yaml").write_text(text)
    (folder / "manifest.json").write_text("{}")
    return folder


@pytest.fixture
def classifier(tmp_path, tiny_bert_tokenizer):
    """A classifier of three labels with large random weights, as `save_pretrained` leaves it."""
    sizes = {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2,
        "intermediate_size": 64, "max_position_embeddings": 64,
    }  # fmt: skip
    options = ClassificationOptions(name="classification", labels=["low", "mid", "high"])
    tokenizer = copy.deepcopy(tiny_bert_tokenizer)
    torch.manual_seed(0)
    section = ModelSection(architecture="bert", config=sizes)
    model = Classification(options).build_model(ModelLoader(section), tokenizer)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(4)
    path = tmp_path / "classifier"
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return str(path)


@pytest.fixture
def lines(classifier, capsys):
    """`lines(input=...)`: the parsed JSON lines of a call."""

    def call(target=classifier, **options):
        capsys.readouterr()
        predict(target, PredictOptions(**options))
        return [json.loads(line) for line in capsys.readouterr().out.splitlines()]

    return call
