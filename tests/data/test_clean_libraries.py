"""What is said where a library is not installed, before anything is read."""

import sys

import pytest

from lmkit.data.clean_libraries import check_libraries, library
from lmkit.data.sources import open_splits
from lmkit.errors import MissingExtraError
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import DataSection

NEEDS = [
    ({"duplicates": "near"}, "duplicates", "datasketch"),
    ({"duplicates": "near"}, "duplicates", "xxhash"),
    ({"language": ["en"]}, "language", "py3langid"),
    ({"stop_words": "de"}, "stop_words", "stopwordsiso"),
]


@pytest.mark.parametrize(("options", "key", "module"), NEEDS)
def test_an_absent_library_is_named_with_its_extra(options, key, module, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, module, None)
    data = DataSection(train=str(tmp_path / "absent.txt"), clean=CleanSection(**options))
    with pytest.raises(MissingExtraError) as caught:
        open_splits(data, CausalLMOptions(name="causal_lm"))  # before the file is looked for
    assert str(caught.value) == (
        f'data.clean.{key}: needs {module}, which is not installed: pip install "lmkit[clean]"'
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(
    "options", [{"duplicates": "exact"}, {"stop_words": "en", "lowercase": True}, {}]
)
def test_most_keys_need_none(options, monkeypatch):
    for _, _, module in NEEDS:
        monkeypatch.setitem(sys.modules, module, None)
    check_libraries(CleanSection(**options))
    check_libraries(CleanSection(duplicates="near", language=["en"]), filters=False)


def test_a_library_is_its_module():
    assert library("datasketch") is sys.modules["datasketch"]
