"""The words of the messages, through `parse_recipe`."""

import pytest

from lmkit.errors import RecipeError
from lmkit.recipe.parse import parse_recipe

BASE = "task: {name: causal_lm}\nmodel: {source: x}\ndata: {dataset: stdlib}\n"


def problems(text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as raised:
        parse_recipe(text, "f.yaml", overrides)
    return raised.value.problems


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("learning_rat: 1", "5:3: train.learning_rat: unknown key; did you mean `learning_rate`?"),
        ("learning_rate: x", '5:18: train.learning_rate: found "x"; allowed: a number, at least 0'),
        (
            'learning_rate: "5e-5"',
            '5:18: train.learning_rate: found "5e-5"; allowed: a number, at least 0; write it '
            "without quotes",
        ),
        (
            "learning_rate: true",
            "5:18: train.learning_rate: found true; allowed: a number, at least 0",
        ),
        ("learning_rate:", "5:3: train.learning_rate: found null; allowed: a number, at least 0"),
        (
            "max_grad_norm: .nan",
            "5:18: train.max_grad_norm: found .nan; allowed: a number, at least 0",
        ),
        (
            "max_grad_norm: .inf",
            "5:18: train.max_grad_norm: found .inf; allowed: a number, at least 0",
        ),
        (
            "max_steps: 2.5",
            "5:14: train.max_steps: found 2.5; allowed: a whole number, at least -1",
        ),
        (
            "deterministic: no",
            '5:18: train.deterministic: found "no"; allowed: true or false; YAML 1.2 reads no as '
            "text: write false",
        ),
        (
            "compile: yes",
            '5:12: train.compile: found "yes"; allowed: auto or true or false; YAML 1.2 reads yes '
            "as text: write true",
        ),
        ("deterministic: 0", "5:18: train.deterministic: found 0; allowed: true or false"),
        (
            "precision: bf16",
            '5:14: train.precision: found "bf16"; allowed: one of auto, float32, bfloat16, '
            "float16; did you mean `bfloat16`?",
        ),
        (
            "eval_strategy: false",
            "5:18: train.eval_strategy: found false; allowed: one of no, steps, epoch",
        ),
        (
            "save_total_limit: 0",
            "5:21: train.save_total_limit: found 0; allowed: a whole number, at least 1, or null",
        ),
        (
            "liger_kernel_config: {rope: 1}",
            "5:31: train.liger_kernel_config.rope: found 1; allowed: true or false",
        ),
        (
            "warmup_ratio: 0.1",
            "5:3: train.warmup_ratio: no key of TrainingArguments any more; write "
            "`warmup_steps: 0.1` (below 1 it is a share of the steps)",
        ),
        (
            "bf16: true",
            "5:3: train.bf16: not a key of lmkit's recipes; use `train.precision` (auto, float32, "
            "bfloat16 or float16)",
        ),
        (
            "output_dir: x",
            "5:3: train.output_dir: not a key of lmkit's recipes; `output_dir` stands at the top "
            "of the recipe (or use the option `-o DIR`)",
        ),
        (
            "block_size: 5",
            "5:3: train.block_size: unknown key; `block_size` belongs under `task` (of causal_lm, "
            "masked_lm)",
        ),
        (
            "architectur: gpt2",
            "5:3: train.architectur: unknown key; did you mean `model.architecture`?",
        ),
        ("zzz: 1", "5:3: train.zzz: unknown key; allowed: see `lmkit recipes schema`"),
        (
            "optim_args: momentum",
            "5:15: train.optim_args: found 'momentum'; allowed: key=value pairs",
        ),
        (
            "early_stopping_patience: 2\n  eval_strategy: no",
            "5:28: train.early_stopping_patience: needs evaluations; `train.eval_strategy` is no, "
            "allowed: steps or epoch",
        ),
    ],
)
def test_a_line_of_train(line: str, problem: str) -> None:
    (found,) = problems(f"{BASE}train:\n  {line}\n")
    assert found.startswith(f"f.yaml:{problem}")


@pytest.mark.parametrize(
    ("value", "meant"), [("adamw", "adamw_torch"), ("adagard", "adagrad"), ("mun", "muon")]
)
def test_the_nearest_optimizer(value: str, meant: str) -> None:
    (found,) = problems(f"{BASE}train: {{optim: {value}}}")
    assert found.startswith(f'f.yaml:4:16: train.optim: found "{value}"; allowed: one of adam, ')
    assert found.endswith(f"; did you mean `{meant}`?")


