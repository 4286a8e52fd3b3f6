"""Embeddings: the same step however it is dealt out, and metrics that no batch size changes."""

import copy

import numpy as np
import pytest
import torch
from torch.nn import functional

from lmkit import tasks
from lmkit.data.rows import Row
from lmkit.errors import DataError
from lmkit.evaluation.scoring import score
from lmkit.labels import IGNORED
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.embedding import EmbeddingOptions
from lmkit.recipe.sections import ModelSection
from lmkit.tasks.embedding import Embedding

SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
BERT = SIZES | {"intermediate_size": 32, "hidden_dropout_prob": 0.0,
                "attention_probs_dropout_prob": 0.0, "initializer_range": 0.3}  # fmt: skip
GPT2 = {"n_embd": 16, "n_layer": 2, "n_head": 2, "resid_pdrop": 0.0, "embd_pdrop": 0.0,
        "attn_pdrop": 0.0, "initializer_range": 0.3}  # fmt: skip
TEXTS = (
    "the cat", "a dog ran to the house on the hill", "one", "red door", "she reads a book",
    "he looked at the hill", "the mat", "book and door", "on the red house", "a cat sat",
)  # fmt: skip


class Listed:
    """Rows in memory."""

    def __init__(self, rows, name="train"):
        self.name, self.listed = name, rows

    def rows(self):
        for number, values in enumerate(self.listed, start=1):
            yield Row(values, f"{self.name}.jsonl:{number}")


def rows_of(objective):
    """Twenty rows, some with equal anchors or positives."""
    made = []
    for number in range(20):
        one, two, three = (TEXTS[(number * step + step) % 10] for step in (1, 3, 7))
        if objective == "cosine":
            made.append({"sentence1": one, "sentence2": two, "score": number % 6})
        else:
            made.append({"anchor": one, "positive": two})
            if objective == "triplet":
                made[-1]["negative"] = three if three != two else f"{three} {three}"
    return Listed(made)


@pytest.fixture
def built(request):
    """A function from an objective and an architecture to task, model, tokenizer and examples."""

    def build(objective, architecture="bert", source=None, **options):
        name = "tiny_tokenizer" if architecture == "gpt2" else "tiny_bert_tokenizer"
        tokenizer = copy.deepcopy(request.getfixturevalue(name))
        source = source or rows_of(objective)
        task = tasks.build(EmbeddingOptions(name="embedding", max_length=24, **options))
        task = tasks.build(task.resolve(source))
        assert task.options.objective == objective
        config = {"bert": BERT, "gpt2": GPT2}[architecture]
        torch.manual_seed(0)
        section = ModelSection(architecture=architecture, config=config)
        model = task.build_model(ModelLoader(section), tokenizer)
        return task, model, tokenizer, task.examples(source, tokenizer, seed=0, training=True)

    return build


@pytest.mark.parametrize("objective", ["cosine", "contrastive", "triplet"])
def test_metrics_do_not_depend_on_the_batch(built, objective):
    task, model, _, examples = built(objective)
    found = [task.metrics(score(model, task, examples, batch_size=size)) for size in (1, 7, 50)]
    for other in found[1:]:
        assert other == pytest.approx(found[0], abs=1e-6)
    names = {"cosine": ["loss", "pearson", "spearman"]}.get(
        objective, ["loss", "recall_at_1", "recall_at_5", "recall_at_10", "mrr"]
    )
    assert list(found[0]) == names
    rows = score(model, task, examples, batch_size=8)
    intervals = task.intervals(rows, 0)
    assert set(intervals) == set(names)
    for name, (low, high) in intervals.items():
        assert low <= found[0][name] <= high


def test_loss_of_scored_pairs_is_the_squared_error(built):
    task, model, tokenizer, examples = built("cosine")
    rows = score(model, task, examples, batch_size=4)
    errors = []
    for row in rows_of("cosine").listed:
        one, two = (
            model(**tokenizer(row[name], return_tensors="pt")).last_hidden_state.mean(1)
            for name in ("sentence1", "sentence2")
        )
        cosine = functional.cosine_similarity(one, two)
        errors.append((cosine - row["score"] / 5).item() ** 2)
    assert task.metrics(rows)["loss"] == pytest.approx(np.mean(errors), abs=1e-6)
    batch = task.collate([examples[0, index] for index in range(20)])
    total = task.loss(task.forward(model, batch), batch)
    assert total.item() == pytest.approx(sum(errors), abs=1e-4)


