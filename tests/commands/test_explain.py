"""`--explain`: a classifier that learned one word is explained by that word."""

import json
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from lmkit.data.chat_template import give_template
from tests.commands.conftest import run_of

pytest.importorskip("captum")
pytestmark = pytest.mark.filterwarnings("ignore:.*:UserWarning:captum")

RECIPE = """
task: {name: classification, max_length: 16}
model: {architecture: bert, config: {num_hidden_layers: 1, hidden_size: 32, num_attention_heads: 2,
        intermediate_size: 32, hidden_dropout_prob: 0.0, attention_probs_dropout_prob: 0.0}}
tokenizer: {train: {type: wordpiece, vocab_size: 80}}
data: {train: rows.csv, validation_share: 0.2}
train: {max_steps: 60, learning_rate: 0.01, total_batch_size: 16, precision: float32}
"""


@pytest.fixture
def run(cli, tmp_path: Path) -> Path:
    """Texts that are good if they hold `sun`, and bad if they hold `rain`."""
    words = ["the", "day", "was", "long", "and", "we", "saw", "a", "house"]
    rows = ["text,label"]
    for number in range(120):
        text = [words[(number * 7 + i * i) % len(words)] for i in range(5)]
        text[number % 5] = "sun" if number % 2 else "rain"
        rows.append(f"{' '.join(text)},{'good' if number % 2 else 'bad'}")
    (tmp_path / "rows.csv").write_text("\n".join(rows) + "\n")
    (tmp_path / "sun.yaml").write_text(RECIPE)
    ended = cli("finetune", "sun.yaml", "-o", "run", "-q")
    assert ended.code == 0, ended.err
    return tmp_path / "run"


@pytest.mark.slow
def test_the_word_that_was_learned(cli, run: Path, tmp_path: Path) -> None:
    texts = ("--explain", "we saw the sun and a house", "--explain", "the rain was long")
    ended = cli("eval", run, *texts, "--json", "-o", "why.json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told == json.loads((tmp_path / "why.json").read_text())
    first, second = told["explanations"]
    assert (first["answer"], second["answer"]) == ("good", "bad")
    for one, word in ((first, "sun"), (second, "rain")):
        strongest = max(one["tokens"], key=lambda token: token["attribution"])
        assert strongest["token"] == word
        total = sum(token["attribution"] for token in one["tokens"])
        assert total - one["completeness_error"] == pytest.approx(one["value"] - one["baseline"])
    shown = cli("eval", run, *texts[:2])
    assert "good: " in shown.out
    assert "integrated gradients" in shown.out.lower()
    page = cli("report", run, *texts[:2])
    assert page.code == 0, page.err
    assert "Why good: we saw the sun" in (run / "report.html").read_text()


def test_the_next_token_of_a_causal_model(cli, tiny_gpt2_folder) -> None:
    ended = cli("eval", tiny_gpt2_folder, "--explain", "the cat sat on", "--json")
    assert ended.code == 0, ended.err
    (one,) = json.loads(ended.out)["explanations"]
    assert one["answer"].startswith("next ")
    assert one["tokens"][0]["attribution"] == 0  # the start token is in both texts


def test_the_first_token_of_an_answer_in_a_chat(cli, tiny_gpt2_folder, tmp_path) -> None:
    """A message is asked as `lmkit generate` asks it: in the turns of the template."""
    row = {"prompt": "the cat", "completion": "a dog"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row) + "\n")
    data = {"train": tmp_path / "rows.jsonl"}
    task = {"name": "chat", "chat_template": "chatml", "max_length": 64}
    tokenizer = AutoTokenizer.from_pretrained(tiny_gpt2_folder)
    template = give_template(tokenizer, "chatml")
    model = AutoModelForCausalLM.from_pretrained(tiny_gpt2_folder)
    model.resize_token_embeddings(len(tokenizer))
    model.save_pretrained(tmp_path / "chatty")
    tokenizer.save_pretrained(tmp_path / "chatty")
    run = run_of(tmp_path / "talk", tmp_path / "chatty", data, task)
    ended = cli("eval", run, "--explain", "the cat sat", "--json")
    assert ended.code == 0, ended.err
    (one,) = json.loads(ended.out)["explanations"]
    ids = template.question("the cat sat")
    assert len(one["tokens"]) == len(ids)
    assert one["tokens"][0]["token"] == "<|im_start|>"
    with torch.no_grad():
        best = model.eval()(torch.tensor([ids])).logits[0, -1].log_softmax(-1).max()
    assert one["value"] == pytest.approx(float(best), abs=1e-4)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (
            ("--explain", "x", "--split", "test"),
            "--explain and --split: ",
        ),
        (("--explain", "x", "--limit", "3"), "--limit: is for --benchmarks"),
    ],
)
def test_what_does_not_fit_is_told(cli, tiny_gpt2_folder, words, told) -> None:
    ended = cli("eval", tiny_gpt2_folder, *words)
    assert ended.code == 2
    assert told in ended.err


def test_without_captum_it_is_said(cli, tiny_gpt2_folder, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    ended = cli("eval", tiny_gpt2_folder, "--explain", "x")
    assert ended.code == 2
    assert '--explain: needs captum, which is not installed: pip install "lmkit[explain]"' in (
        ended.err
    )


def test_a_masked_model_has_no_answer(cli, tiny_bert_folder) -> None:
    ended = cli("eval", tiny_bert_folder, "--explain", "the cat")
    assert ended.code == 2
    assert "explains classification, ner and causal models" in ended.err
