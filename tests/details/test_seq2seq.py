"""Details of generated texts, against sacrebleu and rouge-score."""

import pytest
from sacrebleu.metrics.chrf import CHRF

from lmkit.details.seq2seq import details
from lmkit.evaluation.texts import text_statistics
from lmkit.recipe.options.seq2seq import Seq2SeqOptions
from lmkit.tasks.seq2seq import Seq2Seq

TEXTS = ["the cat sat", "no", "a dog ran off", "", "red door", "blue", "one two"]
WANTED = ["the cat sat", "yes", "a dog ran", "x", "red house", "blue", "two one"]


def test_the_worst_and_the_best(scored, by_name):
    task = Seq2Seq(Seq2SeqOptions(name="seq2seq", metrics=["chrf"]))
    rows = {
        "nll": [1.0] * 7, "count": [2] * 7, "generated": TEXTS,
        **text_statistics(TEXTS, [[text] for text in WANTED], ["chrf"]),
    }  # fmt: skip
    values = [{"source": f"s{n}", "target": text} for n, text in enumerate(WANTED)]
    found = by_name(details(scored(task, rows, values, range(7))))
    alone = [
        CHRF().sentence_score(text, [right]).score
        for text, right in zip(TEXTS, WANTED, strict=True)
    ]
    best = found["best_texts"].rows
    assert best[0] == ["test.jsonl:1", pytest.approx(100), "the cat sat", "the cat sat", "s0"]
    order = sorted(range(7), key=lambda at: (round(alone[at], 4), at))
    worst = found["worst_texts"].rows
    assert [row[0] for row in worst] == [f"test.jsonl:{at + 1}" for at in order[:5]]
    assert [row[1] for row in worst] == pytest.approx([alone[at] for at in order[:5]])
    assert worst[[row[0] for row in worst].index("test.jsonl:4")][2] == "(nothing)"
    assert found["by_length"].rows[0][2] == pytest.approx(sum(alone[:2]) / 2)
