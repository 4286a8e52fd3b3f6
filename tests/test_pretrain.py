"""`lmkit pretrain` through the real command: it learns, and leaves what the contract says."""

import json
import math
from hashlib import sha256
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, AutoTokenizer

from lmkit.recipe.load import load_recipe
from lmkit.training.checkpoint import fault

MASKED = """
task: {name: masked_lm, block_size: 32, packing: none}
model:
  architecture: bert
  config:
    {num_hidden_layers: 2, hidden_size: 32, num_attention_heads: 2, intermediate_size: 64}
tokenizer: {train: {type: wordpiece, vocab_size: 80}}
data: {train: echoes.txt, document: line, validation_share: 0.2}
train: {max_steps: 60, total_batch_size: 16, learning_rate: 0.01, compile: false}
"""
WORDS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def digest(run: Path) -> str:
    return sha256((run / "model" / "model.safetensors").read_bytes()).hexdigest()


def lines(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def test_a_causal_model_learns(cli, small_recipe: Path) -> None:
    ended = cli("pretrain", small_recipe, "-o", "run", "--json", "--set", "train.max_steps=60")
    assert ended.code == 0
    summary = json.loads(ended.out)
    loss, unigram = summary["metrics"]["loss"], summary["baselines"]["unigram"]["loss"]
    assert unigram > math.log(10)  # ten equally likely words, some of several tokens
    assert loss < 0.3 * unigram
    assert summary["metrics"]["perplexity"] == pytest.approx(math.exp(loss))
    assert summary["metrics"]["bits_per_byte"] < summary["baselines"]["zlib"]["bits_per_byte"]
    assert lines(Path("run"))[0]["loss"] > lines(Path("run"))[-2]["loss"]


def test_a_masked_model_learns(cli, small_recipe: Path) -> None:
    """Each document is one word said over and over: what is hidden stands all around."""
    small_recipe.write_text(MASKED)
    echoes = [" ".join([word] * times) for times in range(10, 26) for word in WORDS]
    Path("echoes.txt").write_text("\n".join(echoes) + "\n")
    ended = cli("pretrain", small_recipe, "-o", "run", "--json")
    assert ended.code == 0
    summary = json.loads(ended.out)
    commonest = summary["baselines"]["unigram"]["accuracy"]
    assert summary["metrics"]["accuracy"] > 3 * commonest
    assert set(summary["metrics"]) == {"loss", "perplexity", "accuracy"}
    assert AutoModelForMaskedLM.from_pretrained("run/model").config.model_type == "bert"


def test_the_run_folder_is_that_of_the_contract(cli, small_recipe: Path, tmp_path: Path) -> None:
    ended = cli("pretrain", small_recipe, "-o", "run", "--json")
    assert ended.code == 0
    run = tmp_path / "run"
    assert {path.name for path in run.iterdir()} >= {
        "recipe.yaml", "manifest.json", "metrics.jsonl", "summary.json", "model", "checkpoints",
        "tensorboard",
    }  # fmt: skip
    assert [path.name for path in run.iterdir() if path.name.endswith(".tmp")] == []

    summary = json.loads((run / "summary.json").read_text())
    assert summary == json.loads(ended.out)
    assert list(summary)[:7] == [
        "task", "model", "split", "step", "metrics", "intervals", "baselines",
    ]  # fmt: skip
    assert set(summary["train"]) == {
        "steps", "tokens", "seconds", "tokens_per_second", "peak_memory_mb", "loss",
        "flops", "mfu", "peak_flops_per_second", "peak_source", "wall_seconds",
    }  # fmt: skip
    assert (summary["task"], summary["split"], summary["step"]) == ("causal_lm", "validation", 8)
    assert summary["output_dir"] == str(run)
    for name, (low, high) in summary["intervals"].items():
        assert low - 1e-9 <= summary["metrics"][name] <= high + 1e-9

    manifest = json.loads((run / "manifest.json").read_text())
    assert manifest["status"] == "finished"
    assert manifest["command"] == f"lmkit pretrain {small_recipe} -o run --json"
    assert manifest["seed"] == 42
    assert {"lmkit", "torch", "transformers", "python"} <= set(manifest["versions"])
    assert len(manifest["data"]["train"]["sha256"]) == 64
    assert manifest["data"]["train"]["files"][0]["path"] == str(tmp_path / "counting.txt")
    assert manifest["chosen"] == {"precision": "float32", "compile": False}
    assert manifest["tokens"] == summary["train"]["tokens"]

    written = lines(run)
    training = [line for line in written if "loss" in line]
    assert [line["step"] for line in training] == [2, 4, 6, 8]
    for line in training:
        assert set(line) == {
            "step", "epoch", "tokens", "loss", "learning_rate", "grad_norm", "tokens_per_second",
        }  # fmt: skip
    assert training[-1]["tokens"] == summary["train"]["tokens"]
    evaluations = [line for line in written if "eval_loss" in line]
    assert [line["step"] for line in evaluations] == [4, 8]
    # in float32 the last evaluation and the summary score the same weights
    assert evaluations[-1]["eval_loss"] == pytest.approx(summary["metrics"]["loss"], abs=1e-9)
    # the mean of equal numbers of steps
    mean = sum(line["loss"] for line in training) / 4
    assert summary["train"]["loss"] == pytest.approx(mean, abs=1e-6)


def test_the_model_folder_opens_elsewhere(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    model = AutoModelForCausalLM.from_pretrained("run/model")
    tokenizer = AutoTokenizer.from_pretrained("run/model")
    assert model.config.vocab_size == len(tokenizer)
    assert model.config.eos_token_id == tokenizer.eos_token_id is not None
    assert tokenizer.model_max_length == 32
    assert tokenizer.decode(tokenizer.encode("one two  three")) == "one two  three"
    assert {"README.md", "config.json", "generation_config.json"} <= {
        path.name for path in Path("run/model").iterdir()
    }


def test_checkpoints_and_tensorboard(cli, small_recipe: Path) -> None:
    assert cli("pretrain", small_recipe, "-o", "run").code == 0
    found = sorted(Path("run/checkpoints").iterdir())
    assert [path.name for path in found] == ["checkpoint-4", "checkpoint-8"]
    assert [fault(path) for path in found] == [None, None]
    for path in found:
        AutoModelForCausalLM.from_pretrained(path)
        AutoTokenizer.from_pretrained(path)
    events = EventAccumulator("run/tensorboard")
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [2, 4, 6, 8]
    assert [event.step for event in events.Scalars("eval/loss")] == [4, 8]
    told = [line["loss"] for line in lines(Path("run")) if "loss" in line]
    assert [event.value for event in events.Scalars("train/loss")] == pytest.approx(told, rel=1e-6)


def test_eval_says_what_the_summary_says(cli, small_recipe: Path) -> None:
    summary = json.loads(cli("pretrain", small_recipe, "-o", "run", "--json").out)
    for size in ("1", "16"):
        found = json.loads(cli("eval", "run", "--json", "--batch-size", size).out)
        assert found["split"] == summary["split"]
        assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)
        assert found["baselines"] == summary["baselines"]
    checkpoint = json.loads(cli("eval", "run/checkpoints/checkpoint-8", "--json").out)
    assert checkpoint["metrics"] == pytest.approx(summary["metrics"], abs=1e-6)


def test_the_resolved_recipe_repeats_the_run(cli, small_recipe: Path, tmp_path: Path) -> None:
    dropout = "--set=model.config.resid_pdrop=0.2"
    assert cli("pretrain", small_recipe, "-o", "run", dropout).code == 0
    (tmp_path / "elsewhere").mkdir()
    small_recipe.unlink()
    ended = cli("pretrain", "run/recipe.yaml", "-o", "other")
    assert ended.code == 0
    assert digest(Path("other")) == digest(Path("run"))
    one, other = (load_recipe(f"{name}/recipe.yaml") for name in ("run", "other"))
    assert one.model_copy(update={"output_dir": other.output_dir}) == other


def test_streams(cli, small_recipe: Path) -> None:
    plain = cli("pretrain", small_recipe, "-o", "a")
    assert "step 2/8" in plain.err
    assert "tokens/s" in plain.err
    assert "step 2/8" not in plain.out
    assert "loss" in plain.out
    as_json = cli("pretrain", small_recipe, "-o", "b", "--json")
    assert as_json.out.count("\n") == 1
    assert json.loads(as_json.out)["step"] == 8
    quiet = cli("pretrain", small_recipe, "-o", "c", "--quiet", "--json")
    assert quiet.err == ""
    assert json.loads(quiet.out)["metrics"] == json.loads(as_json.out)["metrics"]


@pytest.mark.slow
def test_the_real_command_writes_only_results_to_standard_output(
    run_cli, small_recipe: Path
) -> None:
    ended = run_cli("pretrain", small_recipe, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["step"] == 8
    assert ended.out.count("\n") == 1
    assert "Traceback" not in ended.err
    assert "Warning" not in ended.err
