"""Windows of rows through an answerer: which of them it cannot use, and in what batches they go."""

import torch

from lmkit.commands import predictor
from lmkit.commands.asked import Asked
from lmkit.commands.predictor import Predictor
from lmkit.data.rows import Row
from lmkit.errors import DataError


class Lengths(torch.nn.Module):
    """A model that needs no weights."""

    device = torch.device("cpu")


class Counting:
    """Answers with the length of a text; refuses those that say so, one at a time as tasks do."""

    def __init__(self):
        self.batches = []

    def build_model(self, loader, tokenizer):
        return Lengths()

    def input_columns(self):
        return ("text",)

    def encode_inputs(self, rows, tokenizer):
        for row in rows:
            if "bad" in row.values["text"]:
                raise DataError(f"{row.origin}: is bad")
        return [{"input_ids": list(row.values["text"])} for row in rows]

    def collate(self, features):
        lengths = [len(feature["input_ids"]) for feature in features]
        self.batches.append(lengths)
        return {"lengths": torch.tensor(lengths)}

    def infer(self, model, batch):
        return batch["lengths"]

    def decode(self, outputs, batch):
        return [{"length": length} for length in outputs.tolist()]

    def answers(self, rows, found):
        return found


def ask(texts, **options):
    answerer = Counting()
    asked = [Asked(Row({"text": text}, f"f:{n}")) for n, text in enumerate(texts)]
    found = Predictor(answerer, None, None, **options).answers(iter([asked]))
    return [pair for window in found for pair in window], answerer.batches


def test_the_rows_that_are_refused_are_found_among_the_others():
    texts = ["a" * (number % 7 + 1) for number in range(40)]
    for place in (0, 13, 14, 39):
        texts[place] = "bad"
    found, _ = ask(texts)
    for place, (text, (item, answer)) in enumerate(zip(texts, found, strict=True)):
        assert item.row.values["text"] == text
        if text == "bad":
            assert (str(item.error), answer) == (f"f:{place}: is bad", None)
        else:
            assert (item.error, answer) == (None, {"length": len(text)})


def test_only_bad_rows_never_reach_the_model():
    found, batches = ask(["bad", "bad"])
    assert [answer for _, answer in found] == [None, None]
    assert batches == []


def test_batches_are_of_a_number_of_tokens_the_longest_first(monkeypatch):
    monkeypatch.setitem(predictor.BATCH_TOKENS, "cpu", 12)
    monkeypatch.setattr(predictor, "default_device", lambda: "cpu")
    texts = ["a" * length for length in (1, 6, 2, 20, 5, 1)]
    assert ask(texts)[1] == [[20], [6, 5], [2, 1, 1]]
    assert ask(texts, batch_size=4)[1] == [[20, 6, 5, 2], [1, 1]]
