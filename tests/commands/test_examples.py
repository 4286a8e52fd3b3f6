"""Training examples of a source and of a mixture, and what is told of them."""

import pytest

from lmkit import tasks
from lmkit.commands.examples import training_examples
from lmkit.commands.ledger import count_data, ledger_lines
from lmkit.data.mixed import MixedExamples
from lmkit.data.sources import open_splits
from lmkit.errors import DataError
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import DataSection

OPTIONS = MaskedLMOptions(name="masked_lm", block_size=16)


@pytest.fixture
def data(tmp_path):
    """Two files of 30 and 6 lines; `data(entries)` is the section that mixes them."""
    paths = {name: tmp_path / f"{name}.txt" for name in "ab"}
    paths["a"].write_text("".join(f"the cat and dog number {n} ran\n" for n in range(30)))
    paths["b"].write_text("".join(f"a red house on hill {n}\n" for n in range(6)))

    def section(a, b, **more):
        given = [{"path": str(paths["a"]), **a}, {"path": str(paths["b"]), **b}]
        return DataSection.model_validate(
            {"train": given, "validation": str(paths["a"]), "document": "line", **more}
        )

    return section


def made(section, tokenizer):
    task, train = tasks.build(OPTIONS), open_splits(section, OPTIONS).train
    examples = training_examples(task, train, tokenizer, seed=3)
    return examples, count_data(task, train, examples)


def test_the_ledger_of_a_mixture(data, tiny_bert_tokenizer):
    examples, found = made(data({"weight": 1}, {"weight": 4}), tiny_bert_tokenizer)
    assert isinstance(examples, MixedExamples)
    one, other = found["parts"]
    assert (one["name"], other["name"]) == ("train.0", "train.1")
    assert (one["documents"], other["documents"]) == (30, 6)
    assert (one["asked"], other["asked"]) == (0.2, 0.8)
    longest = max(examples.lengths)
    assert one["share"] == pytest.approx(0.2, abs=longest / examples.lengths.sum())
    assert one["passes"] == 1
    assert found["documents"] == 36
    assert found["tokens"] == one["tokens"] + other["tokens"]
    assert (found["dropped"], found["examples"]) == (0, len(examples))
    first, _, whole = ledger_lines(found)
    assert "20.00% asked), in 1 passes over" in first
    assert f"{len(examples):,} examples" in whole


def test_repeats_and_limits_are_told(data, tiny_bert_tokenizer):
    section = data({}, {"repeat": 2}, max_tokens=40)
    _, found = made(section, tiny_bert_tokenizer)
    assert [part["repeat"] for part in found["parts"]] == [1, 2]
    assert [part["passes"] for part in found["parts"]] == [1, 2]
    assert [part["max_tokens"] for part in found["parts"]] == [40, 40]
    tokens = [part["tokens"] for part in found["parts"]]
    assert all(39 <= count <= 40 for count in tokens)  # 39 where only an end token had room
    assert f"(repeat 2), in 2 passes over {tokens[1]} tokens" in ledger_lines(found)[1]


def test_a_part_that_is_repeated_is_masked_anew(data, tiny_bert_tokenizer):
    examples, _ = made(data({}, {"repeat": 3}), tiny_bert_tokenizer)
    count = len(examples.parts[0])
    blocks = len(examples.parts[1])
    passes = [
        [examples[0, count + turn * blocks + block]["labels"].tolist() for block in range(blocks)]
        for turn in range(3)
    ]
    assert passes[0] != passes[1] != passes[2] != passes[0]
    assert examples[0, count]["labels"].tolist() == passes[0][0]


def test_one_entry_is_what_it_is_alone(data, tiny_bert_tokenizer):
    section = data({"weight": 0.5}, {"weight": 1})
    entry = section.model_copy(update={"train": section.train[:1]})
    plain = section.model_copy(update={"train": section.train[0].path})
    mixed, alone = (made(one, tiny_bert_tokenizer)[0] for one in (entry, plain))
    assert len(mixed) == len(alone)
    for key in ((0, 0), (1, 3), (7, len(alone) - 1)):
        assert {k: v.tolist() for k, v in mixed[key].items()} == {
            k: v.tolist() for k, v in alone[key].items()
        }


def test_a_part_without_an_example_is_told(data, tiny_bert_tokenizer, monkeypatch):
    task = tasks.build(OPTIONS)
    train = open_splits(data({"weight": 1}, {"weight": 1}), OPTIONS).train
    monkeypatch.setattr(
        type(task), "examples", lambda _, part, *__, **___: [1] if part.name == "train.0" else []
    )
    with pytest.raises(DataError, match=r"data\.train\.1: makes no example to train on"):
        training_examples(task, train, tiny_bert_tokenizer, seed=0)
