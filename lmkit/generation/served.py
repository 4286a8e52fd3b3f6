"""What a client of `lmkit serve` may ask, checked; and the events that go back to it.

transformers' handlers write the text. They know no bound on tokens, take every name of the API and
leave some of them without effect, and show the stop string: so what they are handed is checked
here, and what they send is cut here.
"""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

Body = dict[str, Any]

COMMON = {
    "model", "max_tokens", "max_completion_tokens", "temperature", "top_p", "stop", "seed",
    "stream", "stream_options", "user",
}  # fmt: skip
PLAIN: Body = {"n": 1, "best_of": 1, "frequency_penalty": 0, "presence_penalty": 0, "echo": False}
"""Names that are taken with the one value that changes nothing."""
STOPS = 4
COLDEST = 0.01
"""A lower temperature is 0: the likeliest token is all but certain, and numbers overflow."""


class RefusedError(Exception):
    """A request that is not answered; its text and status are for the client."""

    def __init__(self, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.status = status


def check_request(body: Body, *, chat: bool, most: int) -> Body:
    """The request as the handlers take it: the names they act on, with `max_tokens` settled.

    Args:
        body: as it came, of `/v1/chat/completions` or `/v1/completions`.
        chat: which of the two.
        most: tokens that an answer may have.

    Raises:
        RefusedError: says which name or value is not taken.
    """
    given = {name: value for name, value in body.items() if value is not None}
    allowed = COMMON | {"messages" if chat else "prompt"}
    for name, value in given.items():
        if name not in allowed and not (name in PLAIN and value == PLAIN[name]):
            raise RefusedError(f"{name}: is not supported; allowed: {', '.join(sorted(allowed))}")
    tokens = [given.pop(name, None) for name in ("max_completion_tokens", "max_tokens")]
    asked = next((value for value in tokens if value is not None), most)
    _check("max_tokens", asked, int, 1, most)
    _check("temperature", given.get("temperature", 1), int | float, 0, 2)
    _check("top_p", given.get("top_p", 1), int | float, 0, 1)
    _check("seed", given.get("seed", 0), int, 0, 2**63 - 1)
    if chat:
        _check_messages(given.get("messages"))
    elif not isinstance(given.get("prompt"), str) or not given["prompt"]:
        raise RefusedError("prompt: must be a text that is not empty")
    if given.get("temperature", 1) < COLDEST:
        given["temperature"] = 0
    kept = {name: value for name, value in given.items() if name in allowed - {"stop", "user"}}
    return kept | {"max_tokens": asked, "stream": True}


def _check(name: str, value: Any, kind: Any, low: int, high: int) -> None:
    if not isinstance(value, kind) or isinstance(value, bool) or not low <= value <= high:
        raise RefusedError(f"{name}: {value!r} is not {low} to {high}")


def stop_strings(body: Body) -> list[str]:
    """The strings before which a text ends.

    Raises:
        RefusedError: they are not up to four texts.
    """
    stop = body.get("stop") or []
    stops = [stop] if isinstance(stop, str) else stop
    right = isinstance(stops, list) and len(stops) <= STOPS
    if not right or not all(isinstance(text, str) and text for text in stops):
        raise RefusedError(f"stop: must be a text or up to {STOPS} of them, none empty")
    return list(stops)


def _check_messages(messages: Any) -> None:
    if not isinstance(messages, list) or not messages:
        raise RefusedError("messages: must be a list of messages that is not empty")
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RefusedError(f"{where}: must be an object with a role")
        if extra := set(message) - {"role", "content", "name"}:
            raise RefusedError(f"{where}.{min(extra)}: is not supported; allowed: role, content")
        content = message.get("content")
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        for part in parts:
            right = isinstance(part, dict) and part.get("type") == "text"
            if not right or not isinstance(part.get("text"), str):
                raise RefusedError(f"{where}.content: must be a text, or parts that are texts")


async def events(source: AsyncIterator[Any], stops: Sequence[str]) -> AsyncIterator[Body]:
    """The chunks of a stream of server-sent events, cut before the first stop string.

    Raises:
        RuntimeError: the model failed in the middle.
    """
    held = Held(stops)
    async for part in source:
        for event in filter(None, str(part).split("\n\n")):
            try:
                chunk: Body = json.loads(event.removeprefix("data: "))
            except ValueError:  # an error whose text holds quotation marks is sent as it is
                raise RuntimeError(event) from None
            if "error" in chunk:
                raise RuntimeError(chunk["error"])
            choice = chunk["choices"][0]
            place, key = (choice["delta"], "content") if "delta" in choice else (choice, "text")
            last = choice.get("finish_reason") is not None
            if place.get(key) or last:
                place[key] = held.take(place.get(key) or "", last=last)
            if held.stopped:
                choice["finish_reason"] = "stop"
            if place.get(key) or place.get("role") or choice.get("finish_reason"):
                yield chunk
            if held.stopped:
                return


class Held:
    """Text that is passed on once it cannot be the beginning of a stop string any more."""

    def __init__(self, stops: Sequence[str]) -> None:
        self.stops = stops
        self.stopped = False
        self._rest = ""

    def take(self, text: str, *, last: bool) -> str:
        """What may be passed on now; with `last` all that is left."""
        self._rest += text
        found = [at for stop in self.stops if (at := self._rest.find(stop)) >= 0]
        if found:
            self.stopped = True
            return self._rest[: min(found)]
        sizes = range(1, 1 + max((len(stop) - 1 for stop in self.stops), default=0))
        keep = 0
        if not last:
            ends = (n for n in sizes if any(s[:n] == self._rest[-n:] for s in self.stops))
            keep = max(ends, default=0)
        cut = len(self._rest) - keep
        passed, self._rest = self._rest[:cut], self._rest[cut:]
        return passed


async def whole(chunks: AsyncIterator[Body], count: Callable[[str], int], prompt: int) -> Body:
    """One answer from its chunks, as a client gets it that did not ask for a stream.

    Args:
        chunks: of the answer.
        count: the tokens of a text, for an answer that was cut.
        prompt: the tokens of the question.
    """
    texts: list[str] = []
    last: Body = {}
    async for chunk in chunks:
        last = chunk
        choice = chunk["choices"][0]
        texts.append(choice.get("delta", choice).get("content") or choice.get("text") or "")
    choice, text = last["choices"][0], "".join(texts)
    answer: Body = {"index": 0, "finish_reason": choice["finish_reason"], "logprobs": None}
    chat = "delta" in choice
    answer |= {"message": {"role": "assistant", "content": text}} if chat else {"text": text}
    written = count(text)
    usage = last.get("usage") or {
        "prompt_tokens": prompt,
        "completion_tokens": written,
        "total_tokens": prompt + written,
    }
    kind = "chat.completion" if chat else "text_completion"
    kept = {name: last[name] for name in ("id", "created", "model")}
    return {**kept, "object": kind, "choices": [answer], "usage": usage}
