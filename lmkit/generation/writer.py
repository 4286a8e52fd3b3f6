"""From prompts to texts: the one entry for whatever wants a model to write.

Prompts are read in windows, encoded, held against the model's context limit, sorted by length into
batches, written, and given back in their own order.
"""

import logging
import secrets
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.tokenizer import start_token_id
from lmkit.errors import ModelError, UsageError
from lmkit.generation.batching import WINDOW, batches, windows
from lmkit.generation.continuation import Continuation, Finish, OnText, TextStream
from lmkit.generation.decoding import CausalDecoder
from lmkit.generation.fitting import MOST, Fitting
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt
from lmkit.generation.remembered import Remembered
from lmkit.generation.sampling import Strategy
from lmkit.generation.searching import Searcher
from lmkit.models.inspecting import usable_positions
from lmkit.models.memory import out_of_memory

logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """One text for one prompt."""

    prompt: Prompt
    sequence: int
    """Which of the texts of this prompt, from 0."""
    text: str
    """The continuation only."""
    tokens: int
    finish: Finish
    """`end` (the end token), `stop` (a stop string), `length` (as asked) or `context` (full)."""


class Writer:
    """A model that writes, with its tokenizer and settled options."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        options: GenerationOptions,
        *,
        prefix: str = "",
        ask: Callable[[str], list[int]] | None = None,
        remember: bool = False,
    ) -> None:
        """Settle how to write; where sampling has no seed one is drawn and said.

        Args:
            model: causal or sequence-to-sequence, on its device.
            tokenizer: the model's.
            options: how to write.
            prefix: put before every prompt that is read, as T5's `summarize: `; never shown.
            ask: the token ids that ask for an answer to a prompt, of a model that answers in the
                turns of a chat; None for one that continues the prompt itself.
            remember: keep what was read of a text that was alone in its batch, for the next.
        """
        self.model = model
        self.tokenizer = tokenizer
        self.options = options
        self.prefix = prefix
        self.strategy = _settle(options, model)
        self.ask = ask
        self.seq2seq = bool(model.config.is_encoder_decoder)
        config = model.config if self.seq2seq else model.config.get_text_config()
        self.positions = usable_positions(config)
        self.vocabulary = int(model.config.get_text_config().vocab_size)
        self._fitting = Fitting(model)
        self._bound = options.batch_size or MOST[model.device.type]
        self._window = max(1, WINDOW * self._bound // options.num_return_sequences)
        self._together = options.num_return_sequences if options.num_beams > 1 else 1
        remembered = Remembered(model.config) if remember else None
        self.engine = engine_for(
            model, tokenizer, self.strategy, options.num_beams, remembered=remembered
        )

    @property
    def continues(self) -> bool:
        """Whether the text goes on with the prompt; else it answers it."""
        return not self.seq2seq and self.ask is None

    def answers(
        self, prompts: Iterable[Prompt], on_text: OnText | None = None, *, done: int = 0
    ) -> Iterator[Answer]:
        """The texts of all prompts, in the order of the prompts.

        Args:
            prompts: read a window at a time.
            on_text: is given the text piece by piece as it is written; for one prompt and one
                sequence without beams.
            done: so many of the first prompts are left out, which moves no other to another window.

        Raises:
            UsageError: a prompt is too long for the model, or no memory is left for the batch.
            ModelError: an empty prompt for a model without a start token, or logits that are not
                finite.
        """
        sequences = self.options.num_return_sequences
        full = 0
        for window in windows(prompts, self._window):
            wanted = [prompt for prompt in window if prompt.index >= done]
            rows = [row for prompt in wanted for row in self._rows(prompt, on_text)]
            for batch in batches(
                rows, self._size, one_length=self.engine.one_length, together=self._together
            ):
                self._write(batch)
            for place, row in enumerate(rows):
                prompt = wanted[place // sequences]
                assert row.finish is not None
                full += row.finish == "context"
                yield Answer(prompt, row.key[1], row.text.text, len(row.tokens), row.finish)
        if full:
            logger.warning(
                "%d of the texts stopped at the model's context limit of %s tokens, before "
                "--max-new-tokens %d",
                full,
                self.positions,
                self.options.max_new_tokens,
            )

    def _rows(self, prompt: Prompt, on_text: OnText | None) -> list[Continuation]:
        """The continuations to write for one prompt."""
        ids = self._encode(prompt)
        limit, at_limit = self._room(prompt, len(ids))
        context = () if self.seq2seq else ids
        return [
            Continuation(
                ids,
                key=(prompt.index, sequence),
                limit=limit,
                at_limit=at_limit,
                text=TextStream(self.tokenizer, context, stops=self.options.stop, on_text=on_text),
            )
            for sequence in range(self.options.num_return_sequences)
        ]

    def _encode(self, prompt: Prompt) -> list[int]:
        """The prompt's token ids: as the tokenizer begins a text, but without an end."""
        text = self.prefix + prompt.text
        ids = self.ask(text) if self.ask else list(self.tokenizer(text)["input_ids"])
        if not self.seq2seq and not self.ask:
            plain = list(self.tokenizer(text, add_special_tokens=False)["input_ids"])
            ids = _without_end(ids, plain)
        if not ids:
            start = start_token_id(self.tokenizer)
            if start is None:
                raise ModelError(
                    f"{prompt.origin}: is empty, and the model's tokenizer has no start token to "
                    "begin from; give a prompt"
                )
            ids = [start]
        if max(ids) >= self.vocabulary:
            raise ModelError(
                f"{prompt.origin}: token id {max(ids)} of the tokenizer is not in the model's "
                f"vocabulary (ids 0 to {self.vocabulary - 1}); the two do not belong together"
            )
        return ids

    def _room(self, prompt: Prompt, length: int) -> tuple[int, Finish]:
        """How many tokens may follow, and what ends the text there."""
        asked = self.options.max_new_tokens
        if self.positions is None:
            return asked, "length"
        room = self.positions - (1 if self.seq2seq else length)  # a decoder starts with one token
        if length > self.positions or room < 1:
            raise UsageError(
                f"{prompt.origin}: has {length} tokens; the model reads at most {self.positions}"
                + ("" if self.seq2seq else ", and at least one must be left for the text")
            )
        return (room, "context") if room < asked else (asked, "length")

    def _size(self, row: Continuation) -> int:
        """How many rows no longer than this one are written side by side."""
        size = self._bound
        if self.options.batch_size is None:
            size = min(size, self._fitting.most(len(row.ids), row.limit))
        return max(1, size // self.options.num_beams) * self._together

    def _write(self, batch: Sequence[Continuation]) -> None:
        """Write a batch; in halves where memory does not suffice and the size was left to us."""
        try:
            self.engine.write(batch)
        except (RuntimeError, MemoryError) as error:
            if not out_of_memory(error):
                raise
            if self.options.batch_size is not None or len(batch) == self._together:
                longest = max(len(row.ids) for row in batch)
                raise UsageError(
                    f"no memory left for a batch of {len(batch)} (longest prompt: {longest} "
                    "tokens); lower --batch-size or --max-new-tokens"
                ) from error
        else:
            return
        if self._bound == MOST[self.model.device.type]:
            logger.warning("no memory left for %d texts side by side; halved", len(batch))
        if self.model.device.type == "cuda":
            torch.cuda.empty_cache()
        half = max(1, len(batch) // (2 * self._together)) * self._together
        self._bound = half * self.options.num_beams // self._together
        for row in batch:
            row.restart()
        self._write(batch[:half])
        self._write(batch[half:])


def _settle(options: GenerationOptions, model: PreTrainedModel) -> Strategy:
    """Options first, then the model's own generation config, then nothing special.

    A sequence-to-sequence model answers greedily unless an option asks for sampling: its tasks have
    a right answer.
    """
    own = model.generation_config
    penalty = _first(options.repetition_penalty, own.repetition_penalty, 1.0)
    plain = not options.samples and options.seed is None and options.num_return_sequences == 1
    greedy = options.greedy or options.temperature == 0 or options.num_beams > 1
    if greedy or (model.config.is_encoder_decoder and plain):
        return Strategy(temperature=0.0, repetition_penalty=penalty)
    seed = options.seed
    if seed is None:
        seed = secrets.randbelow(2**32)
        logger.info("sampling with --seed %d", seed)
    return Strategy(
        seed=seed,
        temperature=_first(options.temperature, own.temperature, 1.0),
        top_k=int(_first(options.top_k, own.top_k, 0)),
        top_p=_first(options.top_p, own.top_p, 1.0),
        repetition_penalty=penalty,
    )


def _first(*values: float | None) -> float:
    """The first value that is given."""
    return next(value for value in values if value is not None)


def engine_for(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    strategy: Strategy,
    beams: int = 1,
    *,
    remembered: Remembered | None = None,
) -> CausalDecoder | Searcher:
    """What writes with a model: lmkit's own loop where it can, else transformers' `generate`.

    Only the loop has a use for what is `remembered` of texts before.
    """
    ends = end_tokens(model, tokenizer)
    if beams == 1 and CausalDecoder.serves(model):
        return CausalDecoder(model, strategy, ends, remembered)
    return Searcher(model, tokenizer, strategy, ends, beams=beams)


def end_tokens(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase) -> frozenset[int]:
    """The tokens that end a text: the model's own, else the tokenizer's end token or [SEP]."""
    for own in (
        model.generation_config.eos_token_id,
        tokenizer.eos_token_id,
        getattr(tokenizer, "sep_token_id", None),
    ):
        if own is not None:
            return frozenset(own if isinstance(own, list) else [own])
    return frozenset()


def _without_end(ids: list[int], plain: list[int]) -> list[int]:
    """`ids` without the special tokens that the tokenizer put behind `plain`, its own part.

    A text that is to go on must not be closed: [SEP] or </s> after the prompt would say that it is.
    """
    for start in range(len(ids) - len(plain) + 1):
        if ids[start : start + len(plain)] == plain:
            return ids[: start + len(plain)]
    return ids
