"""Cleaning: what each transform and filter costs beside reading the same files alone.

usage: python benchmarks/bench_clean.py [FILE ...] [--column text] [--rounds 5]

Without a file, the embedded `stdlib` set is read, about 10 MB of source that is in memory (so that
reading costs nothing); files are read from the disk. Each round reads
everything once plainly and once with the option: the first pass, that decides and counts. Seconds
are of this process alone (user and system), so that a busy machine tells nearly the same; the ratio
is the median of the rounds' own, time with the option to time without.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

from lmkit.data.clean_text import TextCleaner
from lmkit.data.judging import Judge
from lmkit.data.limits import FirstRows
from lmkit.data.rows import Source
from lmkit.data.sources import open_splits
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.sections import DataSection

OPTIONS: dict[str, dict[str, Any]] = {
    "html: entities": {"html": "entities"},
    "html: tags": {"html": "tags"},
    "unicode: NFC": {"unicode": "NFC"},
    "unicode: NFKC": {"unicode": "NFKC"},
    "replace (one URL pattern)": {"replace": {r"https?://\S+": "URL"}},
    "lowercase": {"lowercase": True},
    "stop_words: en": {"stop_words": "en"},
    "whitespace: lines": {"whitespace": "lines"},
    "whitespace: all": {"whitespace": "all"},
    "all common ones": {
        "html": "entities", "unicode": "NFC", "lowercase": True, "whitespace": "lines",
    },
    "drop (one pattern)": {"drop": ["lorem ipsum"]},
    "min_length": {"min_length": 1},
    "duplicates: exact": {"duplicates": "exact"},
    "duplicates: near": {"duplicates": "near"},
    "language": {"language": ["en"]},
}  # fmt: skip


def measured(work: Callable[[], object]) -> float:
    """The processor time of some work."""
    begin = time.process_time()
    work()
    return time.process_time() - begin


def read(source: Source) -> None:
    """Every row, and nothing with it."""
    for _ in source.rows():
        pass


def judge(source: Source, section: CleanSection, column: str) -> None:
    """The pass that decides and counts."""
    made = Judge(TextCleaner(section), section, text_column=column, label_column=None)
    made.judge(source, [])


def main() -> None:
    """Print a line for each option."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("files", nargs="*", metavar="FILE")
    parser.add_argument("--column", default="text", help="the column of the text")
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    options = CausalLMOptions(name="causal_lm", text_column=args.column)
    if args.files:
        data = DataSection(train=args.files, validation=args.files[0])
    else:
        data = DataSection(dataset="stdlib")
    source = open_splits(data, options).train
    texts = [row.values.get(args.column) for row in source.rows()]
    size = sum(len(text.encode()) for text in texts if isinstance(text, str)) / 1e6
    print(f"{len(texts):,} documents, {size:.1f} MB; {args.rounds} rounds")
    print(f"{'':<26} {'MB/s':>8} {'documents/s':>12} {'times reading':>14}")
    plain = statistics.median(measured(lambda: read(source)) for _ in range(args.rounds))
    print(f"{'reading alone':<26} {size / plain:>8.1f} {len(texts) / plain:>12,.0f} {1:>14.2f}")
    for name, keys in OPTIONS.items():
        section = CleanSection(**keys)
        judge(FirstRows("train", source, 2), section, args.column)  # loads what it needs
        pairs = []
        for _ in range(args.rounds):
            alone = measured(lambda: read(source))
            pairs.append((measured(lambda s=section: judge(source, s, args.column)), alone))
        cleaned = statistics.median(time for time, _ in pairs)
        ratio = statistics.median(time / alone for time, alone in pairs)
        own = max(cleaned - plain, 1e-9)
        print(
            f"{name:<26} {size / cleaned:>8.1f} {len(texts) / cleaned:>12,.0f} {ratio:>14.2f}"
            f"   by itself {size / own:,.0f} MB/s",
            flush=True,
        )


if __name__ == "__main__":
    main()
