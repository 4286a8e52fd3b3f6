"""The objectives by which a model learns to prefer one answer of a pair. B pairs."""

from typing import Literal

from torch import Tensor
from torch.nn import functional

LossType = Literal["sigmoid", "ipo", "hinge"]


def pair_objective(
    logp: Tensor, reference: Tensor, tokens: Tensor, *, loss_type: LossType, beta: float,
    label_smoothing: float = 0.0,
) -> Tensor:  # fmt: skip
    """The objective of each pair, (B,).

    With d the difference of the log-ratios of both answers to the reference,
    log pi(y_w|x)/ref(y_w|x) - log pi(y_l|x)/ref(y_l|x):

    - `sigmoid`: -log sigma(beta d) (DPO, Rafailov et al. 2023, equation 7, arXiv:2305.18290);
    - `hinge`: max(0, 1 - beta d) (SLiC-HF, Zhao et al. 2023, equation 1, arXiv:2305.10425);
    - `ipo`: (d - 1 / (2 beta))^2, the log-ratios being means over the tokens of an answer (Azar et
      al. 2023, equation 17, arXiv:2310.12036; the means are what its authors computed).

    Args:
        logp: (2B,) log-probabilities of the preferred answers, then of the others, in nats.
        reference: (2B,) the same by the reference.
        tokens: (2B,) tokens of each answer.
        loss_type: which of the three.
        beta: above 0.
        label_smoothing: the share e of pairs that may be the wrong way round: the objective is
            (1 - e) that of the pair plus e that of its reverse (Mitchell 2023, "A note on DPO with
            noisy preferences").
    """
    ratio = logp - reference.to(logp.dtype)  # (2B,)
    if loss_type == "ipo":
        ratio = ratio / tokens.clamp(min=1)
    chosen, rejected = ratio.chunk(2)
    gap = chosen - rejected  # (B,)
    found = _of_gap(gap, loss_type, beta)
    if label_smoothing:
        reverse = _of_gap(-gap, loss_type, beta)
        found = (1 - label_smoothing) * found + label_smoothing * reverse
    return found


def _of_gap(gap: Tensor, loss_type: LossType, beta: float) -> Tensor:
    """The objective from the difference of the log-ratios, both (B,)."""
    if loss_type == "ipo":
        return (gap - 1 / (2 * beta)) ** 2
    if loss_type == "hinge":
        return functional.relu(1 - beta * gap)
    return -functional.logsigmoid(beta * gap)
