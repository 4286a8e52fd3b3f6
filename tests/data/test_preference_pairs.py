"""Pairs of answers: shapes, cuts, and the ids of each side against the tokenizer's own."""

import copy

import numpy as np
import pytest

from lmkit.data.chat_template import give_template
from lmkit.data.preference_pairs import choice, encode_pairs, tell_pairs
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.labels import IGNORED
from lmkit.recipe.options.preference import PreferenceOptions

USER = {"role": "user", "content": "the cat?"}
GOOD, BAD = ({"role": "assistant", "content": text} for text in ("on the mat", "in the book"))
TEXTS = {"prompt": "the cat?", "chosen": "on the mat", "rejected": "in the book"}


def options(**given):
    return PreferenceOptions(name="preference", **given)


def row(values, number=1):
    return Row(values, f"a.jsonl:{number}")


@pytest.mark.parametrize(
    "values",
    [
        TEXTS,
        {"prompt": [USER], "chosen": [GOOD], "rejected": [BAD]},
        {"prompt": "the cat?", "chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"chosen": [USER, GOOD], "rejected": [USER, BAD]},
        {"prompt": "the cat?", "chosen": [GOOD], "rejected": [BAD]},
    ],
)
def test_each_shape(values):
    assert choice(row(values), options()) == ([USER], GOOD, BAD)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (TEXTS | {"rejected": "on the mat"}, "`chosen` and `rejected` are equal"),
        (TEXTS | {"rejected": ""}, "column `rejected` is blank"),
        ({"prompt": "a", "chosen": "b"}, "no column `rejected`"),
        ({"chosen": [USER, GOOD], "rejected": [{**USER, "content": "dog?"}, BAD]}, "answer other"),
        ({"prompt": [USER, USER], "chosen": "b", "rejected": "c"}, "message 2: user after user"),
        ({"prompt": [GOOD], "chosen": "b", "rejected": "c"}, "the assistant speaks first"),
    ],
)
def test_what_is_no_choice(values, told):
    with pytest.raises(DataError, match=rf"a\.jsonl:1: .*{told}"):
        choice(row(values), options())


@pytest.mark.parametrize("templated", [True, False])
def test_both_sides_are_prompt_and_answer(tiny_tokenizer, templated):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    template = give_template(tokenizer, "chatml") if templated else None
    found = encode_pairs([row(TEXTS)], tokenizer, template, options(max_length=64))
    item = found[0, 0]
    for side in ("chosen", "rejected"):
        ids, labels = item[side], item[f"{side}_labels"]
        predicted = labels != IGNORED
        end = "<|im_end|>" if templated else "<|endoftext|>"
        assert tokenizer.decode(labels[predicted]) == TEXTS[side] + end
        asked = template.question("the cat?") if template else tokenizer("the cat?")["input_ids"]
        assert ids[: len(asked)].tolist() == asked
        assert predicted.argmax() == len(asked) - 1
    assert found.lengths[0] == max(len(item["chosen"]), len(item["rejected"]))
    assert found.counts()["tokens"] == len(item["chosen"]) + len(item["rejected"])
    np.testing.assert_array_equal(found.answer_lengths()[0], [
        (item["chosen_labels"] != IGNORED).sum(), (item["rejected_labels"] != IGNORED).sum()
    ])  # fmt: skip


def test_the_prompt_loses_its_beginning_before_answers_lose_their_ends(tiny_tokenizer):
    values = TEXTS | {"prompt": "the cat and the dog and the house on the hill and the cat?"}
    whole = encode_pairs([row(values)], tiny_tokenizer, None, options(max_length=64))
    prompt = int(whole.chosen.prompts[0])
    longest = int(whole.answer_lengths().max())
    limit = prompt + longest - 3
    some = encode_pairs([row(values)], tiny_tokenizer, None, options(max_length=limit))
    assert (some.chosen.prompts[0], some.cut) == (prompt - 3, 1)
    np.testing.assert_array_equal(some[0, 0]["chosen"], whole[0, 0]["chosen"][3:])
    both = options(max_length=8, max_prompt_length=4)
    short = encode_pairs([row(values)], tiny_tokenizer, None, both)
    assert short.chosen.prompts[0] == 4
    assert short.lengths[0] == 7
    np.testing.assert_array_equal(
        short[0, 0]["chosen"][:4], whole[0, 0]["chosen"][prompt - 4 : prompt]
    )


def test_a_pair_whose_difference_is_cut_off_is_left_out(tiny_tokenizer, caplog):
    long = "the cat sat on the mat and looked at the dog "
    values = {"prompt": "the", "chosen": long + "once", "rejected": long + "twice"}
    rows = [row(TEXTS), row(values, 2)]
    found = encode_pairs(rows, tiny_tokenizer, None, options(max_length=14))
    assert (len(found), found.undecided) == (1, 1)
    tell_pairs(found, "train", 14)
    assert "1 of the 2 train pairs are left out" in caplog.text
    none = encode_pairs(rows[1:], tiny_tokenizer, None, options(max_length=14))
    with pytest.raises(DataError, match="the answers of none of 1 pairs differ"):
        tell_pairs(none, "train", 14)


def test_messages_need_a_template(tiny_tokenizer):
    values = {"prompt": [{"role": "system", "content": "x"}, USER], "chosen": "a", "rejected": "b"}
    with pytest.raises(DataError, match=r"a\.jsonl:1: .*no chat template; name one"):
        encode_pairs([row(values)], tiny_tokenizer, None, options())


def test_scores_of_the_reference_come_with_their_pair(tiny_tokenizer):
    rows = [row(TEXTS), row(TEXTS | {"chosen": "by the door"}, 2)]
    found = encode_pairs(rows, tiny_tokenizer, None, options())
    assert found[0, 1]["chosen_reference"] == 0.0
    scored = found.scored(np.asarray([[-1.0, -2.0], [-3.0, -4.0]]))
    assert (scored[0, 1]["chosen_reference"], scored[0, 1]["rejected_reference"]) == (-3.0, -4.0)
