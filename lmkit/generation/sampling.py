"""Choose the next token: greedy, or drawn with temperature, top-k and top-p.

A draw depends on the seed, the prompt, the sequence and the position only, never on what else is in
the batch: each continuation has its own counter-based stream (Salmon et al. 2011, "Parallel random
numbers: as easy as 1, 2, 3", Philox), and one number of it picks one token by inverting the
cumulative distribution. Shape letters: B continuations of a batch, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from lmkit.errors import ModelError

NUCLEUS = 1024  # likeliest tokens looked at before the whole vocabulary is sorted for top-p


@dataclass(frozen=True)
class Strategy:
    """How a token is chosen, every value settled."""

    seed: int = 0
    temperature: float = 1.0
    """0 is greedy."""
    top_k: int = 0
    """0 is off."""
    top_p: float = 1.0
    """1 is off."""
    repetition_penalty: float = 1.0
    """1 is off (Keskar et al. 2019, CTRL, section 4.1, arXiv:1909.05858)."""

    @property
    def greedy(self) -> bool:
        """Whether the likeliest token is taken."""
        return self.temperature == 0


class Chooser:
    """Chooses the next tokens of the B continuations of one batch, step by step."""

    def __init__(
        self,
        strategy: Strategy,
        keys: Sequence[tuple[int, int]],
        limit: int,
        prompts: Sequence[Sequence[int]] = (),
    ) -> None:
        """Prepare for B continuations.

        Args:
            strategy: how to choose.
            keys: (prompt, sequence) of each continuation.
            limit: the steps there will be at most.
            prompts: the token ids of each prompt, for the repetition penalty.
        """
        self.strategy = strategy
        self.uniforms = np.empty((len(keys), 0))
        if not strategy.greedy:
            self.uniforms = np.stack([uniforms(strategy.seed, *key, limit) for key in keys])
        self.prompts = prompts
        self.seen: Tensor | None = None
        self.step = 0

    def choose(self, logits: Tensor) -> Tensor:
        """The tokens (B,) after logits (B, V).

        Raises:
            ModelError: the logits are not numbers.
        """
        if self.strategy.repetition_penalty != 1:
            logits = self._penalized(logits)
        if self.strategy.greedy:
            best, tokens = logits.max(-1)
            _check_finite(best)
        else:
            strategy = self.strategy
            weights = distribution(logits, strategy.temperature, strategy.top_k, strategy.top_p)
            tokens = draw(weights, torch.from_numpy(self.uniforms[:, self.step])).to(logits.device)
        if self.seen is not None:
            self.seen.scatter_(1, tokens[:, None], True)
        self.step += 1
        return tokens

    def keep(self, rows: Tensor) -> None:
        """Go on with these of the B continuations only."""
        self.uniforms = self.uniforms[rows.cpu().numpy()]
        if self.seen is not None:
            self.seen = self.seen[rows]

    def _penalized(self, logits: Tensor) -> Tensor:
        """Logits with those of tokens in the prompt or the continuation made less likely."""
        if self.seen is None:
            self.seen = torch.zeros(logits.shape, dtype=torch.bool, device=logits.device)
            for row, ids in zip(self.seen, self.prompts, strict=True):
                row[list(ids)] = True
        penalty = self.strategy.repetition_penalty
        weaker = torch.where(logits < 0, logits * penalty, logits / penalty)
        return torch.where(self.seen, weaker, logits)


def uniforms(seed: int, prompt: int, sequence: int, count: int) -> np.ndarray:
    """The first `count` numbers in [0, 1) of a continuation, float64, one a position.

    52 bits each, so that a number times a total is always below the total.
    """
    key = np.array([seed, 0], dtype=np.uint64)
    counter = np.array([0, 0, prompt, sequence], dtype=np.uint64)
    bits = np.random.Philox(key=key, counter=counter).random_raw(count)
    return np.asarray((bits >> np.uint64(12)) * 2.0**-52)


def distribution(logits: Tensor, temperature: float, top_k: int, top_p: float) -> Tensor:
    """What to draw from: softmax(logits / temperature), first cut to top-k, then to top-p.

    Tokens as likely as the last one kept are kept too. Zero where cut; not normalized again.

    Args:
        logits: (B, V).
        temperature: above 0.
        top_k: tokens kept; 0 is off (Fan et al. 2018, arXiv:1805.04833).
        top_p: the mass that is reached by the tokens kept; 1 is off (Holtzman et al. 2019,
            arXiv:1904.09751).

    Returns:
        (B, V), float64, on the CPU where the device has no float64.
    """
    if logits.device.type == "mps":
        logits = logits.cpu()
    vocabulary = logits.shape[-1]
    scores = logits.double() / temperature
    if 0 < top_k < vocabulary:
        last = logits.topk(top_k).values[:, -1:]
        scores = scores.masked_fill(logits < last, -torch.inf)
    weights = scores.softmax(-1)
    if top_p < 1:
        weights = weights.masked_fill(weights < _least_kept(weights, top_p), 0)
    return weights


def _least_kept(weights: Tensor, top_p: float) -> Tensor:
    """The weight (B, 1) of the last of the likeliest tokens whose sum reaches `top_p`."""
    likeliest = weights.topk(min(NUCLEUS, weights.shape[-1])).values
    if bool((likeliest.sum(-1) < top_p).any()):
        likeliest = weights.sort(-1, descending=True).values
    before = likeliest.cumsum(-1) - likeliest
    return likeliest.masked_fill(before >= top_p, torch.inf).amin(-1, keepdim=True)


def draw(weights: Tensor, numbers: Tensor) -> Tensor:
    """For each row of (B, V) the first token whose cumulative weight passes its number's share.

    Args:
        weights: (B, V), float64, not negative; a row need not sum to 1.
        numbers: (B,) in [0, 1), float64.

    Returns:
        Tokens (B,); never one of weight 0.

    Raises:
        ModelError: the weights are not numbers.
    """
    cumulative = weights.cumsum(-1)
    total = cumulative[:, -1:]
    _check_finite(total)
    share = numbers.to(weights.device)[:, None] * total
    return torch.searchsorted(cumulative, share, right=True).squeeze(-1)


def _check_finite(values: Tensor) -> None:
    """Stop where the model's outputs are NaN or infinite."""
    if not bool(values.isfinite().all()):
        raise ModelError(
            "the model's logits are not finite: its weights are damaged (a diverged run?), or its "
            "stored precision overflows"
        )
