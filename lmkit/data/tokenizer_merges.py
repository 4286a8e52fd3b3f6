"""Learn byte-pair merges from counted words, in an order fixed by content.

The algorithm of Sennrich et al. 2016 (arXiv:1508.07909): merge the commonest pair of neighbors,
again and again; of equally common pairs, the one whose symbols were known first. The trainer of
`tokenizers` numbers the pieces inside words (`##a`) in the order of a hash map, and that number
breaks ties: so its vocabulary differs from one training to the next. Given the same symbols in the
same order, both find the same merges. Time and memory depend on the distinct words, not on the
length of the corpus.
"""

import heapq
import itertools
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

_BITS = 32  # a pair of symbol numbers in one integer: the left one above these bits


def learn_merges(
    words: Iterable[tuple[Sequence[int], int]],
    symbols: Sequence[str],
    *,
    size: int,
    min_frequency: int,
    join: Callable[[str, str], str] = str.__add__,
) -> tuple[list[str], list[tuple[str, str]]]:
    """The symbols with those learned behind them in the order of learning, and the merges.

    Args:
        words: Each distinct word as indices into `symbols`, and how often it occurs.
        symbols: The alphabet; a symbol's index breaks ties.
        size: How many symbols to end with, the alphabet included.
        min_frequency: Pairs that occur less often are not merged.
        join: The text of a merged pair.
    """
    names = list(symbols)
    number = {name: index for index, name in enumerate(names)}
    spelled, counts = _split(words)
    pair_counts, holders = _neighbors(spelled, counts)
    queue = [(-count, pair) for pair, count in pair_counts.items()]
    heapq.heapify(queue)
    merges: dict[tuple[str, str], None] = {}
    while len(names) < size:
        pair = _commonest(queue, pair_counts)
        if pair is None or pair_counts[pair] < min_frequency:
            break
        left, right = pair >> _BITS, pair & ((1 << _BITS) - 1)
        name = join(names[left], names[right])
        merged = number.setdefault(name, len(names))
        if merged == len(names):
            names.append(name)
        merges.setdefault((names[left], names[right]))
        grown: set[int] = set()
        for index in holders.pop(pair):
            for change, neighbors in _merge(spelled[index], left, right, merged):
                pair_counts[neighbors] += change * counts[index]
                if change > 0:
                    holders[neighbors].add(index)
                    grown.add(neighbors)
        del pair_counts[pair]
        for neighbors in grown:
            heapq.heappush(queue, (-pair_counts[neighbors], neighbors))
    return names, list(merges)


def _split(words: Iterable[tuple[Sequence[int], int]]) -> tuple[list[list[int]], list[int]]:
    """The spellings of the words and their counts, side by side."""
    spelled, counts = [], []
    for word, count in words:
        spelled.append(list(word))
        counts.append(count)
    return spelled, counts


def _neighbors(
    spelled: list[list[int]], counts: list[int]
) -> tuple[dict[int, int], dict[int, set[int]]]:
    """How often each pair of neighbors occurs, and in which words."""
    pair_counts: dict[int, int] = defaultdict(int)
    holders: dict[int, set[int]] = defaultdict(set)
    for index, (word, count) in enumerate(zip(spelled, counts, strict=True)):
        for left, right in itertools.pairwise(word):
            pair_counts[left << _BITS | right] += count
            holders[left << _BITS | right].add(index)
    return pair_counts, holders


def _commonest(queue: list[tuple[int, int]], pair_counts: dict[int, int]) -> int | None:
    """The pair to merge next, taken from the queue; None where there is none left."""
    while queue:
        negative, pair = heapq.heappop(queue)
        count = pair_counts.get(pair, 0)
        if count == -negative:
            return pair
        if 0 < count < -negative:  # since it was queued, other merges took some of its places
            heapq.heappush(queue, (-count, pair))
    return None


def _merge(word: list[int], left: int, right: int, merged: int) -> list[tuple[int, int]]:
    """Replace each `left right` by `merged` in place; how the pairs of neighbors changed."""
    changes = []
    at = -1
    try:
        while True:
            at = word.index(left, at + 1)
            if at + 1 == len(word) or word[at + 1] != right:
                continue
            if at > 0:
                changes.append((-1, word[at - 1] << _BITS | left))
                changes.append((1, word[at - 1] << _BITS | merged))
            if at + 2 < len(word):
                changes.append((-1, right << _BITS | word[at + 2]))
                changes.append((1, merged << _BITS | word[at + 2]))
            word[at : at + 2] = [merged]
    except ValueError:  # no further `left`
        return changes
