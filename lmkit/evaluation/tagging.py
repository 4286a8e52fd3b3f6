"""Tags in IOB2: the likeliest ones that write spans, and the spans that they write.

Shape letters: W words of a sentence, C tags.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from seqeval.metrics.sequence_labeling import get_entities

from lmkit.labels import NO_TOKEN, OUTSIDE, SHARED

SCHEME = "tag_scheme"
"""The key in a model's config.json of the scheme that it learned: always `iob2`, if it is there."""

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

Entity = tuple[str, int, int]
"""A type, and the first and the last word of what has it."""


class TagSet:
    """C tags by their numbers: O, and B- and I- of each type."""

    def __init__(self, names: Sequence[str], *, strict: bool = True) -> None:
        """Take the tags in the order of their numbers; each type has both of its own.

        Args:
            names: O, and B- and I- of each type.
            strict: whether a model's tags are IOB2; else an I- that goes on with nothing begins a
                span, as in IOB1 (and to conlleval).
        """
        self.names = list(names)
        self.strict = strict
        self.ids = {name: number for number, name in enumerate(self.names)}
        self.outside = self.ids[OUTSIDE]
        self.types = list(dict.fromkeys(name[2:] for name in self.names if name != OUTSIDE))
        place = {kind: number for number, kind in enumerate(self.types)}
        self._kind = np.array([place.get(name[2:], -1) for name in self.names])  # (C,)
        self._inside = np.array([name.startswith("I-") for name in self.names])  # (C,)
        alike = self._kind[:, None] == self._kind[None, :]
        self._follows = ~self._inside[None, :] | alike  # (C, C): whether j may come after i

    def __len__(self) -> int:
        return len(self.names)

    def tagged(self, log_p: Floats, *, within: bool) -> tuple[Ints, Floats]:
        """The tags of words, (W,), and their probabilities, (W,).

        Args:
            log_p: of each tag of each word, (W, C).
            within: as of `likeliest`.
        """
        if self.strict:
            tags = self.likeliest(log_p, within=within)
            return tags, np.exp(log_p[np.arange(len(tags)), tags])
        tags = log_p.argmax(1)
        begun = tags.copy()
        for word in range(int(within), len(tags)):
            before = tags[word - 1] if word else self.outside
            if not self._follows[before, tags[word]]:
                begun[word] = self._beginning(tags[word])
        return begun, np.exp(log_p.max(1))

    def likeliest(self, log_p: Floats, *, within: bool) -> Ints:
        """The likeliest sequence in which each I- follows a tag of its type (Viterbi 1967).

        A word's own likeliest tag, which may be an I- that goes on with nothing, would break spans
        at their first word; among the sequences that write spans, a sure second word can draw an
        unsure first one in. (Words are taken as independent: the score of a sequence is the sum of
        its words' log-probabilities.)

        Args:
            log_p: of each tag of each word, (W, C).
            within: whether words before these belong to the sentence, so that the first of them
                may go on with a span.

        Returns:
            The numbers of the tags, (W,).
        """
        best: Ints = log_p.argmax(1)
        opening = best[:1] if within else np.append(self.outside, best[:1])
        chain = np.concatenate([opening, best[1:]])
        if self._follows[chain[:-1], chain[1:]].all():
            return best  # then no other sequence is likelier
        forbidden = np.where(self._follows, 0.0, -np.inf)  # (C, C)
        score = log_p[0] + (0.0 if within else forbidden[self.outside])
        back = np.zeros(log_p.shape, dtype=np.int64)
        for word in range(1, len(log_p)):
            paths = score[:, None] + forbidden  # (C, C)
            back[word] = paths.argmax(0)
            score = paths.max(0) + log_p[word]
        best[-1] = score.argmax()
        for word in range(len(log_p) - 1, 0, -1):
            best[word - 1] = back[word, best[word]]
        return best

    def whole(self, tags: Sequence[int]) -> list[int]:
        """The tags of a sentence from those of its parts: one for every word, none out of place.

        A word that the model was shown no token of is part of a span that goes on behind it, and a
        word that shares its token with the one before is of what that is; else both are outside.
        An I- that goes on with nothing, where two parts meet, begins a span.

        Args:
            tags: of each word its tag, or NO_TOKEN or SHARED.
        """
        found: list[int] = []
        before = self.outside
        for place, tag in enumerate(tags):
            made = tag
            if tag == SHARED:
                made = self._within(before)
            elif tag == NO_TOKEN:
                after = next((later for later in tags[place + 1 :] if later >= 0), self.outside)
                goes_on = self._inside[after] and self._follows[before, after]
                made = after if goes_on else self.outside
            elif not self._follows[before, tag]:
                made = self._beginning(tag)
            found.append(made)
            before = made
        return found

    def entities(self, tags: Sequence[int]) -> list[Entity]:
        """The spans that tags write, as seqeval tells them."""
        found: list[Entity] = get_entities([self.names[tag] for tag in tags])
        return found

    def _beginning(self, tag: int) -> int:
        """The tag that begins a span of the type that a tag has."""
        return self.ids[f"B-{self.names[tag][2:]}"]

    def _within(self, tag: int) -> int:
        """The tag of a word that belongs to what the word before belongs to."""
        return tag if tag == self.outside else self.ids[f"I-{self.names[tag][2:]}"]


def tag_names(types: Sequence[str]) -> list[str]:
    """O, and B- and I- of each type."""
    return [OUTSIDE, *(f"{prefix}-{kind}" for kind in types for prefix in "BI")]
