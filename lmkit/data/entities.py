"""Rows of named entities as sentences: words at their places in a text, each with its IOB2 tag.

A row brings `tokens` and `tags`, and its text is then the tokens with a space between them, or a
`text` and `spans`, and its words are those of `word_bounds`.
"""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any, Literal, NamedTuple

from lmkit.data.rows import Row, Source, column
from lmkit.data.tag_schemes import Evidence, Scheme, broken, tag_problem, to_iob2
from lmkit.data.word_bounds import word_bounds
from lmkit.errors import DataError
from lmkit.labels import OUTSIDE
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.options.ner import NerOptions

logger = logging.getLogger(__name__)

Values = Mapping[str, Any]


class Span(NamedTuple):
    """A part of a text that names something."""

    start: int
    """Its first character."""
    end: int
    """The character after its last."""
    label: str


class Sentence(NamedTuple):
    """A text, the words in it, and what they are."""

    text: str
    starts: list[int]
    """Where each word begins, in characters."""
    ends: list[int]
    """Where it ends."""
    tags: list[str]
    """IOB2, one a word; none where they were not asked for."""
    widened: int = 0
    """Spans that began or ended inside a word, and now have all of it."""

    @property
    def words(self) -> list[str]:
        """The words themselves."""
        return [self.text[a:b] for a, b in zip(self.starts, self.ends, strict=True)]


class SentenceReader:
    """Turns rows into sentences as the options say."""

    def __init__(self, options: NerOptions, scheme: Scheme | Literal["auto"]) -> None:
        self._options = options
        self._scheme = scheme

    def labeled(self, row: Row) -> Sentence:
        """A row with its tags.

        Raises:
            DataError: something is missing, or contradicts itself; the row is named.
        """
        options = self._options
        if not self.has_tokens(row):
            text = column(row, options.text_column)
            if options.spans_column not in row.values:
                raise DataError(_absent(row, options.spans_column))
            spans = row.values[options.spans_column]
            if problem := span_problem(text, spans):
                raise DataError(f"{row.origin}: {problem}; mend the span or leave the row out")
            return _tagged(row, text, [Span(s["start"], s["end"], s["label"]) for s in spans])
        sentence = self.plain(row)
        if options.tags_column not in row.values:
            raise DataError(_absent(row, options.tags_column))
        tags = row.values[options.tags_column]
        if isinstance(tags, list) and tags and not all(isinstance(tag, str) for tag in tags):
            raise DataError(
                f"{row.origin}: column `{options.tags_column}` holds {tags[0]!r}, not a name; "
                "write tags as O, B-TYPE and I-TYPE"
            )
        if problem := tag_problem(row.values[options.tokens_column], tags, self._scheme):
            told = f"{row.origin}: {problem}"
            is_broken = tag_problem(row.values[options.tokens_column], tags, "auto") is None
            name = self._scheme.upper()
            raise DataError(broken(told, name) if is_broken else f"{told}; mend the row")
        return sentence._replace(tags=to_iob2(tags))

    def plain(self, row: Row) -> Sentence:
        """A row without its tags, which it need not have.

        Raises:
            DataError: it holds neither words nor text.
        """
        if not self.has_tokens(row):
            text = column(row, self._options.text_column)
            return Sentence(text, *word_bounds(text), [])
        name = self._options.tokens_column
        tokens = row.values[name]
        if not tokens or not all(isinstance(token, str) for token in tokens):
            found = "is empty" if not tokens else "holds something other than text"
            raise DataError(f"{row.origin}: column `{name}` {found}; it is a list of words")
        text = " ".join(tokens)
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            raise DataError(
                f"{row.origin}: column `{name}` holds half of a surrogate pair, which is not text"
            )
        starts, ends, at = [], [], 0
        for token in tokens:
            starts.append(at)
            ends.append(at + len(token))
            at += len(token) + 1
        return Sentence(text, starts, ends, [])

    def has_tokens(self, row: Row) -> bool:
        """Whether a row brings its words, rather than a text.

        Raises:
            DataError: it brings neither.
        """
        options = self._options
        if isinstance(row.values.get(options.tokens_column), list):
            return True
        if options.text_column in row.values:
            return False
        found = [str(name) for name in row.values]
        raise DataError(
            f"{row.origin}: neither a column `{options.tokens_column}` with a list of words nor a "
            f"column `{options.text_column}`; the columns are {', '.join(found) or 'none'}"
            f"{did_you_mean(options.tokens_column, found)}; name them in the task's options"
        )


def span_problem(text: Any, spans: Any) -> str | None:
    """Spans that cannot be those of the text: the first of them, and what is wrong."""
    if not isinstance(text, str) or not isinstance(spans, list):
        return "text or spans are missing"
    placed = []
    for number, span in enumerate(spans, start=1):
        if not isinstance(span, Mapping) or not {"start", "end", "label"} <= span.keys():
            return f"span {number} is no object with `start`, `end` and `label`"
        start, end, label = span["start"], span["end"], span["label"]
        if type(start) is not int or type(end) is not int:
            return (
                f"span {number} has the offsets {start!r} and {end!r}, which are no whole numbers"
            )
        where = f"span {number} ({start} to {end})"
        if not 0 <= start < end <= len(text):
            return f"{where} is outside the text, which has {len(text)} characters, or empty"
        if not isinstance(label, str) or not label.strip():
            return f"{where} has the label {label!r}, which is no name"
        if not text[start:end].strip():
            return f"{where} holds nothing but white space"
        placed.append((start, end))
    placed.sort()
    for (start, end), (later, its_end) in pairwise(placed):
        if later < end:
            return f"the spans {start} to {end} and {later} to {its_end} overlap"
    return None


