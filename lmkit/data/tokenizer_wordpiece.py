"""Learn the pieces of a WordPiece tokenizer: as fast as `tokenizers`, and the same each time.

Its trainer numbers the symbols inside words (`##a`) as it meets them in a hash map, and that number
breaks ties; so its vocabulary differs from one training to the next. Special tokens are numbered
before anything is counted: named as those, in order, the symbols keep their numbers. Where a text
holds one that was not named, or more symbols than there is room for, `tokenizer_merges` learns from
the counted words; both find the same merges.
"""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from itertools import chain

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

from lmkit.data.tokenizer_merges import learn_merges

INSIDE = "##"
PEEK = 1_000_000
"""Characters that tell whether a corpus is mostly ASCII."""
MOSTLY = 0.8
"""The share of plain lines from which on Python normalizes the others faster than `tokenizers`
normalizes all (a quarter of the time it takes to train)."""

_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")  # BERT's normalizer removes them
_PLANE_3 = 0x30000  # beyond it are only ideographs, each of which is a word


def learn_wordpiece(
    texts: Iterable[str], *, size: int, min_frequency: int, lowercase: bool
) -> list[str]:
    """The alphabet, then pieces in the order they were learned: at most `size` together.

    The alphabet takes half of `size` at most: of more symbols, the commonest.

    Args:
        texts: Read once; words are those of BERT's normalizer and pre-tokenizer.
        size: Pieces wanted; fewer where the words hold fewer.
        min_frequency: Pairs that occur less often are not merged.
        lowercase: Whether to lower-case and strip accents.
    """
    seeds = _inside_symbols()
    normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    counter = Tokenizer(models.BPE(continuing_subword_prefix=INSIDE))
    counter.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    plain, texts = _is_mostly_plain(texts)
    if plain:
        texts = (_normalized(text, normalizer, lowercase=lowercase) for text in texts)
    else:
        counter.normalizer = normalizer
    trainer = trainers.BpeTrainer(
        vocab_size=len(seeds) + size,
        min_frequency=min_frequency,
        special_tokens=seeds,
        continuing_subword_prefix=INSIDE,
        show_progress=False,
    )
    counter.train_from_iterator(texts, trainer)
    words: dict[str, int] = json.loads(trainer.__getstate__())["BpeTrainer"]["words"]
    symbols = _symbols(words)
    if len(symbols) <= size // 2 and _inside(symbols) <= set(seeds):
        merges = json.loads(counter.model.__getstate__())["merges"]
        return _pieces(_in_order(symbols), merges, size)
    return learn_from_words(words, size=size, min_frequency=min_frequency)


def learn_from_words(words: Mapping[str, int], *, size: int, min_frequency: int) -> list[str]:
    """As `learn_wordpiece`, from counted words, for any symbols: in Python, and slower."""
    counts = _symbols(words)
    common = sorted(counts, key=lambda symbol: (-counts[symbol], symbol))[: max(size // 2, 1)]
    alphabet = _in_order(common)
    # of equally common pairs that comes first whose symbols do: those inside words before others
    ranked = sorted(alphabet, key=lambda symbol: (len(symbol) == 1, symbol))
    number = {symbol: index for index, symbol in enumerate(ranked)}
    spelled = ((_spelling(word), count) for word, count in sorted(words.items()))
    _, merges = learn_merges(
        (([number[c] for c in word], n) for word, n in spelled if number.keys() >= set(word)),
        ranked,
        size=size,
        min_frequency=min_frequency,
        join=_join,
    )
    return _pieces(alphabet, merges, size)


@cache
def _inside_symbols() -> list[str]:
    """`##` and every character that may stand inside a word: letters, marks, numbers, signs."""
    return [
        INSIDE + character
        for character in map(chr, range(_PLANE_3))
        if unicodedata.category(character)[0] in "LMNS"
        and not unicodedata.name(character, "").startswith("CJK")
    ]


def _is_mostly_plain(texts: Iterable[str]) -> tuple[bool, Iterator[str]]:
    """Whether the first texts are mostly ASCII, and all of the texts."""
    stream, seen, characters, odd = iter(texts), [], 0, 0
    for text in stream:
        seen.append(text)
        characters += len(text)
        odd += 0 if text.isascii() else sum(len(n) for n in text.split("\n") if not n.isascii())
        if characters >= PEEK:
            break
    return odd <= (1 - MOSTLY) * characters, chain(seen, stream)


def _normalized(text: str, normalizer: normalizers.Normalizer, *, lowercase: bool) -> str:
    """What BERT's normalizer makes of a text, as far as words go; of ASCII, by `str.lower`.

    Its white space may differ, which parts words all the same.
    """
    if text.isascii() and not _CONTROL.search(text):
        return text.lower() if lowercase else text
    lines = []
    for line in text.split("\n"):
        if line.isascii() and not _CONTROL.search(line):
            lines.append(line.lower() if lowercase else line)
        else:
            lines.append(str(normalizer.normalize_str(line)))
    return "\n".join(lines)


def _symbols(words: Mapping[str, int]) -> Counter[str]:
    """How often each symbol occurs; of those inside words, the bare character is one too."""
    first, inside = Counter[str](), Counter[str]()
    for word, count in words.items():
        first[word[0]] += count
        for character in word[1:]:
            inside[character] += count
    counts = Counter({INSIDE + character: count for character, count in inside.items()})
    counts.update(first)
    counts.update(dict.fromkeys(inside, 0))
    return counts


def _inside(symbols: Iterable[str]) -> set[str]:
    """The symbols that stand inside words."""
    return {symbol for symbol in symbols if len(symbol) > 1}


def _in_order(symbols: Iterable[str]) -> list[str]:
    """An alphabet in the order of its ids: characters, then those inside words."""
    return sorted(symbols, key=lambda symbol: (len(symbol) > 1, symbol))


def _spelling(word: str) -> list[str]:
    """`word` as its first character and `##` before each other."""
    return [word[0], *(INSIDE + character for character in word[1:])]


def _pieces(
    alphabet: Iterable[str], merges: Iterable[tuple[str, str] | list[str]], size: int
) -> list[str]:
    """The alphabet and what the merges make, each once, up to `size`."""
    pieces = dict.fromkeys(alphabet)
    for left, right in merges:
        if len(pieces) >= size:
            break
        pieces.setdefault(_join(left, right))
    return list(pieces)


def _join(left: str, right: str) -> str:
    return left + right.removeprefix(INSIDE)
