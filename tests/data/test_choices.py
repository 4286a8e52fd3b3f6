"""Questions and answers: the ways to write them, and what a model reads of them."""

import pytest

from lmkit.data.choices import (
    Asked,
    Columns,
    answer_of,
    encode_asked,
    encode_questions,
    pair_encoder,
    prompt_encoder,
    read_question,
    usual_places,
)
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions

COLUMNS = Columns("question", None, "choices", "answer")


def row(choices=("the cat", "a dog"), answer=0, question="he sat on", **more):
    values = {"question": question, "choices": choices, "answer": answer, **more}
    if isinstance(choices, tuple):
        values["choices"] = list(choices)
    return Row(values, "q.jsonl:7")


def test_columns_are_those_of_the_task():
    options = MultipleChoiceOptions(name="multiple_choice", context_column="passage")
    assert Columns.of(options) == ("question", "passage", "choices", "answer")


@pytest.mark.parametrize(
    "choices", [("the cat", "a dog"), '["the cat", "a dog"]', {"text": ["the cat", "a dog"]}]
)
def test_ways_to_write_choices(choices):
    assert read_question(row(choices), COLUMNS) == Asked(
        "he sat on", ["the cat", "a dog"], ["A", "B"]
    )


def test_a_context_comes_first_and_names_are_the_rows():
    asked = row({"text": ["x", "y"], "label": ["1", "2"]}, passage="long")
    found = read_question(asked, COLUMNS._replace(context="passage"))
    assert (found.prompt, found.names) == ("long\nhe sat on", ["1", "2"])


@pytest.mark.parametrize(
    ("answer", "index"),
    [(1, 1), ("1", 1), ("B", 1), ("A", 0), ("a dog", 1), (0, 0), (1.0, 1)],
)
def test_ways_to_write_the_answer(answer, index):
    asked = row(answer=answer)
    assert answer_of(asked, read_question(asked, COLUMNS), "answer") == index


def test_the_text_of_a_choice_comes_before_its_name_and_that_before_its_number():
    asked = row(("B", "A"), "A")
    assert answer_of(asked, read_question(asked, COLUMNS), "answer") == 1
    asked = row({"text": ["x", "y"], "label": ["1", "2"]}, "1")
    assert answer_of(asked, read_question(asked, COLUMNS), "answer") == 0


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        (row(answer="C"), "q.jsonl:7: column `answer` holds `C`, which is none of the 2 choices"),
        (row(answer=2), "holds `2`, which is none of the 2 choices, .* number .0 to 1. of one"),
        (row(answer="the cats"), "did you mean `the cat`"),
        (row(answer=None), "column `answer` is null"),
        (row(("one",)), "q.jsonl:7: column `choices` holds 1 choices; to choose takes two"),
        (row(("one", "one")), "holds `one` more than once"),
        (row(("one", " ")), "choice 2 in column `choices` is ' ', not a text"),
        (row("one, two"), "holds text, not a list of choices; in a CSV write it as JSON"),
        (row('["one", '), "holds a broken list"),
        (row(None), "column `choices` is null"),
        (row(question=""), "column `question` is blank"),
        (Row({"question": "x", "choises": []}, "f:1"), "no column `choices`.* mean `choises`"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_the_row(asked, says):
    with pytest.raises(DataError, match=says):
        answer_of(asked, read_question(asked, COLUMNS), "answer")


def test_pairs_are_those_of_the_tokenizer(tiny_bert_tokenizer):
    asked = [read_question(row(), COLUMNS), read_question(row(("red", "door", "hill")), COLUMNS)]
    first, second = pair_encoder(tiny_bert_tokenizer, 32)(asked)
    theirs = tiny_bert_tokenizer("he sat on", "a dog", return_token_type_ids=True)
    assert first.texts[1] == theirs["input_ids"]
    assert first.types[1] == theirs["token_type_ids"]
    assert (len(first.texts), len(second.texts), first.cut + second.cut) == (2, 3, 0)
    short, _ = pair_encoder(tiny_bert_tokenizer, 7)(asked)
    assert [len(text) for text in short.texts] == [7, 7]
    assert short.cut == 2
    assert short.texts[1][-3:] == first.texts[1][-3:]  # the answer and its end are kept


def test_prompts_keep_the_answer_and_the_end_of_the_question(tiny_tokenizer):
    asked = [read_question(row(question="the house on the hill"), COLUMNS)]
    (whole,) = prompt_encoder(tiny_tokenizer, 64, " ")(asked)
    ids, types = whole.texts[1], whole.types[1]
    answer = [token for token, kind in zip(ids, types, strict=True) if kind]
    question = [token for token, kind in zip(ids, types, strict=True) if not kind]
    assert tiny_tokenizer.decode(answer) == " a dog"
    assert question[0] == tiny_tokenizer.bos_token_id
    assert tiny_tokenizer.decode(question[1:]) == "the house on the hill"
    (short,) = prompt_encoder(tiny_tokenizer, len(answer) + 3, " ")(asked)
    assert short.texts[1] == [question[0], *question[-2:], *answer]
    assert short.cut == 2


def test_rows_with_unlike_numbers_of_choices(tiny_bert_tokenizer):
    rows = [row(), row(("red", "door", "hill"), "hill")]
    encode = pair_encoder(tiny_bert_tokenizer, 32)
    found = encode_questions(rows, COLUMNS, encode)
    assert [len(found[0, i]["texts"]) for i in range(2)] == [2, 3]
    assert [found[0, i]["labels"] for i in range(2)] == [0, 2]
    assert found[0, 1]["bytes"] == [3, 4, 4]
    asked = encode_asked(rows, COLUMNS, encode)
    for index, features in enumerate(asked):
        assert features["texts"] == [ids.tolist() for ids in found[0, index]["texts"]]
        assert len(features["input_ids"]) == found.lengths[index]


def test_the_usual_place():
    class Source:
        name = "train"

        def rows(self):
            return iter([row(answer=1), row(answer=1), row(answer=0)])

    assert usual_places(Source(), COLUMNS) == {1: 2, 0: 1}
