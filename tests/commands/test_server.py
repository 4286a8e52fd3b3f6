"""The server as OpenAI's own client sees it."""

import asyncio
import functools
import threading
import time
from contextlib import contextmanager

import pytest
import torch

pytest.importorskip("fastapi")
openai = pytest.importorskip("openai")
uvicorn = pytest.importorskip("uvicorn")

from lmkit.commands.serve import listen  # noqa: E402
from lmkit.commands.server import Bounds, OneModel, Server  # noqa: E402
from lmkit.generation.options import GenerationOptions  # noqa: E402
from lmkit.generation.prompts import from_arguments  # noqa: E402
from lmkit.generation.writer import Writer  # noqa: E402

TEMPLATE = (
    "{% for m in messages %}{% if m.content == 'bad' %}{{ raise_exception('a bad word') }}"
    "{% endif %}{{ m.content }} {% endfor %}"
)


@pytest.fixture
def serve(tiny_gpt2, tiny_tokenizer, monkeypatch):
    """A context manager: bounds to a server in a thread and a client of it."""
    monkeypatch.setattr(tiny_tokenizer, "chat_template", TEMPLATE)
    letters = [len(tiny_tokenizer.decode([n]).strip("\ufffd")) == 0 for n in range(300)]
    # parts of characters are not written, which are nothing to compare
    tiny_gpt2.lm_head.register_forward_hook(
        lambda _layer, _given, out: out.masked_fill(torch.tensor(letters), -1e4)
    )

    @contextmanager
    def run(tokens=40, requests=300, token=None, **client):
        one = OneModel("tiny", tiny_gpt2, tiny_tokenizer)
        server = Server(one, Bounds(tokens, requests, token))
        with listen("127.0.0.1", 0) as listening:
            inner = uvicorn.Server(uvicorn.Config(server.app(), log_level="warning"))
            thread = threading.Thread(target=inner.run, kwargs={"sockets": [listening]})
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}/v1"
            settings = {"base_url": url, "api_key": "x", "max_retries": 0, **client}
            try:
                with openai.OpenAI(**settings) as made:
                    yield server, made
            finally:
                inner.should_exit = True
                thread.join(20)

    return run


@pytest.fixture
def slow(tiny_gpt2, monkeypatch):
    """The steps the model has done, each of which takes a while."""
    steps, forward = [], tiny_gpt2.forward

    @functools.wraps(forward)
    def wait(*args, **kwargs):
        steps.append(time.monotonic())
        time.sleep(0.05)
        return forward(*args, **kwargs)

    monkeypatch.setattr(tiny_gpt2, "forward", wait)
    return steps


def ask(client, prompt="the cat", **more):
    return client.completions.create(
        model="tiny", prompt=prompt, **{"max_tokens": 12, "temperature": 0, **more}
    )


def test_texts_are_those_of_generate(serve, tiny_gpt2, tiny_tokenizer):
    options = GenerationOptions(greedy=True, max_new_tokens=12)
    writer = Writer(tiny_gpt2, tiny_tokenizer, options)
    expected = next(writer.answers(from_arguments(["the cat"])))
    with serve() as (_, client):
        assert [model.id for model in client.models.list()] == ["tiny"]
        found = ask(client)
        assert found.choices[0].text == expected.text
        assert found.choices[0].finish_reason == "length"
        assert found.usage.completion_tokens == expected.tokens == 12
        streamed = list(ask(client, stream=True))
        assert "".join(chunk.choices[0].text for chunk in streamed) == expected.text
        assert streamed[-1].choices[0].finish_reason == "length"
        stop = expected.text[4:6]
        cut = ask(client, stop=[stop, "never"]).choices[0]
        assert cut.text == expected.text[: expected.text.index(stop)]
        assert cut.finish_reason == "stop"
        drawn = {ask(client, temperature=1.5, seed=seed).choices[0].text for seed in (1, 1, 2)}
        assert len(drawn) == 2
        message = [{"role": "user", "content": "the cat"}]
        settings = {"model": "tiny", "messages": message, "temperature": 0, "max_tokens": 5}
        said = client.chat.completions.create(**settings).choices[0].message
        assert said.role == "assistant"
        assert said.content == ask(client, "the cat ", max_tokens=5).choices[0].text
        pieces = client.chat.completions.create(**settings, stream=True)
        assert "".join(p.choices[0].delta.content or "" for p in pieces) == said.content


