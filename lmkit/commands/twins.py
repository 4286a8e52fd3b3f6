"""`lmkit eval --swaps`: what a classifier says of texts, and of their twins with words swapped."""

from typing import Any

from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.subject import Subject
from lmkit.data.rows import column
from lmkit.data.sources import open_files
from lmkit.data.swaps import BUILT_IN, Affected, Swaps, read_swaps
from lmkit.details.scored import BY_COLUMN
from lmkit.errors import DataError, UsageError
from lmkit.evaluation.counterfactual import Twins
from lmkit.evaluation.scoring import Progress, score
from lmkit.recipe.sections import DataSection
from lmkit.tasks.base import Rows

_KINDS = {
    "gender": ("words for men", "words for women"),
    "names": ("names of men", "names of women"),
}


def swap_list(asked: str, options: Any) -> Swaps:
    """The swaps that are asked for.

    Args:
        asked: `gender`, `names`, or a file with the columns `from` and `to`.
        options: of the task.

    Raises:
        DataError: the file holds no pairs.
    """
    if asked in BUILT_IN:
        return Swaps(BUILT_IN[asked])
    section = DataSection(train=asked)
    return read_swaps(open_files(asked, section, options, name="swaps", key="--swaps"))


def score_twins(
    subject: Subject, target: str, asked: str, batch_size: int, progress: Progress | None
) -> Evaluation:
    """Score the texts that hold words of the list, and their twins.

    Raises:
        UsageError: the target is no classifier.
        DataError: no text holds such a word.
    """
    task = subject.task
    if task.options.name != "classification":
        raise UsageError(
            f"--swaps: is for classification; {target} is scored as {task.options.name}"
        )
    swaps, columns = swap_list(asked, task.options), task.options.text_columns
    plain, swapped = (
        Affected(subject.source, swaps, columns, is_swapped) for is_swapped in (False, True)
    )
    ways = [way for _, _, way in plain.pairs()]
    if not ways:
        raise DataError(f"--swaps {asked}: no text of {subject.split} holds such a word")
    before, after = (_rows(subject, one, batch_size, progress) for one in (plain, swapped))
    twins = Twins(before, after, ways, task.problem.names, subject.seed)  # type: ignore[attr-defined]
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
    return Evaluation(
        task=task.options.name,
        split=subject.split,
        metrics=twins.metrics(),
        intervals=twins.intervals(),
        baselines={},
        counts=twins.counts(),
        definition=twins.definition(" or ".join(kinds)),
        main=("mean_shift", False),
        details=[twins.by_output(f"{BY_COLUMN}output", kinds), twins.texts(texts)],
    )


def _rows(subject: Subject, source: Affected, batch_size: int, progress: Progress | None) -> Rows:
    """What the task keeps of each row."""
    task = subject.task
    examples = task.examples(source, subject.tokenizer, seed=subject.seed, training=False)
    task.attach(subject.model)
    try:
        return score(subject.model, task, examples, batch_size=batch_size, progress=progress)
    finally:
        task.detach(subject.model)


def _text(row: Any, columns: tuple[str, ...]) -> str:
    return " | ".join(column(row, name) for name in columns)
