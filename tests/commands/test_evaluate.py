"""`lmkit eval` through the command line, against sums over the model's own logits."""

import json
import math
import shutil
import zlib

import numpy as np
import pytest
import torch
from sklearn.metrics import f1_score
from transformers import BertConfig, BertForSequenceClassification

from tests.commands.conftest import run_of

BLOCK, STRIDE = 32, 8


def write_run(folder, model, task, data, **more):
    """A run folder as training leaves it, around a model folder."""
    run_of(folder, model, data, {"name": task, "block_size": BLOCK, **more})
    (folder / "summary.json").write_text("{}")
    return folder


@pytest.fixture
def data(tiny_corpus):
    """Splits of very unlike document lengths, one of them longer than the context."""
    test = tiny_corpus.parent / "test"
    test.mkdir()
    lines = (tiny_corpus / "03.txt").read_text().splitlines()
    for number, count in enumerate((12, 1, 3, 6, 1, 2)):
        (test / f"{number}.txt").write_text("\n".join(lines[:count]))
    (test / "9.txt").write_text("a")
    return {"train": tiny_corpus, "validation": tiny_corpus / "01.txt", "test": test}


@pytest.fixture
def gpt2_run(tmp_path, tiny_gpt2_folder, data):
    return write_run(tmp_path / "gpt2-run", tiny_gpt2_folder, "causal_lm", data, stride=STRIDE)


@pytest.fixture
def bert_run(tmp_path, tiny_bert_folder, data):
    return write_run(tmp_path / "bert-run", tiny_bert_folder, "masked_lm", data)


def texts_of(folder):
    return [path.read_text() for path in sorted(folder.iterdir())]


def read(result):
    assert result.code == 0, result.err
    return json.loads(result.out)


@torch.no_grad()
def causal_sums(model, tokenizer, texts, block, stride):
    """Nats and tokens: each token from the first window that reaches it, its logits alone."""
    nll, count = 0.0, 0
    for text in texts:
        end = tokenizer.eos_token_id
        stream = [end, *tokenizer(text, add_special_tokens=False)["input_ids"], end]
        for place in range(1, len(stream)):
            begin = 0
            while place - begin > block:  # the token lies beyond this window's last prediction
                begin += stride
            ids = torch.tensor([stream[begin:place]])
            nll -= float(model(ids).logits[0, -1].double().log_softmax(-1)[stream[place]])
            count += 1
    return nll, count


def test_a_causal_run_is_an_independent_sum_for_every_batch_size(
    cli, gpt2_run, tiny_gpt2, tiny_tokenizer, data
):
    texts = texts_of(data["test"])
    nll, count = causal_sums(tiny_gpt2, tiny_tokenizer, texts, BLOCK, STRIDE)
    size = sum(len(text.encode()) for text in texts)
    for batch_size in (1, 2, 8, 64):
        found = read(cli("eval", gpt2_run, "--json", "--batch-size", str(batch_size)))
        assert found["metrics"]["loss"] == pytest.approx(nll / count, abs=1e-5)
    assert found["metrics"]["perplexity"] == pytest.approx(math.exp(nll / count), rel=1e-5)
    assert found["metrics"]["bits_per_byte"] == pytest.approx(nll / math.log(2) / size, abs=1e-5)
    assert found["counts"]["documents"] == len(texts)
    assert found["counts"]["predicted"] == count
    assert (found["task"], found["split"]) == ("causal_lm", "test")
    for name, (low, high) in found["intervals"].items():
        assert low < found["metrics"][name] < high
    packed = sum(len(zlib.compress(text.encode(), 9)) for text in texts)
    assert found["baselines"]["zlib"] == {"bits_per_byte": pytest.approx(8 * packed / size)}
    assert found["baselines"]["unigram"]["loss"] < found["metrics"]["loss"]  # it knows nothing yet
    assert f"context {BLOCK}, stride {STRIDE}" in found["definition"]


def test_stride_is_the_context_between_windows(cli, gpt2_run, tiny_gpt2, tiny_tokenizer, data):
    nll, count = causal_sums(tiny_gpt2, tiny_tokenizer, texts_of(data["test"]), BLOCK, BLOCK)
    found = read(cli("eval", gpt2_run, "--json", "--stride", str(BLOCK)))
    assert found["metrics"]["loss"] == pytest.approx(nll / count, abs=1e-5)


