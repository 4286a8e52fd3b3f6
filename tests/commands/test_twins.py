"""`lmkit eval --swaps` against two predictions of the same model."""

import copy
import json

import numpy as np
import pytest
import torch

from lmkit import tasks
from lmkit.commands.scoring_run import evaluate_split
from lmkit.commands.subject import Subject
from lmkit.commands.twins import score_twins
from lmkit.data.sources import open_files
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options import OPTIONS
from lmkit.recipe.options.qa import QAOptions
from lmkit.recipe.sections import DataSection, ModelSection

TEXTS = ["he ran up the hill", "the dog ran", "she looked at the book and him", "she reads a book"]
TWINS = {0: "she ran up the hill", 2: "he looked at the book and her", 3: "he reads a book"}
BERT = {
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "max_position_embeddings": 64,
}
GPT2 = {"n_embd": 32, "n_layer": 1, "n_head": 2, "n_positions": 64}
BOUND = {"max_length": 32}
TASKS = {  # architecture, sizes, options, and a row of a text
    "causal_lm": ("gpt2", GPT2, {"block_size": 16}, lambda text: {"text": text}),
    "masked_lm": ("bert", BERT, {"block_size": 16}, lambda text: {"text": text}),
    "ner": (
        "bert", BERT, {"labels": ["A"], **BOUND},
        lambda text: {"tokens": text.split(), "tags": ["B-A"] + ["O"] * text.count(" ")},
    ),
    "embedding": (
        "bert", BERT, BOUND,
        lambda text: {"sentence1": text, "sentence2": "a dog", "score": float("book" in text)},
    ),
    "multiple_choice": (
        "bert", BERT, BOUND, lambda text: {"question": text, "choices": ["a", "x"], "answer": 1},
    ),
    "preference": (
        "gpt2", GPT2, {"reference": "none", "chat_template": "none", **BOUND},
        lambda text: {"prompt": "a", "chosen": text, "rejected": "x"},
    ),
}  # fmt: skip


@pytest.fixture
def data(tmp_path):
    rows = [{"text": text, "label": "low"} for text in TEXTS]
    (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return "rows.jsonl"


@pytest.mark.parametrize("size", ["1", "64"])
def test_the_difference_is_that_of_two_predictions(cli, classifier, data, lines, tmp_path, size):
    texts = [TEXTS[at] for at in TWINS]
    before, after = (
        [answer["scores"] for answer in lines(texts=tuple(found))]
        for found in (texts, TWINS.values())
    )
    call = ("eval", classifier, "--data", data, "--swaps", "gender", "--batch-size", size)
    result = cli(*call, "--json", "--details", "found.json")
    assert result.code == 0, result.err
    found = json.loads(result.out)
    assert found["counts"] == {"rows": 3, "one_way": 2}
    names = ["low", "mid", "high"]
    shift = np.array([[b[n] - a[n] for n in names] for a, b in zip(before, after, strict=True)])
    assert found["metrics"]["mean_shift"] == pytest.approx(np.abs(shift).max(1).mean(), abs=1e-4)
    (table,) = found["slices"]
    toward = (shift[0] - shift[2]) / 2  # women less men; the second text goes both ways
    assert [row[2] for row in table["rows"]] == pytest.approx(toward.tolist(), abs=1e-4)
    shown = cli(*call).out
    assert "words for women less words for men" in shown
    assert "It shows what these words do" in " ".join(shown.split())


@pytest.mark.parametrize("name", TASKS)
def test_the_gaps_are_those_of_two_evaluations(name, request, tmp_path):
    """Of rows and of twins that were written by hand, as `lmkit eval` scores each alone."""
    architecture, sizes, options, row = TASKS[name]
    task = tasks.build(OPTIONS[name].model_validate({"name": name, **options}))
    fixture = "tiny_tokenizer" if architecture == "gpt2" else "tiny_bert_tokenizer"
    tokenizer = copy.deepcopy(request.getfixturevalue(fixture))
    torch.manual_seed(0)
    model = task.build_model(
        ModelLoader(ModelSection(architecture=architecture, config=sizes)), tokenizer
    ).eval()

    def source(texts):
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.jsonl"
        path.write_text("\n".join(json.dumps(row(text)) for text in texts))
        return open_files(
            str(path), DataSection(train=str(path)), task.options, name="test", key="--data"
        )

    subject = Subject(task, model, tokenizer, source(TEXTS), None, "test", 0)
    found = score_twins(subject, "x", "gender", 4, None)
    before, after = (
        evaluate_split(task, model, tokenizer, source(texts), batch_size=1, seed=0)
        for texts in ([TEXTS[at] for at in TWINS], TWINS.values())
    )
    gaps = {key: value for key, value in found.metrics.items() if key.endswith("_gap")}
    assert {"loss_gap"} <= set(gaps)
    for key, value in gaps.items():
        metric = key.removesuffix("_gap")
        change = after.metrics[metric] - before.metrics[metric]
        assert value == pytest.approx(change, abs=1e-5), metric
    assert found.counts == {"rows": 3, "one_way": 2}
    assert ("changed_share" in found.metrics) == (name in ("ner", "multiple_choice"))
    kinds, texts = found.details
    assert kinds.rows[0][1] == 2
    assert len(texts.rows) == 3


def test_of_a_language_model_on_the_command_line(cli, tiny_gpt2_folder, data):
    call = ("eval", tiny_gpt2_folder, "--data", data, "--swaps", "gender")
    found = json.loads(cli(*call, "--json").out)
    assert set(found["intervals"]) == {"loss_gap", "perplexity_gap", "bits_per_byte_gap"}
    shown = " ".join(cli(*call).out.split())
    assert "words for women less words for men" in shown
    assert "a guess by the next word, which is sometimes wrong" in shown


def test_places_in_texts_are_refused(cli, tiny_bert_tokenizer, tmp_path):
    options = QAOptions(name="qa", max_length=32, stride=4)
    loader = ModelLoader(ModelSection(architecture="bert", config=BERT))
    tasks.build(options).build_model(loader, tiny_bert_tokenizer).save_pretrained(tmp_path / "qa")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "qa")
    asked = {
        "id": "1",
        "question": "who ran",
        "context": "he ran",
        "answers": {"text": ["he"], "answer_start": [0]},
    }
    (tmp_path / "asked.jsonl").write_text(json.dumps(asked))
    result = cli("eval", tmp_path / "qa", "--data", "asked.jsonl", "--swaps", "gender")
    assert result.code == 2
    assert "--swaps: not for qa, whose answers are places in a text" in result.err


def test_a_list_of_ones_own_and_what_does_not_fit(cli, classifier, data, tmp_path):
    (tmp_path / "swaps.csv").write_text("from,to\ndog,cat\n")
    (tmp_path / "none.csv").write_text("from,to\nzebra,gnu\n")
    base = ("eval", classifier, "--data", data, "--swaps")
    assert json.loads(cli(*base, "swaps.csv", "--json").out)["counts"]["rows"] == 1
    for arguments, told in (
        ((*base, "none.csv"), "--swaps none.csv: no text of rows.jsonl holds such a word"),
        ((*base, "absent.csv"), "absent.csv"),
        ((*base, "gender", "--slice", "label"), "--swaps and --slice: what --swaps asks for"),
        ((*base, "gender", "--run-tokens", "9"), "--swaps and --run-tokens: what --swaps"),
    ):
        result = cli(*arguments)
        assert result.code == 2
        assert told in result.err
        assert result.out == ""
