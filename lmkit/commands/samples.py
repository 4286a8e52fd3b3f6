"""`lmkit eval --samples`: screen texts that a model wrote, as `lmkit generate` leaves them.

Looked for are personal data, the words of a list, and copies from the run's training data.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from transformers import PreTrainedTokenizerBase

from lmkit.commands.contaminated import Trained, runs_in, text_of, trained_by
from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.subject import SEED, task_of
from lmkit.data.ngrams import covered, longest_run
from lmkit.data.sources import Row, column, open_files
from lmkit.data.tokenizer import end_token_id
from lmkit.errors import UsageError
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.interval import Interval, bootstrap_ratio, wilson
from lmkit.evaluation.screening import PATTERNS, WordList, personal_data
from lmkit.recipe.sections import DataSection

COPIED = 50
"""Tokens in a row that make a copy, as Carlini et al. 2023 take (arXiv:2202.07646)."""
SHOWN = 20


@dataclass(frozen=True)
class Texts:
    """N texts as documents of tokens, each with an end token."""

    tokens: Any
    """(I,)"""
    offsets: Any
    """(N + 1,)"""
    bytes: Any
    """(N,)"""


def screen_samples(
    target: str, file: str, *, words: str | None, text_column: str | None, size: int | None
) -> Evaluation:
    """Screen the texts of a file.

    Args:
        target: what wrote them; of a run its training data is looked through for copies.
        file: of texts, in any format of rows.
        words: a file of words and phrases, one a line; None: none are looked for.
        text_column: the column of the texts; None: `text`.
        size: tokens in a row that make a copy; None: 50.

    Raises:
        LmkitError: a file cannot be read, or the target's training data is not there.
    """
    name = text_column or "text"
    task = task_of(target)
    source = open_files(
        file, DataSection(train=file), task.options, name="samples", key="--samples"
    )
    rows = [row for row in source.rows() if not _is_blank(row.values.get(name))]
    texts = [column(row, name) for row in rows]
    if not texts:
        raise UsageError(f"--samples {file}: every text is blank")
    trained = trained_by(target)
    screen = _Screen(rows, texts, SEED if trained is None else trained.seed)
    screen.personal()
    if words is not None:
        screen.words(_word_list(words))
    if trained is None:
        screen.definition.append(f"Copies of training data are not looked for: {target} is no run.")
    else:
        screen.copies(trained, size or COPIED)
    return Evaluation(
        task=task.options.name,
        split=file,
        metrics=screen.metrics,
        intervals=screen.intervals,
        baselines={},
        counts=screen.counts,
        definition=" ".join(screen.definition),
        main=("personal_share", False),
        details=screen.details,
    )


class _Screen:
    """What was found so far."""

    def __init__(self, rows: Sequence[Row], texts: Sequence[str], seed: int) -> None:
        self._rows, self._texts, self._seed = rows, texts, seed
        self.metrics: dict[str, float] = {}
        self.intervals: dict[str, Interval] = {}
        self.counts = {"texts": len(texts)}
        self.definition: list[str] = []
        self.details: list[Detail] = []

    def personal(self) -> None:
        """Texts with what looks like personal data."""
        found = [personal_data(text) for text in self._texts]
        self._share("personal_share", [bool(matches) for matches in found])
        self.definition.append(
            f"personal_share: texts with what has the form of {', '.join(PATTERNS)}, check digits "
            "and ranges included; it need not be anybody's, and names, addresses and other numbers "
            "are not looked for."
        )
        of = Counter(match.kind for matches in found for match in matches)
        texts = Counter(kind for matches in found for kind in {one.kind for one in matches})
        listed = [
            [self._rows[at].origin, match.kind, match.masked()]
            for at, matches in enumerate(found) for match in matches
        ]  # fmt: skip
        self.details += [
            Detail(
                "personal_data", "What looks like personal data",
                "By kind: the texts that hold it, and how often it was found.",
                "table", ["kind", "texts", "found"], [[k, texts[k], of[k]] for k in PATTERNS],
            ),
            Detail(
                "personal_places", "Where it stands",
                f"The first {SHOWN} places; only the ends of what was found are shown.",
                "texts", ["where", "kind", "found"], listed[:SHOWN],
            ),
        ]  # fmt: skip

    def words(self, listed: WordList) -> None:
        """Texts with words of the list."""
        found = [listed.found(text) for text in self._texts]
        self._share("word_share", [bool(one) for one in found])
        self.definition.append(
            f"word_share: texts with any of the {len(listed):,} entries of the list, as whole "
            "words in any case. A word alone does not tell how it is meant, and harm needs none."
        )
        total: Counter[str] = sum(found, Counter())
        texts = Counter(word for one in found for word in one)
        self.details.append(
            Detail(
                "words", "Words of the list", f"The {SHOWN} found most.", "table",
                ["entry", "texts", "found"],
                [[word, texts[word], count] for word, count in total.most_common(SHOWN)],
            )
        )  # fmt: skip

    def copies(self, trained: Trained, size: int) -> None:
        """Texts with a run of tokens that the training data holds."""
        tokenizer = trained.tokenizer
        texts = _tokens(self._texts, tokenizer)
        found = runs_in(trained, texts, size).found()
        inside = [covered(one, size) for one in found]
        lengths = np.diff(texts.offsets) - 1
        self._share("copied_share", [bool(one.any()) for one in found])
        tokens = np.array([int(one.sum()) for one in inside])
        self.metrics["copied_tokens"] = float(tokens.sum() / max(int(lengths.sum()), 1))
        if (ends := bootstrap_ratio(tokens, lengths, self._seed)) is not None:
            self.intervals["copied_tokens"] = ends
        self.counts["too_short"] = int((lengths < size).sum())
        self.definition.append(
            f"copied_share: texts with {size} tokens in a row that stand so in the training data "
            "of the run (Carlini et al. 2023, arXiv:2202.07646); copied_tokens: the share of "
            "tokens that lie in such runs. Texts of fewer tokens (too_short) cannot be found, nor "
            "can copies with a change, or what an earlier training of the model saw."
        )
        longest: list[tuple[str, int, str]] = []
        for at in np.flatnonzero(tokens).tolist():
            begin, end = longest_run(inside[at])
            text = text_of(tokenizer, texts, at, begin, end - begin)
            longest.append((self._rows[at].origin, end - begin, text))
        longest.sort(key=lambda row: -row[1])
        self.details.append(
            Detail(
                "copies", "The longest copies",
                "The longest stretches in which each token lies in a run that was trained on.",
                "texts", ["where", "tokens", "text"], longest[:SHOWN],
            )
        )  # fmt: skip

    def _share(self, name: str, flags: Sequence[bool]) -> None:
        self.metrics[name] = sum(flags) / len(flags)
        self.intervals[name] = wilson(sum(flags), len(flags))


def _is_blank(value: Any) -> bool:
    """Whether a model wrote nothing."""
    return isinstance(value, str) and not value.strip()


def _word_list(file: str) -> WordList:
    """The entries of a file.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        found = WordList(Path(file).read_text(encoding="utf-8").splitlines())
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--words {file}: cannot be read: {error}") from error
    if not len(found):
        raise UsageError(f"--words {file}: holds no word; one a line is needed")
    return found


def _tokens(texts: Sequence[str], tokenizer: PreTrainedTokenizerBase) -> Texts:
    """The texts as documents."""
    end = end_token_id(tokenizer)
    ids = [
        np.array([*tokenizer(text, add_special_tokens=False, verbose=False)["input_ids"], end])
        for text in texts
    ]
    sizes = np.array([len(text.encode()) for text in texts])
    return Texts(np.concatenate(ids), np.cumsum([0, *map(len, ids)]), sizes)
