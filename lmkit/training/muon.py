"""Muon on the hidden matrices, AdamW on everything else, as one optimizer.

Muon replaces the momentum of a matrix by the nearest orthogonal matrix, found by five Newton-Schulz
steps (Jordan et al. 2024, https://kellerjordan.github.io/posts/muon/). Its update is scaled by
0.2 * sqrt(max(rows, columns)) so that it is as large as AdamW's and one learning rate serves both
(Liu et al. 2025, arXiv:2502.16982, section 2.2; `adjust_lr_fn="match_rms_adamw"`).
"""

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from lmkit.training.hardware import multiplies_bfloat16

NOT_HIDDEN = (nn.Embedding,)


class Muon(torch.optim.Muon):
    """`torch.optim.Muon` with matrices of one shape orthogonalized together, in a fast number type.

    torch casts every matrix to bfloat16 for the iteration. A CPU without bfloat16 instructions is
    some twenty times slower in it than in float32, so there float32 is used. Updates differ from
    torch's by the rounding of bfloat16 and nothing else.
    """

    @torch.no_grad()
    def step(  # type: ignore[override] # both overloads of torch in one
        self, closure: Callable[[], float] | None = None
    ) -> float | None:
        """One update of every matrix that has a gradient."""
        loss = closure() if closure is not None else None
        for group in self.param_groups:
            shapes: dict[tuple[int, int], list[tuple[Tensor, Tensor]]] = defaultdict(list)
            for parameter in group["params"]:
                if parameter.grad is None:
                    continue
                buffer = self.state[parameter].setdefault(
                    "momentum_buffer", torch.zeros_like(parameter)
                )
                buffer.lerp_(parameter.grad, 1 - group["momentum"])
                update = buffer
                if group["nesterov"]:
                    update = parameter.grad.lerp(buffer, group["momentum"])
                if update.shape[0] > update.shape[1]:
                    update = update.T
                shapes[update.shape[0], update.shape[1]].append((parameter, update))
            for (rows, columns), found in shapes.items():
                step_size = group["lr"] * 0.2 * math.sqrt(max(rows, columns))
                if group["adjust_lr_fn"] != "match_rms_adamw":
                    raise ValueError("adjust_lr_fn must be match_rms_adamw")
                orthogonal = orthogonalize(
                    torch.stack([update for _, update in found]),
                    group["ns_coefficients"],
                    group["ns_steps"],
                    group["eps"],
                )
                for (parameter, _), direction in zip(found, orthogonal, strict=True):
                    if parameter.shape[0] > parameter.shape[1]:
                        direction = direction.T
                    parameter.mul_(1 - group["lr"] * group["weight_decay"])
                    parameter.add_(direction, alpha=-step_size)
        return loss


def orthogonalize(
    matrices: Tensor, coefficients: tuple[float, float, float], steps: int, eps: float
) -> Tensor:
    """Bring the singular values of K matrices near 1 by a quintic Newton-Schulz iteration.

    Args:
        matrices: (K, R, C) with R <= C.
        coefficients: a, b, c of x -> a x + b x^3 + c x^5.
        steps: iterations.
        eps: the smallest norm to divide by.

    Returns:
        (K, R, C) in the type of the input.
    """
    a, b, c = coefficients
    fast = torch.bfloat16 if multiplies_bfloat16(matrices.device.type) else torch.float32
    x = matrices.to(fast)
    x = x / x.flatten(1).norm(dim=1).clamp(min=eps)[:, None, None]
    if fast == torch.float32 and x.shape[2] > 2 * x.shape[1]:
        return _on_gram(x, coefficients, steps).to(matrices.dtype)
    for _ in range(steps):
        gram = x @ x.mT  # (K, R, R)
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x.to(matrices.dtype)


class MuonWithAdamW(torch.optim.Optimizer):
    """Two optimizers behind one face: schedulers, checkpoints and Accelerate see one."""

    def __init__(self, muon: Muon, adamw: torch.optim.AdamW) -> None:
        self.muon, self.adamw = muon, adamw
        # The base class would copy the groups; the schedule must write into the originals.
        # Some schedules read the first learning rate from the defaults.
        groups = [*muon.param_groups, *adamw.param_groups]
        super().__init__(groups, {"lr": muon.defaults["lr"]})
        self._share()

    def _share(self) -> None:
        self.param_groups = [*self.muon.param_groups, *self.adamw.param_groups]

    def step(self, closure: Callable[[], float] | None = None) -> float | None:  # type: ignore[override]  # torch overloads it by closure
        """One step of both."""
        loss = self.muon.step(closure)
        self.adamw.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drop the gradients of both."""
        self.muon.zero_grad(set_to_none)
        self.adamw.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """The states of both, by name."""
        return {"muon": self.muon.state_dict(), "adamw": self.adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both; loading makes new groups, so they are shared again."""
        self.muon.load_state_dict(state_dict["muon"])
        self.adamw.load_state_dict(state_dict["adamw"])
        self._share()


def hidden_matrices(model: nn.Module) -> set[str]:
    """The names of the matrices inside the network: not embeddings, nor the output layer."""
    outside: set[int] = set()
    for module in model.modules():
        if isinstance(module, NOT_HIDDEN):
            outside.update(id(parameter) for parameter in module.parameters(recurse=False))
    output = getattr(model, "get_output_embeddings", lambda: None)()
    for head in (output, *_heads(model)):
        if head is not None:
            outside.update(id(parameter) for parameter in head.parameters())
    return {
        name
        for name, parameter in model.named_parameters()
        if parameter.ndim == 2 and id(parameter) not in outside
    }


def _heads(model: nn.Module) -> Iterable[nn.Module]:
    """Small heads that turn states into classes: few rows, so no matrix to orthogonalize."""
    for name in ("classifier", "score", "qa_outputs"):
        head = getattr(model, name, None)
        if isinstance(head, nn.Module):
            yield head


def _on_gram(x: Tensor, coefficients: tuple[float, float, float], steps: int) -> Tensor:
    """The same iteration on the small side of K wide matrices, with half the multiplications.

    Every step multiplies x by a polynomial of its Gram matrix, and all of these commute, so their
    product can be gathered in R x R first. It squares the condition number: float32 only.
    """
    a, b, c = coefficients
    gram = x @ x.mT  # (K, R, R)
    gathered: Tensor | None = None
    for step in range(steps):
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        polynomial.diagonal(dim1=-2, dim2=-1).add_(a)
        gathered = polynomial if gathered is None else polynomial @ gathered
        if step + 1 < steps:
            gram = polynomial @ (polynomial @ gram)
    return x if gathered is None else gathered @ x
