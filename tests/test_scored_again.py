"""`lmkit eval` of a run of every task: the summary's numbers, also once its data was moved."""

import json
import shutil
from pathlib import Path

import pytest
import yaml

SENTENCE = "the cat sat on the mat and looked at the dog by the door of a red house"
WORDS = SENTENCE.split()
BERT = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
    "max_position_embeddings": 64,
}  # fmt: skip
GPT2 = {"n_embd": 16, "n_layer": 1, "n_head": 2, "n_positions": 64}
BART = {
    "d_model": 16, "encoder_layers": 1, "decoder_layers": 1, "encoder_attention_heads": 2,
    "decoder_attention_heads": 2, "encoder_ffn_dim": 16, "decoder_ffn_dim": 16,
    "max_position_embeddings": 64,
}  # fmt: skip


def text(number: int, count: int = 6) -> str:
    return " ".join(WORDS[(number * 5 + place * 3) % len(WORDS)] for place in range(count))


def question(number: int) -> dict[str, object]:
    context = text(number, 12)
    word = context.split()[4]
    starts = [context.index(word)]
    return {
        "id": str(number), "question": text(number + 1, 4), "context": context,
        "answers": {"text": [word], "answer_start": starts},
    }  # fmt: skip


TASKS = {  # architecture, options, and the row of a number
    "causal_lm": ("gpt2", {"block_size": 32}, lambda n: {"text": text(n)}),
    "masked_lm": ("bert", {"block_size": 32}, lambda n: {"text": text(n)}),
    "classification": ("bert", {}, lambda n: {"text": text(n), "label": "ab"[n % 2]}),
    "ner": ("bert", {}, lambda n: {"tokens": text(n).split(), "tags": ["B-A", *["O"] * 5]}),
    "qa": ("bert", {"max_length": 48}, question),
    "seq2seq": (
        "bart", {"max_source_length": 32, "max_target_length": 16},
        lambda n: {"source": text(n), "target": text(n + 1, 3)},
    ),
    "chat": (
        "gpt2", {"chat_template": "chatml", "max_length": 48},
        lambda n: {"prompt": text(n), "completion": text(n + 1, 3)},
    ),
    "preference": (
        "gpt2", {"chat_template": "none", "reference": "none", "max_length": 48},
        lambda n: {"prompt": text(n), "chosen": text(n + 1, 3), "rejected": text(n + 2, 3)},
    ),
    "embedding": (
        "bert", {}, lambda n: {"sentence1": text(n), "sentence2": text(n + 1), "score": n % 5 / 4},
    ),
    "multiple_choice": (
        "bert", {},
        lambda n: {"question": text(n), "choices": [text(n, 2), text(n + 1, 2)], "answer": n % 2},
    ),
}  # fmt: skip
SIZES = {"bert": BERT, "gpt2": GPT2, "bart": BART}
KINDS = {"bert": "wordpiece", "gpt2": "bpe", "bart": "bpe"}


def written(name: str, split: str, rows: range) -> str:
    """A file of a task's rows."""
    lines = [json.dumps(TASKS[name][2](number)) + "\n" for number in rows]
    Path(f"{split}.jsonl").write_text("".join(lines))
    return f"{split}.jsonl"


@pytest.mark.slow
@pytest.mark.parametrize("name", TASKS)
def test_a_run_is_scored_again(cli, tmp_path, name):
    architecture, options, _ = TASKS[name]
    data = {split: written(name, split, rows) for split, rows in (
        ("train", range(40)), ("validation", range(40, 50)), ("test", range(50, 62)),
    )}  # fmt: skip
    content = {
        "task": {"name": name, **options},
        "model": {"architecture": architecture, "config": SIZES[architecture]},
        "tokenizer": {"train": {"type": KINDS[architecture], "vocab_size": 300}},
        "data": data,
        "train": {"max_steps": 2, "precision": "float32", "compile": False},
    }
    Path("r.yaml").write_text(yaml.safe_dump(content))
    verb = "pretrain" if name.endswith("_lm") else "finetune"
    ended = cli(verb, "r.yaml", "-o", "run", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)["metrics"]
    samples = Path("run/samples.jsonl")
    writes = name in ("causal_lm", "masked_lm", "seq2seq", "chat", "preference")
    assert samples.exists() == writes

    def scored(*words: str) -> dict[str, float]:
        again = cli("eval", "run", "--json", *words)
        assert again.code == 0, again.err
        found: dict[str, float] = json.loads(again.out)["metrics"]
        return found

    assert scored() == pytest.approx(told, abs=1e-5)
    assert scored("--batch-size", "1") == pytest.approx(told, abs=1e-5)

    Path("elsewhere").mkdir()
    for file in data.values():
        shutil.move(file, "elsewhere")
    moved = cli("eval", "run")
    assert moved.code == 2
    assert "--data FILE" in moved.err
    assert "Traceback" not in moved.err
    assert scored("--data", "elsewhere/test.jsonl") == pytest.approx(told, abs=1e-5)

    shutil.rmtree("run/model")
    manifest = json.loads(Path("run/manifest.json").read_text())
    Path("run/manifest.json").write_text(json.dumps(manifest | {"status": "running"}))
    unfinished = cli("eval", "run", "--data", "elsewhere/test.jsonl")
    assert unfinished.code == 2
    assert "this run is unfinished and has no model/ yet; its newest checkpoint is" in (
        unfinished.err
    )
    assert cli("report", "run").code == 0
    assert "This run is not finished" in Path("run/report.html").read_text()
