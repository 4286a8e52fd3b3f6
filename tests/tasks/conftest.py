"""What tests of the tasks share: texts in memory, as a split; tiny classifiers."""

import copy
import hashlib

import pytest
import torch

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.classification import ClassificationOptions
from lmkit.recipe.sections import ModelSection, TokenizerTraining

LABELED = (
    ("the cat sat on the mat and looked at the dog and ran up the hill", "b"),
    ("a dog", "a"),
    ("the house on the hill", "c"),
    ("one cat and one dog live in the red house by the door of the house", "b"),
    ("she reads", "a"),
)
SIZES = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
NO_DROPOUT = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
ARCHITECTURES = {
    "bert": SIZES | NO_DROPOUT,
    "roberta": SIZES | NO_DROPOUT,
    "distilbert": {"dim": 32, "n_layers": 2, "n_heads": 2, "hidden_dim": 64, "dropout": 0.0},
    "modernbert": SIZES,
    "bart": {
        "d_model": 32, "encoder_layers": 1, "decoder_layers": 1, "encoder_ffn_dim": 64,
        "decoder_ffn_dim": 64, "encoder_attention_heads": 2, "decoder_attention_heads": 2,
    },
    "gpt2": {"n_embd": 32, "n_layer": 2, "n_head": 2},
    "llama": SIZES,
    "opt": {
        "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "ffn_dim": 64,
        "word_embed_proj_dim": 32,
    },
}  # fmt: skip
DECODERS = ("gpt2", "llama", "opt")


class Listed:
    """Rows in memory, told apart by their content."""

    def __init__(self, texts, name="train"):
        self.name = name
        self.texts = list(texts)

    def rows(self):
        for number, text in enumerate(self.texts, start=1):
            yield Row({"text": text}, f"{self.name}.jsonl:{number}")

    def fingerprint(self):
        return hashlib.sha256(repr(self.texts).encode()).hexdigest()

    def describe(self):
        return []


@pytest.fixture(scope="session")
def listed():
    """A function from texts to a split."""
    return Listed


@pytest.fixture(scope="session")
def texts():
    """Documents of one letter to some hundred tokens, two of them equal."""
    long = "the cat sat on the mat and looked at the dog and ran up the red hill "
    return [
        "a", "the house", long * 4, "zwölf boxkämpfer ✓", "one cat and one dog", "the house",
        long, "she reads a book by the door of the house", "q", long * 2 + "x",
    ]  # fmt: skip


class Pairs(Listed):
    """Rows of sources with targets."""

    def __init__(self, pairs, name="train"):
        super().__init__(pairs, name)

    def rows(self):
        for number, (source, target) in enumerate(self.texts, start=1):
            yield Row({"source": source, "target": target}, f"{self.name}.jsonl:{number}")


@pytest.fixture(scope="session")
def paired():
    """A function from (source, target) to a split."""
    return Pairs


@pytest.fixture(scope="session")
def pair_tokenizer(texts):
    """Unigram pieces of the texts; padding is 0, the end 1, and every text is ended."""
    section = TokenizerTraining(type="unigram", vocab_size=320)
    return train_tokenizer(section, texts, model_max_length=512, kind="seq2seq")


class Labeled(Listed):
    """Rows of texts with labels."""

    def __init__(self, texts, labels, name="train"):
        super().__init__(texts, name)
        self.labels = list(labels)

    def rows(self):
        for row, label in zip(super().rows(), self.labels, strict=True):
            yield Row({**row.values, "label": label}, row.origin)


@pytest.fixture(scope="session")
def labeled():
    """A function from texts and labels to a split."""
    return Labeled


@pytest.fixture(scope="session")
def five(labeled):
    """Five texts of unlike lengths, with labels of three classes."""
    return labeled(*zip(*LABELED, strict=True))


@pytest.fixture(scope="session")
def task_with(five):
    """A function from options to a classification task whose labels are found."""

    def make(**options):
        task = tasks.build(ClassificationOptions(name="classification", **options))
        return tasks.build(task.resolve(five))

    return make


@pytest.fixture
def task_of():
    """A function from a problem to its task and three rows, with a second text in `other`."""

    class Answered:
        name = "train"

        def __init__(self, labels):
            self.labels = labels

        def rows(self):
            for number, label in enumerate(self.labels, start=1):
                values = {"text": LABELED[number][0], "other": LABELED[number - 1][0]}
                yield Row({**values, "label": label}, f"train.jsonl:{number}")

    labels = {"multi_label": [["b"], ["c", "a"], []], "regression": ["0.5", 2, -100.0]}

    def make(problem, **options):
        source = Answered(labels[problem])
        keys = {"name": "classification", "problem": problem, "max_length": 32, **options}
        task = tasks.build(ClassificationOptions.model_validate(keys))
        return tasks.build(task.resolve(source)), source

    return make


@pytest.fixture
def classifier(request, task_with):
    """A function from an architecture to a task, its model and its tokenizer.

    The weights are those of one seed, made larger so that logits are apart.
    """

    def build(architecture="bert", task=None, **config):
        name = "tiny_tokenizer" if architecture in DECODERS else "tiny_bert_tokenizer"
        tokenizer = copy.deepcopy(request.getfixturevalue(name))  # it is given padding
        task = task or task_with(max_length=32)
        section = ModelSection(
            architecture=architecture, config=ARCHITECTURES[architecture] | config
        )
        torch.manual_seed(0)
        model = task.build_model(ModelLoader(section), tokenizer).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim == 2:
                    parameter.mul_(4)
        return task, model, tokenizer

    return build


@pytest.fixture
def bert(classifier):
    """A tiny BERT of three labels."""
    return classifier()


@pytest.fixture(scope="session")
def logits_alone():
    """A function to the logits (N, C) of examples, each run by itself."""

    @torch.no_grad()
    def run(task, model, examples):
        batches = [task.collate([examples[0, index]]) for index in range(len(examples))]
        return torch.cat([task.forward(model, batch).logits for batch in batches])

    return run
