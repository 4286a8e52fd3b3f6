"""Details of answers to questions. Shape letters: N questions."""

import re
from collections.abc import Sequence

import numpy as np

from lmkit.data.question_windows import QuestionWindows
from lmkit.data.questions import Question
from lmkit.details.scored import WORST, Scored, worst
from lmkit.evaluation.detail import Detail
from lmkit.evaluation.question_scores import QuestionScores
from lmkit.evaluation.slices import Groups, Measure, by_quantile, sliced

WORDS = ("what", "who", "when", "where", "which", "why", "how")
_SAME = {"whom": "who", "whose": "who"}
_WORD = re.compile(r"\w+")


def details(scored: Scored) -> list[Detail]:
    """The answers by question word, by answer and by context, and the worst of them."""
    task, rows = scored.task, scored.rows
    scores = QuestionScores(rows, may_be_none=task.may_be_none, threshold=task.threshold)  # type: ignore[attr-defined]
    assert isinstance(scored.examples, QuestionWindows)
    questions = [scored.examples.questions[number] for number in scores.numbers]
    ones = np.ones(len(questions))
    measures = [
        Measure("exact_match", scores.exact_match, ones, share=True),
        Measure("f1", scores.f1, ones),
    ]
    asked = [
        ("by_question_word", "By question word", _by_word(questions)),
        ("by_answer", "By length of the answer in words", _by_answer(questions)),
    ]
    found = [
        sliced(name, title, groups, measures, unit="questions", seed=scored.seed)
        for name, title, groups in asked
    ]
    found += scored.slices(
        [len(question.context.split()) for question in questions], measures,
        length="words of the context", unit="questions", places=scores.numbers,
    )  # fmt: skip
    return [*found, _worst(rows, scores, questions)]


def question_word(question: str) -> str:
    """The first of the question words in a question, or `other`: of its words from the first on."""
    for word in _WORD.findall(question.lower()):
        plain = str(_SAME.get(word, word))
        if plain in WORDS:
            return plain
    return "other"


def _by_word(questions: Sequence[Question]) -> Groups:
    names = [*WORDS, "other"]
    return Groups(names, np.array([names.index(question_word(one.text)) for one in questions]))


def _by_answer(questions: Sequence[Question]) -> Groups:
    """By the words of the shortest right answer; those without one apart."""
    lengths = np.array(
        [min((len(a.text.split()) for a in one.answers), default=-1) for one in questions]
    )
    has = lengths >= 0
    of = np.zeros(len(lengths), np.int64)
    names = ["(no answer)"]
    if has.any():
        quarters = by_quantile(lengths[has])
        of[has] = quarters.of + 1
        names += quarters.names
    return Groups(names, of)


def _worst(
    rows: dict[str, list[float]], scores: QuestionScores, questions: Sequence[Question]
) -> Detail:
    """Answers without a word in common with a right one, or where there is none, the surest."""
    nats = np.asarray(scores.nll) / np.maximum(scores.count, 1)
    told = []
    for at in worst(nats, scores.f1 == 0):
        question, window = questions[at], scores.chosen[at]
        place = slice(int(rows["start"][window]), int(rows["end"][window]))
        answer = question.context[place] if scores.given[at] else ""
        right = " | ".join(dict.fromkeys(a.text for a in question.answers)) or "(no answer)"
        told.append([
            question.origin, float(nats[at]), right, answer or "(no answer)", question.text,
            question.context,
        ])  # fmt: skip
    return Detail(
        "worst_mistakes", "Worst mistakes",
        f"Up to {WORST} questions whose answer has an F1 of 0, by the loss of the right one (nats "
        "a position, the mean of its windows).",
        "texts", ["where", "loss", "true", "predicted", "question", "context"], told,
    )  # fmt: skip
