"""The summary as it is told to a person."""

from lmkit.commands.summary import show, show_seeds

SUMMARY = {
    "task": "causal_lm",
    "model": "gpt2",
    "split": "test",
    "step": 8,
    "metrics": {"loss": 1.5, "perplexity": 4.4817, "bits_per_byte": 0.7},
    "intervals": {"loss": [1.4, 1.6]},
    "baselines": {"zlib": {"bits_per_byte": 2.5}, "unigram": {"loss": 3.0}},
    "train": {
        "steps": 8, "tokens": 12345, "seconds": 2.25, "tokens_per_second": 5486.7,
        "peak_memory_mb": 400.4, "loss": 2.0,
    },
    "output_dir": "/runs/x",
}  # fmt: skip


def test_metrics_stand_beside_what_they_must_beat() -> None:
    assert show(SUMMARY).splitlines() == [
        "causal_lm  gpt2  scored on the test data",
        "  loss             1.5000  [1.4000, 1.6000]  (baselines: unigram 3.0000)",
        "  perplexity       4.4817",
        "  bits_per_byte    0.7000  (baselines: zlib 2.5000)",
        "  8 steps, 12,345 tokens, 2.2 s, 5,487 tokens/s, 400 MB",
        "  /runs/x",
    ]


def test_classes_the_verdict_and_the_kept_step_are_told() -> None:
    more = {
        "metrics": {"loss": None},
        "against_baselines": {"text": "beats the best baseline (unigram: loss 3.0000) by 1.5000"},
        "per_class": {"sea": {"f1": 0.5, "support": 12}},
        "kept_because": "the best loss on the validation data (1.4000) of 2 evaluations",
    }
    assert show(SUMMARY | more).splitlines()[1:6] == [
        "  loss             -  [1.4000, 1.6000]  (baselines: unigram 3.0000)",
        "  the model beats the best baseline (unigram: loss 3.0000) by 1.5000",
        "  class         f1    support",
        "  sea       0.5000         12",
        "  step 8 is kept: the best loss on the validation data (1.4000) of 2 evaluations",
    ]


def test_several_seeds_with_each_runs_own() -> None:
    runs = [
        {"seed": seed, "metrics": {"accuracy": value}, "output_dir": f"o/seed-{seed}"}
        for seed, value in ((1, 0.5), (2, 0.75))
    ]
    told = show_seeds(
        {
            "task": "classification", "model": "m", "split": "test", "runs": runs,
            "metrics": {"accuracy": 0.625}, "std": {"accuracy": 0.1768},
            "best": {"seed": 2, "metric": "macro_f1", "value": 0.7, "output_dir": "o/seed-2"},
            "train": {"steps": 8, "tokens": 1000, "seconds": 2.5}, "output_dir": "o",
        }
    )  # fmt: skip
    assert told.splitlines() == [
        "classification  m  scored on the test data: mean and standard deviation of seeds 1, 2",
        "  accuracy         0.6250 \N{PLUS-MINUS SIGN} 0.1768  (0.5000, 0.7500)",
        "  best by the validation data: seed 2, macro_f1 0.7000: o/seed-2",
        "  8 steps, 1,000 tokens, 2.5 s together",
        "  o",
    ]
