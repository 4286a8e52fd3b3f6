"""Training a tokenizer: lmkit beside the trainers of `tokenizers` alone, time and peak memory.

usage: python benchmarks/bench_tokenizer.py [--rounds 5] [--types bpe ...] [--work DIR]

Each round trains every tokenizer once with each contestant, in turns and in fresh processes, on the
same JSON Lines; reading them counts. `tokenizers` gets the same normalizer, pre-tokenizer, alphabet
and size. Its Unigram trainer needs minutes for what lmkit learns in seconds, so that type is
trained on 3 MB. With --large each contestant also reads the corpus ten times over, once: peak
memory should be that of the corpus itself. Printed: medians, and medians of the ratios in a round,
of seconds by the clock and of processor seconds, which the load of the machine moves less.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

HERE = Path(__file__).parent
VOCABULARY = 16384
MEGABYTES = {"bpe": 30, "wordpiece": 30, "unigram": 3}
SPECIAL = {
    "bpe": ["<|endoftext|>", "<|pad|>"],
    "wordpiece": ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"],
    "unigram": ["<unk>"],
}


def texts(corpus: Path) -> Iterator[str]:
    """The documents, as a user of `tokenizers` would read them."""
    with corpus.open(encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)["text"]


def train_peer(kind: str, corpus: Path) -> None:
    """`tokenizers` alone."""
    common: dict[str, Any] = {
        "vocab_size": VOCABULARY, "special_tokens": SPECIAL[kind], "show_progress": False,
    }  # fmt: skip
    trainer: Any
    if kind == "bpe":
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(min_frequency=2, initial_alphabet=alphabet, **common)
    elif kind == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer = trainers.WordPieceTrainer(min_frequency=2, **common)
    else:
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
        trainer = trainers.UnigramTrainer(unk_token="<unk>", **common)
    tokenizer.train_from_iterator(texts(corpus), trainer)


def train_lmkit(kind: str, corpus: Path) -> None:
    """As `lmkit pretrain` does, from the file to the tokenizer."""
    # only this contestant pays for torch and transformers, before its clock starts
    from lmkit.data.files import find_files  # noqa: PLC0415
    from lmkit.data.sources import FileSource  # noqa: PLC0415
    from lmkit.data.text import Reading  # noqa: PLC0415
    from lmkit.data.tokenizer_training import train_tokenizer  # noqa: PLC0415
    from lmkit.recipe.sections import TokenizerTraining  # noqa: PLC0415

    with measured():
        source = FileSource("train", find_files(str(corpus), "data.train"), Reading())
        train_tokenizer(
            TokenizerTraining(type=kind, vocab_size=VOCABULARY),
            (row.values["text"] for row in source.rows()),
            model_max_length=1024,
            kind="masked" if kind == "wordpiece" else "causal",
        )


def memory(name: str) -> float:
    """What this process holds (VmRSS), or has held at most (VmHWM), in MB (Linux)."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(name):
            return int(line.split()[1]) / 1024
    raise OSError(f"no {name} in /proc/self/status")


@contextmanager
def measured() -> Iterator[None]:
    """Print one JSON line; memory is what was added to the libraries that were loaded before."""
    held, started, used = memory("VmRSS"), time.perf_counter(), time.process_time()
    yield
    found = {"seconds": time.perf_counter() - started, "cpu": time.process_time() - used}
    print(json.dumps({**found, "mb": memory("VmHWM") - held}))


def contest(who: str, kind: str, corpus: Path) -> dict[str, float]:
    """One training in a process of its own."""
    command = [sys.executable, __file__, "--one", who, kind, str(corpus)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{who} {kind}\n{done.stderr[-3000:]}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def make_corpus(work: Path, megabytes: int) -> Path:
    """The standard library's own source as JSON Lines, written once."""
    corpus = work / f"corpus-{megabytes}.jsonl"
    if not corpus.exists():
        command = [sys.executable, str(HERE / "baselines" / "corpus.py"), str(corpus)]
        subprocess.run([*command, "--max-mb", str(megabytes)], check=True, capture_output=True)
    return corpus


def ten_times(corpus: Path) -> Path:
    """The corpus ten times over, in one file."""
    large = corpus.with_name(f"ten-times-{corpus.name}")
    if not large.exists():
        content = corpus.read_bytes()
        with large.open("wb") as file:
            for _ in range(10):
                file.write(content)
    return large


def main() -> None:
    """Run the rounds and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--types", nargs="+", choices=list(MEGABYTES), default=list(MEGABYTES))
    parser.add_argument("--large", action="store_true", help="peak memory on ten times the text")
    parser.add_argument("--work", type=Path)
    parser.add_argument("--one", nargs=3, metavar=("WHO", "TYPE", "CORPUS"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        who, kind, path = args.one
        if who == "lmkit":
            train_lmkit(kind, Path(path))
            return
        with measured():
            train_peer(kind, Path(path))
        return
    work = args.work or Path(tempfile.mkdtemp())
    work.mkdir(parents=True, exist_ok=True)
    for kind in args.types:
        corpus = make_corpus(work, MEGABYTES[kind])
        rounds = []
        for turn in range(args.rounds):
            found = {who: contest(who, kind, corpus) for who in ("tokenizers", "lmkit")}
            rounds.append(found)
            seconds = {who: round(result["seconds"], 2) for who, result in found.items()}
            print(kind, f"round {turn + 1}: seconds", seconds, flush=True)
        show(kind, rounds)
        if args.large:
            for who in ("tokenizers", "lmkit"):
                large = contest(who, kind, ten_times(corpus))
                print(f"  {who}, ten times: {large['cpu']:.1f} s, {large['mb']:.0f} MB", flush=True)


def show(kind: str, rounds: list[dict[str, dict[str, float]]]) -> None:
    """Medians, and the median of the ratios within a round."""
    print(f"\n{kind}, {MEGABYTES[kind]} MB, {VOCABULARY} entries: medians of {len(rounds)} rounds")
    for who in ("tokenizers", "lmkit"):
        cells = [statistics.median(r[who][of] for r in rounds) for of in ("seconds", "cpu", "mb")]
        print("  {:<10}  {:8.2f} s  {:8.2f} processor s  {:6.0f} MB".format(who, *cells))
    for of, what in (("seconds", "speed"), ("cpu", "speed in processor seconds")):
        ratio = statistics.median(r["tokenizers"][of] / r["lmkit"][of] for r in rounds)
        print(f"  {what}, lmkit / tokenizers: {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
