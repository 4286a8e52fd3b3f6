"""Which options of `lmkit eval` go together: what would be ignored is refused."""

import pytest

from lmkit.commands.eval_options import EvalOptions, check_options
from lmkit.errors import UsageError

ALONE = {
    "--bias": {"bias": "pairs.csv"}, "--samples": {"samples": "texts.jsonl"},
    "--swaps": {"swaps": "gender"}, "--benchmarks": {"benchmarks": ("items.jsonl",)},
    "--explain": {"explain": ("a text",)},
}  # fmt: skip


@pytest.mark.parametrize(("flag", "given"), ALONE.items())
def test_each_may_be_asked_for_by_itself(flag, given):
    check_options(EvalOptions(**given))
    for other, more in ALONE.items():
        if other != flag:
            with pytest.raises(UsageError, match="is looked at by itself"):
                check_options(EvalOptions(**given, **more))


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"benchmarks": ("a",), "details": "x.json"}, "--details: --benchmarks has none but"),
        ({"benchmarks": ("a",), "contamination": True, "slices": ("a",)}, "--benchmarks and --sl"),
        ({"explain": ("a",), "contamination": True}, "--explain and --contamination"),
        ({"bias": "a", "trust_metric_code": True}, "--bias and --trust-metric-code"),
        ({"bias": "", "split": "test"}, "--bias and --split"),
        ({"limit": 3}, "--limit: is for --benchmarks"),
        ({"shots": 0}, "--num-fewshot: is for --benchmarks"),
        ({"words": "w.txt"}, "--words: is for --samples"),
        ({"run_tokens": 5}, "--run-tokens: is for --contamination"),
        ({"benchmarks": ("a",), "run_tokens": 5}, "--run-tokens: is for --contamination"),
        ({"pretraining": "a"}, "--pretraining: is for --contamination"),
        ({"samples": "a", "pretraining": "a"}, "--pretraining: is for --contamination"),
        ({"details": "-", "as_json": True}, "--details -: standard output gets the JSON"),
    ],
)
def test_nothing_is_ignored(given, told):
    with pytest.raises(UsageError, match=told):
        check_options(EvalOptions(**given))


def test_what_goes_together():
    check_options(EvalOptions(swaps="names", data="a.csv", details="x.json"))
    check_options(EvalOptions(benchmarks=("a",), limit=3, shots=2, trust_benchmark_code=True))
    check_options(EvalOptions(contamination=True, run_tokens=8, slices=("a",), pretraining="a"))
    check_options(EvalOptions(benchmarks=("a",), contamination=True, run_tokens=8, details="-"))
