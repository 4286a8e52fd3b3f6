"""The summary of a run, as it is told to a person."""

from typing import Any


def show(summary: dict[str, Any]) -> str:
    """The metrics with their intervals beside the baselines, what it cost, and where it is."""
    lines = [f"{summary['task']}  {summary['model']}  scored on the {summary['split']} data"]
    for name, value in summary["metrics"].items():
        ends = summary["intervals"].get(name)
        told = f"  [{ends[0]:.4f}, {ends[1]:.4f}]" if ends else ""
        others = [
            f"{baseline} {found[name]:.4f}"
            for baseline, found in summary["baselines"].items()
            if found.get(name) is not None
        ]
        beside = f"  (baselines: {', '.join(others)})" if others else ""
        lines.append(f"  {name:<16} {value:.4f}{told}{beside}")
    train = summary["train"]
    lines.append(
        f"  {train['steps']} steps, {train['tokens']:,} tokens, {train['seconds']:.1f} s, "
        f"{train['tokens_per_second']:,.0f} tokens/s, {train['peak_memory_mb']:.0f} MB"
    )
    lines.append(f"  {summary['output_dir']}")
    return "\n".join(lines)
