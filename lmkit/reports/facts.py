"""All that a run folder tells of its run, whatever state it is in."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit.errors import RunFolderError
from lmkit.reports.rows import Log, read_log
from lmkit.reports.writings import Writing, read_writings
from lmkit.run_folder import RunFolder, read_json


@dataclass(frozen=True)
class RunFacts:
    """What is known of a run. What is not there is empty, and `remarks` says so."""

    name: str
    """Of its folder."""
    recipe: str
    """The text of its recipe.yaml."""
    manifest: dict[str, Any]
    summary: dict[str, Any]
    details: list[dict[str, Any]]
    """Tables of the evaluation: `title`, `definition`, `view`, `columns`, `rows`."""
    incidents: list[dict[str, Any]]
    log: Log
    writings: list[Writing]
    """Texts that the model wrote through training."""
    finished: bool
    remarks: tuple[str, ...] = ()
    """What is missing or damaged, a sentence each."""

    @classmethod
    def of(cls, run: RunFolder) -> "RunFacts":
        """Read a run folder: finished, running, stopped or damaged.

        Raises:
            RunFolderError: it may not be read.
        """
        remarks: list[str] = []

        def read(path: Path) -> dict[str, Any]:
            if not path.is_file():
                return {}
            try:
                return read_json(path)
            except (RunFolderError, RecursionError):
                remarks.append(f"{path.name} is damaged and was left out.")
                return {}

        try:
            recipe = run.recipe.read_bytes().decode("utf-8", "replace")
            log = read_log(run.metrics)
            writings, unread = read_writings(run.samples)
        except OSError as error:
            raise RunFolderError(
                f"{error.filename or run.path}: cannot be read: {error.strerror}"
            ) from error
        manifest, summary = read(run.manifest), read(run.summary)
        finished = manifest.get("status") == "finished" and bool(summary)
        if (damage := log.remark(run.metrics.name)) is not None:
            remarks.append(damage)
        if unread:
            remarks.append(f"{unread:,} lines of samples.jsonl are damaged and were left out.")
        incidents = objects(read(run.guard).get("incidents"))
        if not finished:
            remarks.insert(0, _unfinished(log, bool(summary), incidents))
        return cls(
            name=run.path.absolute().name,
            recipe=recipe,
            manifest=manifest,
            summary=summary,
            details=objects(read(run.details).get("details")),
            incidents=incidents,
            log=log,
            writings=writings,
            finished=finished,
            remarks=tuple(remarks),
        )

    def of_summary(self, key: str) -> dict[str, Any]:
        """An object of the summary; empty where there is none."""
        found = self.summary.get(key)
        return found if isinstance(found, dict) else {}

    def interval(self, metric: str) -> tuple[Any, Any] | None:
        """The ends of a metric's interval; None where it has none."""
        ends = self.of_summary("intervals").get(metric)
        return (ends[0], ends[1]) if isinstance(ends, list) and len(ends) == 2 else None

    @property
    def baselines(self) -> dict[str, dict[str, Any]]:
        """The metrics of each baseline."""
        found = self.of_summary("baselines")
        return {name: one for name, one in found.items() if isinstance(one, dict)}

    @property
    def version(self) -> str | None:
        """That of the lmkit that made the run, where the manifest tells it."""
        versions = self.manifest.get("versions")
        return (
            str(versions["lmkit"]) if isinstance(versions, dict) and "lmkit" in versions else None
        )

    @property
    def verb(self) -> str:
        """`pretrain` or `finetune`: what the run was started with."""
        return verb_of(self.manifest)


def verb_of(manifest: Mapping[str, Any]) -> str:
    """`pretrain` or `finetune`: what a run was started with."""
    words = str(manifest.get("command", "")).split()
    return next((word for word in words if word in ("pretrain", "finetune")), "pretrain")


def objects(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; of anything else none."""
    return (
        [dict(one) for one in value if isinstance(one, Mapping)] if isinstance(value, list) else []
    )


def _unfinished(log: Log, has_summary: bool, incidents: Sequence[Mapping[str, Any]]) -> str:
    """What to say first of a run that did not reach its end."""
    step = log.last_step
    there = (
        "No line of metrics is there yet" if step is None else f"The metrics end at step {step:,}"
    )
    text = f"This run is not finished: it is running, or was stopped before its end. {there}."
    if incidents and incidents[-1].get("action") == "stop":
        last = incidents[-1]
        why = last.get("text") or "a loss or gradient was not finite"
        text = f"The guard stopped this run at step {last.get('step')}: {why}. {there}."
    if has_summary:
        text += " The scores are those of the shorter training that it goes on from."
    return text
