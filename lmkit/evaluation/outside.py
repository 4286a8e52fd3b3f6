"""Metrics of the `evaluate` library: scripts, run only where the recipe says that they may be.

lmkit's own metrics need neither a network nor another's code, and keep their names.
"""

import contextlib
import logging
import numbers
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from lmkit.errors import UsageError
from lmkit.hashing import sha256_of

logger = logging.getLogger(__name__)

TRIED_TEXTS = (["a text", "another one"], [["a text"], ["one text"]])
"""Answers that metrics of texts are tried on, and the right ones."""
_HUB_NAME = re.compile(r"[\w.-]+(/[\w.-]+)?")


class OutsideMetrics:
    """Some of them, each opened when it is first needed."""

    def __init__(self, names: Sequence[str] | None) -> None:
        """Take their names.

        Args:
            names: folders (`metrics/gap`, which holds `gap.py`), scripts, or names on the hub; the
                caller has seen to it that their code may be run.
        """
        self.names = tuple(names or ())
        self._opened: dict[str, Any] = {}
        self._proved = False

    def prove(self, predictions: Sequence[Any], references: Sequence[Any]) -> None:
        """Open them and try each on a few answers, before a run that would end with it.

        Raises:
            UsageError: one cannot be had or opened, or does not take such answers.
        """
        todo = () if self._proved else self.names
        for name in todo:
            logger.warning(
                "task.trust_metric_code: the code of the metric %s is run, and may do all that "
                "you may", name,
            )  # fmt: skip
            with _told(name, "does not fit this task"):
                if not _plain(name, self._compute(name, predictions, references)):
                    raise UsageError(f"task.metrics: {name}: gives no number")
        self._proved = True

    def numbers(
        self, predictions: Sequence[Any], references: Sequence[Any], own: Mapping[str, float]
    ) -> dict[str, float]:
        """Their numbers over N answers; a metric that fails on them is told and left out.

        Args:
            predictions: (N,) class ids, numbers or texts.
            references: the true ones, (N,); of texts a list of those that are right.
            own: the metrics of lmkit; a number of another with such a name gets the metric's name
                before it.
        """
        found: dict[str, float] = {}
        for name in self.names if references else ():
            try:
                with _told(name, "fails on this data"):
                    made = _plain(name, self._compute(name, predictions, references))
            except UsageError as error:
                logger.warning("%s; it is left out", error)
                continue
            for key, value in made.items():
                known = key in own or key in found
                found[f"{_stem(name)}_{key}" if known else key] = value
        return found

    def definition(self) -> str:
        """What to say of them beside the others."""
        if not self.names:
            return ""
        return f" Others by the code of {', '.join(self.names)}, without an interval."

    def _compute(self, name: str, predictions: Sequence[Any], references: Sequence[Any]) -> Any:
        if name not in self._opened:
            self._opened[name] = _open(name)
        metric = self._opened[name]
        if references and isinstance(references[0], list) and not _takes_several(metric):
            references = [several[0] for several in references]
        return metric.compute(predictions=list(predictions), references=list(references))


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


def _open(name: str) -> Any:
    """The metric, its code run."""
    from evaluate import load  # noqa: PLC0415 - takes seconds, and few ask for it

    if is_path(name):
        return load(str(script_of(name)), keep_in_memory=True)
    if not _HUB_NAME.fullmatch(name):
        raise UsageError(f"task.metrics: {name}: is neither a folder nor a name on the hub")
    try:
        return load(name, keep_in_memory=True)
    except (FileNotFoundError, ConnectionError) as error:
        raise UsageError(
            f"task.metrics: {name}: there is no such folder here, and the hub has no such metric "
            "or cannot be reached; copy the metric's folder here and name that"
        ) from error


@contextlib.contextmanager
def _told(name: str, what: str) -> Iterator[None]:
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
            f"task.metrics: {name}: {what}: {type(error).__name__}: {reason}"
        ) from error


def _takes_several(metric: Any) -> bool:
    """Whether it holds a text against several right ones."""
    allowed = metric.features if isinstance(metric.features, list) else [metric.features]
    return any(
        isinstance(feature := each.get("references"), (list, dict))
        or type(feature).__name__ in ("Sequence", "List", "LargeList")
        for each in allowed
    )


def _plain(name: str, made: Any) -> dict[str, float]:
    """The finite numbers among what a metric gave."""
    if not isinstance(made, Mapping):
        raise UsageError(f"task.metrics: {name}: gives {type(made).__name__}, not numbers by name")
    return {
        str(key): float(value)
        for key, value in made.items()
        if isinstance(value, numbers.Real) and abs(float(value)) < float("inf")
    }


def _stem(name: str) -> str:
    return Path(name).stem.rpartition("/")[2]
