"""Tokens and passwords are hidden, and nothing else is."""

import json

import pytest

from lmkit.secrets import without_secrets

TOKEN = "hf_" + "aB3" * 11


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        (f"--set model.source={TOKEN}", "--set model.source=***"),
        ("https://me:open-sesame@example.org/x", "https://***@example.org/x"),
        (f"https://{TOKEN}@example.org/x", "https://***@example.org/x"),
        ("s3://b/x?X-Amz-Signature=0123456789abcdef&a=1", "s3://b/x?X-Amz-Signature=***&a=1"),
        ("key AKIAIOSFODNN7EXAMPLE here", "key *** here"),
        ("hub_token: 'some-long-value'", "hub_token: '***'"),
        ("ghp_0123456789abcdefghij0123", "***"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text, hidden):
    assert without_secrets(text) == hidden


@pytest.mark.parametrize(
    "name", ["HF_TOKEN", "AWS_SECRET_ACCESS_KEY", "MY_PASSWORD", "OPENAI_API_KEY"]
)
def test_values_of_the_environment_are_hidden(monkeypatch, name):
    monkeypatch.setenv(name, "correct horse battery")
    assert without_secrets("x correct horse battery y") == "x *** y"


@pytest.mark.parametrize(
    "text",
    [
        "--set data.max_tokens=123456789",
        "tokenizer: runs/mine/model",
        "train.loss = 1.5, tokens: 12345678",
        "mail me@example.org about https://example.org/a@b",
        "secret: short",
        "eos_token: <|endoftext|>, special token: <|im_end|>",
        "task-specific heads (sk-learn)",
    ],
)
def test_all_else_stays(monkeypatch, text):
    monkeypatch.setenv("TOKENIZERS_PARALLELISM", "tokenizer")
    monkeypatch.setenv("HF_TOKEN_PATH", "runs/mine/model")
    monkeypatch.setenv("API_KEY", "loss")
    assert without_secrets(text) == text


def test_json_stays_json():
    text = json.dumps({"command": f"lmkit x --set a='{TOKEN}'", "password": "0123456789"})
    assert json.loads(without_secrets(text)) == {
        "command": "lmkit x --set a='***'",
        "password": "***",
    }
