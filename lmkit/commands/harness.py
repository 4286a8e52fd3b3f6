"""The tasks of EleutherAI's lm-evaluation-harness (`lm-eval`), run on a model of ours.

A task file of one's own is code: its templates are rendered without a sandbox, and it may name
Python functions. It is run only where the command line says so.
"""

import contextlib
import importlib
import logging
import math
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import TemplateError
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.commands.scoring_run import Evaluation
from lmkit.errors import DataError, UsageError, require_extra
from lmkit.evaluation.interval import normal
from lmkit.recipe.nearest import did_you_mean

SUFFIXES = (".yaml", ".yml")
ITERATIONS = 1000
"""Draws of their bootstrap, where a metric has no standard error by formula."""
_NAME = re.compile(r"^task:\s*[\"']?([\w.-]+)[\"']?\s*$", re.MULTILINE)
_SHARES = ("acc", "exact_match", "f1", "em", "contains", "mcc", "bypass", "brier")


def require_harness(asked: str) -> None:
    """Say that the library is absent.

    Raises:
        MissingExtraError: with the command that installs it.
    """
    require_extra(
        f"--benchmarks {asked}: is no file, and a task of lm-eval", "lm_eval", "benchmarks"
    )


def run_tasks(
    names: Sequence[str],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    *,
    batch_size: int,
    context: int,
    limit: int | None,
    shots: int | None,
    trusted: bool,
) -> list[Evaluation]:
    """Score a model on tasks by name, or by the path of a task file.

    Args:
        names: of tasks, groups, or files.
        model: causal, on its device.
        tokenizer: its own.
        batch_size: sequences at a time.
        context: tokens that the model reads.
        limit: items of each task at most.
        shots: answered examples before each question; None: as the task says.
        trusted: run what stands in task files of one's own.

    Raises:
        UsageError: there is no such task, or a file is not trusted.
        DataError: the data of a task cannot be got, or do not fit its file.
    """
    files = [Path(name) for name in names if name.endswith(SUFFIXES)]
    if files and not trusted:
        raise UsageError(
            f"--benchmarks {files[0]}: a task file of lm-eval can run code (its templates have no "
            "sandbox, and it may name functions); read it, then say --trust-benchmark-code"
        )
    tasks: Any = importlib.import_module("lm_eval.tasks")
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    own = {str(path): _own_name(path) for path in files}
    chosen = [own.get(name, name) for name in names]
    folders = sorted({str(path.parent) for path in files})
    with contextlib.redirect_stdout(sys.stderr):
        manager = tasks.TaskManager(
            include_path=folders or None, include_defaults=len(files) < len(names)
        )
        for name in chosen:
            if name not in manager.all_tasks:
                hint = did_you_mean(name, manager.all_tasks)
                raise UsageError(f"--benchmarks {name}: neither a file nor a task of lm-eval{hint}")
        found = _evaluated(chosen, model, tokenizer, manager, batch_size, context, limit, shots)
    return [_told(name, found) for name in found["results"]]


def _evaluated(
    names: Sequence[str],
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    manager: Any,
    batch_size: int,
    context: int,
    limit: int | None,
    shots: int | None,
) -> dict[str, Any]:
    harness: Any = importlib.import_module("lm_eval")
    models: Any = importlib.import_module("lm_eval.models.huggingface")
    asked = models.HFLM(
        pretrained=model, tokenizer=tokenizer, batch_size=batch_size, max_length=context
    )
    try:
        found: dict[str, Any] = harness.simple_evaluate(
            model=asked, tasks=list(names), num_fewshot=shots, limit=limit, task_manager=manager,
            bootstrap_iters=ITERATIONS, log_samples=False,
        )  # fmt: skip
    except (
        OSError, ValueError, LookupError, TypeError, AttributeError, ImportError, TemplateError,
    ) as error:  # fmt: skip
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise DataError(
            f"--benchmarks {', '.join(names)}: lm-eval cannot run it: {told}"
        ) from error
    return found


def _own_name(path: Path) -> str:
    """The task that a file describes.

    Raises:
        UsageError: there is no such file, or it names none.
    """
    if not path.is_file():
        near = [one.name for one in path.parent.glob("*.y*ml")] if path.parent.is_dir() else []
        raise UsageError(f"--benchmarks {path}: no such file{did_you_mean(path.name, near)}")
    named = _NAME.search(path.read_text(encoding="utf-8", errors="replace"))
    if named is None:
        raise UsageError(f"--benchmarks {path}: has no line `task: NAME`, so it is no task file")
    return named[1]


def _told(name: str, found: dict[str, Any]) -> Evaluation:
    """Their numbers of a task: value, and 1.96 standard errors to both sides."""
    metrics, intervals = {}, {}
    listed = found["results"][name]
    for key, value in listed.items():
        metric, _, kind = key.partition(",")
        if not kind or metric.endswith("_stderr") or not isinstance(value, int | float):
            continue
        shown = metric if kind == "none" else f"{metric} ({kind})"
        metrics[shown] = float(value)
        error = listed.get(f"{metric}_stderr,{kind}")
        if isinstance(error, int | float) and math.isfinite(error):
            low, high = (0.0, 1.0) if metric.startswith(_SHARES) else (-math.inf, math.inf)
            intervals[shown] = normal(float(value), float(error), low, high)
    sizes = found.get("n-samples", {}).get(name, {})
    shots = found.get("n-shot", {}).get(name, 0)
    version = importlib.import_module("importlib.metadata").version("lm_eval")
    return Evaluation(
        task=name, split=name, metrics=metrics, intervals=intervals, baselines={},
        counts={"rows": int(sizes.get("effective", 0))} if sizes else {},
        definition=f"as lm-eval {version} defines them, with {shots} examples before each item",
    )  # fmt: skip
