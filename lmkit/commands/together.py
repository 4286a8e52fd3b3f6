"""The requests of `lmkit serve` written side by side, in the place of one after the other.

transformers' handlers ask a manager for a stream of text. Its own continuous batching takes the
temperature of the first request for all and draws without their seeds; here each has its own.
"""

import asyncio
import queue
import secrets
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from transformers import GenerationConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.cli.serving.utils import GenerateManager, GenerationState, _StreamError

from lmkit.errors import LmkitError
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.fitting import MOST, Fitting
from lmkit.generation.joining import JoiningDecoder, JoiningText
from lmkit.generation.sampling import Strategy

FAILURES = (
    LmkitError, RuntimeError, MemoryError, LookupError, ValueError, TypeError, AttributeError,
    ArithmeticError, AssertionError, OSError,
)  # fmt: skip
"""What a forward pass raises that has no memory left, or of a model with code of its own."""


class Asked(JoiningText):
    """A text that somebody waits for."""

    def __init__(
        self,
        row: Continuation,
        strategy: Strategy,
        ends: frozenset[int],
        send: Callable[[Any], None],
    ) -> None:
        super().__init__(row, strategy, ends)
        self.send = send

    @property
    def total_tokens(self) -> int:
        """Tokens so far, by the name that the handlers know."""
        return len(self.row.tokens)

    def cancel(self) -> None:
        """Nobody waits for it any more."""
        self.left = True


class Together:
    """The texts of one model, a token of each at a time, written in a thread of its own."""

    def __init__(self, model: PreTrainedModel) -> None:
        """Start the thread; `JoiningDecoder.joins` is true of the model."""
        self._decoder = JoiningDecoder(model)
        self._fitting = Fitting(model)
        self._most = MOST[model.device.type]
        self._came: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._waiting: list[Asked] = []
        self._asked: dict[str, Asked] = {}
        self._seeds: dict[str, int] = {}
        self._parsing: Any = GenerateManager()  # type: ignore[no-untyped-call] # not annotated
        threading.Thread(target=self._run, daemon=True).start()

    def expect(self, request: str, seed: int | None) -> None:
        """The seed of a request that is about to be handled; None draws one."""
        self._seeds[request] = secrets.randbelow(2**32) if seed is None else seed

    def release(self, request: str) -> None:
        """A request is over, answered or not: what is still written of it ends."""
        self._seeds.pop(request, None)
        asked = self._asked.pop(request, None)
        if asked is not None:
            asked.cancel()

    def generate_streaming(
        self,
        model: PreTrainedModel,
        processor: PreTrainedTokenizerBase,
        inputs: dict[str, Any],
        gen_config: GenerationConfig,
        request_id: str,
        response_parser: Any = None,
    ) -> tuple[asyncio.Queue[Any], Any]:
        """A queue that gets pieces of text and last None or an error, and what counts the tokens.

        Where the answer is to be parsed (thoughts, calls of tools) transformers' own manager
        writes it.
        """
        if response_parser is not None:
            torch.manual_seed(self._seeds[request_id])
            found: tuple[asyncio.Queue[Any], Any] = self._parsing.generate_streaming(
                model, processor, inputs, gen_config, request_id, response_parser
            )
            return found
        loop, pieces = asyncio.get_running_loop(), asyncio.Queue[Any]()
        ids = inputs["input_ids"][0].tolist()

        def send(piece: Any) -> None:
            try:
                loop.call_soon_threadsafe(pieces.put_nowait, piece)
            except RuntimeError:  # the server has stopped, and its loop is closed
                self.release(request_id)

        assert gen_config.max_new_tokens is not None
        row = Continuation(
            ids,
            key=(0, 0),
            limit=gen_config.max_new_tokens,
            text=TextStream(processor, ids, on_text=send),
        )
        ends = gen_config.eos_token_id
        asked = Asked(
            row,
            _strategy(gen_config, self._seeds[request_id]),
            frozenset(ends if isinstance(ends, list) else [] if ends is None else [ends]),
            send,
        )
        self._asked[request_id] = asked
        self._came.put(asked)
        return pieces, asked

    def _run(self) -> None:
        """Step after step; waits while nothing is asked."""
        while True:
            self._take()
            if new := self._admitted():
                self._advance(partial(self._decoder.admit, new), new)
            self._advance(self._decoder.step, [])

    def _take(self) -> None:
        """Put what has come behind what waits."""
        if not self._waiting and not self._decoder.texts:
            self._waiting.append(self._came.get())
        while not self._came.empty():
            self._waiting.append(self._came.get())
        self._waiting = [asked for asked in self._waiting if asked.open]

    def _admitted(self) -> list[Asked]:
        """What is written from now on: as many as memory holds, in the order in which they came."""
        room = self._most - len(self._decoder.texts)
        new = self._waiting[: max(0, room)]
        if new:
            prompt = max(len(asked.row.ids) for asked in new)
            new = new[: self._fitting.most(prompt, max(asked.row.limit for asked in new))]
            self._waiting = self._waiting[len(new) :]
        return new

    def _advance(self, write: Callable[[], None], new: list[Asked]) -> None:
        """Write on; texts that end, or are lost because the model failed, are told of it."""
        texts: list[Any] = [*self._decoder.texts, *new]
        try:
            write()
        except FAILURES as error:  # others are served
            for asked in texts:
                if asked.open and asked not in self._decoder.texts:
                    asked.send(_StreamError(str(error)))
                    asked.cancel()
        for asked in texts:
            if asked.row.finish is not None:
                asked.send(None)


class State(GenerationState):
    """What the handlers ask for a manager: the one there is, or transformers' own without one."""

    def __init__(self, together: Together | None) -> None:
        super().__init__()
        self._together = together

    def get_manager(self, model_id: str, use_cb: bool = False) -> Any:
        """The manager of the model."""
        return self._together or super().get_manager(model_id, use_cb)


def _strategy(config: GenerationConfig, seed: int) -> Strategy:
    """How a request's tokens are chosen: as `lmkit generate` does it by the same values."""
    penalty = 1.0 if config.repetition_penalty is None else config.repetition_penalty
    if not config.do_sample:
        return Strategy(temperature=0.0, repetition_penalty=penalty)
    return Strategy(
        seed=seed,
        temperature=1.0 if config.temperature is None else config.temperature,
        top_k=config.top_k or 0,
        top_p=1.0 if config.top_p is None else config.top_p,
        repetition_penalty=penalty,
    )
