"""Draws against exact formulas and transformers' own warpers."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from transformers import (
    LogitsProcessorList,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from lmkit.errors import ModelError
from lmkit.generation import sampling
from lmkit.generation.sampling import Chooser, Strategy, distribution, draw, uniforms


def _logits(rows, vocabulary, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return 3 * torch.randn(rows, vocabulary, generator=generator)


@pytest.mark.parametrize("vocabulary", [7, 3000])
@pytest.mark.parametrize("temperature", [0.3, 1.0, 1.7])
@pytest.mark.parametrize("top_k", [0, 1, 5, 10_000])
@pytest.mark.parametrize("top_p", [0.01, 0.5, 0.999, 1.0])
def test_the_distribution_is_that_of_the_warpers_of_transformers(
    vocabulary, temperature, top_k, top_p
):
    logits = _logits(4, vocabulary)
    warpers = LogitsProcessorList([TemperatureLogitsWarper(temperature)])
    if top_k:
        warpers.append(TopKLogitsWarper(top_k))
    if top_p < 1:
        warpers.append(TopPLogitsWarper(top_p))
    expected = warpers(None, logits.double()).softmax(-1)
    weights = distribution(logits, temperature, top_k, top_p)
    torch.testing.assert_close(weights / weights.sum(-1, keepdim=True), expected)


def test_top_p_looks_at_the_whole_vocabulary_where_it_must(monkeypatch):
    logits = _logits(3, 500) / 10
    whole = distribution(logits, 1.0, 0, 0.9)
    monkeypatch.setattr(sampling, "NUCLEUS", 4)
    assert torch.equal(distribution(logits, 1.0, 0, 0.9), whole)


def test_top_p_keeps_the_token_that_reaches_the_mass():
    logits = torch.tensor([[0.5, 0.3, 0.2]]).log()
    assert (distribution(logits, 1.0, 0, 0.5) > 0).tolist() == [[True, False, False]]
    assert (distribution(logits, 1.0, 0, 0.51) > 0).tolist() == [[True, True, False]]


def test_draw_inverts_the_cumulative_distribution():
    weights = torch.tensor([0.0, 0.125, 0.0, 0.5, 0.375, 0.0], dtype=torch.float64)
    grid = (torch.arange(8000, dtype=torch.float64) + 0.5) / 8000
    tokens = draw(weights.expand(8000, -1), grid)
    assert torch.bincount(tokens, minlength=6).tolist() == [0, 1000, 0, 4000, 3000, 0]


@given(
    st.lists(st.floats(0, 1e3), min_size=1, max_size=20).filter(lambda w: max(w) > 1e-6),
    st.sampled_from([0.0, 0.5, 1 - 2.0**-52]),
)
def test_a_token_without_weight_is_never_drawn(weights, number):
    row = torch.tensor([weights], dtype=torch.float64)
    token = draw(row, torch.tensor([number], dtype=torch.float64))
    assert row[0, token].item() > 0


def test_sampled_tokens_follow_the_distribution_over_many_sequences():
    logits = _logits(1, 8)
    strategy = Strategy(seed=1, temperature=0.8, top_k=6, top_p=0.97)
    keys = [(prompt, sequence) for prompt in range(100) for sequence in range(100)]
    tokens = Chooser(strategy, keys, 1).choose(logits.expand(len(keys), -1))
    weights = distribution(logits, 0.8, 6, 0.97)[0].numpy()
    observed = np.bincount(tokens.numpy(), minlength=8)
    kept = weights > 0
    assert observed[~kept].sum() == 0
    expected = weights[kept] / weights[kept].sum() * len(keys)
    assert stats.chisquare(observed[kept], expected).pvalue > 1e-3


def test_uniforms_are_uniform_and_told_apart_by_seed_prompt_sequence_and_position():
    rows = [uniforms(*key, 500) for key in ((0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1))]
    assert stats.kstest(np.concatenate(rows), "uniform").pvalue > 1e-3
    assert len(np.unique(np.concatenate(rows))) == 2000
    np.testing.assert_array_equal(uniforms(0, 0, 1, 10), rows[3][:10])
    assert uniforms(2**64 - 1, 5, 5, 3).max() < 1


def test_uniforms_stay_what_they_are():
    """A text is repeated by its seed years later: Philox 4x64-10, key (seed, 0)."""
    bits = np.random.Philox(key=7, counter=(3 << 128) + (2 << 192)).random_raw(4)
    np.testing.assert_array_equal(uniforms(7, 3, 2, 4), (bits >> np.uint64(12)) / 2**52)


@given(st.permutations(range(6)), st.integers(1, 6))
@settings(max_examples=20)
def test_a_choice_does_not_depend_on_what_else_is_in_the_batch(order, size):
    strategy = Strategy(seed=3, temperature=0.9, top_p=0.9, repetition_penalty=1.5)
    keys = [(row // 2, row % 2) for row in range(6)]
    prompts = [[row, row + 1] for row in range(6)]
    steps = [_logits(6, 40, seed=step) for step in range(4)]

    def tokens(rows):
        chooser = Chooser(strategy, [keys[r] for r in rows], 4, [prompts[r] for r in rows])
        chosen = [chooser.choose(logits[list(rows)]) for logits in steps]
        return dict(zip(rows, torch.stack(chosen, 1).tolist(), strict=True))

    together = tokens(tuple(range(6)))
    for start in range(0, 6, size):
        for row, found in tokens(tuple(order[start : start + size])).items():
            assert found == together[row]


def test_rows_that_leave_the_batch_change_nothing_for_the_others():
    strategy = Strategy(seed=3, repetition_penalty=2.0)
    keys, prompts = [(0, 0), (1, 0), (2, 0)], [[1], [2], [3]]
    first, second = _logits(3, 30, seed=1), _logits(3, 30, seed=2)
    whole = Chooser(strategy, keys, 2, prompts)
    whole.choose(first)
    expected = whole.choose(second)
    fewer = Chooser(strategy, keys, 2, prompts)
    fewer.choose(first)
    kept = torch.tensor([0, 2])
    fewer.keep(kept)
    assert torch.equal(fewer.choose(second[kept]), expected[kept])


def test_the_repetition_penalty_is_that_of_transformers():
    prompts = [[1, 2, 2], [5]]
    logits = _logits(2, 12)
    chooser = Chooser(Strategy(temperature=0, repetition_penalty=1.7), [(0, 0), (1, 0)], 9, prompts)
    reference = RepetitionPenaltyLogitsProcessor(1.7)
    written = [list(prompt) for prompt in prompts]
    for _ in range(6):
        tokens = chooser.choose(logits)
        for row, token in enumerate(tokens.tolist()):
            expected = reference(torch.tensor([written[row]]), logits[row : row + 1])
            assert token == expected.argmax().item()
            written[row].append(token)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_logits_that_are_not_finite_are_an_error(temperature, value):
    logits = _logits(2, 5)
    logits[1, 3] = value
    with pytest.raises(ModelError, match="logits are not finite"):
        Chooser(Strategy(temperature=temperature), [(0, 0), (1, 0)], 1).choose(logits)


def test_a_model_may_rule_tokens_out():
    logits = torch.tensor([[-torch.inf, 0.0, -torch.inf]])
    assert Chooser(Strategy(), [(0, 0)], 1).choose(logits).tolist() == [1]
