"""Requests written side by side: their texts, their ends, and what goes wrong."""

import asyncio

import pytest
import torch
from transformers import GenerationConfig

pytest.importorskip("fastapi")
pytest.importorskip("openai")

from transformers.cli.serving.utils import _StreamError

from lmkit.commands import together as module
from lmkit.commands.together import State, Together
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import from_arguments
from lmkit.generation.writer import Writer

PROMPTS = ["the cat", "a", "the dog sat on", "x y z", "two"]


@pytest.fixture
def steps(tiny_gpt2, monkeypatch):
    """The rows of each forward pass."""
    rows, forward = [], tiny_gpt2.forward

    def count(input_ids, **more):
        rows.append(len(input_ids))
        return forward(input_ids, **more)

    together = Together(tiny_gpt2)
    monkeypatch.setattr(tiny_gpt2, "forward", count)
    return together, rows


def ask(together, tokenizer, name, prompt, tokens=8, seed=None, **config):
    """The queue and the text of a request."""
    together.expect(name, seed)
    inputs = {"input_ids": torch.tensor([tokenizer(prompt)["input_ids"]])}
    settings = GenerationConfig(max_new_tokens=tokens, eos_token_id=[1], **config)
    return together.generate_streaming(None, tokenizer, inputs, settings, name)


async def read(pieces):
    """All of a text, or the error that ended it."""
    found = []
    while (piece := await asyncio.wait_for(pieces.get(), 30)) is not None:
        if isinstance(piece, _StreamError):
            return piece.msg
        found.append(piece)
    return "".join(found)


def test_texts_are_those_of_generate_and_share_their_steps(steps, tiny_gpt2, tiny_tokenizer):
    together, rows = steps
    tiny_gpt2.generation_config.eos_token_id = 1
    wanted = []
    for seed, prompt in enumerate(PROMPTS):
        how = {"seed": seed, "temperature": 1.3, "top_k": 40} if seed % 2 else {"greedy": True}
        options = GenerationOptions(max_new_tokens=8, **how)
        (answer,) = Writer(tiny_gpt2, tiny_tokenizer, options).answers(from_arguments([prompt]))
        wanted.append(answer.text)
    rows.clear()

    async def everyone():
        asked = []
        for seed, prompt in enumerate(PROMPTS):
            how = {"do_sample": True, "temperature": 1.3, "top_k": 40} if seed % 2 else {}
            pieces, text = ask(together, tiny_tokenizer, str(seed), prompt, seed=seed, **how)
            asked.append((pieces, text))
        found = [await read(pieces) for pieces, _ in asked]
        assert max(text.total_tokens for _, text in asked) == 8
        return found

    assert asyncio.run(everyone()) == wanted
    assert sum(rows) <= 8 * len(PROMPTS)
    assert len(rows) < 2 * 8 + len(PROMPTS)  # not one after the other


def test_one_that_is_released_ends_and_the_next_takes_its_place(steps, tiny_tokenizer, monkeypatch):
    together, rows = steps
    monkeypatch.setattr(together, "_most", 1)

    async def two():
        first, text = ask(together, tiny_tokenizer, "first", "the cat", 50)
        await first.get()
        second, _ = ask(together, tiny_tokenizer, "second", "a", 3)
        together.release("first")
        together.release("never")
        await read(second)
        return text

    text = asyncio.run(two())
    assert text.total_tokens < 50
    assert set(rows) == {1}


def test_a_failure_is_told_to_those_it_ends(steps, tiny_gpt2, tiny_tokenizer, monkeypatch):
    together, _ = steps

    def fail(*_args, **_kwargs):
        raise RuntimeError("no memory")

    async def some():
        with monkeypatch.context() as patch:
            patch.setattr(tiny_gpt2, "forward", fail)
            assert await read(ask(together, tiny_tokenizer, "1", "the cat")[0]) == "no memory"
        assert await read(ask(together, tiny_tokenizer, "2", "the cat")[0]) != "no memory"
        pieces, _ = ask(together, tiny_tokenizer, "3", "the cat", 50)
        await pieces.get()
        monkeypatch.setattr(tiny_gpt2, "forward", fail)
        assert (await read(pieces)).endswith("no memory")

    asyncio.run(some())


def test_a_loop_that_is_closed_does_not_end_the_thread(steps, tiny_tokenizer):
    together, _ = steps

    async def left():
        ask(together, tiny_tokenizer, "left", "the cat", 50)

    asyncio.run(left())
    assert asyncio.run(read_one(together, tiny_tokenizer))


async def read_one(together, tokenizer):
    return await read(ask(together, tokenizer, "next", "the cat")[0])


def test_answers_to_be_parsed_are_left_to_transformers(steps, tiny_tokenizer, monkeypatch):
    together, _ = steps
    given = []
    monkeypatch.setattr(
        together._parsing, "generate_streaming", lambda *args: given.append(args) or ("q", "s")
    )
    together.expect("1", 7)
    found = together.generate_streaming(None, tiny_tokenizer, {}, None, "1", "a parser")
    assert found == ("q", "s")
    assert given[0][-1] == "a parser"
    assert torch.initial_seed() == 7


def test_the_handlers_get_it_where_there_is_one(steps):
    together, _ = steps
    assert State(together).get_manager("any") is together
    assert isinstance(State(None).get_manager("any"), module.GenerateManager)
