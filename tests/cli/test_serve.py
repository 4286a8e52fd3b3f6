"""`lmkit serve`: its options reach the command."""

from lmkit.commands import serve
from lmkit.commands.serve import ServeOptions


def test_options(cli, monkeypatch):
    asked = []
    monkeypatch.setattr(serve, "serve", lambda *given: asked.append(given))
    assert cli("serve", "runs/x").code == 0
    words = "--host 0.0.0.0 --port 0 --token-env T --max-tokens 5 --max-requests 6 --quiet"
    assert cli("serve", "runs/x", *words.split()).code == 0
    plain = ServeOptions(
        host="127.0.0.1", port=8000, token_env="LMKIT_TOKEN", max_tokens=1024, max_requests=64
    )
    given = ServeOptions(host="0.0.0.0", port=0, token_env="T", max_tokens=5, max_requests=6)
    assert asked == [("runs/x", plain), ("runs/x", given)]


def test_what_cannot_be_is_told(cli):
    for words in (("--port", "70000"), ("--max-tokens", "0"), ("--host", "0.0.0.0")):
        found = cli("serve", "runs/x", *words)
        assert (found.code, found.out) == (2, "")
        assert words[0] in found.err
