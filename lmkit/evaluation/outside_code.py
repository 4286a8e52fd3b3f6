"""The code of a metric of the `evaluate` library: found, opened, called; what it raises is told.

It is a script, and run only where the caller has seen to it that it may be.
"""

import contextlib
import inspect
import logging
import numbers
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmkit.errors import UsageError
from lmkit.hashing import sha256_of
from lmkit.recipe.nearest import did_you_mean
from lmkit.recipe.outside_metrics import OutsideMetric

logger = logging.getLogger(__name__)

_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


class MetricCode:
    """A metric that is opened when it is first called."""

    def __init__(self, metric: OutsideMetric) -> None:
        """Take its name and its arguments."""
        self.metric = metric
        self._opened: Any = None

    @property
    def stem(self) -> str:
        """Its name without folders, and the values of its arguments that are one word or number."""
        values = [*([self.metric.config_name] if self.metric.config_name else [])]
        values += [str(v) for v in self.metric.arguments.values() if isinstance(v, str | int)]
        stem = Path(self.metric.name).stem.rpartition("/")[2]
        return "_".join([stem, *values])

    def prove(self, predictions: Sequence[Any], references: Sequence[Any]) -> None:
        """Open it and try it on a few answers, before a run that would end with it.

        Raises:
            UsageError: it cannot be had or opened, or does not take such answers or arguments.
        """
        name = self.metric.name
        logger.warning(
            "task.trust_metric_code: the code of the metric %s is run, and may do all that you may",
            name,
        )
        with self._told("does not fit this task"):
            self._open()
            self._check_arguments()
            if not self.numbers(predictions, references):
                raise UsageError(f"task.metrics: {name}: gives no number")

    def measured(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        """Its finite numbers over N answers.

        Raises:
            UsageError: it fails on them, or gives no numbers by name.
        """
        with self._told("fails on this data"):
            return self.numbers(predictions, references)

    def numbers(self, predictions: Sequence[Any], references: Sequence[Any]) -> dict[str, float]:
        """As `measured`, raising what it raises; what it prints or warns of is no result."""
        metric = self._open()
        several = isinstance(references[0], list) and isinstance(predictions[0], str)
        if several and not _takes_several(metric):
            references = [texts[0] for texts in references]
        predictions = _fitting(predictions, _features(metric)[0].get("predictions"))
        with warnings.catch_warnings(), contextlib.redirect_stdout(sys.stderr):
            warnings.simplefilter("ignore")
            made = metric.compute(
                predictions=list(predictions), references=list(references), **self.metric.arguments
            )
        if not isinstance(made, Mapping):
            raise UsageError(
                f"task.metrics: {self.metric.name}: gives {type(made).__name__}, not numbers by "
                "name"
            )
        return {
            str(key): float(value)
            for key, value in made.items()
            if isinstance(value, numbers.Real) and abs(float(value)) < float("inf")
        }

    def _open(self) -> Any:
        """The metric, its code run."""
        if self._opened is not None:
            return self._opened
        from evaluate import load  # noqa: PLC0415 - takes seconds, and few ask for it

        name, kind = self.metric.name, self.metric.config_name
        if is_path(name):
            self._opened = load(str(script_of(name)), kind, keep_in_memory=True)
            return self._opened
        if not _HUB_NAME.fullmatch(name):
            raise UsageError(f"task.metrics: {name}: is neither a folder nor a name on the hub")
        try:
            self._opened = load(name, kind, keep_in_memory=True)
        except (FileNotFoundError, ConnectionError) as error:
            raise UsageError(
                f"task.metrics: {name}: there is no such folder here, and the hub has no such "
                "metric or cannot be reached; copy the metric's folder here and name that"
            ) from error
        return self._opened

    def _check_arguments(self) -> None:
        """Hold the arguments against the metric's parameters.

        Raises:
            UsageError: it has no such parameter.
        """
        known = inspect.signature(self._opened._compute).parameters
        if any(one.kind is inspect.Parameter.VAR_KEYWORD for one in known.values()):
            return
        allowed = [name for name in known if name not in _features(self._opened)[0]]
        for name in self.metric.arguments:
            if name not in allowed:
                raise UsageError(
                    f"task.metrics: {self.metric.name}: takes no `{name}`"
                    f"{did_you_mean(name, allowed)}; allowed: {', '.join(allowed) or 'nothing'}"
                )

    @contextlib.contextmanager
    def _told(self, what: str) -> Iterator[None]:
        """Tell whatever another's code raises in one line.

        Raises:
            UsageError: it raised something.
        """
        try:
            yield
        except (UsageError, KeyboardInterrupt, MemoryError):
            raise
        except BaseException as error:  # another's script may raise anything, and may call exit
            reason = str(error).strip().partition("\n")[0]
            raise UsageError(
                f"task.metrics: {self.metric.label}: {what}: {type(error).__name__}: {reason}"
            ) from error


def is_path(name: str) -> bool:
    """Whether a metric's name is that of a folder or file."""
    return name.startswith((".", "/", "~")) or name.endswith(".py") or Path(name).exists()


def script_of(name: str) -> Path:
    """The script of a folder, or the script itself.

    Raises:
        UsageError: it is not there.
    """
    path = Path(name).expanduser()
    script = path if path.suffix == ".py" else path / f"{path.resolve().name}.py"
    if not script.is_file():
        raise UsageError(
            f"task.metrics: {name}: there is no script {script}; a folder NAME of the evaluate "
            "library holds NAME.py"
        )
    return script


def code_hashes(names: Sequence[str]) -> dict[str, str | None]:
    """For the manifest: the SHA-256 (hex) of each script by its name; None for one of the hub."""
    return {name: sha256_of(script_of(name)) if is_path(name) else None for name in names}


def _features(metric: Any) -> list[Any]:
    """What a metric takes, in each of its ways: types by name."""
    return metric.features if isinstance(metric.features, list) else [metric.features]


def _fitting(answers: Sequence[Any], feature: Any) -> Sequence[Any]:
    """Answers with names (SQuAD's) without those that a metric does not know."""
    if not isinstance(feature, dict) or not isinstance(answers[0], dict):
        return answers
    return [{key: one[key] for key in feature if key in one} for one in answers]


def _takes_several(metric: Any) -> bool:
    """Whether it holds a text against several right ones."""
    return any(
        isinstance(feature := each.get("references"), (list, dict))
        or type(feature).__name__ in ("Sequence", "List", "LargeList")
        for each in _features(metric)
    )