def test_fillers_count_nothing_and_are_no_negatives(built):
    for objective in ("cosine", "contrastive"):
        task, model, _, examples = built(objective)
        features = [examples[0, index] for index in range(4)]
        blank = {**examples[0, 7], "labels": IGNORED}
        batch, filled = task.collate(features), task.collate([*features, blank])
        losses = [task.loss(task.forward(model, part), part) for part in (batch, filled)]
        torch.testing.assert_close(losses[0], losses[1])
        assert task.count(filled) == 4
        assert task.tokens(filled) == sum(len(ids) for f in features for ids in f["texts"])
        empty = task.collate([blank, blank])
        nothing = task.loss(task.forward(model, empty), empty)
        nothing.backward()
        assert nothing.item() == 0.0


def test_a_model_tells_how_it_pools(built, tmp_path):
    task, model, tokenizer, _ = built("contrastive", pooling="cls", normalize=False)
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    task.write_beside(model, tmp_path)
    found = Embedding.options_for(model.config, 24)
    assert (found.pooling, found.normalize, found.max_length) == ("cls", False, 24)
    again = tasks.build(EmbeddingOptions(name="embedding"))
    again.build_model(ModelLoader(ModelSection(source=str(tmp_path))), tokenizer)
    assert (again.options.pooling, again.options.normalize) == ("cls", False)
    assert (tmp_path / "modules.json").is_file()


def test_predicted_vectors_are_those_that_are_scored(built):
    task, model, tokenizer, examples = built("contrastive")
    texts = [row["anchor"] for row in rows_of("contrastive").listed]
    rows = [Row({"text": text}, "x") for text in texts]
    features = task.encode_inputs(rows, tokenizer)
    batch = task.collate(features)
    model.eval()
    with torch.no_grad():
        answers = task.decode(task.infer(model, batch), batch)
    scored = score(model, task, examples, batch_size=8)["vectors"]
    for answer, vectors in zip(answers, scored, strict=True):
        assert answer["vector"] == pytest.approx(vectors[0].tolist(), abs=1e-5)
    assert task.shown(answers[0]).startswith("16 numbers: ")
    assert task.input_columns() == ("text",)


def test_baselines_have_the_names_of_the_metrics(built):
    found_at = {"recall_at_1", "recall_at_5", "recall_at_10", "mrr"}
    for objective, names in (("cosine", {"pearson", "spearman"}), ("triplet", found_at)):
        task, _, tokenizer, examples = built(objective)
        for train in (rows_of(objective), None):
            found = task.baselines(train, rows_of(objective), examples, tokenizer)
            assert set(found) == {"tfidf", "overlap"}
            assert all(set(numbers) == names for numbers in found.values())


def test_the_best_is_chosen_by_what_the_rows_allow(built):
    assert built("cosine")[0].best_metric == "spearman"
    assert built("contrastive")[0].best_metric == "mrr"
    assert built("cosine")[0].step_keys == ()
    assert "0 to 5 brought to 0 to 1" in built("cosine")[0].definition()
    assert "positives and negatives of the split" in built("triplet")[0].definition()


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"anchor": "a", "positive": ""}, r"dev\.jsonl:2: column `positive` is blank"),
        ({"anchor": "a"}, r"dev\.jsonl:2: no column `positive`"),
    ],
)
def test_another_split_is_held_against_the_objective(built, row, says):
    task = built("contrastive")[0]
    with pytest.raises(DataError, match=says):
        task.check(Listed([{"anchor": "a", "positive": "b"}, row], "dev"))


def test_the_pooler_that_nothing_reads_is_not_trained(built):
    _, model, *_ = built("contrastive")
    assert not any(parameter.requires_grad for parameter in model.pooler.parameters())
