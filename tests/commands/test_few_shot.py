"""Examples for a prompt: which are drawn, and what is wrong with a file of them."""

from collections import Counter

import pytest

from lmkit.commands.few_shot import Example, FewShot, draw, read_examples
from lmkit.errors import DataError, UsageError

MANY = [Example(f"text {n}", "abc"[min(n % 5, 2)]) for n in range(50)]


def test_labels_take_turns_and_a_seed_repeats_the_draw():
    drawn = draw(MANY, FewShot("f", shots=8, seed=3))
    assert sorted(Counter(example.label for example in drawn).values()) == [2, 3, 3]
    assert len(set(drawn)) == 8
    assert drawn == draw(MANY, FewShot("f", shots=8, seed=3))
    assert drawn != draw(MANY, FewShot("f", shots=8, seed=4))


def test_where_a_label_runs_out_the_others_fill_up():
    found = draw([*MANY[:10], Example("x", "d")], FewShot("f", shots=11))
    assert Counter(example.label for example in found)["d"] == 1
    assert len(set(found)) == 11


def test_all_are_taken_in_their_order_unless_some_are_drawn(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("label,text\nno,one\nyes,two\nno,three\n")
    examples, labels = read_examples(FewShot(str(path)), ())
    assert examples == [Example("one", "no"), Example("two", "yes"), Example("three", "no")]
    assert labels == ("no", "yes")
    assert read_examples(FewShot(str(path)), ("yes", "no", "maybe"))[1] == ("yes", "no", "maybe")
    assert len(read_examples(FewShot(str(path), shots=2), ())[0]) == 2


@pytest.mark.parametrize(
    ("content", "labels", "error", "says"),
    [
        ('{"text": "a", "label": "yse"}', ("yes", "no"), DataError,
         r"jsonl:1: the label `yse` is not among --labels \(yes, no\); did you mean `yes`"),
        ('{"text": "a"}', (), DataError, "jsonl:1: no column `label`; the columns are `text`"),
        ('{"text": "a", "label": "yes"}', (), UsageError, "every example has the label `yes`"),
        ('{"text": "a", "label": "yes"}', ("yes", "no"), UsageError, "holds only 1 examples"),
    ],
)  # fmt: skip
def test_a_file_that_does_not_fit_is_told(tmp_path, content, labels, error, says):
    path = tmp_path / "a.jsonl"
    path.write_text(content + "\n")
    with pytest.raises(error, match=says):
        read_examples(FewShot(str(path), shots=2), labels)
