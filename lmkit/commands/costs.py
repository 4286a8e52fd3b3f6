"""What a run took, for its summary: operations, the share of the hardware's peak, energy, money."""

from typing import Any

from lmkit.commands.session import Session, Trained
from lmkit.models.device import default_device
from lmkit.training.cost import flops_per_token
from lmkit.training.peaks import peak_of


def flops_of(session: Session, trained: Trained) -> float:
    """Floating-point operations of all steps; padding is no work.

    A token attends to as many as its example has: lengths are weighted by their tokens. Reckoned
    while adapters are still beside their weights.
    """
    lengths = session.train.lengths.astype(float)
    sequence = round(float((lengths**2).sum() / max(lengths.sum(), 1.0)))
    return float(flops_per_token(session.model, sequence)) * trained.totals.tokens


def cost_of(session: Session, trained: Trained, flops: float) -> dict[str, Any]:
    """The part of `train` in the summary that tells of the machine; every process must call it.

    `mfu` is the share of the peak of all devices at which the operations were done, in the training
    seconds (model FLOPs utilization; Chowdhery et al. 2022, PaLM, section 4.1, arXiv:2204.02311).
    """
    meter = trained.totals.meter
    kwh = session.processes.total(meter.own_kwh())
    meter.end()
    peak = session.processes.once(lambda: peak_of(default_device(), session.recipe.train.precision))
    most = peak.flops * session.processes.world_size
    return {
        "flops": flops,
        "mfu": flops / max(trained.totals.elapsed(), 1e-9) / most,
        "peak_flops_per_second": most,
        "peak_source": peak.source,
        **meter.told(kwh),
    }
