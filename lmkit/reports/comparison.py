"""Runs side by side: what differs in their scores and how surely, in their recipes, in their cost.

Each run is compared with the first. A paired test needs what each scored row gave (rows.npz); runs
that were scored on other data are not compared at all.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from lmkit.errors import UsageError
from lmkit.evaluation.kept_rows import unpack
from lmkit.evaluation.paired import Difference, Units, differences, values
from lmkit.evaluation.redrawn import SEED
from lmkit.recipe.yaml_text import read_yaml
from lmkit.reports.facts import RunFacts
from lmkit.reports.numbers import figure, flat, number
from lmkit.run_folder import RunFolder

OF_TOKENS = ("causal_lm", "masked_lm", "chat", "seq2seq")
"""Tasks whose loss is a mean over tokens."""
_REWARD = ("task.beta", "task.reference", "task.reference_sha256")
SCALES: dict[str, dict[str, tuple[str, ...]]] = {
    "preference": {
        "loss": ("task.loss_type", *_REWARD),
        "margin": _REWARD, "chosen_reward": _REWARD, "rejected_reward": _REWARD,
    },
    "embedding": {"loss": ("task.objective", "task.temperature")},
}  # fmt: skip
"""By task the metrics that mean something else where one of these keys of the recipe differs."""
_TOLERANCE = 1e-6  # by which rows may miss the summary's metric
_UNLIKE = ("output_dir",)  # keys of a recipe that always differ


@dataclass(frozen=True)
class Against:
    """A run compared with the first."""

    differences: dict[str, Difference]
    """By metric: this run's less the first's."""
    reason: str
    """Why there is none, or not of all metrics; empty where all is compared."""


class Comparison:
    """Two or more runs. What tells of scores may be asked once `require_same_data` was."""

    def __init__(self, folders: Sequence[RunFolder]) -> None:
        """Read the runs.

        Raises:
            UsageError: one is named twice.
            RunFolderError: one cannot be read.
        """
        self.folders = list(folders)
        if len({folder.path.resolve() for folder in self.folders}) < len(self.folders):
            raise UsageError("a run is named twice; name runs that differ")
        self.runs = [RunFacts.of(folder) for folder in self.folders]
        unlike = len({run.name for run in self.runs}) == len(self.runs)
        self.names = [
            run.name if unlike else str(folder.path)
            for run, folder in zip(self.runs, self.folders, strict=True)
        ]
        main = self.runs[0].of_summary("main")
        self.main = str(main.get("metric") or self.runs[0].of_summary("against_baselines").get(
            "metric", "loss"))  # fmt: skip
        self.greater_is_better = bool(main.get("greater_is_better", self.main != "loss"))

    def require_same_data(self) -> None:
        """Make sure that the scores may be compared.

        Raises:
            UsageError: a run is not finished or has no scores, or they are of different tasks or
                were scored on different data; each is named.
        """
        for name, run in zip(self.names, self.runs, strict=True):
            if not run.finished:
                raise UsageError(
                    f"{name}: this run is not finished, so it has no scores to compare"
                )
            if not run.of_summary("metrics"):
                raise UsageError(f"{name}: this run was scored on nothing: it has no metrics")
        tasks = [str(run.summary.get("task")) for run in self.runs]
        if len(set(tasks)) > 1:
            raise UsageError(f"the runs are of different tasks: {self._each(tasks)}")
        if len({_data(run)[0] for run in self.runs}) > 1 or _data(self.runs[0])[0] is None:
            told = [_data(run)[1] for run in self.runs]
            raise UsageError(
                f"the runs were not scored on the same data, so no number of one says anything "
                f"beside the other's: {self._each(told)}; score them on one file with `lmkit eval "
                "RUN --data FILE`"
            )

    def _each(self, told: Sequence[str]) -> str:
        return "; ".join(f"{name}: {text}" for name, text in zip(self.names, told, strict=True))

    @cached_property
    def against(self) -> list[Against]:
        """Each further run against the first."""
        units = [self._units(place) for place in range(len(self.runs))]
        return [self._against(units, place) for place in range(1, len(self.runs))]

    @property
    def metrics(self) -> list[str]:
        """Those that any of the runs has, in the order of the first."""
        return list(dict.fromkeys(name for run in self.runs for name in run.of_summary("metrics")))

    def verdicts(self) -> list[str]:
        """A sentence for each further run; never "better" where the interval covers 0."""
        return [self._verdict(place) for place in range(1, len(self.runs))]

    def recipes(self) -> list[tuple[str, list[str]]]:
        """The keys in which the recipes differ, with each run's value."""
        trees = [dict(flat(read_yaml(run.recipe).value, longest=10_000)) for run in self.runs]
        keys = dict.fromkeys(key for tree in trees for key in tree)
        found = [(key, [tree.get(key, "(not there)") for tree in trees]) for key in keys]
        return [(key, told) for key, told in found if len(set(told)) > 1 and key not in _UNLIKE]

    def costs(self) -> list[tuple[str, list[Any]]]:
        """What training took: steps, tokens, time, memory and whatever else a summary has."""
        trains = [run.of_summary("train") for run in self.runs]
        keys = dict.fromkeys(key for train in trains for key in train)
        return [(key, [train.get(key) for train in trains]) for key in keys]

    def as_json(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "runs": [str(folder.path) for folder in self.folders],
            "names": self.names,
            "task": self.runs[0].summary.get("task"),
            "split": self.runs[0].summary.get("split"),
            "main": {"metric": self.main, "greater_is_better": self.greater_is_better},
            "metrics": {
                name: [run.of_summary("metrics").get(name) for run in self.runs]
                for name in self.metrics
            },
            "intervals": {name: [run.interval(name) for run in self.runs] for name in self.metrics},
            "against_first": [
                {
                    "differences": {key: one.as_json() for key, one in found.differences.items()},
                    "reason": found.reason or None,
                    "verdict": verdict,
                }
                for found, verdict in zip(self.against, self.verdicts(), strict=True)
            ],
            "recipe": dict(self.recipes()),
            "train": dict(self.costs()),
        }

    def _units(self, place: int) -> Units | str:
        """What the rows of a run gave, or why it is not known."""
        name, units = self.names[place], unpack(self.folders[place].rows)
        if units is None:
            return f"{name} has no rows.npz that can be read"
        classes = _classes(self.runs[place])
        found, told = values(units, classes), self.runs[place].of_summary("metrics")
        for key in found.keys() & told.keys():
            if abs(found[key] - number(told[key])) > _TOLERANCE * max(1.0, abs(found[key])):
                return f"the rows of {name} do not make the {key} of its summary"
        return units

    def _against(self, units: Sequence[Units | str], place: int) -> Against:
        first, second = units[0], units[place]
        reasons = [one for one in (first, second) if isinstance(one, str)]
        if isinstance(first, str) or isinstance(second, str):
            return Against({}, f"no paired test is possible: {', and '.join(reasons)}")
        runs = (self.runs[0], self.runs[place])
        tokens = [str(run.manifest.get("tokenizer", {}).get("sha256")) for run in runs]
        other_tokens = runs[0].summary.get("task") in OF_TOKENS and tokens[0] != tokens[1]
        keys = [dict(flat(read_yaml(run.recipe).value)) for run in runs]
        classes = _classes(runs[0]) if _same("task.labels", *keys) else 0
        found = differences(first, second, SEED, classes)
        if not found:
            ours, theirs = _count(second), _count(first)
            why = f"{ours:,} and {theirs:,} rows were scored" if ours != theirs else "too few rows"
            return Against({}, f"no paired test is possible: {why}")
        unlike = _unlike(first, second, other_tokens)
        kept = {key: one for key, one in found.items() if key not in unlike and key in self.metrics}
        reasons = []
        if unlike:
            reasons.append(
                f"{', '.join(sorted(unlike & set(self.metrics)))}: not compared, as the two models "
                "do not predict the same items (their tokenizers, lengths or masks differ)"
            )
        scaled: dict[str, list[str]] = {}
        for metric, decisive in SCALES.get(str(runs[0].summary.get("task")), {}).items():
            changed = ", ".join(key for key in decisive if not _same(key, *keys))
            if changed and kept.pop(metric, None) is not None:
                scaled.setdefault(changed, []).append(metric)
        for changed, metrics in scaled.items():
            reasons.append(
                f"{', '.join(metrics)}: not compared, as these recipes differ in {changed}, by "
                "which it is measured"
            )
        return Against(kept, "; ".join(reasons))

    def _verdict(self, place: int) -> str:
        first, second = self.names[0], self.names[place]
        found = self.against[place - 1]
        one = found.differences.get(self.main)
        numbers = [number(run.of_summary("metrics").get(self.main)) for run in self.runs]
        both = f"{self.main} {figure(numbers[place])} against {figure(numbers[0])}"
        if one is None:
            why = found.reason or f"{self.main} has no paired test"
            return f"No verdict on {second} and {first} ({both}): {why}."
        low, high = (figure(end) for end in one.interval)
        how = f"{one.test}, p = {one.p:.2g}; 95 % interval of {second} - {first}: {low} to {high}"
        if not one.is_shown:
            return f"No difference is shown between {second} and {first}: {both} ({how})."
        if (one.value > 0) == self.greater_is_better:
            return f"{second} is better than {first} on this data: {both} ({how})."
        both = f"{self.main} {figure(numbers[0])} against {figure(numbers[place])}"
        return f"{first} is better than {second} on this data: {both} ({how})."


