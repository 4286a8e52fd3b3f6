"""The model card: README.md of a model folder, for people and, in its head, for the hub.

The head is the metadata of Hugging Face model cards (Mitchell et al. 2019, Model Cards for Model
Reporting, arXiv:1810.03993; `model-index` as in huggingface_hub's `EvalResult`).
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit import __version__
from lmkit.reports.facts import verb_of
from lmkit.reports.numbers import cut, figure, flat
from lmkit.run_folder import HUB_NAME
from lmkit.secrets import without_secrets

_PIPELINES = {
    "causal_lm": "text-generation",
    "chat": "text-generation",
    "preference": "text-generation",
    "masked_lm": "fill-mask",
    "classification": "text-classification",
    "ner": "token-classification",
    "qa": "question-answering",
    "embedding": "sentence-similarity",
    "multiple_choice": "multiple-choice",
}


@dataclass(frozen=True)
class Subject:
    """What the card is about."""

    name: str
    """Of the run."""
    kind: str
    """The model type of transformers."""
    parameters: int
    source: str | None
    """What it was trained on from; None: from nothing."""
    data: str
    """What it was trained on, in a few words."""
    opened: str = ""
    """What must be done before `from_pretrained`; empty: nothing."""


def card(subject: Subject, summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """What the model is, how well it does, what it was made from, and what that does not say.

    Args:
        subject: the model.
        summary: as summary.json has it.
        manifest: as manifest.json has it, before or after the end of the run.

    Returns:
        Markdown with a YAML head.
    """
    return (
        "\n".join([*_head(subject, summary, manifest), *_body(subject, summary, manifest)]) + "\n"
    )


def _head(
    subject: Subject, summary: Mapping[str, Any], manifest: Mapping[str, Any]
) -> Iterator[str]:
    """YAML; every text as JSON, which is YAML too, so that no text is anything but a text."""
    task = str(summary["task"])
    yield "---"
    yield "library_name: transformers"
    if task in _PIPELINES:
        yield f"pipeline_tag: {_PIPELINES[task]}"
    if _is_of_the_hub(subject.source):
        yield f"base_model: {json.dumps(subject.source)}"
    yield f"tags: {json.dumps(['lmkit', task])}"
    scores = {name: value for name, value in summary["metrics"].items() if value is not None}
    if scores:
        result = {
            "task": {"type": _PIPELINES.get(task, task)},
            "dataset": {
                "type": "custom",
                "name": _scored_on(summary, manifest),
                "split": summary["split"],
            },
            "metrics": [{"type": name, "value": value} for name, value in scores.items()],
        }
        index = [{"name": subject.name, "results": [result]}]
        yield f"model-index: {json.dumps(index, ensure_ascii=False)}"
    yield "---"


def _body(
    subject: Subject, summary: Mapping[str, Any], manifest: Mapping[str, Any]
) -> Iterator[str]:
    train = summary["train"]
    yield f"\n# {_plain(subject.name)}\n"
    start = "nothing"
    if subject.source is not None:  # a path of this machine is nobody else's business
        own = _is_of_the_hub(subject.source)
        start = _plain(subject.source if own else Path(subject.source).name)
    yield (
        f"A {subject.kind} model for {summary['task']}, {subject.parameters:,} parameters, trained "
        f"by lmkit {__version__} for {train['steps']} steps ({train['tokens']:,} tokens), "
        f"from {start}, on {_plain(subject.data)}.\n"
    )
    if subject.opened:
        yield f"{subject.opened}\n"
    if summary["metrics"]:
        yield from _scores(summary)
    yield "## Training\n"
    yield from _table(["", ""], flat(train))
    if summary.get("kept_because"):
        yield f"Step {summary['step']} is kept: {_plain(summary['kept_because'])}.\n"
    data = manifest.get("data", {})
    rows = [(name, str(split.get("sha256", "-"))) for name, split in data.items()]
    if rows:
        yield from _table(["data", "content (SHA-256)"], rows)
    yield (
        "The run folder has the resolved recipe, the manifest and report.html; "
        f"`lmkit {verb_of(manifest)} recipe.yaml` trains the same again.\n"
    )
    yield "## Limits\n"
    yield (
        "The scores are of the data named here and say nothing of others. A model repeats what its "
        "data hold; it was tested neither for bias nor for safety unless that is said here, and "
        "what it may be used for depends on the licenses of its data and of the model it comes "
        "from."
    )


def _scores(summary: Mapping[str, Any]) -> Iterator[str]:
    baselines = summary["baselines"]
    yield "## Scores\n"
    counts = ", ".join(f"{count:,} {name}" for name, count in summary.get("counts", {}).items())
    yield f"On its {_plain(summary['split'])} data ({counts}):\n"
    rows = []
    for name, value in summary["metrics"].items():
        ends = summary["intervals"].get(name)
        interval = f"{figure(ends[0])} to {figure(ends[1])}" if ends else "-"
        others = [figure(found.get(name)) for found in baselines.values()]
        rows.append([name, figure(value), interval, *others])
    head = ["metric", "value", "95 % interval", *(f"baseline {name}" for name in baselines)]
    yield from _table(head, rows)
    if "against_baselines" in summary:
        yield f"The model {_plain(summary['against_baselines']['text'])}.\n"
    if summary.get("definition"):
        yield f"{_plain(summary['definition'])}\n"


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield f"| {' | '.join(head)} |"
    yield f"|{'---|' * len(head)}"
    for row in rows:
        yield f"| {' | '.join(_plain(cell) for cell in row)} |"
    yield ""


def _plain(text: Any) -> str:
    """A text that Markdown shows as it is, in one line and without secrets."""
    line = " ".join(without_secrets(str(text)).split())
    for mark in "\\`*[]<>|":
        line = line.replace(mark, f"\\{mark}")
    return cut(line, 2000)


def _scored_on(summary: Mapping[str, Any], manifest: Mapping[str, Any]) -> str:
    """The names of the files that were scored on, or of their split."""
    split = str(summary["split"])
    files = manifest.get("data", {}).get(split, {}).get("files", [])
    names = [Path(str(one.get("path"))).name for one in files[:3]]
    return without_secrets(", ".join(names)) or split


def _is_of_the_hub(source: str | None) -> bool:
    return source is not None and bool(HUB_NAME.fullmatch(source)) and not Path(source).exists()
