"""Hub sets, without the hub: a server of this process answers, or nothing does."""

import http.server
import json
import socket
import threading
import time
from pathlib import Path

import datasets
import huggingface_hub
import pytest

from lmkit.data import hub as module
from lmkit.data.hub import open_hub
from lmkit.errors import DataError, HubError
from lmkit.recipe.sections import DataSection

COMMIT = "a" * 40
NAME = "org/some_set"


@pytest.fixture(autouse=True)
def _online(tmp_path, monkeypatch):
    """The libraries believe in a network; their caches are empty."""
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "hub-cache")
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", "http://127.0.0.1:9")


@pytest.fixture
def serve(monkeypatch):
    """`serve(status, code)`: a hub that gives every request the same answer."""
    servers = []

    def start(status, code=""):
        class Answer(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                body = json.dumps({"id": NAME, "sha": COMMIT}).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.send_header("X-Error-Code", code)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        address = f"http://127.0.0.1:{server.server_port}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def stored(tmp_path, monkeypatch, serve):
    """A set of three splits that the hub answers for; its files are local."""
    features = datasets.Features(
        {
            "text": datasets.Value("string"),
            "label": datasets.ClassLabel(names=["bad", "good"]),
            "tags": datasets.List(datasets.ClassLabel(names=["O", "B"])),
        }
    )
    files = {}
    for split, size in (("train", 5), ("validation", 2), ("extra", 1)):
        rows = [{"text": f"{split} {i}", "label": i % 2, "tags": [0, 1]} for i in range(size)]
        if split == "train":
            rows += [{"text": " ", "label": -1, "tags": []}]
        files[split] = str(tmp_path / f"{split}.parquet")
        datasets.Dataset.from_list(rows, features=features).to_parquet(files[split])
    serve(200)
    real = datasets.load_dataset_builder

    def load(path, config, revision):
        assert (path, config, revision) == (f"hf://datasets/{NAME}", "default", COMMIT)
        return real("parquet", data_files=files)

    monkeypatch.setattr(datasets, "load_dataset_builder", load)


def data(**options):
    return DataSection(dataset=NAME, **options)


def message(section, kind=HubError):
    with pytest.raises(kind) as caught:
        open_hub(section, "text")
    return str(caught.value)


@pytest.mark.parametrize("streaming", [False, True])
def test_splits_and_their_rows(stored, streaming):
    train, validation, test = open_hub(data(config="default", streaming=streaming), "text")
    rows = list(train.rows())
    assert [row.values["text"] for row in rows] == [f"train {i}" for i in range(5)]
    assert rows[1] == (
        {"text": "train 1", "label": "good", "tags": ["O", "B"]},
        f"{NAME}:train row 2",
    )
    assert train.blank == 1
    assert len(list(validation.rows())) == 2
    assert test is None
    assert list(train.rows()) == rows


def test_missing_label_is_none(stored):
    (*_, last) = open_hub(data(config="default"), None).train.rows()
    assert last.values == {"text": " ", "label": None, "tags": []}


def test_named_splits(stored):
    section = data(config="default", train=["train", "extra"], test="validation")
    train, validation, test = open_hub(section, "text")
    assert [row.values["text"] for row in train.rows()][-1] == "extra 0"
    assert (validation.name, test.name) == ("validation", "test")
    assert next(test.rows()).origin == f"{NAME}:validation row 1"


def test_split_that_is_not_there(stored):
    found = message(data(config="default", test="tran"), DataError)
    assert found == (
        f"data.test: {NAME} has no split `tran`; it has train, validation, extra; "
        "did you mean `train`?"
    )


def test_shards_of_a_stream(stored):
    section = data(config="default", train=["train", "extra"], streaming=True)
    whole = open_hub(section, "text").train
    shards = whole.shards()
    found = [row for shard in shards for row in shard.rows()]
    assert [row.values for row in found] == [row.values for row in whole.rows()]
    assert found[1].origin == f"{NAME}:train shard 1 of 1 row 2"
    assert len({shard.fingerprint() for shard in shards} | {whole.fingerprint()}) == 3


def test_messages_name_the_entry_of_a_mixture(stored):
    with pytest.raises(DataError, match=r"^data\.train\.1\.split: .* has no split `tran`"):
        open_hub(data(config="default", train="tran"), "text", "data.train.1")


def test_fingerprint_is_repository_commit_and_split(stored, monkeypatch):
    first = open_hub(data(config="default"), "text")
    assert open_hub(data(config="default"), "text").train.fingerprint() == first.train.fingerprint()
    assert first.train.fingerprint() != first.validation.fingerprint()
    entry = first.train.describe()[0]
    assert entry["commit"] == COMMIT
    assert entry["path"] == f"hf://datasets/{NAME}"
    assert entry["sha256"] == first.train.fingerprint()


def cached(tmp_path):
    """A set as `datasets` leaves it in its cache after a download."""
    rows = datasets.Dataset.from_dict({"text": ["a", "b"]})
    rows.to_parquet(tmp_path / "a.parquet")
    builder = datasets.load_dataset_builder(
        "parquet", data_files={"train": str(tmp_path / "a.parquet")}
    )
    builder.download_and_prepare()
    folder = tmp_path / "hub-cache" / "org___some_set" / "default" / "0.0.0" / COMMIT
    folder.mkdir(parents=True)
    for file in Path(builder.cache_dir).iterdir():
        file.rename(folder / file.name.replace("parquet-", "some_set-"))


def test_without_a_network_it_is_said_within_seconds():
    start = time.monotonic()
    assert message(data()) == (
        f"data.dataset: the hub cannot be reached and {NAME} was not downloaded before; give local "
        "files (data.train: FILE), or data.dataset: stdlib, which needs no network"
    )
    assert time.monotonic() - start < 5
    assert not datasets.config.HF_HUB_OFFLINE
    assert not huggingface_hub.constants.HF_HUB_OFFLINE


def test_hub_that_does_not_answer(monkeypatch):
    monkeypatch.setattr(module, "_TIMEOUT", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"http://127.0.0.1:{server.getsockname()[1]}"
        monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", address)
        assert "the hub cannot be reached" in message(data())


def test_stream_needs_the_network():
    assert f"the hub cannot be reached to stream {NAME}" in message(data(streaming=True))


def test_misspelt_stdlib():
    found = message(DataSection(dataset="stdlb"))
    assert "did you mean `stdlib`?" in found


def test_cached_copy_serves_without_a_network(tmp_path, caplog):
    cached(tmp_path)
    train = open_hub(data(), "text").train
    assert [row.values["text"] for row in train.rows()] == ["a", "b"]
    assert train.describe()[0]["commit"] == COMMIT
    assert f"{NAME} is taken from the cache ({COMMIT})" in caplog.text


def test_cached_copy_of_another_commit_is_refused(tmp_path):
    cached(tmp_path)
    found = message(data(revision="b" * 40))
    assert f"the copy of {NAME} in the cache is of {COMMIT}, not of {'b' * 40}" in found


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (401, "RepoNotFound", f"no data set `{NAME}` on the hub (or a private one: log in"),
        (403, "GatedRepo", f"{NAME} asks for permission: accept its terms on https://"),
        (404, "RevisionNotFound", f"data.revision: {NAME} has no revision `v9`"),
        (500, "", f"data.dataset: {NAME}: the hub answers: "),
    ],
)
def test_what_the_hub_refuses(serve, status, code, text):
    serve(status, code)
    assert text in message(data(revision="v9"))


def test_a_set_that_is_not_there_is_named_by_its_entry(serve):
    serve(404, "RevisionNotFound")
    with pytest.raises(HubError, match=r"^data\.train\.2\.revision: .* no revision `v9`"):
        open_hub(data(revision="v9"), "text", "data.train.2")


def test_name_that_is_none():
    assert "no data set `a/b/c` on the hub" in message(DataSection(dataset="a/b/c"))


@pytest.mark.parametrize(
    "error",
    [
        ValueError("BuilderConfig 'x' not found.\nAvailable: ['default']"),
        RuntimeError("Dataset scripts are no longer supported, but found some_set.py"),
    ],
)
def test_what_cannot_be_loaded(serve, monkeypatch, error):
    serve(200)

    def fail(*_, **__):
        raise error

    monkeypatch.setattr(datasets, "load_dataset_builder", fail)
    reason = " ".join(str(error).split())
    assert f"data.dataset: {NAME} cannot be loaded: {reason}; give local" in message(data())
