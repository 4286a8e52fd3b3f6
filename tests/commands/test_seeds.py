"""`--seeds N`: ordinary runs that differ by their seed, resumed, replaced, and summed up."""

import json
import statistics

import pytest
import yaml

from lmkit.commands.seeds import summarize
from lmkit.run_folder import write_json

SHORT = ("--set", "train.max_steps=2", "--set", "train.eval_steps=1", "--set", "train.save_steps=1")


def read(path):
    return json.loads(path.read_text())


def finetuned(cli, recipe, *arguments):
    return cli("pretrain", recipe, "-o", "out", "-q", *SHORT, *arguments)


def test_each_run_is_one_of_its_own(cli, small_recipe, tmp_path):
    ended = finetuned(cli, small_recipe, "--seeds", "2", "--set", "train.seed=7", "--json")
    assert ended.code == 0, ended.err
    told = json.loads(ended.out)
    assert told == read(tmp_path / "out/summary.json")
    summaries = [read(tmp_path / f"out/seed-{n}/summary.json") for n in (1, 2)]
    losses = [summary["metrics"]["loss"] for summary in summaries]
    assert losses[0] != losses[1]
    assert told["metrics"]["loss"] == pytest.approx(statistics.mean(losses))
    assert told["std"]["loss"] == pytest.approx(statistics.stdev(losses))
    assert [one["seed"] for one in told["runs"]] == [7, 8]
    page = (tmp_path / "out/report.html").read_text()
    assert "seed-1" in page
    assert "seed-2" in page
    # the second is what `--set train.seed=8` alone gives, on the same split
    alone = cli("pretrain", small_recipe, "-o", "alone", "-q", *SHORT, "--set", "train.seed=8",
                "--json")  # fmt: skip
    assert json.loads(alone.out)["metrics"] == summaries[1]["metrics"]
    manifests = [read(tmp_path / f"{name}/manifest.json") for name in ("out/seed-1", "alone")]
    assert manifests[0]["data"] == manifests[1]["data"]
    # the best is that of the smaller validation loss
    evaluated = []
    for number in (1, 2):
        lines = (tmp_path / f"out/seed-{number}/metrics.jsonl").read_text().splitlines()
        found = [line for line in map(json.loads, lines) if "eval_loss" in line]
        evaluated.append(found[-1]["eval_loss"])
    assert told["best"]["value"] == min(evaluated)
    assert told["best"]["seed"] == 7 + evaluated.index(min(evaluated))


def test_resume_goes_on_with_the_first_unfinished_run_and_takes_more_seeds(
    cli, small_recipe, tmp_path
):
    assert finetuned(cli, small_recipe, "--seeds", "2").code == 0
    written = (tmp_path / "out/seed-1/summary.json").stat().st_mtime_ns
    (tmp_path / "out/seed-2/summary.json").unlink()  # as of a run that was killed at its end
    ended = finetuned(cli, small_recipe, "--seeds", "2")
    assert ended.code == 2
    assert "holds runs of 2 seeds; go on with --resume, replace them with --overwrite" in ended.err
    ended = finetuned(cli, small_recipe, "--seeds", "3", "--resume")
    assert ended.code == 0, ended.err
    assert (tmp_path / "out/seed-1/summary.json").stat().st_mtime_ns == written
    assert len(read(tmp_path / "out/seed-2/manifest.json")["sessions"]) == 2
    assert len(read(tmp_path / "out/summary.json")["runs"]) == 3
    assert "mean and standard deviation of seeds 42, 43, 44" in ended.out
    assert "best by the validation data: seed 4" in ended.out
    # runs of another recipe are not mixed in
    ended = finetuned(cli, small_recipe, "--seeds", "3", "--resume", "--set", "train.seed=1")
    assert ended.code == 2
    assert "train.seed: was 42, is 1" in ended.err


@pytest.mark.slow
def test_overwrite_replaces_the_runs_once_one_is_done_and_not_for_a_mistake(
    cli, small_recipe, tmp_path
):
    assert finetuned(cli, small_recipe, "--seeds", "2").code == 0
    before = read(tmp_path / "out/summary.json")
    ended = finetuned(
        cli, small_recipe, "--seeds", "1", "--overwrite", "--set", "data.train=no.txt"
    )
    assert ended.code == 2
    assert "no such file or folder: no.txt" in ended.err
    assert read(tmp_path / "out/summary.json") == before
    ended = finetuned(cli, small_recipe, "--seeds", "1", "--overwrite")
    assert ended.code == 0, ended.err
    assert sorted(path.name for path in tmp_path.glob("out*")) == ["out"]
    assert sorted(path.name for path in (tmp_path / "out").glob("seed-*")) == ["seed-1"]
    assert read(tmp_path / "out/summary.json")["std"]["loss"] is None


