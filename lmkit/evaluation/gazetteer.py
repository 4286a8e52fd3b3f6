"""A list of names: what a model of named entities must beat.

Every entity of the training data is remembered with the type it has most often; in a text the
longest name that begins at a word is taken, from left to right (as the baseline of CoNLL-2003:
Tjong Kim Sang and De Meulder 2003, section 3, arXiv:cs/0306050).
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

import numpy as np

from lmkit.evaluation.baselines import prior
from lmkit.evaluation.entity_scores import count_entities, entity_metrics
from lmkit.evaluation.tagging import TagSet

Name = tuple[str, ...]
Tagged = tuple[Sequence[str], Sequence[str]]
"""The words of a sentence, and the tag (IOB2) of each."""


class Gazetteer:
    """The names of the training data."""

    def __init__(self, tags: TagSet, sentences: Iterable[Tagged]) -> None:
        """Remember the entities of sentences."""
        self._tags = tags
        counts: dict[Name, Counter[str]] = defaultdict(Counter)
        for words, names in sentences:
            for kind, first, last in tags.entities([tags.ids[name] for name in names]):
                counts[tuple(words[first : last + 1])][kind] += 1
        self._types = {name: _commonest(kinds) for name, kinds in counts.items()}
        self._longest: dict[str, int] = {}  # words of the longest name that begins with a word
        for name in counts:
            self._longest[name[0]] = max(len(name), self._longest.get(name[0], 0))

    def tag(self, words: Sequence[str]) -> list[int]:
        """The number of a tag for each word of a sentence."""
        found = [self._tags.outside] * len(words)
        at = 0
        while at < len(words):
            size = self._size(words, at)
            if size:
                kind = self._types[tuple(words[at : at + size])]
                inside = [self._tags.ids[f"I-{kind}"]] * (size - 1)
                found[at : at + size] = [self._tags.ids[f"B-{kind}"], *inside]
            at += max(size, 1)
        return found

    def _size(self, words: Sequence[str], at: int) -> int:
        """Words of the longest name that begins at `at`; 0 where none does."""
        most = min(self._longest.get(words[at], 0), len(words) - at)
        sizes = range(most, 0, -1)
        return next((size for size in sizes if tuple(words[at : at + size]) in self._types), 0)


def _commonest(kinds: Counter[str]) -> str:
    """The type met most often; of several, the first by name."""
    return min(kinds, key=lambda kind: (-kinds[kind], kind))


def entity_baselines(
    tags: TagSet, learned: Sequence[Tagged], asked: Sequence[Tagged]
) -> dict[str, dict[str, float]]:
    """The names of the training data wherever they stand, and always the commonest tag.

    Args:
        tags: the tags and their numbers.
        learned: the training sentences.
        asked: those that are scored.

    Returns:
        `gazetteer` and `majority` (of which `loss` is that of the tags' add-one shares), by metric.
    """
    counts = np.bincount(
        [tags.ids[name] for _, names in learned for name in names], minlength=len(tags)
    )
    gold = [[tags.ids[name] for name in names] for _, names in asked]
    names = Gazetteer(tags, learned)
    guessed = [names.tag(words) for words, _ in asked]
    flat = np.array([tag for sentence in gold for tag in sentence])
    (shares,) = prior(counts, 1)
    return {
        "gazetteer": entity_metrics(tags, count_entities(tags, guessed, gold)),
        "majority": {
            "loss": float(-shares[flat].mean()),
            "accuracy": float((flat == shares.argmax()).mean()),
        },
    }
