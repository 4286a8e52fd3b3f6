"""The summary of a run, or of several that differ by their seeds, as it is told to a person."""

from collections.abc import Mapping
from typing import Any

MOST_CLASSES = 20  # lines of classes that are printed for people


def show(summary: dict[str, Any]) -> str:
    """The metrics with their intervals beside the baselines, what it cost, and where it is."""
    lines = [f"{summary['task']}  {summary['model']}  scored on the {summary['split']} data"]
    for name, value in summary["metrics"].items():
        ends = summary["intervals"].get(name)
        told = f"  [{_figure(ends[0])}, {_figure(ends[1])}]" if ends else ""
        others = [
            f"{baseline} {found[name]:.4f}"
            for baseline, found in summary["baselines"].items()
            if found.get(name) is not None
        ]
        beside = f"  (baselines: {', '.join(others)})" if others else ""
        lines.append(f"  {name:<16} {_figure(value)}{told}{beside}")
    if "against_baselines" in summary:
        lines.append(f"  the model {summary['against_baselines']['text']}")
    lines += [f"  {line}" for line in class_lines(summary.get("per_class", {}))]
    if "kept_because" in summary:
        lines.append(f"  step {summary['step']} is kept: {summary['kept_because']}")
    train = summary["train"]
    lines.append(
        f"  {train['steps']} steps, {train['tokens']:,} tokens, {train['seconds']:.1f} s, "
        f"{train['tokens_per_second']:,.0f} tokens/s, {train['peak_memory_mb']:.0f} MB"
    )
    lines += [f"  {line}" for line in cost_lines(train)]
    lines.append(f"  {summary['output_dir']}")
    return "\n".join(lines)


def cost_lines(train: dict[str, Any]) -> list[str]:
    """For a person: operations and share of the peak; energy, carbon and money where known."""
    if "flops" not in train:
        return []
    known = {
        "energy_kwh": "{:.4g} kWh",
        "co2_kg": "{:.4g} kg CO2e",
        "cost": "{:.2f} " + str(train.get("currency")),
    }
    used = [form.format(train[key]) for key, form in known.items() if key in train]
    return [
        f"{train['flops']:.3g} FLOP, {train['mfu']:.0%} of the peak ({train['peak_source']})"
        + "".join(f", {told}" for told in used)
    ]


def _figure(value: float | None) -> str:
    """Four decimals; `-` for what is not finite, which JSON has as null."""
    return "-" if value is None else f"{value:.4f}"


def show_seeds(summary: dict[str, Any]) -> str:
    """Means and standard deviations with each run's own, and which run the validation prefers."""
    runs = summary["runs"]
    seeds = ", ".join(str(one["seed"]) for one in runs)
    lines = [
        f"{summary['task']}  {summary['model']}  scored on the {summary['split']} data: mean and "
        f"standard deviation of seeds {seeds}"
    ]
    for name, mean in summary["metrics"].items():
        spread = summary["std"][name]
        told = "" if spread is None else f" \N{PLUS-MINUS SIGN} {spread:.4f}"
        each = ", ".join(f"{one['metrics'][name]:.4f}" for one in runs)
        lines.append(f"  {name:<16} {mean:.4f}{told}  ({each})")
    if (best := summary["best"]) is not None:
        lines.append(
            f"  best by the validation data: seed {best['seed']}, {best['metric']} "
            f"{best['value']:.4f}: {best['output_dir']}"
        )
    train = summary["train"]
    lines.append(
        f"  {train['steps']} steps, {train['tokens']:,} tokens, {train['seconds']:.1f} s together"
    )
    lines.append(f"  {summary['output_dir']}")
    return "\n".join(lines)


def class_lines(per_class: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A line a class; of more than 20 the 20 with the lowest F1, the lowest first."""
    if not per_class:
        return []
    chosen, title = list(per_class), "class"
    if len(chosen) > MOST_CLASSES:
        chosen.sort(key=lambda name: per_class[name].get("f1", 0.0))
        chosen, title = chosen[:MOST_CLASSES], f"the {MOST_CLASSES} weakest of {len(chosen)}"
    columns = list(per_class[chosen[0]])
    width = max(map(len, (title, *chosen)))
    lines = [f"{title:<{width}}" + "".join(f"  {name:>9}" for name in columns)]
    for name in chosen:
        figures = (per_class[name][column] for column in columns)
        told = "".join(f"  {v:>9,}" if isinstance(v, int) else f"  {v:>9.4f}" for v in figures)
        lines.append(f"{name:<{width}}{told}")
    return lines
