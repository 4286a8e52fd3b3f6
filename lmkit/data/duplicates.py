"""Which texts say again what an earlier one said: exactly, or nearly.

Both finders are given texts one by one and keep hashes alone. Shape letters: D texts, P hash
functions.
"""

from array import array
from hashlib import blake2b
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from lmkit.data.clean_libraries import library
from lmkit.recipe.cleaning import CleanSection

HASHES = 128
"""P. An estimated similarity s has a standard deviation of sqrt(s (1 - s) / P): 0.035 at 0.8."""
_DIGEST = 16  # bytes: of 10**12 texts two differ under the same digest with a chance of 2e-15
# What the index is tuned for: that few pairs are missed. Those it proposes are compared anyway.
_WEIGHTS = (0.1, 0.9)
_STEEPEST = 0.95  # above, an index of 128 hashes would have one band or two


class Finder(Protocol):
    """Finds, for each text, the first one that it repeats."""

    def add(self, text: str) -> None:
        """Take the next text."""

    def firsts(self) -> NDArray[np.int64]:
        """(D,): the number of the text that each one repeats; its own where it is the first."""


def finder(section: CleanSection) -> Finder:
    """The finder that a recipe asks for."""
    if section.duplicates != "near":
        return ExactFinder()
    return NearFinder(section.near_threshold, section.near_units, section.near_ngram)


class ExactFinder:
    """Equal texts, by 16 bytes of a BLAKE2 hash each."""

    def __init__(self) -> None:
        self._digests = bytearray()

    def add(self, text: str) -> None:
        """Take the next text."""
        self._digests += blake2b(
            text.encode("utf-8", "surrogatepass"), digest_size=_DIGEST
        ).digest()

    def firsts(self) -> NDArray[np.int64]:
        """(D,): the number of the first text with the same digest."""
        halves = np.frombuffer(self._digests, dtype=np.uint64).reshape(-1, 2)  # (D, 2)
        order = np.lexsort((halves[:, 1], halves[:, 0]))  # stable: equal ones as they came
        ordered = halves[order]
        begins = np.ones(len(order), dtype=bool)
        begins[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
        found = np.empty(len(order), dtype=np.int64)
        found[order] = order[begins][np.cumsum(begins) - 1]
        return found


class NearFinder:
    """Texts whose n-grams are nearly the same, by MinHash (Broder 1997) and banding.

    The similarity of two texts is that of Jaccard, of their sets of n-grams (words parted by white
    space, or characters; case makes no difference; a shorter text is one n-gram). A text repeats a
    kept one if the share of P hash functions with equal minima (an estimate of the similarity
    without bias) reaches the threshold; only texts that agree in a band of them are compared (Lee
    et al. 2021, arXiv:2107.06499, appendix A), which a pair of similarity s does with a chance of
    1 - (1 - s**r)**b: at a threshold of 0.8 b = 14 bands of r = 9, so that 87 % of pairs at 0.8 and
    97 % of those at 0.85 are seen. What was left out is not compared with any more.

    Memory: 512 bytes of hashes and about 4 kB of index for each text that is kept.
    """

    def __init__(self, threshold: float, units: str, ngram: int) -> None:
        sketches = library("datasketch")
        self._threshold = threshold
        self._units = units
        self._ngram = ngram
        self._empty = sketches.MinHash(
            num_perm=HASHES, seed=1, hashfunc=library("xxhash").xxh32_intdigest
        )
        self._index = sketches.MinHashLSH(
            threshold=min(threshold, _STEEPEST), num_perm=HASHES, weights=_WEIGHTS
        )
        self._kept = np.empty((1024, HASHES), dtype=np.uint32)  # signatures, room for more
        self._numbers = array("q")  # of the texts that they belong to
        self._firsts = array("q")

    def add(self, text: str) -> None:
        """Take the next text and compare it."""
        sketch = self._empty.copy()
        sketch.update_batch(self.ngrams(text))
        signature = sketch.hashvalues  # (P,)
        near = sorted(self._index.query(sketch))
        agree = np.count_nonzero(self._kept[near] == signature, axis=1) if near else np.zeros(0)
        enough = np.flatnonzero(agree >= self._threshold * HASHES)
        if len(enough):
            self._firsts.append(self._numbers[near[enough[0]]])
            return
        place = len(self._numbers)
        if place == len(self._kept):
            self._kept = np.concatenate([self._kept, np.empty_like(self._kept)])
        self._kept[place] = signature
        self._index.insert(place, sketch, check_duplication=False)
        self._numbers.append(len(self._firsts))
        self._firsts.append(len(self._firsts))

    def firsts(self) -> NDArray[np.int64]:
        """(D,): the number of the first kept text that each one nearly repeats."""
        return np.array(self._firsts, dtype=np.int64)

    def ngrams(self, text: str) -> set[bytes]:
        """The set of n-grams of a text, at least one."""
        size = self._ngram
        if self._units == "characters":
            letters = " ".join(text.lower().split())
            starts = range(max(1, len(letters) - size + 1))
            return {letters[at : at + size].encode("utf-8", "surrogatepass") for at in starts}
        words = text.lower().split()
        starts = range(max(1, len(words) - size + 1))
        return {" ".join(words[at : at + size]).encode("utf-8", "surrogatepass") for at in starts}
