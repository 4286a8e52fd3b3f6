"""What is allowed and what contradicts, by the text of the error."""

import pytest

from lmkit.errors import UsageError
from lmkit.generation.options import GenerationOptions


def test_the_defaults_are_those_of_the_contract():
    options = GenerationOptions()
    assert options.max_new_tokens == 128
    assert not options.samples


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"temperature": -0.1}, "--temperature: -0.1 is not 0 (greedy) or more"),
        ({"temperature": float("nan")}, "--temperature: nan is not 0 (greedy) or more"),
        ({"temperature": float("inf")}, "--temperature: inf is not 0 (greedy) or more"),
        ({"top_p": 0.0}, "--top-p: 0.0 is not above 0 and at most 1"),
        ({"top_p": 1.5}, "--top-p: 1.5 is not above 0 and at most 1"),
        ({"top_k": -1}, "--top-k: -1 is not 0 (off) or more"),
        ({"repetition_penalty": 0.0}, "--repetition-penalty: 0.0 is not above 0 (1 is off)"),
        ({"max_new_tokens": 0}, "--max-new-tokens: 0 is not at least 1"),
        ({"num_return_sequences": 0}, "--num-return-sequences: 0 is not at least 1"),
        ({"num_beams": 0}, "--num-beams: 0 is not at least 1"),
        ({"batch_size": 0}, "--batch-size: 0 is not at least 1"),
        ({"seed": -1}, "--seed: -1 is not 0 to 2**64 - 1"),
        ({"stop": ("a", "")}, "--stop: '' is not a string that is not empty"),
        (
            {"greedy": True, "temperature": 0.5, "top_k": 5},
            "--greedy takes the likeliest token; leave out --temperature, --top-k",
        ),
        (
            {"num_beams": 4, "top_p": 0.9},
            "--num-beams 4 searches and does not sample; leave out --top-p or --num-beams",
        ),
        (
            {"num_beams": 2, "num_return_sequences": 3},
            "--num-return-sequences 3: a search with 2 beams finds at most 2",
        ),
        (
            {"greedy": True, "num_return_sequences": 2},
            "--num-return-sequences 2: greedy decoding has one answer; sample, or give --num-beams",
        ),
        (
            {"temperature": 0.0, "num_return_sequences": 2},
            "--num-return-sequences 2: greedy decoding has one answer; sample, or give --num-beams",
        ),
    ],
)
def test_what_is_not_allowed_is_named(given, text):
    with pytest.raises(UsageError) as caught:
        GenerationOptions(**given)
    assert str(caught.value) == text


def test_every_problem_is_told_at_once():
    with pytest.raises(UsageError) as caught:
        GenerationOptions(temperature=-1.0, top_p=2.0, batch_size=0)
    assert len(str(caught.value).splitlines()) == 3


def test_greedy_words_agree():
    GenerationOptions(greedy=True, seed=3)
    GenerationOptions(temperature=0.0)
    GenerationOptions(greedy=True, num_beams=3, num_return_sequences=3)
