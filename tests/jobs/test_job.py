"""One run as a scheduler has to start it."""

import shlex
from pathlib import Path

import pytest

from lmkit.errors import RecipeError, UsageError
from lmkit.jobs.job import Job, job, plain, without_secret

RECIPE = "gpt2-stdlib"


def asked(recipe: str = RECIPE, *overrides: str, nodes: int = 1, gpus: int = 1) -> Job:
    return job(recipe, overrides, nodes=nodes, gpus_per_node=gpus, max_restarts=3)


def test_the_command_is_that_of_the_task_and_of_each_machine() -> None:
    one = asked(RECIPE, "data.train=my file.txt")
    assert one.output == "runs/gpt2-stdlib"
    assert shlex.split(one.command(host="h:1", rank="0")) == [
        *("lmkit", "pretrain", RECIPE, "--set", "data.train=my file.txt", "--processes", "1"),
        *("--resume", "--max-restarts", "3"),
    ]
    several = asked("bert-stdlib-topics", nodes=2, gpus=8)
    words = shlex.split(several.command(host="$h", rank="$r", recipe="there.yaml", output="/out"))
    assert words == [
        *("lmkit", "finetune", "there.yaml", "-o", "/out", "--processes", "8", "--nodes", "2"),
        *("--node-rank", "$r", "--rendezvous", "$h", "--resume", "--max-restarts", "3"),
    ]
    assert "--processes 1 " in asked(gpus=0).command(host="", rank="")


@pytest.mark.parametrize(
    ("stem", "name"),
    [
        ("My Recipe_2", "my-recipe-2"),
        ("7b", "lmkit-7b"),
        ("_", "lmkit"),
        ("a" * 80, "a" * 50),
        ("é", "lmkit"),
    ],
)
def test_the_name_is_one_that_every_scheduler_takes(stem: str, name: str, tmp_path: Path) -> None:
    file = tmp_path / f"{stem}.yaml"
    file.touch()
    assert Job(str(file), "pretrain", "out").name == name


@pytest.mark.parametrize(
    ("output", "there"),
    [("runs/x", "/lmkit/runs/x"), ("/lmkit/y", "/lmkit/y"), ("/x", None), ("../x", None)],
)
def test_the_run_folder_outlives_a_machine(output: str, there: str | None) -> None:
    one = asked(RECIPE, f"output_dir={output}")
    if there is None:
        with pytest.raises(UsageError, match=r"output_dir: found .*is mounted at /lmkit: allowed"):
            one.on_shared()
    else:
        assert one.on_shared() == there


def test_a_wrong_recipe_is_told_in_the_words_of_recipes_check() -> None:
    with pytest.raises(RecipeError, match=r"--set train.max_step: .*max_steps"):
        asked(RECIPE, "train.max_step=3")


def test_what_no_job_can_do() -> None:
    with pytest.raises(UsageError, match=r"data.train: found `-`, and nothing is piped into a job"):
        asked("gpt2-text", "data.train=-")
    shared = ("train.parallel=fsdp", "train.optim=sgd")
    with pytest.raises(UsageError, match=r"fsdp shares parameters .*--nodes or --gpus-per-node"):
        asked(RECIPE, *shared)
    assert asked(RECIPE, *shared, nodes=2, gpus=0).nodes == 2


def test_values_that_could_become_something_else() -> None:
    assert plain("--image", "ghcr.io/a/b:1@sha256:0f") == "ghcr.io/a/b:1@sha256:0f"
    assert plain("--image", None) is None
    for wrong in ("", "a b", "a\n#SBATCH --x", "-x", "$(date)", "'"):
        with pytest.raises(UsageError, match=r"--image: found .*; allowed are letters"):
            plain("--image", wrong)


def test_no_secret_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    assert without_secret("a\nb\n") == "a\nb\n"
    token = "hf_" + "aB3" * 11
    with pytest.raises(UsageError, match=r"would hold a secret: setup: \*\*\*; leave it out"):
        without_secret(f"name: x\nsetup: {token}\n")
    monkeypatch.setenv("MY_SECRET", "first line\nsecond")
    with pytest.raises(UsageError, match="would hold a secret"):
        without_secret("x\nfirst line\nsecond")