def test_splits_checkpoints_and_the_model_folder_of_a_run(cli, gpt2_run):
    shutil.copytree(gpt2_run / "model", gpt2_run / "checkpoints" / "checkpoint-5")
    expected = read(cli("eval", gpt2_run, "--json"))["metrics"]
    for part in ("model", "checkpoints/checkpoint-5"):
        assert read(cli("eval", gpt2_run / part, "--json"))["metrics"] == expected
    other = read(cli("eval", gpt2_run, "--json", "--split", "validation"))
    assert other["split"] == "validation"
    assert other["metrics"]["loss"] != expected["loss"]
    assert other["intervals"] == {}  # it is a single document


def test_a_model_folder_is_scored_by_its_head_on_a_file(
    cli, tiny_gpt2_folder, gpt2_run, data, tiny_gpt2, tiny_tokenizer
):
    nll, count = causal_sums(tiny_gpt2, tiny_tokenizer, texts_of(data["test"]), 64, 32)
    found = read(cli("eval", tiny_gpt2_folder, "--data", data["test"], "--json"))
    assert found["metrics"]["loss"] == pytest.approx(nll / count, abs=1e-5)
    assert found["split"] == str(data["test"])
    assert set(found["baselines"]) == {"zlib"}  # nothing is known of the training text
    same = read(cli("eval", gpt2_run, "--data", data["test"], "--json"))
    assert same["metrics"] == read(cli("eval", gpt2_run, "--json"))["metrics"]


def test_another_column(cli, tiny_gpt2_folder, tmp_path):
    rows = [json.dumps({"body": "the cat sat"}), json.dumps({"body": "a dog ran"})]
    (tmp_path / "rows.jsonl").write_text("\n".join(rows))
    refused = cli("eval", tiny_gpt2_folder, "--data", "rows.jsonl")
    assert refused.code == 2
    assert "no column `text`; the columns are `body`" in refused.err
    found = read(
        cli("eval", tiny_gpt2_folder, "--data", "rows.jsonl", "--text-column", "body", "--json")
    )
    assert found["counts"]["documents"] == 2


def test_a_masked_run(cli, bert_run):
    found = [
        read(cli("eval", bert_run, "--json", "--batch-size", str(size)))["metrics"]
        for size in (1, 2, 8, 64)
    ]
    assert set(found[0]) == {"loss", "perplexity", "accuracy"}
    for metrics in found:
        assert metrics["loss"] == pytest.approx(found[0]["loss"], abs=1e-5)
        assert metrics["accuracy"] == found[0]["accuracy"]
    baseline = read(cli("eval", bert_run, "--json"))["baselines"]["unigram"]
    assert 0 < baseline["accuracy"] < 0.5
    assert baseline["loss"] < found[0]["loss"]


@torch.no_grad()
def test_pseudo_perplexity_hides_each_token_in_turn(
    cli, bert_run, data, tiny_bert, tiny_bert_tokenizer
):
    sums = []
    for text in texts_of(data["test"]):
        ids = tiny_bert_tokenizer(text, add_special_tokens=False)["input_ids"]
        for start in range(0, len(ids), BLOCK - 2):
            cls, sep = tiny_bert_tokenizer.cls_token_id, tiny_bert_tokenizer.sep_token_id
            piece = torch.tensor([[cls, *ids[start : start + BLOCK - 2], sep]])
            for place in range(1, piece.shape[1] - 1):
                masked = piece.clone()
                masked[0, place] = tiny_bert_tokenizer.mask_token_id
                log_p = tiny_bert(masked).logits[0, place].double().log_softmax(-1)
                sums.append(-float(log_p[piece[0, place]]))
    found = read(cli("eval", bert_run, "--pseudo-perplexity", "--json"))
    value = found["metrics"]["pseudo_perplexity"]
    assert value == pytest.approx(math.exp(np.mean(sums)), rel=1e-5)
    low, high = found["intervals"]["pseudo_perplexity"]
    assert low < value < high
    assert f"{len(sums):,} of {len(sums):,} tokens" in found["definition"]
    some = read(cli("eval", bert_run, "--pseudo-perplexity", "--pseudo-tokens", "5", "--json"))
    assert f"5 of {len(sums):,} tokens" in some["definition"]


