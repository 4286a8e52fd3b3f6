"""The server of one model: transformers' handlers of the OpenAI API, within bounds.

Only the one model is served: none is loaded for a request, and none is unloaded. Requests are
answered side by side where the model allows it, else one after the other; so many may be asked at
once, and the next is told to come again.
"""

import asyncio
import hmac
import json
import logging
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse
from jinja2 import TemplateError
from starlette.exceptions import HTTPException
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import Receive, Scope, Send
from transformers import PreTrainedModel, PreTrainedTokenizerBase
from transformers.cli.serving.chat_completion import ChatCompletionHandler
from transformers.cli.serving.completion import CompletionHandler
from transformers.cli.serving.utils import Modality

from lmkit.commands.together import State, Together
from lmkit.generation.joining import JoiningDecoder
from lmkit.generation.served import Body, RefusedError, check_request, events, stop_strings, whole
from lmkit.generation.writer import end_tokens
from lmkit.models.inspecting import usable_positions

LARGEST = 4 << 20
"""Bytes of a request."""
AGAIN = 1
"""Seconds after which a client that was turned away may come again."""
LOOK = 0.5
"""Seconds after which it is seen that a client has left."""
HERE = ["localhost", "127.0.0.1"]
"""The names by which a server without a token is asked: a page in a browser has another one."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Bounds:
    """What a server takes."""

    tokens: int
    """Of an answer."""
    requests: int
    """At once, the one that is answered among them."""
    token: str | None = None
    """That a client must know."""


class OneModel:
    """What transformers' handlers ask for models, with the one that there is."""

    def __init__(
        self, name: str, model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase
    ) -> None:
        """Take a model that is open; it samples unless asked for temperature 0."""
        self.force_model = name
        self.model, self.tokenizer = model, tokenizer
        own = model.generation_config
        own.do_sample, own.top_k = True, own.top_k or 0
        own.eos_token_id = sorted(end_tokens(model, tokenizer)) or None
        own.pad_token_id = own.eos_token_id[0] if own.eos_token_id else 0

    def process_model_name(self, name: str) -> str:
        """The name by which the handlers know a model."""
        return name

    def load_model_and_processor(
        self,
        name: str,  # noqa: ARG002 - their signature
        gguf_file: str | None = None,  # noqa: ARG002
    ) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
        """The model and its tokenizer."""
        return self.model, self.tokenizer

    def get_model_modality(self, model: object, processor: object = None) -> Modality:  # noqa: ARG002
        """It reads texts."""
        return Modality.LLM