def test_what_is_refused_is_told(serve, monkeypatch):
    with serve(tokens=50) as (server, client):
        for wrong, says in (
            ({"max_tokens": 51}, "max_tokens: 51 is not 1 to 50"),
            ({"n": 2}, "n: is not supported"),
            ({"prompt": ""}, "prompt: must be a text that is not empty"),
            ({"prompt": "x" * 64}, "64 tokens: the model reads at most 64"),
        ):
            with pytest.raises(openai.BadRequestError, match=says):
                ask(client, **wrong)
        assert ask(client, "x" * 60, max_tokens=50).usage.completion_tokens == 4  # what is left
        with pytest.raises(openai.BadRequestError, match="pinned to 'tiny'"):
            client.completions.create(model="other", prompt="x")
        for content, says in (("bad", "refuses the messages: a bad word"), ([], "pinned")):
            with pytest.raises(openai.APIStatusError, match=says):
                client.chat.completions.create(
                    model="tiny" if content else "other",
                    messages=[{"role": "user", "content": content}],
                )
        monkeypatch.setattr(server.served.tokenizer, "chat_template", "{{ '' }}")
        with pytest.raises(openai.BadRequestError, match="the question has no token: give a text"):
            client.chat.completions.create(
                model="tiny", messages=[{"role": "user", "content": "x"}]
            )
        monkeypatch.setattr(server.served.tokenizer, "chat_template", None)
        with pytest.raises(openai.BadRequestError, match="base model without a chat template"):
            client.chat.completions.create(
                model="tiny", messages=[{"role": "user", "content": "x"}]
            )
        for body, status in ((b"{", 400), (b"[]", 400), (b" " * (5 << 20), 413)):
            with pytest.raises(openai.APIStatusError) as caught:
                client.post("/completions", cast_to=object, content=body)
            assert caught.value.status_code == status
        with pytest.raises(openai.NotFoundError):
            client.post("/load_model", cast_to=object, body={"model": "gpt2"})
        assert server.active == 0


def test_a_token_is_asked_for_where_there_is_one(serve):
    with serve(token="secret", api_key="wrong") as (_, client):
        with pytest.raises(openai.AuthenticationError, match="token is missing or wrong"):
            ask(client)
        with pytest.raises(openai.AuthenticationError):
            client.models.list()
        assert ask(client.with_options(api_key="secret")).choices


def test_a_page_of_another_name_is_not_answered(serve):
    with serve() as (_, client), pytest.raises(openai.BadRequestError):
        ask(client.with_options(default_headers={"Host": "evil.example"}))


@pytest.mark.parametrize("stream", [True, False])
def test_a_client_that_leaves_frees_its_place(serve, slow, stream):
    with serve(requests=1) as (server, client):
        if stream:
            answer = ask(client, max_tokens=40, stream=True)
            next(iter(answer))
            with pytest.raises(openai.RateLimitError) as caught:
                ask(client)
            assert caught.value.response.headers["retry-after"] == "1"
            answer.close()
        else:
            with pytest.raises(openai.APITimeoutError):
                ask(client, max_tokens=40, timeout=0.3)
        end = time.monotonic() + 10
        while server.active and time.monotonic() < end:
            time.sleep(0.02)
        assert server.active == 0
        assert len(slow) < 35  # it was not written to its end
        assert ask(client, max_tokens=2).choices[0].text


def test_two_hundred_at_once_are_answered_or_told_to_come_again(serve):
    async def all_of_them(client):
        settings = {"base_url": client.base_url, "api_key": "x", "max_retries": 0}
        async with openai.AsyncOpenAI(**settings) as many:
            calls = [ask(many, max_tokens=1, stream=n % 2 == 0) for n in range(200)]
            found = await asyncio.gather(*calls, return_exceptions=True)
            for answer in found:
                if isinstance(answer, openai.AsyncStream):
                    assert [chunk async for chunk in answer]
            return found

    with serve(requests=20) as (server, client):
        found = asyncio.run(all_of_them(client))
        refused = [answer for answer in found if isinstance(answer, openai.RateLimitError)]
        assert not [e for e in found if isinstance(e, Exception) and e not in refused]
        assert 200 - len(refused) >= 20
        assert ask(client).choices[0].text
        assert server.active == 0


def test_a_failure_of_the_model_is_told_and_the_server_goes_on(serve, tiny_gpt2, monkeypatch):
    with serve() as (server, client):
        with monkeypatch.context() as patch:
            patch.setattr(tiny_gpt2, "forward", _fail)
            with pytest.raises(openai.InternalServerError, match='no "memory"'):
                ask(client)
            with pytest.raises(openai.APIError, match='no "memory"'):
                list(ask(client, stream=True))
        assert ask(client).choices[0].text
        assert server.active == 0


def _fail(*_args, **_kwargs):
    raise RuntimeError('no "memory"')