@torch.no_grad()
def test_a_classifier_is_scored_by_the_labels_it_was_saved_with(
    cli, tmp_path, tiny_bert, tiny_bert_tokenizer
):
    texts = {
        "the cat sat on the mat": "pet",
        "a red door": "house",
        "one dog": "pet",
        "hill": "pet",
    }
    lines = ["text,label", *(f"{text},{label}" for text, label in texts.items())]
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    config = BertConfig(
        **{**tiny_bert.config.to_dict(), "id2label": {0: "house", 1: "pet"}, "architectures": None}
    )
    torch.manual_seed(0)
    model = BertForSequenceClassification(config).eval()
    model.save_pretrained(tmp_path / "classifier")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "classifier")
    scores = [
        model(**tiny_bert_tokenizer(text, return_tensors="pt")).logits[0].double().log_softmax(-1)
        for text in texts
    ]
    gold = [0 if label == "house" else 1 for label in texts.values()]
    found = read(cli("eval", "classifier", "--data", "rows.csv", "--json"))["metrics"]
    losses = [-float(score[label]) for score, label in zip(scores, gold, strict=True)]
    predicted = [int(score.argmax()) for score in scores]
    assert found["loss"] == pytest.approx(np.mean(losses), abs=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(np.equal(predicted, gold)))
    assert found["macro_f1"] == pytest.approx(
        f1_score(gold, predicted, average="macro", zero_division=0)
    )


def test_the_table_and_the_file(cli, gpt2_run, tmp_path):
    result = cli("eval", gpt2_run, "--output", "found.json")
    assert result.code == 0, result.err
    found = json.loads((tmp_path / "found.json").read_text())
    lines = result.out.splitlines()
    assert lines[0].split() == ["metric", "value", "95", "%", "interval"]
    low, high = found["intervals"]["loss"]
    loss = found["metrics"]["loss"]
    assert lines[1].split() == ["loss", f"{loss:.4f}", f"{low:.4f}", "to", f"{high:.4f}"]
    assert (
        f"baseline zlib: bits_per_byte {found['baselines']['zlib']['bits_per_byte']:.4f}" in lines
    )
    counts = found["counts"]
    assert (
        f"test: {counts['documents']} documents, {counts['rows']} rows, "
        f"{counts['predicted']:,} predicted"
    ) in lines
    assert "Each document is scored by itself" in result.out
    assert json.loads(cli("eval", gpt2_run, "--json").out) == found


@pytest.mark.parametrize(
    ("options", "texts"),
    [
        (["--stride", "33"], ["--stride 33: may be 1 to 32, the context"]),
        (["--split", "tets"], ["--split tets: this run has train, validation, test; did you mean"]),
        (["--split", "dev"], ["--split dev: this run has train, validation, test"]),
        (["--split", "test", "--data", "x.txt"], ["--data and --split"]),
        (["--data", "absent.txt"], ["--data: ", "absent.txt"]),
        (["--pseudo-perplexity"], ["--pseudo-perplexity: is for masked models"]),
        (["--output", "."], ["--output .: is a folder"]),
        (["--output", "no/where.json"], ["--output no/where.json: there is no folder no"]),
    ],
)
def test_options_that_do_not_fit(cli, gpt2_run, options, texts):
    result = cli("eval", gpt2_run, *options)
    assert result.code == 2
    assert result.out == ""
    for text in texts:
        assert text in result.err


def test_data_without_a_document(cli, gpt2_run, tmp_path):
    (tmp_path / "blank.txt").write_text(" \n\n")
    result = cli("eval", gpt2_run, "--data", "blank.txt")
    assert result.code == 2
    assert "blank.txt: the file holds nothing but white space" in result.err


def test_a_run_whose_data_has_moved(cli, gpt2_run, data):
    data["test"].rename(data["test"].with_name("elsewhere"))
    result = cli("eval", gpt2_run)
    assert result.code == 2
    assert "moved or changed?); name a file to score on with --data FILE" in result.err
    assert cli("eval", gpt2_run, "--data", data["test"].with_name("elsewhere")).code == 0


def test_a_target_that_is_not_there(cli, gpt2_run):
    result = cli("eval", gpt2_run.with_name("gpt2-rum"))
    assert result.code == 2
    assert "there is no such folder; did you mean" in result.err
    assert "gpt2-run" in result.err


def test_a_stride_for_a_masked_model(cli, bert_run):
    result = cli("eval", bert_run, "--stride", "4")
    assert result.code == 2
    assert "--stride: means nothing for the task masked_lm" in result.err


def test_progress_is_a_plain_line_now_and_then(cli, gpt2_run, monkeypatch):
    monkeypatch.setattr("lmkit.commands.bar.TELL_EVERY", 0.0)
    told = cli("eval", gpt2_run, "--batch-size", "4", "--json")
    assert "scoring: 4 of " in told.err
    assert read(told)
    assert "scoring" not in cli("eval", gpt2_run, "--quiet").err
