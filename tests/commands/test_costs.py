"""What a run took stands in its summary, and is told."""

import json
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM

from lmkit.commands.summary import cost_lines


def test_a_run_tells_what_it_took(cli, small_recipe: Path) -> None:
    price = ("--set", "cost.price_per_hour=36000", "--set", "cost.currency=EUR")
    still = ("--set", "train.max_steps=4", "--set", "train.eval_strategy=no")
    ended = cli("pretrain", small_recipe, "-o", "run", *price, *still)
    assert ended.code == 0, ended.err
    train = json.loads(Path("run/summary.json").read_text())["train"]
    model = AutoModelForCausalLM.from_pretrained("run/model")
    matrices = sum(p.numel() for p in model.parameters() if p.ndim > 1)
    matrices -= model.config.n_positions * model.config.n_embd  # the head is the table
    assert train["flops"] >= 6 * matrices * train["tokens"]
    assert train["flops"] <= 7 * matrices * train["tokens"]
    share = train["flops"] / train["seconds"] / train["peak_flops_per_second"]
    assert train["mfu"] == pytest.approx(share, rel=0.01)
    assert train["peak_source"] == "measured"
    assert train["wall_seconds"] > train["seconds"]
    assert train["cost"] == pytest.approx(10 * train["wall_seconds"])
    assert f"of the peak (measured), {train['cost']:.2f} EUR" in ended.out


def test_energy_is_told_where_it_is_known() -> None:
    train = {"flops": 2e15, "mfu": 0.456, "peak_source": "data sheet", "energy_kwh": 0.012342,
             "co2_kg": 0.0047}  # fmt: skip
    assert cost_lines(train) == [
        "2e+15 FLOP, 46% of the peak (data sheet), 0.01234 kWh, 0.0047 kg CO2e"
    ]
    assert cost_lines({"steps": 1}) == []


def test_a_dry_run_reckons_the_price(cli, small_recipe: Path) -> None:
    asked = ("--dry-run", "--set", "cost.price_per_hour=36000")
    told = cli("pretrain", small_recipe, *asked).out
    assert "USD for the steps" in told
    plan = json.loads(cli("pretrain", small_recipe, *asked, "--json").out)
    assert plan["price_per_hour"] == 36000
