"""`lmkit data tokenizer`: a table side by side, and JSON."""

import json
from pathlib import Path

import pytest

from lmkit.commands.tokenizer_report import report
from lmkit.errors import TokenizerError
from lmkit.recipe.load import parse_recipe
from lmkit.recipe.sections import Recipe


@pytest.fixture
def recipe(tiny_corpus: Path) -> Recipe:
    text = (
        "task: {name: causal_lm}\n"
        "model: {architecture: gpt2}\n"
        "tokenizer: {train: {type: bpe, vocab_size: 300}}\n"
        f"data: {{train: {tiny_corpus}}}\n"
    )
    return parse_recipe(text, "small.yaml")


def test_json(recipe: Recipe, capsys: pytest.CaptureFixture[str], tiny_gpt2_folder: Path) -> None:
    report(recipe, beside=[str(tiny_gpt2_folder)], as_json=True)
    found = json.loads(capsys.readouterr().out)
    assert found["text"]["split"] == "validation"
    own, other = found["tokenizers"]
    assert (own["name"], other["name"]) == ("the recipe's", str(tiny_gpt2_folder))
    for one in (own, other):
        assert one["tokens"] * one["bytes_per_token"] == pytest.approx(found["text"]["bytes"])
        assert one["round_trip_share"] == 1


def test_the_better_is_starred(
    recipe: Recipe, capsys: pytest.CaptureFixture[str], tmp_path: Path, test_data: Path
) -> None:
    report(recipe, beside=[str(test_data / "tokenizers" / "gpt2")])
    lines = capsys.readouterr().out.splitlines()
    rows = {line[:28].strip(): line[28:] for line in lines}
    assert rows["entries of the vocabulary"].split() == ["300", "50,257"]
    compared = rows["bytes per token"].split()
    values = [float(value) for value in compared if value != "*"]
    assert compared.index("*") == (1 if values[0] > values[1] else 2)
    assert "*" not in rows["texts given back exactly"]  # both do
    assert any(line.startswith("the recipe's: longest tokens: ") for line in lines)


def test_alone_there_is_no_star(recipe: Recipe, capsys: pytest.CaptureFixture[str]) -> None:
    report(recipe)
    assert "*" not in capsys.readouterr().out.split("\n\n")[0]


def test_another_that_is_not_there(recipe: Recipe) -> None:
    with pytest.raises(TokenizerError, match="no such tokenizer folder"):
        report(recipe, beside=["./nowhere"])
