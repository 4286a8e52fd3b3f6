"""Details of choices among answers."""

from lmkit.details.multiple_choice import details
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.tasks.multiple_choice import MultipleChoice

CHOICES = ["x", "y", "z"]


def test_places_and_the_worst_mistakes(scored, by_name):
    task = MultipleChoice(MultipleChoiceOptions(name="multiple_choice"))
    values = [{"question": f"q{n}", "choices": CHOICES, "answer": n % 3} for n in range(4)]
    rows = {
        "nll": [0.1, 2.0, 3.0, 0.2], "count": [1] * 4, "gold": [0, 1, 2, 0],
        "predicted": [0, 0, 0, 0],
    }  # fmt: skip
    found = by_name(details(scored(task, rows, values, [1, 2, 3, 4])))
    assert [row[:3] for row in found["by_place"].rows] == [
        ["1", 2, 1.0],
        ["2", 1, 0.0],
        ["3", 1, 0.0],
    ]
    assert found["places"].rows == [[1, 2, 4], [2, 1, 0], [3, 1, 0]]
    assert found["worst_mistakes"].rows == [
        ["test.jsonl:3", 3.0, "z", "x", "q2"],
        ["test.jsonl:2", 2.0, "y", "x", "q1"],
    ]
