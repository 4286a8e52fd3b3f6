"""Multiple choice: scores answer by answer, rows of unlike sizes, both kinds of model."""

import copy
import math

import pytest
import torch
from torch.nn import functional

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.errors import DataError, UsageError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.multiple_choice import MultipleChoiceOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.multiple_choice import MultipleChoice

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2,
         "intermediate_size": 32, "initializer_range": 0.1}  # fmt: skip
STILL = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
MODELS = {
    "bert": SIZES | STILL,
    "roberta": SIZES | STILL,
    "gpt2": {"n_embd": 16, "n_layer": 2, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
             "attn_pdrop": 0.0, "initializer_range": 0.1},
    "llama": SIZES,
}  # fmt: skip
ANSWERS = ("the cat", "a dog", "one red house", "he sat on the mat", "door")


class Asked:
    """Twenty questions of two to four answers."""

    name = "train"

    def __init__(self):
        self.listed = []
        for number in range(20):
            choices = [ANSWERS[(number + i) % 5] for i in range(2 + number % 3)]
            self.listed.append(
                {"question": f"the hill {ANSWERS[number % 4]} and", "choices": choices,
                 "answer": number % len(choices)}
            )  # fmt: skip

    def rows(self):
        for number, values in enumerate(self.listed, start=1):
            yield Row(values, f"train.jsonl:{number}")


@pytest.fixture
def built(request):
    """A function from an architecture to task, model, tokenizer and examples."""

    def build(architecture="bert", **options):
        name = "tiny_tokenizer" if architecture in ("gpt2", "llama") else "tiny_bert_tokenizer"
        tokenizer = copy.deepcopy(request.getfixturevalue(name))
        task = tasks.build(MultipleChoiceOptions(name="multiple_choice", max_length=48, **options))
        task = tasks.build(task.resolve(Asked()))
        torch.manual_seed(0)
        section = ModelSection(architecture=architecture, config=MODELS[architecture])
        model = task.build_model(ModelLoader(section), tokenizer)
        return task, model, tokenizer, task.examples(Asked(), tokenizer, seed=0, training=True)

    return build


@torch.no_grad()
def alone(task, model, tokenizer, row):
    """The scores of a row's answers, each run by itself, by transformers alone."""
    found = []
    for choice in row["choices"]:
        if task.options.head == "classifier":
            pair = tokenizer(
                row["question"], choice, return_tensors="pt", return_token_type_ids=True
            )
            if model.config.type_vocab_size < 2:
                del pair["token_type_ids"]
            found.append(model(**{k: v[:, None] for k, v in pair.items()}).logits[0, 0].item())
            continue
        before = [tokenizer.bos_token_id, *tokenizer(row["question"])["input_ids"]]
        after = tokenizer(" " + choice)["input_ids"]
        log_p = model(input_ids=torch.tensor([before + after])).logits[0].log_softmax(-1)
        places = range(len(before) - 1, len(before) + len(after) - 1)
        total = sum(log_p[at, token].item() for at, token in zip(places, after, strict=True))
        by = {"sum": 1, "mean": len(after), "bytes": len(choice)}[task.options.normalize]
        found.append(total / by)
    return found


@pytest.mark.parametrize(
    ("architecture", "normalize"),
    [("bert", "sum"), ("roberta", "sum"), ("gpt2", "sum"), ("gpt2", "mean"), ("llama", "bytes")],
)
def test_scores_are_those_of_each_answer_alone(built, architecture, normalize):
    task, model, tokenizer, examples = built(architecture, normalize=normalize)
    model.eval()
    nll, right = [], 0
    for row in Asked().listed:
        scores = torch.tensor(alone(task, model, tokenizer, row)).double()
        nll.append(-scores.log_softmax(-1)[row["answer"]].item())
        right += int(scores.argmax()) == row["answer"]
    for size in (1, 7, 50):
        found = task.metrics(score(model, task, examples, batch_size=size))
        assert found == pytest.approx({"loss": sum(nll) / 20, "accuracy": right / 20}, abs=1e-5)
    task.attach(model)  # without the logits that nobody needs
    rows = score(model, task, examples, batch_size=7)
    task.detach(model)
    assert rows["nll"] == pytest.approx(nll, abs=1e-5)
    intervals = task.intervals(rows, 0)
    assert intervals["loss"][0] < sum(nll) / 20 < intervals["loss"][1]


