"""Examples that change: where the draw says so, with the labels that they had."""

import copy

import numpy as np

from lmkit.data.augment import Augmenter, Replacement
from lmkit.data.augmented import AugmentedExamples
from lmkit.data.rows import Row
from lmkit.recipe.augmenting import AugmentSection

TEXTS = [f"word{i} and some others that follow it" for i in range(50)]


class Plain:
    """Texts as they are."""

    cut = 3
    lengths = np.arange(50)

    def __len__(self):
        return 50

    def __getitem__(self, key):
        return {"input_ids": TEXTS[key[1]], "labels": key[1]}


def examples(replacements=None, **keys):
    rows = [Row({"text": text, "label": "x"}, f"row {i}") for i, text in enumerate(TEXTS)]
    augmenter = Augmenter(AugmentSection(**{"share": 0.5, "word_dropout": 0.3, **keys}), 1)
    return AugmentedExamples(
        Plain(), rows, ["text"], augmenter, replacements,
        lambda row: {"input_ids": row.values["text"]},
    )  # fmt: skip


def test_texts_change_and_labels_stay():
    made = examples()
    found = [made[0, index] for index in range(50)]
    assert [item["labels"] for item in found] == list(range(50))
    changed = [item["input_ids"] != text for item, text in zip(found, TEXTS, strict=True)]
    assert 10 < sum(changed) < 40
    assert [made[0, index] for index in range(50)] == found
    assert [made[1, index] for index in range(50)] != found
    again = copy.deepcopy(made)
    assert [again[0, index] for index in range(50)] == found


def test_what_is_asked_of_the_examples_as_they_are():
    made = examples()
    assert (len(made), made.cut, made.lengths[7]) == (50, 3, 7)


def test_words_that_were_proposed():
    spots = [[[Replacement(0, len(f"word{i}"), ("NEW",))]] for i in range(50)]
    made = examples(spots, share=1.0, word_dropout=0.0, case=0.001)
    first = [made[0, index]["input_ids"].split()[0] for index in range(50)]
    assert 10 < first.count("NEW") < 40
