"""A text that begins as the one before is written as if nothing had been kept."""

import pytest
import torch
from transformers import AutoModelForCausalLM, LlamaConfig
from transformers.cache_utils import DynamicCache

from lmkit.generation.cache import with_room
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.remembered import Remembered
from lmkit.generation.sampling import Strategy
from tests.generation.test_decoding import KINDS

FIRST = [7, 8, 9, 10]


class Talk:
    """Texts one after the other, with what each had to read and what a fresh decoder writes."""

    def __init__(self, model, tokenizer):
        self.model, self.tokenizer = model, tokenizer
        self.decoder = self._decoder(Remembered(model.config))
        self.read = []
        model.register_forward_pre_hook(
            lambda _model, _given, named: self.read.append(named["input_ids"].shape[1]),
            with_kwargs=True,
        )

    def _decoder(self, remembered=None):
        return CausalDecoder(self.model, Strategy(temperature=0.0), frozenset(), remembered)

    def _write(self, decoder, ids, limit):
        row = Continuation(ids, key=(0, 0), limit=limit, text=TextStream(self.tokenizer, ids))
        decoder.write([row])
        return row.tokens

    def say(self, ids, limit=6):
        """The tokens after these, and how many were read before the first of them."""
        wanted = self._write(self._decoder(), ids, limit)
        self.read.clear()
        found = self._write(self.decoder, ids, limit)
        assert found == wanted
        return found, self.read[0]


@pytest.fixture
def talk(make_model, byte_tokenizer):
    return lambda kind: Talk(make_model(AutoModelForCausalLM, kind, **KINDS[kind]), byte_tokenizer)


@pytest.mark.parametrize("kind", KINDS)
def test_every_text_is_the_one_without_a_memory(talk, kind):
    """Longer, rewritten in the middle, cut, another one: every model, its reading counted."""
    talk = talk(kind)
    held = kind not in {"lstm", "mistral"}  # states, and a window that is soon full
    whole, question = FIRST, FIRST
    for following in ([20, 21], [30]):
        written, read = talk.say(whole)
        if held and question is not FIRST:
            assert read == len(question) + 1  # the last token was chosen and not yet read
        question = following
        whole = [*whole, *written, *question]
    rewritten = [*whole[:6], 99, *whole[7:]]
    talk.say(whole)
    assert talk.say(rewritten)[1] == (len(whole) - 6 if held else len(whole))
    assert talk.say(rewritten[:5])[1] == (1 if held else 5)
    assert talk.say([1, 2, 3])[1] == 3
    assert talk.say([1])[1] == 1


def test_a_window_that_is_full_goes_on_but_not_back(talk):
    talk = talk("mistral")
    written, read = talk.say(FIRST, 12)  # 15 tokens are read, of which the window holds 5
    assert read == 4
    longer = [*FIRST, *written, 50, 51]
    assert talk.say(longer)[1] == 3
    assert talk.say(longer[:9])[1] == 9


def test_an_answer_that_was_interrupted_anywhere_leaves_nothing_wrong(talk):
    talk = talk("gpt2")
    layers = [block.mlp for block in talk.model.transformer.h]
    for layer in layers:
        for step in (0, 3):
            talk.say(FIRST)
            seen, hook = [], None

            def stop(*_args, seen=seen, step=step):
                seen.append(None)
                if len(seen) > step:
                    raise KeyboardInterrupt

            hook = layer.register_forward_hook(stop)
            row = Continuation(
                [*FIRST, 60, 61], key=(0, 0), limit=9, text=TextStream(talk.tokenizer)
            )
            with pytest.raises(KeyboardInterrupt):
                talk.decoder.write([row])
            hook.remove()
            assert talk.say([*FIRST, 60, 61, *row.tokens[:2], 70])[1] <= 4


def test_what_cannot_be_kept_is_not():
    def held(layers, **config):
        remembered = Remembered(LlamaConfig(**config))
        cache = DynamicCache()
        states = torch.ones(1, 1, 4, 2)
        for number in range(layers):
            cache.update(states, states, number)
        remembered.keep([1, 2, 3, 4], with_room(cache))
        return remembered.take([1, 2, 9])[1]

    assert held(2) == 2
    assert held(0) == 0
    for kind in ("dynamic", "longrope"):
        rope = {"rope_type": kind, "rope_theta": 1e4, "factor": 2.0}
        more = {f"{part}_factor": [1.0] * 64 for part in ("short", "long") if kind == "longrope"}
        assert held(2, rope_parameters={**rope, **more}) == 0


def test_it_is_given_out_once():
    remembered = Remembered(LlamaConfig())
    states = torch.ones(1, 1, 4, 2)
    cache = DynamicCache()
    cache.update(states, states, 0)
    remembered.keep([1, 2, 3, 4], with_room(cache))
    assert remembered.take([1, 2, 3, 4, 5])[1] == 4
    assert remembered.take([1, 2, 3, 4, 5]) == (None, 0)
