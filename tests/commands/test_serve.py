"""Where the server listens, and whom it lets in."""

import os
import re
import signal
import socket
import subprocess
import sys

import pytest

from lmkit.commands import serve as module
from lmkit.commands.serve import ServeOptions, is_loopback, listen, serve
from lmkit.errors import MissingExtraError, UsageError

openai = pytest.importorskip("openai")


def options(**more):
    given = {
        "host": "127.0.0.1", "port": 0, "token_env": "LMKIT_TOKEN", "max_tokens": 9,
        "max_requests": 2,
    }  # fmt: skip
    return ServeOptions(**(given | more))


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("me", False)],
)
def test_what_is_this_machine_alone(host, here):
    assert is_loopback(host) == here


def test_others_need_a_token(monkeypatch):
    for value in (None, ""):
        if value is not None:
            monkeypatch.setenv("MINE", value)
        with pytest.raises(UsageError, match=r"put a token into the environment variable MINE"):
            serve("no-such-model", options(host="0.0.0.0", token_env="MINE"))


def test_a_taken_port_is_told_before_the_model_is_opened():
    with listen("127.0.0.1", 0) as first, pytest.raises(UsageError, match="cannot be listened at"):
        serve("no-such-model", options(port=first.getsockname()[1]))
    with pytest.raises(UsageError, match="cannot be listened at"):
        listen("192.0.2.1", 0)  # an address for documentation, nobody's
    assert listen("127.0.0.1", 0).close() is None


def test_without_the_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(module, "NEEDED", ("no_such_package",))
    with pytest.raises(MissingExtraError, match=r"pip install \"lmkit\[serve\]\""):
        serve("no-such-model", options())


@pytest.mark.slow
def test_the_real_command_serves_until_it_is_interrupted(tiny_gpt2_folder):
    process = subprocess.Popen(
        [sys.executable, "-m", "lmkit", "serve", str(tiny_gpt2_folder), "--port", "0",
         "--token-env", "MINE"],
        env=os.environ | {"MINE": "secret"}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        url = re.search(r"serving tiny-gpt2 at (\S+)", process.stderr.readline())[1]
        with openai.OpenAI(base_url=url, api_key="secret", max_retries=0) as client:
            found = client.completions.create(model="tiny-gpt2", prompt="the cat", max_tokens=3)
        assert found.usage.completion_tokens <= 3
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 130
        assert process.stderr.read() == "stopped\n"
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", int(url.split(":")[2].split("/")[0])))
    finally:
        process.kill()
        process.wait()
        process.stderr.close()
