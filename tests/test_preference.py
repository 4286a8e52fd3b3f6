"""From a file of choices to a model that prefers: `lmkit finetune`, resumed, and `lmkit eval`."""

import json
import random
import shutil

import pytest
import yaml
from safetensors.torch import load_file

NOISE = ("the house", "the hill", "a book", "the door", "she reads", "he looked", "the mat")


@pytest.fixture
def recipe(tmp_path, tiny_gpt2_folder):
    """Answers about the cat are preferred to answers about the dog."""
    for name, count, seed in (("train", 160, 1), ("dev", 40, 2), ("test", 60, 3)):
        draw = random.Random(seed)
        lines = []
        for _ in range(count):
            said = [" and ".join(draw.choices(NOISE, k=draw.randint(1, 3))) for _ in range(3)]
            row = {"prompt": said[0], "chosen": f" one cat {said[1]}",
                   "rejected": f" one dog {said[2]}"}  # fmt: skip
            lines.append(json.dumps(row) + "\n")
        (tmp_path / f"{name}.jsonl").write_text("".join(lines))
    content = {
        "task": {"name": "preference", "max_length": 48},
        "model": {"source": str(tiny_gpt2_folder)},
        "data": {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"},
        "train": {
            "max_steps": 20, "total_batch_size": 16, "per_device_train_batch_size": 16,
            "learning_rate": 3e-3, "compile": False, "precision": "float32", "save_steps": 10,
            "eval_steps": 10, "logging_steps": 5,
        },
    }  # fmt: skip
    path = tmp_path / "preference.yaml"
    path.write_text(yaml.safe_dump(content))
    return path


@pytest.mark.slow
def test_a_model_learns_to_prefer_and_keeps_its_reference(
    cli, recipe, tmp_path, tiny_gpt2_folder, monkeypatch
):
    ended = cli("finetune", recipe, "-o", "run", "--json")
    assert ended.code == 0, ended.err
    summary = json.loads(ended.out)
    assert summary["metrics"]["accuracy"] > 0.9
    assert 0.3 < summary["baselines"]["longer"]["accuracy"] < 0.7
    assert summary["baselines"]["reference"]["accuracy"] < 0.8
    assert summary["against_baselines"]["metric"] == "accuracy"
    assert summary["metrics"]["loss"] < 0.6 < 0.6932
    resolved = yaml.safe_load((tmp_path / "run" / "recipe.yaml").read_text())
    assert resolved["task"]["reference_source"] == str(tiny_gpt2_folder)

    # again from the middle, with the reference scored anew: bit for bit the same
    weights = load_file(tmp_path / "run" / "model" / "model.safetensors")
    shutil.copytree(tmp_path / "run", tmp_path / "half")
    for part in ("model", "checkpoints/checkpoint-20"):
        shutil.rmtree(tmp_path / "half" / part)
    (tmp_path / "half" / "summary.json").unlink()
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "cache"))
    ended = cli("finetune", recipe, "-o", "half", "--resume", "--json")
    assert ended.code == 0, ended.err
    assert "resuming from" in ended.err
    again = load_file(tmp_path / "half" / "model" / "model.safetensors")
    assert all((again[name] == weight).all() for name, weight in weights.items())
    assert json.loads(ended.out)["metrics"] == summary["metrics"]

    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "another"))
    ended = cli("eval", "run", "--json", "--batch-size", "3")
    assert ended.code == 0, ended.err
    found = json.loads(ended.out)
    assert found["metrics"] == pytest.approx(summary["metrics"], abs=1e-5)

    # another model where the reference was
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path / "third"))
    shutil.copy(tmp_path / "run" / "model" / "model.safetensors", tiny_gpt2_folder)
    ended = cli("eval", "run")
    assert ended.code == 2
    assert "is not the model it was" in ended.err
    ended = cli("finetune", recipe, "-o", "half", "--resume")
    assert ended.code in (0, 2)  # finished: nothing to do; or refused, never trained on
    shutil.rmtree(tiny_gpt2_folder)
    ended = cli("eval", "run")
    assert ended.code == 2
    assert "put it back where it was" in ended.err


def test_a_row_without_a_choice(cli, recipe, tmp_path):
    rows = (tmp_path / "dev.jsonl").read_text().splitlines()
    rows[2] = json.dumps({"prompt": "a", "chosen": "b", "rejected": "b"})
    (tmp_path / "dev.jsonl").write_text("\n".join(rows) + "\n")
    ended = cli("finetune", recipe, "-o", "run")
    assert ended.code == 2
    assert "dev.jsonl:3: `chosen` and `rejected` are equal" in ended.err
    ended = cli("data", "inspect", recipe)
    assert "no choice between two answers" in ended.out + ended.err
