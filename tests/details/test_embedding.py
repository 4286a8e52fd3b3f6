"""Details of vectors of texts."""

import numpy as np

from lmkit.details.embedding import details
from lmkit.recipe.options.embedding import EmbeddingOptions
from lmkit.tasks.embedding import Embedding


def test_texts_that_are_not_found(scored, by_name):
    task = Embedding(EmbeddingOptions(name="embedding", objective="contrastive"))
    queries, targets = np.eye(3)[[0, 1, 2]], np.eye(3)[[0, 2, 1]]
    targets[0, 2] = 0.5
    rows = {
        "vectors": list(np.stack([queries, targets], axis=1).astype(np.float32)),
        "keys": [[0, 1], [2, 3], [4, 5]],
        "count": [1] * 3,
    }
    values = [{"anchor": f"a{n}", "positive": f"p{n}"} for n in range(3)]
    found = by_name(details(scored(task, rows, values, [2, 3, 3])))
    assert [row[:1] + row[2:] for row in found["worst_mistakes"].rows] == [
        ["test.jsonl:2", "a1", "p1"], ["test.jsonl:3", "a2", "p2"],
    ]  # fmt: skip
    assert all(row[1] > 1 for row in found["worst_mistakes"].rows)
    assert [row[2] for row in found["by_length"].rows] == [1.0, 0.0]  # recall_at_1


def test_pairs_far_from_their_scores(scored, by_name):
    task = Embedding(EmbeddingOptions(name="embedding", objective="cosine"))
    rows = {"cosine": [0.9, 0.5, 0.1], "score": [1.0, 0.0, 0.2], "nll": [0.01, 0.25, 0.01]}
    values = [{"sentence1": f"a{n}", "sentence2": f"b{n}", "score": 1} for n in range(3)]
    found = by_name(details(scored(task, rows, values, [2, 3, 4])))
    assert found["worst_mistakes"].rows[0] == ["test.jsonl:2", 0.5, 0.0, "a1", "b1"]
    assert [row[0] for row in found["by_score"].rows] == ["0", "0.2", "1"]
