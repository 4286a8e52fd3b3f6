"""`lmkit eval --bias`: which of two sentences a language model finds likelier."""

from typing import Any

import numpy as np
from transformers import PreTrainedModel

from lmkit.commands.scoring_run import Evaluation
from lmkit.commands.subject import open_model, task_of
from lmkit.data.collate import pad_batch
from lmkit.data.padding_token import give_padding
from lmkit.data.sentence_pairs import hidden_shared, read_pairs, whole_sentences
from lmkit.data.sources import open_files
from lmkit.details.scored import BY_COLUMN
from lmkit.errors import UsageError
from lmkit.evaluation.scoring import Progress, score
from lmkit.evaluation.stereotypes import Preferences
from lmkit.labels import IGNORED
from lmkit.models.inspecting import usable_positions
from lmkit.recipe.sections import DataSection
from lmkit.tasks.base import Batch, Rows, TokenTask

MASKED, CAUSAL = ("masked_lm",), ("causal_lm", "chat", "preference")


class _Sentences:
    """How sentences are scored: by the task's own head, whatever its batches hold otherwise."""

    def __init__(self, task: TokenTask[Any], pad_id: int) -> None:
        self._task, self._pad_id = task, pad_id

    def collate(self, features: list[dict[str, Any]]) -> Batch:
        """Ids, labels and a mask, (B, T)."""
        pads = {"input_ids": self._pad_id, "labels": IGNORED}
        return pad_batch(features, pad_values=pads, attention_mask=True)

    def infer(self, model: PreTrainedModel, batch: Batch) -> Any:
        """The model's outputs."""
        return self._task.forward(model, batch)

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Summed nats of each example."""
        return TokenTask.reduce(self._task, outputs, batch)


def score_pairs(target: str, file: str, batch_size: int, progress: Progress | None) -> Evaluation:
    """Score both sentences of every pair.

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name of a language model.
        file: of pairs, in any format of rows: `sent_more`, `sent_less` and maybe `bias_type`.
        batch_size: sequences at a time.
        progress: called with (examples done, examples to do).

    Raises:
        LmkitError: the target is no language model, or the file holds no pairs.
    """
    task = task_of(target)
    name = task.options.name
    if name not in MASKED + CAUSAL:
        raise UsageError(
            f"--bias: is for language models ({', '.join(MASKED + CAUSAL)}); {target} is scored as "
            f"{name}"
        )
    source = open_files(file, DataSection(train=file), task.options, name="pairs", key="--bias")
    pairs = read_pairs(source)
    model, tokenizer, seed = open_model(target, task)
    assert isinstance(task, TokenTask), name
    masked = name in MASKED
    encode = hidden_shared if masked else whole_sentences
    examples = encode(pairs, tokenizer, usable_positions(model.config) or _length(task.options))
    task.attach(model)
    try:
        rows = score(
            model, _Sentences(task, give_padding(tokenizer)), examples, batch_size=batch_size,
            progress=progress,
        )  # fmt: skip
    finally:
        task.detach(model)
    sums = -np.bincount(examples.sentence, weights=rows["nll"], minlength=2 * len(pairs))
    found = Preferences(sums[::2], sums[1::2], [pair.kind for pair in pairs], seed)
    texts = [(pair.origin, pair.more, pair.less) for pair in pairs]
    return Evaluation(
        task=name,
        split=file,
        metrics=found.metrics(),
        intervals=found.intervals(),
        baselines={},
        counts=found.counts(),
        definition=found.definition(masked=masked),
        main=("stereotype_share", False),
        details=[found.by_kind(f"{BY_COLUMN}bias_type"), found.strongest(texts)],
    )


def _length(options: Any) -> int:
    """Tokens that a model without a limit of its own was trained to read at once."""
    return int(getattr(options, "block_size", None) or options.max_length)