def _data(run: RunFacts) -> tuple[str | None, str]:
    """The hash of what a run was scored on, and what to call that."""
    split = str(run.summary.get("split"))
    data = run.manifest.get("data")
    found = data.get(split) if isinstance(data, dict) else None
    sha = found.get("sha256") if isinstance(found, dict) else None
    if not isinstance(found, dict) or not isinstance(sha, str):
        return None, f"{split}, of which the manifest does not tell the content"
    files = found.get("files")
    paths = (
        [str(one.get("path")) for one in files if isinstance(one, dict)]
        if isinstance(files, list)
        else []
    )
    return sha, f"{split} ({', '.join(paths[:3]) or 'no file'}, SHA-256 {sha[:12]})"


def _classes(run: RunFacts) -> int:
    """How many classes a run tells apart; 0 where it has none, or they are not exclusive."""
    return len(run.of_summary("per_class")) if "mcc" in run.of_summary("metrics") else 0


def _same(key: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> bool:
    """Whether a key has one value in two recipes."""
    return bool(first.get(key) == second.get(key))


def _count(units: Units) -> int:
    """The units of the data that were scored."""
    return max((one.shape[1] for one in units.values() if one.ndim == 2), default=0)


def _unlike(first: Units, second: Units, other_tokens: bool) -> set[str]:
    """The metrics that are means over items which are not the same ones for both."""
    if "loss" not in first or "loss" not in second:
        return set()
    items = [one["loss"][1] for one in (first, second)]
    if np.array_equal(*items) and not other_tokens:
        return set()
    averaged = {
        key
        for key in first.keys() & second.keys()
        if first[key].ndim == second[key].ndim == 2
        and all(
            np.array_equal(one[key][1], count)
            for one, count in zip((first, second), items, strict=True)
        )
    }
    return averaged | ({"perplexity"} if "loss" in averaged else set())
