"""Files made to harm: none of them runs, and each ends in an error for people.

Each would leave a mark (a file) if it ran. What templates, tokenizers, globs and packed files can
do besides is tested beside the code that reads them.
"""

import gzip
import json
import os
import pickle
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import zstandard
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from transformers import AutoModelForCausalLM

from lmkit.data.file_source import READERS, FileSource
from lmkit.data.formats import DataFile
from lmkit.data.text import Reading
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import LmkitError, ModelError, RecipeError, TokenizerError
from lmkit.models.loading import open_config, open_model
from lmkit.recipe.load import load_recipe


class Mark:
    """Leaves a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.fixture
def mark(tmp_path):
    """Where a mark would be; the test fails if there is one at its end."""
    path = tmp_path / "it-ran"
    yield path
    assert not path.exists()


def read(path: Path) -> list:
    kind = "text" if path.suffix not in {".json", ".jsonl", ".csv", ".parquet", ".arrow"} else None
    file = DataFile(path, kind or path.suffix[1:], "")
    return list(FileSource("train", [file], Reading()).read())


@pytest.mark.parametrize("name", ["a.pkl", "a.jsonl", "a.csv", "a.parquet", "a.arrow", "a.json"])
@pytest.mark.parametrize("how", ["pickle", "numpy", "torch"])
def test_a_pickle_is_no_data(tmp_path, mark, name, how):
    path = tmp_path / name
    with path.open("wb") as file:
        if how == "pickle":
            pickle.dump(Mark(mark), file)
        elif how == "numpy":
            np.save(file, np.array([Mark(mark)], dtype=object))
        else:
            torch.save(Mark(mark), file)
    with pytest.raises(LmkitError, match=str(path)):
        read(path)


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "adapter_model.bin"])
def test_pickled_weights_do_not_run(tiny_gpt2_folder, mark, name):
    (tiny_gpt2_folder / "model.safetensors").unlink()
    torch.save(Mark(mark), tiny_gpt2_folder / name)
    with pytest.raises(ModelError, match=r"only pickled weights .*save_pretrained"):
        open_model(str(tiny_gpt2_folder), AutoModelForCausalLM)


def test_pickles_beside_the_weights_do_not_run(tiny_gpt2_folder, mark):
    for name in ("pytorch_model.bin", "training_args.bin", "optimizer.pt"):
        torch.save(Mark(mark), tiny_gpt2_folder / name)
    open_model(str(tiny_gpt2_folder), AutoModelForCausalLM)


def test_code_of_a_model_does_not_run(tiny_gpt2_folder, mark):
    (tiny_gpt2_folder / "own.py").write_text(f"import os\nos.mkdir({str(mark)!r})\n")
    written = json.loads((tiny_gpt2_folder / "config.json").read_text())
    names = {"AutoConfig": "own.Config", "AutoModelForCausalLM": "own.Model"}
    file = tiny_gpt2_folder / "config.json"
    file.write_text(json.dumps(written | {"auto_map": names}))
    open_model(str(tiny_gpt2_folder), AutoModelForCausalLM)  # transformers' own class is taken
    file.write_text(json.dumps(written | {"auto_map": names, "model_type": "own"}))
    with pytest.raises(ModelError, match="brings code of its own, which lmkit does not run"):
        open_config(str(tiny_gpt2_folder))


def test_a_configuration_nested_without_end(tiny_gpt2_folder):
    (tiny_gpt2_folder / "config.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="cannot be read"):
        open_config(str(tiny_gpt2_folder))


@pytest.mark.parametrize("tag", ["!!python/object/apply:os.mkdir", "!os.mkdir", "!!python/name:os"])
def test_a_tag_in_a_recipe_does_not_run(tmp_path, mark, tag):
    path = tmp_path / "a.yaml"
    path.write_text(f"task: {tag} [{str(mark)!r}]\n")
    with pytest.raises(RecipeError, match=r"the tag .* is not allowed"):
        load_recipe(str(path))


def test_json_nested_without_end(tmp_path):
    (tmp_path / "tokenizer.json").write_text("[" * 100_000)
    with pytest.raises(TokenizerError, match=r"tokenizer\.json: is damaged"):
        load_tokenizer(str(tmp_path))


# Random bytes

WORDS = (
    *(b"{", b"}", b"[", b"]", b'"', b"\\", b",", b":", b"\n", b"\t", b"'", b"\xff", b"\0", b"#"),
    *(b'{"text": "a"}\n', b'{"data": [{"paragraphs": ', b"text,label\n", b"B-PER O\n", b"\\ud800"),
    *(b"task:", b"  name: causal_lm\n", b"data:\n  train: x\n", b"&a ", b"*a", b"!!x ", b"1e999"),
    *(b"PAR1", b"ARROW1\0\0", b"\x1f\x8b\x08", b"\x28\xb5\x2f\xfd", b"\xef\xbb\xbf", b"\r", b"-"),
)
CONTENT = st.one_of(
    st.lists(st.sampled_from(WORDS), max_size=30).map(b"".join), st.binary(max_size=200)
)
PACK = {"": bytes, ".gz": gzip.compress, ".zst": zstandard.compress}
FUZZ = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
}


def refusal(call: Callable[[], object], otherwise: str) -> str:
    """What is said where a call is refused; `otherwise` where it is not. All else goes through."""
    try:
        call()
    except LmkitError as error:
        return str(error)
    return otherwise


CASES = [pytest.param(40), pytest.param(250, marks=pytest.mark.slow)]


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("kind", list(READERS))
def test_random_bytes_are_rows_or_an_error(tmp_path, kind, cases):
    path = tmp_path / "data"

    @settings(max_examples=cases, **FUZZ)
    @given(CONTENT, st.sampled_from(["", ".gz", ".zst"]), st.booleans(), st.data())
    def check(content, compression, whole, data):
        packed = PACK[compression](content)
        path.write_bytes(packed if whole else packed[: data.draw(st.integers(0, len(packed)))])
        document = data.draw(st.sampled_from(["file", "line", "paragraph"]))
        errors = data.draw(st.sampled_from(["strict", "replace", "ignore"]))
        file, reading = DataFile(path, kind, compression), Reading(document, errors)
        assert str(path) in refusal(lambda: list(READERS[kind](file, reading)), str(path))

    check()


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("where", ["file", "override"])
def test_random_recipes_are_read_or_refused(tmp_path, where, cases):
    path = tmp_path / "a.yaml"

    @settings(max_examples=cases, **FUZZ)
    @given(CONTENT)
    def check(content):
        path.write_bytes(content if where == "file" else b"task: {name: causal_lm}\n")
        given_ = [] if where == "file" else [content.decode("utf-8", "replace")]
        assert refusal(lambda: load_recipe(str(path), given_), "read")

    check()


@pytest.mark.parametrize("cases", CASES)
@pytest.mark.parametrize("name", ["tokenizer.json", "config.json"])
def test_a_damaged_model_folder_is_opened_or_refused(tiny_gpt2_folder, name, cases):
    file = tiny_gpt2_folder / name
    whole, folder = file.read_bytes(), str(tiny_gpt2_folder)

    @settings(max_examples=cases // 4, **FUZZ)
    @given(CONTENT, st.integers(0, len(whole)), st.integers(0, 40))
    def check(content, at, gone):
        file.write_bytes(whole[:at] + content[:20] + whole[at + gone :])
        for read in (open_config, load_tokenizer):
            told = refusal(lambda read=read: read(folder), folder)
            assert folder in told

    check()