def test_the_loss_is_the_sum_over_counted_rows(built):
    task, model, _, examples = built()
    features = [examples[0, index] for index in range(4)]
    batch = task.collate([*features, {**features[2], "labels": IGNORED}])
    outputs = task.forward(model, batch)
    wanted = sum(
        functional.cross_entropy(row[: len(f["texts"])], torch.tensor(int(f["labels"])))
        for row, f in zip(outputs, features, strict=False)
    )
    torch.testing.assert_close(task.loss(outputs, batch), wanted)
    assert (task.count(batch), task.tokens(batch)) == (4, int(examples.lengths[:4].sum()))
    empty = task.collate([{**features[0], "labels": IGNORED}])
    nothing = task.loss(task.forward(model, empty), empty)
    nothing.backward()
    assert nothing.item() == 0.0


def test_answers_are_texts_with_probabilities(built):
    for architecture in ("bert", "gpt2"):
        task, model, tokenizer, _ = built(architecture)
        model.eval()
        rows = list(Asked().rows())[:5]
        batch = task.collate(task.encode_inputs(rows, tokenizer))
        with torch.no_grad():
            found = task.answers(rows, task.decode(task.infer(model, batch), batch))
        for row, answer in zip(rows, found, strict=True):
            scores = alone(task, model, tokenizer, row.values)
            shares = torch.tensor(scores).softmax(-1).tolist()
            assert list(answer["scores"]) == row.values["choices"]
            assert list(answer["scores"].values()) == pytest.approx(shares, abs=1e-5)
            assert answer["label"] == row.values["choices"][answer["index"]]
            assert answer["index"] == max(range(len(scores)), key=scores.__getitem__)
        assert task.shown(found[0]).startswith(found[0]["label"])


def test_arguments_are_a_question_and_its_answers(built):
    task, *_ = built()
    assert task.input_rows(["q", "a", "b", "c"]) == [{"question": "q", "choices": ["a", "b", "c"]}]
    with pytest.raises(UsageError, match=r"2 texts: .* question, and then two choices or more"):
        task.input_rows(["q", "a"])
    options = MultipleChoiceOptions(name="multiple_choice", context_column="passage")
    made = MultipleChoice(options).input_rows(["q", "p", "a", "b"])
    assert made == [{"question": "q", "passage": "p", "choices": ["a", "b"]}]


def test_the_head_is_the_models(built):
    assert built("bert")[0].options.head == "classifier"
    task, model, *_ = built("gpt2")
    assert task.options.head == "likelihood"
    assert "log-likelihood of an answer" in task.definition()
    assert MultipleChoice.options_for(model.config, 9) is None
    _, model, *_ = built("bert")
    model.config.architectures = ["BertForMultipleChoice"]
    found = MultipleChoice.options_for(model.config, 9)
    assert (found.head, found.max_length) == ("classifier", 9)


def test_baselines(built):
    task, _, tokenizer, examples = built()
    found = task.baselines(Asked(), Asked(), examples, tokenizer)
    assert set(found) == {"random", "longest", "tfidf", "position"}
    sizes = [len(row["choices"]) for row in Asked().listed]
    assert found["random"]["loss"] == pytest.approx(sum(map(math.log, sizes)) / 20)
    assert set(task.baselines(None, Asked(), examples, tokenizer)) == {"random", "longest", "tfidf"}


def test_a_row_that_does_not_fit_is_told(built):
    class Wrong(Asked):
        name = "dev"

        def rows(self):
            yield Row({"question": "q", "choices": ["a", "b"], "answer": "C"}, "dev.jsonl:1")

    with pytest.raises(DataError, match=r"dev\.jsonl:1: column `answer` holds `C`"):
        built()[0].check(Wrong())