def test_what_is_not_a_folder_of_runs_is_left_alone(cli, small_recipe, tmp_path):
    ended = finetuned(cli, small_recipe, "--seeds", "0")
    assert ended.code == 2
    assert "--seeds" in ended.err
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("")
    ended = finetuned(cli, small_recipe, "--seeds", "2", "--overwrite")
    assert ended.code == 2
    assert "is not empty and not a run of lmkit" in ended.err
    (tmp_path / "out/mine.txt").unlink()
    for name in ("recipe.yaml", "manifest.json"):
        (tmp_path / "out" / name).write_text("{}")
    ended = finetuned(cli, small_recipe, "--seeds", "2", "--overwrite")
    assert ended.code == 2
    assert "holds a run of one seed, which --seeds does not touch" in ended.err
    ended = cli("pretrain", small_recipe, "-o", "new", "--seeds", "2", "--set", "data.train=no.txt")
    assert ended.code == 2
    assert not (tmp_path / "new").exists()


def test_a_dry_run_says_how_many_runs(cli, small_recipe, tmp_path):
    ended = finetuned(cli, small_recipe, "--seeds", "3", "--dry-run")
    assert ended.code == 0, ended.err
    assert "3 runs, each of which costs what is said here" in ended.out
    assert not (tmp_path / "out").exists()


def finished(folder, seed, metrics, evaluated, *, greater=True):
    """A run folder as `summarize` reads it: kept at step 2."""
    folder.mkdir()
    recipe = {
        "task": {"name": "classification"}, "model": {"source": "m"}, "data": {"train": "x"},
        "train": {"seed": seed, "metric_for_best_model": "macro_f1", "greater_is_better": greater},
    }  # fmt: skip
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    lines = [{"step": step, "eval_macro_f1": value} for step, value in evaluated.items()]
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return {
        "task": "classification", "model": "m", "split": "test", "step": 2, "metrics": metrics,
        "baselines": {}, "train": {"steps": 4, "tokens": 10, "seconds": 1.0},
        "output_dir": str(folder),
    }  # fmt: skip


def test_the_best_is_chosen_by_the_validation_data_at_the_step_that_was_kept(tmp_path):
    summaries = [
        finished(tmp_path / "a", 1, {"accuracy": 0.9, "odd": None}, {2: 0.5, 4: 0.99}),
        finished(tmp_path / "b", 2, {"accuracy": 0.6, "odd": 1.0}, {2: 0.7, 4: 0.1}),
        finished(tmp_path / "c", 3, {"accuracy": 0.3, "odd": 1.0}, {}),
    ]
    told = summarize(tmp_path, summaries)
    assert told["best"] == {
        "seed": 2, "metric": "macro_f1", "value": 0.7, "output_dir": str(tmp_path / "b"),
    }  # fmt: skip
    assert told["metrics"] == {"accuracy": pytest.approx(0.6)}
    assert told["std"] == {"accuracy": pytest.approx(0.3)}
    assert told["runs"][2]["validation"] is None
    assert told["train"] == {"steps": 12, "tokens": 30, "seconds": 3.0}
    write_json(tmp_path / "summary.json", told)  # plain JSON
    assert summarize(tmp_path, summaries[2:])["best"] is None


def test_damaged_lines_are_counted_and_the_good_ones_used(tmp_path, caplog):
    summary = finished(tmp_path / "a", 1, {"accuracy": 0.9}, {1: 0.3, 2: 0.5})
    lines = tmp_path / "a" / "metrics.jsonl"
    lines.write_bytes(b'{"step": 1, "eval_\n\xff\xfe\n[3]\n' + lines.read_bytes() + b'{"step": 3, ')
    told = summarize(tmp_path, [summary])
    assert told["best"]["value"] == 0.5
    assert f"4 of 6 lines of {lines} are damaged and were left out" in caplog.text
