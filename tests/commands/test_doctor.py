"""What the doctor finds, from other sources than its own."""

import json
import socket
import sys
import threading
import time
from collections.abc import Iterator
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

from lmkit.commands import doctor


@pytest.fixture
def deaf_server() -> Iterator[str]:
    """An address where connections are accepted and never answered."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.fixture
def server() -> Iterator[str]:
    """An address where one question is answered with 404."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(b"HTTP/1.0 404 Not Found\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        thread.join(5)


def test_json_and_table_say_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    doctor.report(as_json=True)
    findings = json.loads(capsys.readouterr().out)
    assert findings["packages"]["torch"] == version("torch")
    assert findings["python"] == ".".join(map(str, sys.version_info[:3]))
    assert findings["precision"]["reason"]
    extras = metadata("lmkit").get_all("Provides-Extra")
    assert findings["extras"] == {name: [] for name in extras}
    doctor.report(as_json=False)
    table = capsys.readouterr().out
    for line in ("precision: auto", "compile: auto", "C++ compiler", "cache", "hub", "threads"):
        assert f"\n{line} " in table


def test_an_extra_that_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    requires = ["torch>=2", 'pytest ; extra == "dev"', 'no-such-package>=1; extra == "serve"']
    monkeypatch.setattr("importlib.metadata.requires", lambda _: requires)
    assert doctor._extras() == {"dev": [], "serve": ["no-such-package"]}


def test_the_cache_and_its_room(tmp_path: Path) -> None:
    assert doctor._cache(tmp_path / "absent" / "cache")["used_mb"] == 0
    (tmp_path / "tokens").write_bytes(bytes(3_000_000))
    found = doctor._cache(tmp_path)
    assert found["used_mb"] == 3
    assert found["free_mb"] > 0
    assert found["problem"] == ""


def test_a_cache_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "cannot be written" in doctor._cache(tmp_path / "file" / "cache")["problem"]


def test_the_hub_is_not_asked_offline() -> None:
    assert doctor._hub(doctor.HUB)["problem"] == "not asked: HF_HUB_OFFLINE is set"


def test_no_password_of_the_hub_is_shown() -> None:
    assert "sesame" not in str(doctor._hub("http://me:sesame@localhost:1"))


def test_a_hub_that_answers(monkeypatch: pytest.MonkeyPatch, server: str) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    assert doctor._hub(server)["reachable"]


def test_a_hub_that_does_not_answer(monkeypatch: pytest.MonkeyPatch, deaf_server: str) -> None:
    monkeypatch.delenv("HF_HUB_OFFLINE")
    monkeypatch.setattr(doctor, "HUB_SECONDS", 0.3)
    begin = time.monotonic()
    found = doctor._hub(deaf_server)
    assert time.monotonic() - begin < 2
    assert not found["reachable"]
    assert found["problem"]