class Server:
    """The requests of one model."""

    def __init__(self, served: OneModel, bounds: Bounds) -> None:
        self.served, self.bounds = served, bounds
        joins = JoiningDecoder.joins(served.model)
        self.together = Together(served.model) if joins else None
        state: Any = State(self.together)
        manager: Any = served
        self.handlers: dict[bool, Any] = {
            True: ChatCompletionHandler(manager, state),
            False: CompletionHandler(manager, state),
        }
        self.positions = usable_positions(served.model.config.get_text_config())
        self.active = 0

    def app(self) -> FastAPI:
        """The application, with the four routes that there are."""
        app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
        if self.bounds.token is None:
            app.add_middleware(TrustedHostMiddleware, allowed_hosts=HERE)
        for kind in (RefusedError, HTTPException):
            app.add_exception_handler(kind, _refuse)
        app.add_api_route("/v1/chat/completions", self.chat, methods=["POST"])
        app.add_api_route("/v1/completions", self.complete, methods=["POST"])
        app.add_api_route("/v1/models", self.models, methods=["GET"])
        app.add_api_route("/health", _health, methods=["GET"])
        return app

    async def models(self, request: Request) -> Response:
        """The one model."""
        self._admit(request)
        one = {"id": self.served.force_model, "object": "model", "created": 0, "owned_by": "lmkit"}
        return JSONResponse({"object": "list", "data": [one]})

    async def chat(self, request: Request) -> Response:
        """Answer a conversation."""
        return await self._serve(request, chat=True)

    async def complete(self, request: Request) -> Response:
        """Continue a text."""
        return await self._serve(request, chat=False)

    def _admit(self, request: Request) -> None:
        wanted = self.bounds.token
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if wanted is not None and not hmac.compare_digest(given.encode(), wanted.encode()):
            raise RefusedError("the token is missing or wrong (Authorization: Bearer ...)", 401)

    async def _serve(self, request: Request, *, chat: bool) -> Response:
        self._admit(request)
        asked = await _read(request)
        stops = stop_strings(asked)
        body = check_request(asked, chat=chat, most=self.bounds.tokens)
        if self.active >= self.bounds.requests:
            raise RefusedError(f"{self.active} requests are being answered; come again", 429)
        self.active += 1
        leave, name = True, str(uuid.uuid4())
        try:
            prompt = self._fit(body, chat=chat)
            if self.together is not None:
                self.together.expect(name, body.pop("seed", None))
            answer = await self.handlers[chat].handle_request(body, name)
            chunks = events(answer.body_iterator, stops)
            if asked.get("stream"):
                leave = False
                return _Events(self, name, _lines(chunks, answer.body_iterator))
            return await self._whole(request, chunks, answer.body_iterator, prompt)
        finally:
            if leave:
                self.leave(name)

    def leave(self, name: str) -> None:
        """A request gives its place back."""
        self.active -= 1
        if self.together is not None:
            self.together.release(name)

    def _fit(self, body: Body, *, chat: bool) -> int:
        """The tokens of the question; `max_tokens` is made what the context leaves for an answer.

        Raises:
            RefusedError: none is left, there is no token, or the model has no chat template or its
                own refuses.
        """
        tokenizer = self.served.tokenizer
        if chat and tokenizer.chat_template is None:
            raise RefusedError("this is a base model without a chat template: /v1/completions")
        try:
            ids: Any = (
                tokenizer.apply_chat_template(
                    self.handlers[True].get_processor_inputs_from_messages(
                        body["messages"], Modality.LLM
                    ),
                    add_generation_prompt=True,
                    return_dict=True,
                )
                if chat
                else tokenizer(body["prompt"])
            )
        except TemplateError as error:
            raise RefusedError(f"the chat template refuses the messages: {error}") from error
        length = len(ids["input_ids"])
        if not length:
            raise RefusedError("the question has no token: give a text")
        if self.positions is not None:
            if length >= self.positions:
                raise RefusedError(
                    f"{length} tokens: the model reads at most {self.positions}, and at least one "
                    "must be left for the answer"
                )
            body["max_tokens"] = min(body["max_tokens"], self.positions - length)
        return length

    async def _whole(
        self, request: Request, chunks: AsyncIterator[Body], source: Any, prompt: int
    ) -> Response:
        """The answer at once; who leaves in the middle ends it."""
        tokenizer = self.served.tokenizer

        async def collect() -> Body:
            async with aclosing(source):
                return await whole(chunks, lambda text: len(tokenizer(text)["input_ids"]), prompt)

        task = asyncio.ensure_future(collect())
        try:
            while not (await asyncio.wait({task}, timeout=LOOK))[0]:
                if await request.is_disconnected():
                    return Response(status_code=499)
            return JSONResponse(task.result())
        except RuntimeError as error:
            logger.warning("a request failed: %s", error)
            raise RefusedError(str(error), 500) from error
        finally:
            task.cancel()


class _Events(StreamingResponse):
    """A stream that gives its place back however it ends."""

    def __init__(self, server: Server, name: str, lines: AsyncIterator[str]) -> None:
        super().__init__(lines, media_type="text/event-stream")
        self._server, self._name = server, name

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._server.leave(self._name)


async def _lines(chunks: AsyncIterator[Body], source: Any) -> AsyncIterator[str]:
    """The events of an answer; who leaves in the middle ends it."""
    try:
        async with aclosing(source):
            async for chunk in chunks:
                yield f"data: {json.dumps(chunk)}\n\n"
            yield "data: [DONE]\n\n"
    except RuntimeError as error:
        logger.warning("a request failed: %s", error)
        yield f"data: {json.dumps(_told(str(error)))}\n\n"


async def _read(request: Request) -> Body:
    """The JSON object of a request."""
    raw = bytearray()
    try:
        async for part in request.stream():
            raw += part
            if len(raw) > LARGEST:
                raise RefusedError(f"more than {LARGEST} bytes", 413)
    except ClientDisconnect:
        raise RefusedError("the client has left") from None
    try:
        body = json.loads(bytes(raw))
    except (ValueError, RecursionError) as error:
        raise RefusedError(f"is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise RefusedError("must be a JSON object")
    return body


async def _health() -> Response:
    return JSONResponse({"status": "ok"})


def _told(text: str) -> Body:
    return {"error": {"message": text, "type": "invalid_request_error", "code": None}}


async def _refuse(_request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else getattr(error, "status")  # noqa: B009
    text = error.detail if isinstance(error, HTTPException) else str(error)
    headers = {429: {"Retry-After": str(AGAIN)}, 401: {"WWW-Authenticate": "Bearer"}}.get(status)
    return JSONResponse(_told(text), status_code=status, headers=headers)