def test_the_nearest_of_other_names() -> None:
    text = BASE + "tokenizer: {train: {type: bpee}}\ntrain: {lr_scheduler_type: cosin}\n"
    found = problems(text, "train.report_to=[wanb]", "data.errors=replce")
    assert [line.partition("did you mean ")[2] for line in found] == [
        "`bpe`?",
        "`cosine`?",
        "`replace`?",
        "`wandb`?",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            "task: {name: clasification}",
            '1:14: task.name: found "clasification"; allowed: one of causal_lm, ',
        ),
        ("task: {block_size: 5}", "1:1: task.name: missing; allowed: one of causal_lm, "),
        ("task: {name: [a]}", "1:14: task.name: found a list of 1; allowed: one of causal_lm, "),
        ("task: {name: }", "1:8: task.name: found null; allowed: one of causal_lm, "),
        ("task: 5", "1:7: task: found 5; allowed: a mapping"),
        ("task:", "1:1: task: found null; allowed: a mapping"),
        (
            "task: {name: causal_lm, labels: [a, b]}",
            "1:25: task.labels: unknown key; `labels` belongs under `task` (of classification, "
            "ner)",
        ),
        (
            "task: {name: classification, labels: [a]}",
            "1:38: task.labels: found a list of 1; allowed: a list of text",
        ),
        (
            "task: {name: classification, labels: [a, 5]}",
            "1:42: task.labels.1: found 5; allowed: text",
        ),
    ],
)
def test_the_task(text: str, problem: str) -> None:
    found = problems(f"{text}\nmodel: {{source: x}}\ndata: {{dataset: stdlib}}\n")
    assert len(found) == 1
    assert found[0].startswith(f"f.yaml:{problem}")


def test_an_unknown_task_has_its_neighbor_named() -> None:
    (found,) = problems(BASE.replace("causal_lm", "casual-lm"))
    assert found.endswith("did you mean `causal_lm`?")


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("learning_rate: 3", "4:1: learning_rate: unknown key; `learning_rate` belongs under `tra"),
        ("fp16: true", "4:1: fp16: not a key of lmkit's recipes; use `train.precision`"),
        ("trian: {}", "4:1: trian: unknown key; did you mean `train`?"),
        (
            "x: 1",
            "4:1: x: unknown key; allowed: task, model, tokenizer, data, train, cost, output_dir",
        ),
        ("output_dir: 5", "4:13: output_dir: found 5; allowed: text (not empty) or null"),
        ("tokenizer: {train: 5}", "4:20: tokenizer.train: found 5; allowed: a mapping or null"),
        ("tokenizer: 5", "4:12: tokenizer: found 5; allowed: a mapping"),
    ],
)
def test_the_top_of_the_recipe(line: str, problem: str) -> None:
    (found,) = problems(f"{BASE}{line}\n")
    assert found.startswith(f"f.yaml:{problem}")


def test_a_union_of_types_is_one_problem() -> None:
    text = BASE.replace("{dataset: stdlib}", "{train: [a, 5, b], validation: 5, test: []}")
    assert problems(text) == [
        "f.yaml:3:19: data.train.1: found 5; allowed: text (not empty) or a mapping",
        "f.yaml:3:38: data.validation: found 5; allowed: text (not empty), or a list of text "
        "(not empty), at least 1, or null",
        "f.yaml:3:47: data.test: found a list of 0; allowed: text (not empty), or a list of text "
        "(not empty), at least 1, or null",
    ]


def test_rules_between_keys_stand_at_what_they_name() -> None:
    text = "task: {name: causal_lm}\nmodel:\n  source: x\n  architecture: y\ndata: {}\n"
    assert problems(text) == [
        "f.yaml:2:1: model: give either `source` or `architecture` (with `config`)",
        "f.yaml:5:1: data: give `train` (a file, a folder, a glob) or `dataset`",
    ]
    (found,) = problems(BASE.replace("source: x", "architecture: gpt2"))
    assert found.startswith("f.yaml:1:1: tokenizer: a model built from `model.architecture` has")


def test_everything_at_once_in_the_order_of_the_file() -> None:
    text = (
        "task: {name: causal_lm, blok_size: 5}\n"
        "train:\n  seed: 1\n  seed: 2\n  max_steps: !!python/name:x\n  optim: adm\nmodel: {}\n"
    )
    found = problems(text, "train.sed=3", "train.learning_rate=-1", "task.x.y=1", "nonsense")
    assert [line.rpartition(": ")[0].split(": ")[0] for line in found] == [
        "f.yaml:1:1",
        "f.yaml:1:25",
        "f.yaml:4:3",
        "f.yaml:5:14",
        "f.yaml:6:10",
        "f.yaml:7:1",
        "--set nonsense",
        "--set task.x.y",
        "--set train.learning_rate",
        "--set train.sed",
    ]


def test_a_missing_key_stands_at_its_section() -> None:
    assert problems("a: 1\n")[:3] == [
        "f.yaml:1:1: task: missing; allowed: a mapping",
        "f.yaml:1:1: model: missing; allowed: a mapping",
        "f.yaml:1:1: data: missing; allowed: a mapping",
    ]