def find_entities(options: NerOptions, train: Source) -> NerOptions:
    """The options with the scheme and the entity types of the training data; both are told.

    Raises:
        DataError: a row contradicts itself, tags follow no scheme, a type is not among those that
            are named, or there is no entity at all.
    """
    evidence, counts, sentences, widened = Evidence(), Counter[str](), 0, 0
    reader = SentenceReader(options, options.scheme)
    for row in train.rows():
        sentence = reader.labeled(row)
        if reader.has_tokens(row):
            evidence.add(row.values[options.tags_column], row.origin)
        sentences, widened = sentences + 1, widened + sentence.widened
        counts.update(tag[2:] for tag in sentence.tags if tag[0] == "B")
        _check_types(options.labels, sentence, row)
    scheme = evidence.scheme() if options.scheme == "auto" else options.scheme
    if evidence.rows:
        how = "as it stands" if scheme == "iob2" else "read as IOB2"
        logger.info("tags: %s in the %s data, %s", scheme.upper(), train.name, how)
    if not counts:
        raise DataError(
            f"{train.name} data: there is no entity in {sentences:,} rows, so there is nothing to "
            "learn; are task.tags_column and task.spans_column the right ones?"
        )
    if widened:
        logger.warning(
            "%s data: %d of %d spans begin or end inside a word; the whole word is taken",
            train.name, widened, counts.total(),
        )  # fmt: skip
    labels = options.labels or sorted(counts)
    listed = ", ".join(f"{name} ({counts[name]:,})" for name in labels)
    logger.info("%d entity types: %s", len(labels), listed)
    return options.model_copy(update={"labels": labels, "scheme": scheme})


def read_labeled(options: NerOptions, source: Source) -> Iterator[Sentence]:
    """The sentences of a split with their tags, held against the options.

    Raises:
        DataError: a row contradicts itself, or an entity is of a type that is not known.
    """
    reader = SentenceReader(options, scheme_of(options, source))
    for row in source.rows():
        sentence = reader.labeled(row)
        _check_types(options.labels, sentence, row)
        yield sentence


def scheme_of(options: NerOptions, source: Source) -> Scheme:
    """The scheme of the options; that of the rows where it was left open.

    Raises:
        DataError: the rows follow none.
    """
    if options.scheme != "auto":
        return options.scheme
    evidence, reader = Evidence(), SentenceReader(options, "auto")
    for row in source.rows():
        reader.labeled(row)
        if reader.has_tokens(row):
            evidence.add(row.values[options.tags_column], row.origin)
    return evidence.scheme()


def likely_scheme(options: NerOptions, source: Source) -> Scheme:
    """The scheme that most tells of; rows that are wrong in any are passed over."""
    evidence = Evidence()
    for row in source.rows():
        tokens, tags = (row.values.get(options.tokens_column), row.values.get(options.tags_column))
        if isinstance(tags, list) and tag_problem(tokens, tags, "auto") is None:
            evidence.add([tag for tag in tags if isinstance(tag, str)], row.origin)
    try:
        return evidence.scheme()
    except DataError:
        return "bioes" if evidence.ends else "iob2"


def _check_types(labels: list[str] | None, sentence: Sentence, row: Row) -> None:
    """Hold the types of a row against those that are learned."""
    if labels is None:
        return
    for tag in sentence.tags:
        if tag != OUTSIDE and tag[2:] not in labels:
            name = tag[2:]
            raise DataError(
                f"{row.origin}: the entity type `{name}` is none of those that are learned: "
                f"{', '.join(labels)}{did_you_mean(name, labels)}; mend or leave out the row, or "
                "name every type in task.labels"
            )


def _tagged(row: Row, text: str, spans: list[Span]) -> Sentence:
    """A text with the tags that its spans give to its words."""
    starts, ends = word_bounds(text)
    tags, widened, word = [OUTSIDE] * len(starts), 0, 0
    for span in sorted(spans):
        inner = text[span.start : span.end]
        begin = span.start + len(inner) - len(inner.lstrip())
        end = span.end - len(inner) + len(inner.rstrip())
        while ends[word] <= begin:
            word += 1
        if tags[word] != OUTSIDE:
            shared = text[starts[word] : ends[word]]
            raise DataError(
                f"{row.origin}: two spans share the word {shared!r}; a word has one tag, so part "
                "it by a space or leave one of them out"
            )
        first = word
        while word < len(starts) and starts[word] < end:
            tags[word] = f"{'I' if word > first else 'B'}-{span.label}"
            word += 1
        word -= 1
        widened += starts[first] != begin or ends[word] != end
    return Sentence(text, starts, ends, tags, widened)


def _absent(row: Row, name: str) -> str:
    """The message for a column that is not there."""
    found = [str(key) for key in row.values]
    listed = ", ".join(f"`{key}`" for key in found)
    return f"{row.origin}: no column `{name}`; the columns are {listed}{did_you_mean(name, found)}"
