"""`data.clean`: what is refused, in the words that a user reads, and what is kept in step."""

from typing import Any, get_args

import py3langid
import pytest
import stopwordsiso

from lmkit.errors import RecipeError
from lmkit.recipe.cleaning import CleanSection, LanguageCode, StopWordsLanguage
from lmkit.recipe.parse import dump_recipe, parse_recipe

TEXT = "task: {name: causal_lm}\nmodel: {source: x}\ndata:\n  dataset: stdlib\n  clean:\n"


def problems(*lines: str) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(TEXT + "".join(f"    {line}\n" for line in lines), "f.yaml")
    return raised.value.problems


@pytest.mark.parametrize(
    ("line", "text"),
    [
        ("lowercas: true", "6:5: data.clean.lowercas: unknown key; did you mean `lowercase`?"),
        ("lowercase: yes", "6:16: data.clean.lowercase: found \"yes\"; allowed: true or false; "
         "YAML 1.2 reads yes as text: write true"),
        ("html: tag", "6:11: data.clean.html: found \"tag\"; allowed: one of entities, tags, or "
         "null; did you mean `tags`?"),
        ("unicode: nfc", "6:14: data.clean.unicode: found \"nfc\"; allowed: one of NFC, NFKC, NFD,"
         " NFKD, or null; did you mean `NFC`?"),
        ("drop: ['(a']", "6:12: data.clean.drop.0: '(a' is not a regular expression of Python: "
         "missing ), unterminated subpattern at position 0"),
        ("replace: {'a[': b}", "6:21: data.clean.replace.a[: 'a[' is not a regular expression of "
         "Python: unterminated character set at position 1"),
        ("replace: {'(a)': '\\2'}", "6:14: data.clean.replace: '\\\\2' cannot take the place of "
         "'(a)': invalid group reference 2 at position 1"),
        ("replace: {a: '\\g<b>'}", "6:14: data.clean.replace: '\\\\g<b>' cannot take the place of "
         "'a': unknown group name 'b'"),
        ("min_length: 0", "6:17: data.clean.min_length: found 0; allowed: a whole number, at least "
         "1, or null"),
        ("near_threshold: 0.9", "6:21: data.clean.near_threshold: only with "
         "`data.clean.duplicates: near`"),
        ("duplicates: nearly", "6:17: data.clean.duplicates: found \"nearly\"; allowed: one of "
         "exact, near, or null; did you mean `near`?"),
        ("language: []", "6:15: data.clean.language: found a list of 0; allowed: "),
    ],
)  # fmt: skip
def test_what_is_refused(line: str, text: str) -> None:
    (problem,) = problems(line)
    assert problem.startswith(f"f.yaml:{text}")


def test_an_unknown_language_names_the_nearest() -> None:
    (problem,) = problems("language: [en, eng]")
    assert problem.startswith('f.yaml:6:20: data.clean.language.1: found "eng"; allowed: one of ')
    assert problem.endswith("did you mean `en`?")


def test_lengths_that_no_text_has() -> None:
    (problem,) = problems("min_length: 5", "max_length: 4")
    assert problem == "f.yaml:7:17: data.clean.max_length: 4 is below data.clean.min_length, 5"


def test_every_problem_is_told_at_once() -> None:
    assert len(problems("html: 1", "drop: ['(', ok, '*']")) == 3


def test_a_key_elsewhere_is_led_here() -> None:
    with pytest.raises(RecipeError, match=r"`stop_words` belongs under `data\.clean`"):
        parse_recipe(f"{TEXT}\ntrain: {{stop_words: en}}", "f.yaml")


@pytest.mark.parametrize("options", [{}, {"html": None}, {"drop": [], "near_threshold": 0.8}])
def test_nothing_to_do(options: dict[str, Any]) -> None:
    assert not CleanSection.model_validate(options).is_active


def test_it_is_written_out_and_read_again() -> None:
    lines = ["replace: {'z\\d+': '<\\g<0>>', 'a': ''}", "duplicates: near", "near_threshold: 1"]
    recipe = parse_recipe(TEXT + "".join(f"    {line}\n" for line in lines), "f.yaml")
    again = parse_recipe(dump_recipe(recipe), "recipe.yaml")
    assert again == recipe
    assert again.data.clean is not None
    assert list(again.data.clean.replace) == ["z\\d+", "a"]
    assert again.data.clean.is_active
    assert parse_recipe(TEXT, "f.yaml").data.clean is None


def test_overrides_reach_it() -> None:
    overrides = ["data.clean.lowercase=true", "data.clean.drop=['^#']"]
    recipe = parse_recipe(TEXT, "f.yaml", overrides)
    assert recipe.data.clean == CleanSection(lowercase=True, drop=["^#"])


def test_languages_are_those_of_the_libraries() -> None:
    assert set(get_args(StopWordsLanguage)) == set(stopwordsiso.langs()) - {"ja", "th", "zh"}
    told = {code for code, _ in py3langid.rank("a text")}
    assert set(get_args(LanguageCode)) == told - {"zxx"}
