"""A look at a run's parts: whole from the cache, or a sample that is scaled up."""

import os
from pathlib import Path

import pytest

from lmkit.commands.look import SAMPLE_BYTES, sampled, whole
from lmkit.data.cache import CacheMissError
from lmkit.recipe.load import load_recipe
from lmkit.recipe.sections import Recipe


@pytest.fixture
def recipe(small_recipe: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Recipe:
    monkeypatch.chdir(tmp_path)
    return load_recipe(str(small_recipe))


def test_a_small_corpus_is_its_own_sample(recipe: Recipe) -> None:
    with sampled(recipe) as found:
        assert found.scale == 1.0
        assert (found.examples, found.tokens) == (len(found.train), found.train.lengths.sum())
        assert len(found.train) == 1 + (int(found.train.lengths.sum()) - 1) // 32
        assert 0 < found.size < Path("counting.txt").stat().st_size
        assert found.model.config.vocab_size == 280


def test_whole_asks_for_the_cache(recipe: Recipe, cli) -> None:
    with pytest.raises(CacheMissError), whole(recipe):
        pass
    assert list(Path(os.environ["LMKIT_CACHE"]).iterdir()) == []
    assert cli("data", "prepare", "small.yaml").code == 0
    with whole(recipe) as found:
        assert found.scale == 1.0
        size, tokens = found.size, found.train.lengths.sum()
    with sampled(recipe) as sample:
        assert (sample.size, sample.train.lengths.sum()) == (size, tokens)


def test_a_large_corpus_is_scaled_by_its_bytes(recipe: Recipe) -> None:
    line = "zero one two three four five six seven eight nine " * 200
    text = "".join(f"{number} {line}\n" for number in range(320))
    Path("counting.txt").write_text(text)  # 3.2 MB
    with sampled(recipe) as found:
        assert found.size == pytest.approx(0.8 * len(text), rel=0.1)
        assert found.scale == pytest.approx(found.size / SAMPLE_BYTES, rel=0.02)


MIXED = ["data.train=[{path: counting.txt, weight: 1}, {path: other.txt, weight: 3}]"]


def test_a_mixture_is_reckoned_part_by_part(recipe: Recipe) -> None:
    """A large part and a small one: the epoch is as long as the shares ask for."""
    line = "zero one two three four five six seven eight nine " * 200
    Path("counting.txt").write_text("".join(f"{n} {line}\n" for n in range(320)))  # 3.2 MB
    Path("other.txt").write_text("".join(f"{n} nine eight seven six\n" for n in range(900)))
    mixed = load_recipe("small.yaml", MIXED)
    with sampled(load_recipe("small.yaml")) as alone, sampled(mixed) as found:
        # a part is a smaller sample of the same text than it is alone
        assert found.tokens == pytest.approx(4 * alone.tokens, rel=0.05)
        assert found.examples == pytest.approx(found.tokens / 32, rel=0.05)


def test_a_limit_on_tokens_is_reckoned_with(recipe: Recipe) -> None:
    limited = load_recipe("small.yaml", ["data.max_tokens=700"])
    with sampled(limited) as found:
        assert 690 <= found.tokens <= 700
        assert found.examples == pytest.approx(700 / 32, abs=1)
