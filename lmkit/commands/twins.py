"""`lmkit eval --swaps`: what a model makes of texts, and of their twins with words swapped."""

from typing import Any

from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.subject import Subject
from lmkit.data.rows import Row
from lmkit.data.sources import open_files
from lmkit.data.swaps import AFTER, ALONE, BUILT_IN, Swaps, read_swaps
from lmkit.data.text_columns import TextColumns
from lmkit.data.twins import Affected
from lmkit.details.scored import BY_COLUMN
from lmkit.errors import DataError, UsageError
from lmkit.evaluation.counterfactual import Twins
from lmkit.evaluation.scoring import Progress, score
from lmkit.evaluation.twin_gaps import TwinGaps
from lmkit.recipe.sections import DataSection
from lmkit.tasks.base import Rows
from lmkit.tasks.classification import Classification

_KINDS = {
    "gender": ("words for men", "words for women"),
    "names": ("names of men", "names of women"),
}
_GUESSED = (
    "`her` becomes `his`, and `his` becomes `her`; before a mark, the end or one of "
    f"{len(AFTER)} words that seldom begin what somebody has (`to`, `and`, `the`) they become "
    "`him` and `hers`: a guess by the next word, which is sometimes wrong."
)


def swap_list(asked: str, options: Any) -> Swaps:
    """The swaps that are asked for.

    Args:
        asked: `gender`, `names`, or a file with the columns `from` and `to`.
        options: of the task.

    Raises:
        DataError: the file holds no pairs.
    """
    if asked in BUILT_IN:
        return Swaps(BUILT_IN[asked], ALONE if asked == "gender" else None)
    section = DataSection(train=asked)
    return read_swaps(open_files(asked, section, options, name="swaps", key="--swaps"))


def score_twins(
    subject: Subject, target: str, asked: str, batch_size: int, progress: Progress | None
) -> Evaluation:
    """Score the rows that hold words of the list, and their twins.

    Raises:
        UsageError: what the task predicts are places in texts, which a swap would move.
        DataError: no text holds such a word.
    """
    task = subject.task
    spans = getattr(task.options, "spans_column", None)
    if task.options.has_offsets and spans is None:
        raise UsageError(
            f"--swaps: not for {task.options.name}, whose answers are places in a text, which "
            f"words of another length would move; {target} is scored as that"
        )
    swaps, columns = swap_list(asked, task.options), TextColumns.of(task.options)
    if spans is not None:
        task.check(subject.source)  # what is no span cannot be moved
    plain, swapped = (
        Affected(subject.source, swaps, columns, is_swapped, spans) for is_swapped in (False, True)
    )
    ways = [way for _, _, way in plain.pairs()]
    if not ways:
        raise DataError(f"--swaps {asked}: no text of {subject.split} holds such a word")
    before, after = (_rows(subject, one, batch_size, progress) for one in (plain, swapped))
    twins = _compared(subject, before, after, ways)
    wanted = twins.largest()
    shown = {
        number: (row, twin)
        for number, (row, twin, _) in enumerate(plain.pairs())
        if number in set(wanted)
    }
    texts = []
    for at in wanted:
        row, twin = shown[at]
        texts.append((at, row.origin, _text(row, columns), _text(twin, columns)))
    kinds = _KINDS.get(asked, ("`from`", "`to`"))
    metrics, definition = twins.metrics(), twins.definition(" or ".join(kinds))
    return Evaluation(
        task=task.options.name,
        split=subject.split,
        metrics=metrics,
        intervals=twins.intervals(),
        baselines={},
        counts=twins.counts(),
        definition=f"{definition} {_GUESSED}" if asked == "gender" else definition,
        main=(next(iter(metrics), "loss_gap"), False),
        details=[twins.by_kind(f"{BY_COLUMN}kind", kinds), twins.texts(texts)],
    )


def _compared(subject: Subject, before: Rows, after: Rows, ways: list[int]) -> Twins | TwinGaps:
    """Of a classifier what it says, of any other task its metrics."""
    task = subject.task
    if isinstance(task, Classification):
        return Twins(before, after, ways, task.problem.names, subject.seed)
    return TwinGaps(
        task.units(before), task.units(after), (before, after), ways, subject.seed,
        task.metrics(before),
    )  # fmt: skip


def _rows(subject: Subject, source: Affected, batch_size: int, progress: Progress | None) -> Rows:
    """What the task keeps of each row."""
    task = subject.task
    examples = task.examples(source, subject.tokenizer, seed=subject.seed, training=False)
    task.attach(subject.model)
    try:
        return score(subject.model, task, examples, batch_size=batch_size, progress=progress)
    finally:
        task.detach(subject.model)


def _text(row: Row, columns: TextColumns) -> str:
    return " | ".join(columns.read(row.values))
