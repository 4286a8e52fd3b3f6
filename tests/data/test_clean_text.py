"""Each transform beside an independent definition of it, and their order."""

import html
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmkit.data.clean_text import TextCleaner, cleaner, stop_words
from lmkit.errors import MissingExtraError
from lmkit.recipe.cleaning import CleanSection

TEXTS = st.text(max_size=60) | st.lists(
    st.sampled_from(
        ["the", "The ", "of", " ", "\n", "\r\n", "\t", "don't", "’", "'", "cat", "&amp;", "&lt;b",
         "ﬁ", "é", "\xa0", "\u2028", ".", "-", "के", "\u0300", "İ", "_", "\x1c"]
    ),
    max_size=20,
).map("".join)  # fmt: skip


def clean(text, **options):
    return TextCleaner(CleanSection(**options))(text)


@given(TEXTS)
def test_entities_are_those_of_the_standard(text):
    assert clean(text, html="entities") == html.unescape(text)


def test_tags_go_before_entities_become_characters():
    assert clean("<p>1 &lt;b&gt; &amp;amp;</p>", html="tags") == "\n1 <b> &amp;\n"


@pytest.mark.parametrize("form", ["NFC", "NFKC", "NFD", "NFKD"])
@given(text=TEXTS)
def test_normal_forms(text, form):
    once = clean(text, unicode=form)
    assert unicodedata.is_normalized(form, once)
    assert once == unicodedata.normalize(form, text)
    assert clean(once, unicode=form) == once


@given(TEXTS)
def test_white_space_as_a_whole(text):
    once = clean(text, whitespace="all")
    assert re.search(r"^\s|\s$|\s\s|[^\S ]", once) is None
    assert once.split(" ") == (text.split() or [""])
    assert clean(once, whitespace="all") == once


@given(TEXTS)
def test_white_space_within_lines(text):
    once = clean(text, whitespace="lines")
    assert re.search(r"^\s|\s$|[^\S\n]{2}| \n|\n |\n{3}|[^\S \n]", once) is None
    assert once.split() == text.split()
    filled = [line.split() for line in text.splitlines() if line.strip()]
    assert [line.split() for line in once.split("\n") if line] == filled
    assert clean(once, whitespace="lines") == once


@given(TEXTS)
def test_lower_case(text):
    once = clean(text, lowercase=True)
    assert once == text.lower()
    assert clean(once, lowercase=True) == once


def test_replacements_are_made_in_order():
    options = {"replace": {r"https?://\S+": "URL", "URL": "<link>", r"(\w)\1+": r"\1"}}
    assert clean("sooo see http://x.org/aa now", **options) == "so se <link> now"
    reverse = {"replace": {"URL": "<link>", r"https?://\S+": "URL"}}
    assert clean("http://x.org", **reverse) == "URL"


@pytest.mark.parametrize("language", ["en", "de", "fr", "hi", "vi", "bn"])
@given(data=st.data())
def test_no_stop_word_is_left_and_nothing_else_is_gone(language, data):
    words = stop_words(language)
    single = [word for word in sorted(words) if re.fullmatch(r"[^\W\d_]+", word)][:40]
    others = ["Zyx", "qwertz", "123", "x_y"]
    kept = [word for word in others if word.lower() not in words]
    chosen = data.draw(st.lists(st.sampled_from(single + kept), max_size=12))
    written = [data.draw(st.sampled_from([word, word.upper()])) for word in chosen]
    written = [word for word in written if word.lower() in words or word.lower() in
               {other.lower() for other in kept}]  # fmt: skip
    left = clean(" ".join(written), stop_words=language)
    assert left.split() == [word for word in written if word.lower() not in words]


@given(TEXTS)
def test_stop_words_are_gone_after_once(text):
    once = clean(text, stop_words="en")
    assert clean(once, stop_words="en") == once


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("The cat sat on the mat.", "cat sat mat."),
        ("I don't\nand you", "don't\n"),  # contractions are words of their own
        ("The-end of it", "-end "),
        ("theory, other", "theory, other"),
    ],
)
def test_english_stop_words(text, left):
    words = stop_words("en")
    assert {"the", "on", "i", "and", "you", "of", "it"} <= words
    expected = left.replace("other", "" if "other" in words else "other")
    assert clean(text, stop_words="en") == expected


def test_marks_belong_to_their_word():
    assert "के" in stop_words("hi")
    assert clean("राम के आम", stop_words="hi") == "राम आम"
    assert clean("केला", stop_words="hi") == "केला"  # that begins with it


def test_apostrophes_of_both_kinds():
    assert "aujourd'hui" in stop_words("fr")
    assert clean("aujourd’hui Paris", stop_words="fr") == "Paris"


def test_the_order():
    options = {
        "whitespace": "all", "lowercase": True, "stop_words": "en", "replace": {"K": "THE q"},
        "unicode": "NFKC", "html": "tags",
    }  # fmt: skip
    assert [name for name, _ in TextCleaner(CleanSection(**options)).steps] == [
        "html", "unicode", "replace", "lowercase", "stop_words", "whitespace",
    ]  # fmt: skip
    # the entity is the Kelvin sign, which NFKC makes a K, which is replaced, lower-cased, ...
    assert clean("<p>A &#x212A;  Z</p>", **options) == "q z"


def test_identity_is_of_all_that_decides(monkeypatch):
    def identity(**options):
        return repr(TextCleaner(CleanSection(**options)).identity())

    options = [
        {"lowercase": True}, {"html": "tags"}, {"html": "entities"}, {"unicode": "NFC"},
        {"unicode": "NFD"}, {"whitespace": "all"}, {"whitespace": "lines"}, {"stop_words": "en"},
        {"stop_words": "de"}, {"replace": {"a": "b", "c": "d"}}, {"replace": {"c": "d", "a": "b"}},
        {"replace": {"a": "b"}}, {"replace": {"a": ""}}, {},
    ]  # fmt: skip
    assert len({identity(**one) for one in options}) == len(options)
    assert identity(min_length=3) == identity()
    before = identity(lowercase=True)
    monkeypatch.setattr(unicodedata, "unidata_version", "99.0.0")
    assert identity(lowercase=True) != before


def test_what_comes_to_a_model(monkeypatch):
    assert cleaner(None) is None
    assert cleaner(CleanSection()) is None
    assert cleaner(CleanSection(min_length=3)) is None
    made = cleaner(CleanSection(lowercase=True, min_length=3))
    assert made is not None
    assert made("A") == "a"
    monkeypatch.setitem(__import__("sys").modules, "stopwordsiso", None)
    with pytest.raises(MissingExtraError, match=r'needs stopwordsiso.*"lmkit\[clean\]"'):
        cleaner(CleanSection(stop_words="de"))
    assert cleaner(CleanSection(stop_words="en")) is not None
