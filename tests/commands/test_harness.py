"""Tasks of lm-evaluation-harness: our own scorer's numbers, and no code that was not allowed."""

import json
from pathlib import Path

import pytest

pytest.importorskip("lm_eval")

ROWS = [
    {"question": f"What comes after {n}?", "choices": [str(n + 1), str(n - 1), "a cat"],
     "answer": n % 3}
    for n in range(12)
]  # fmt: skip
TASK = """
task: own_choices
dataset_path: json
dataset_kwargs:
  data_files: {file}
output_type: multiple_choice
test_split: train
doc_to_text: "Question: {{{{question}}}}\\nAnswer:"
doc_to_target: "{{{{answer}}}}"
doc_to_choice: "choices"
metric_list:
  - metric: acc
  - metric: acc_norm
"""


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    rows = tmp_path / "rows.jsonl"
    rows.write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    path = tmp_path / "own" / "choices.yaml"
    path.parent.mkdir()
    path.write_text(TASK.format(file=rows))
    return path


@pytest.mark.filterwarnings("ignore")  # theirs, and those of what they import
def test_a_task_file_says_what_our_scorer_says(cli, tiny_gpt2_folder, task, tmp_path) -> None:
    asked = ("eval", tiny_gpt2_folder, "--json", "--benchmarks")
    theirs = cli(*asked, task, "--trust-benchmark-code")
    assert theirs.code == 0, theirs.err
    ours = json.loads(cli(*asked, tmp_path / "rows.jsonl").out)["benchmarks"]
    found = json.loads(theirs.out)["benchmarks"]["own_choices"]
    (mine,) = ours.values()
    assert found["metrics"]["acc"] == mine["metrics"]["accuracy"]
    assert found["metrics"]["acc_norm"] == mine["metrics"]["accuracy_norm"]
    low, high = found["intervals"]["acc"]
    assert low <= found["metrics"]["acc"] <= high
    assert found["counts"]["rows"] == len(ROWS)


def test_a_task_file_is_code(cli, tiny_gpt2_folder, task, tmp_path) -> None:
    mark = tmp_path / "it-ran"
    hostile = f"{{{{ cycler.__init__.__globals__.os.mkdir('{mark}') }}}}"
    task.write_text(task.read_text().replace("{{answer}}", hostile))
    ended = cli("eval", tiny_gpt2_folder, "--benchmarks", task)
    assert ended.code == 2
    assert "read it, then say --trust-benchmark-code" in ended.err
    assert not mark.exists()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("task: own_choices", "tsk: own_choices"), "has no line `task: NAME`"),
        (("rows.jsonl", "gone.jsonl"), "lm-eval cannot run it"),
        (("{{answer}}", "{{anwser}}"), "lm-eval cannot run it"),
    ],
)
def test_a_task_that_cannot_run_is_told(cli, tiny_gpt2_folder, task, change, told) -> None:
    task.write_text(task.read_text().replace(*change))
    ended = cli("eval", tiny_gpt2_folder, "--benchmarks", task, "--trust-benchmark-code")
    assert ended.code == 2, ended.err
    assert told in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.slow  # it reads the files of all their tasks
@pytest.mark.filterwarnings("ignore")
def test_a_task_of_nobody_names_the_nearest(cli, tiny_gpt2_folder) -> None:
    ended = cli("eval", tiny_gpt2_folder, "--benchmarks", "hellaswagg")
    assert ended.code == 2
    assert "did you mean `hellaswag`?" in ended.err


def test_without_the_library_it_is_said(cli, tiny_gpt2_folder, monkeypatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    ended = cli("eval", tiny_gpt2_folder, "--benchmarks", "hellaswag")
    assert ended.code == 2
    assert 'pip install "lmkit[benchmarks]"' in ended.err
