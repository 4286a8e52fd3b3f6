"""Details of answers in conversations. Shape letters: N conversations."""

import numpy as np

from lmkit.data.answers import Answers
from lmkit.data.conversations import conversation
from lmkit.details.explaining import messages, next_token
from lmkit.details.samples import Sample, answer
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.slices import Measure
from lmkit.tasks.base import Features


def details(scored: Scored) -> list[Detail]:
    """Loss by length, and the most surprising conversations."""
    assert isinstance(scored.examples, Answers)
    nll, count = (np.asarray(scored.rows[name], float) for name in ("nll", "count"))
    places = np.asarray(scored.examples.places)
    mean = nll / np.maximum(count, 1)
    chosen = worst(mean, count > 0)
    picked = scored.picked(places[chosen].tolist())
    rows = []
    for at in chosen:
        row = picked[int(places[at])]
        turns = conversation(row, scored.task.options)
        asked = next((turn for turn in turns if turn["role"] == "user"), turns[0])
        first = next((turn for turn in turns if turn["role"] == "assistant"), turns[-1])
        texts = [str(turn.get("content") or "") for turn in (asked, first)]
        rows.append([row.origin, float(mean[at]), int(count[at]), *texts])
    detail = Detail(
        "most_surprising", "The most surprising conversations",
        f"Up to {WORST} conversations with the highest mean loss of their predicted tokens (nats), "
        "their first question and their first answer.",
        "texts", ["where", "loss", "predicted", "question", "answer"], rows,
    )  # fmt: skip
    return [
        detail,
        *scored.slices(
            scored.examples.lengths, [Measure("loss", nll, count)], unit="conversations",
            places=places,
        ),
    ]  # fmt: skip


def sample(features: Features) -> Sample | None:
    """What is asked, and its answer."""
    return answer(features)


questions = messages
"""Users' messages."""


answers = next_token
"""The first token of the answer."""
