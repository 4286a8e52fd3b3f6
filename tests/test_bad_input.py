"""Bad input: exit code 2, a text that names the cure, no traceback, nothing half written."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from transformers import GPT2Config, GPT2LMHeadModel

FILES: dict[str, bytes] = {
    "empty.txt": b"",
    "blank.txt": b"\n\n   \n\t\n",
    "latin.txt": b"good text\n" * 5 + b"caf\xe9\n",
    "broken.jsonl": b'{"text": "one two"}\n{"text": "three"\n{"text": "four"}\n',
    "columns.jsonl": b'{"txt": "one two three", "id": "1"}\n' * 3,
    "columns.csv": b"body,id\none two three,1\n",
    "numbers.jsonl": b'{"text": 3}\n{"text": 4}\n',
    "letter.txt": b"a",
}

# name: what is set, what the message holds
DATA = {
    "no file": (("data.train=none.txt",), "data.train: no such file or folder: none.txt"),
    "a near file": (("data.train=countin.txt",), "counting.txt"),
    "no match": (("data.train='*.none'",), "*.none"),
    "an empty file": (("data.train=empty.txt",), "empty.txt: the file is empty"),
    "blank lines": (("data.train=blank.txt",), "blank.txt: the file holds nothing but white space"),
    "not UTF-8": (
        ("data.train=latin.txt",),
        "latin.txt: byte 53 is not UTF-8 (0xe9: invalid continuation byte); convert the file, or "
        "set data.errors: replace",
    ),
    "a broken line": (("data.train=broken.jsonl",), "broken.jsonl:2:17: broken JSON"),
    "a missing column": (
        ("data.train=columns.jsonl",),
        "columns.jsonl:1: no column `text`; the columns are `txt`, `id`; did you mean `txt`?",
    ),
    "a missing csv column": (
        ("data.train=columns.csv",),
        "no column `text`; the columns are `body`, `id`",
    ),
    "a column of numbers": (("data.train=numbers.jsonl",), "column `text` holds the number 3"),
    "one letter": (("data.train=letter.txt",), "too little text to hold out validation data"),
    "empty validation": (("data.validation=empty.txt",), "empty.txt: the file is empty"),
}
MODEL = {
    "architecture": (
        ("model.architecture=gtp2",),
        "model.architecture: transformers has no model type 'gtp2'; did you mean `gpt2`?",
    ),
    "config key": (
        ("model.config.n_layers=3",),
        "model.config.n_layers: gpt2 has no such key; did you mean `n_layer`?",
    ),
    "config value": (("model.config.n_layer=many",), "model.config: gpt2"),
    "config that cannot be": (("model.config.n_head=5",), "model.config: gpt2 cannot be built"),
    "no such head": (("model.architecture=t5", "model.config={}"), "t5 has no ForCausalLM head"),
    "sees later tokens": (
        ("model={architecture: bert, config: {num_hidden_layers: 1, hidden_size: 12}}",),
        "use task.name: masked_lm",
    ),
    "no such folder": (("model={source: ./none}",), "there is no such folder"),
    "a vocabulary too small": (
        ("model.config.vocab_size=50",),
        "tokenizer: its largest id is 279, but the model's vocabulary holds 50 (ids 0 to 49)",
    ),
    "too few positions": (
        ("model.config.n_positions=16",),
        "sequences of 32 tokens are asked for, but gpt2 here has 16 positions",
    ),
    "no mask token": (
        ("task={name: masked_lm, block_size: 32}", "model={architecture: bert, config: {}}",
         "tokenizer={source: gpt2}"),
        "mask",
    ),
}  # fmt: skip


@pytest.fixture
def refused(cli, small_recipe: Path, tiny_gpt2_folder: Path) -> Callable[..., str]:
    """Runs it, sees that it is refused as the contract says, and gives the text."""
    for name, content in FILES.items():
        Path(name).write_bytes(content)
    tiny_gpt2_folder.rename("gpt2")

    def run(*sets: str, words: tuple[str, ...] = ()) -> str:
        options = [word for key in sets for word in ("--set", key)]
        ended = cli("pretrain", small_recipe, "-o", "run", *options, *words)
        assert ended.code == 2, ended.err
        assert ended.out == ""
        assert "Traceback" not in ended.err
        assert not Path("run").exists()
        assert list(Path().glob(".*.tmp")) == []
        return str(ended.err)

    return run


@pytest.mark.parametrize(("sets", "text"), DATA.values(), ids=DATA.keys())
def test_data(refused: Callable[..., str], sets: tuple[str, ...], text: str) -> None:
    assert text in refused(*sets)


@pytest.mark.parametrize(("sets", "text"), MODEL.values(), ids=MODEL.keys())
def test_model_and_tokenizer(refused: Callable[..., str], sets: tuple[str, ...], text: str) -> None:
    assert text in refused(*sets)


@pytest.mark.parametrize("name", ["no file", "not UTF-8", "a missing column"])
def test_a_dry_run_says_the_same(refused: Callable[..., str], name: str) -> None:
    sets, text = DATA[name]
    assert text in refused(*sets, words=("--dry-run",))


def test_replaced_bytes_train(cli, small_recipe: Path) -> None:
    Path("latin.txt").write_bytes(FILES["latin.txt"] * 20)
    words = ("--set", "data.train=latin.txt", "--set", "data.errors=replace")
    assert cli("pretrain", small_recipe, "-o", "run", *words).code == 0


def test_a_corpus_shorter_than_a_block_trains(cli, small_recipe: Path) -> None:
    Path("short.txt").write_text("one two three\nfour\n")
    words = ("--set", "data.train=short.txt", "--set", "data.document=file", "--json")
    ended = cli("pretrain", small_recipe, "-o", "run", *words)
    assert ended.code == 0, ended.err
    assert '"steps": 8' in ended.out


def test_a_padded_vocabulary_is_fine(cli, small_recipe: Path) -> None:
    words = ("--set", "model.config.vocab_size=512")
    assert cli("pretrain", small_recipe, "-o", "run", *words).code == 0


@pytest.mark.parametrize(
    ("set_", "text"),
    [
        ("model={source: some-org/some-model}", "hf download some-org/some-model --local-dir"),
        ("tokenizer={source: some-org/some-model}", "(tokenizer.source), or train one"),
        ("data={dataset: some-org/some-data}", "give local files (data.train: FILE), or"),
    ],
)
def test_a_hub_name_without_network(refused: Callable[..., str], set_: str, text: str) -> None:
    assert text in refused(set_)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["model", "tokenizer"])
def test_a_hub_that_does_not_answer(run_cli, small_recipe: Path, part: str) -> None:
    """No offline switch: the name is really asked for, at an address where nobody is."""
    nobody = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": "none"}
    started = time.monotonic()
    ended = run_cli(
        "pretrain", small_recipe, "--set", f"{part}={{source: some-org/some-model}}", env=nobody
    )
    assert ended.code == 2
    assert "some-org/some-model: there is no such folder here" in ended.err
    assert "Traceback" not in ended.err
    assert time.monotonic() - started < 60  # most of it is the import of torch on a busy machine


def test_eval_of_what_was_not_given(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    no_test = cli("eval", "run", "--split", "test")
    assert no_test.code == 2
    assert "test" in no_test.err
    no_data = cli("eval", "run/model", "--data", "none.txt")
    assert no_data.code == 2
    assert "none.txt" in no_data.err
    os.rename("run/model", "model")  # noqa: PTH104 - away from its recipe
    alone = cli("eval", "model")
    assert alone.code == 2
    assert "name a file with --data FILE" in alone.err


def test_a_model_with_fewer_positions_than_the_block(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    text = refused("model={source: gpt2}", "tokenizer={}", "task.block_size=128")
    assert "here has 64 positions; lower block_size" in text


def test_a_tokenizer_larger_than_the_source_model(
    refused: Callable[..., str], tmp_path: Path
) -> None:
    small = GPT2LMHeadModel(
        GPT2Config(vocab_size=20, n_positions=32, n_embd=8, n_layer=1, n_head=1)
    )
    small.save_pretrained("small")
    text = refused("model={source: small}", "tokenizer={source: gpt2}")
    assert "its largest id is 299, but the model's vocabulary holds 20" in text


def test_another_task(refused: Callable[..., str]) -> None:
    assert "lmkit finetune" in refused("task={name: classification}")
