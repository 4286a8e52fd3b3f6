"""The model that another one is held to: which it is, and how likely it finds each answer.

It is always read from where it lies, never taken from a model in training; so a run that is
resumed, and whoever scores it later, compare with the same one. N pairs, B of a batch.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.cache import cache_dir, entry
from lmkit.data.preference_pairs import SIDES, Pairs
from lmkit.errors import ModelError
from lmkit.evaluation.scoring import Batch, Rows, score
from lmkit.hashing import sha256_of
from lmkit.models.device import default_device
from lmkit.models.head import OutputHead
from lmkit.models.inputs import model_inputs
from lmkit.models.loading import ModelLoader
from lmkit.recipe.sections import ModelSection
from lmkit.run_folder import model_folder

logger = logging.getLogger(__name__)

BATCH = 8  # pairs that are scored at a time
FORMAT = 1  # of the cached scores


@dataclass(frozen=True)
class Reference:
    """A model as it was."""

    source: str
    """An absolute folder, or a hub name."""
    revision: str | None
    """The branch, tag or commit of a hub model."""
    sha256: str
    """What it holds: `reference_hash`."""

    @classmethod
    def at(cls, source: str, revision: str | None) -> "Reference":
        """The model that a folder, a run folder or a hub name holds now.

        Raises:
            ModelError: there is no such folder.
        """
        place = str(Path(source).absolute()) if Path(source).is_dir() else source
        return cls(place, revision, reference_hash(place, revision))

    def open(self, tokenizer: PreTrainedTokenizerBase, positions: int) -> PreTrainedModel:
        """The model, on the device of this process, without dropout.

        Args:
            tokenizer: that of the model that is held to it.
            positions: the longest sequence, in tokens.

        Raises:
            ModelError: it is not there, cannot be read, or holds something else by now.
        """
        if (found := reference_hash(self.source, self.revision)) != self.sha256:
            raise ModelError(
                f"task.reference_source: {self.source} is not the model it was: its content has "
                f"the hash {found[:12]}, not {self.sha256[:12]}; put the earlier one back, or "
                "train anew"
            )
        loader = ModelLoader(ModelSection(source=self.source, revision=self.revision))
        model = loader.load(AutoModelForCausalLM, tokenizer, positions=positions)
        model.to(default_device())  # type: ignore[arg-type] # its stub knows no string
        return model


def reference_hash(source: str, revision: str | None = None) -> str:
    """SHA-256 (hex) of a model's configuration and weights; of a hub model, of its name.

    Args:
        source: a folder, a run folder or a hub name.
        revision: of a hub model.

    Raises:
        ModelError: there is no such folder any more.
    """
    try:
        folder = Path(model_folder(source))
    except ModelError as error:
        raise ModelError(
            f"task.reference_source: {error}; answers are compared with what that model makes of "
            "them: put it back where it was"
        ) from error
    parts = [source, str(revision)]
    if folder.is_dir():
        files = [folder / "config.json", *sorted(folder.glob("*.safetensors"))]
        parts = [sha256_of(file) for file in files if file.is_file()]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def reference_scores(
    pairs: Pairs,
    content: Mapping[str, Any],
    open_model: Callable[[], PreTrainedModel],
    collate: Callable[[list[dict[str, Any]]], Batch],
) -> NDArray[np.float64]:
    """The reference's log-probabilities of both answers of each pair, (N, 2) in nats.

    Computed once, by one process, and kept in the cache.

    Args:
        pairs: N of them.
        content: all that the numbers depend on.
        open_model: opens the reference; called only where they are not in the cache.
        collate: makes batches of pairs, with `targets`, the preferred answers first.
    """
    text = json.dumps({"format": FORMAT, **content}, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()

    def write(folder: Path) -> dict[str, Any]:
        logger.info("the reference scores %d pairs, once", len(pairs))
        model = open_model()
        found = score(model, _Sides(model, collate), pairs, batch_size=BATCH)
        scores = np.stack([np.asarray(found[side], np.float64) for side in SIDES], axis=1)
        np.save(folder / "scores.npy", scores)
        return {"content": dict(content)}

    made = entry(cache_dir() / "references" / key, write)
    scores: NDArray[np.float64] = np.load(made.folder / "scores.npy", allow_pickle=False)
    return scores


class _Sides:
    """What `score` needs to sum a model's log-probabilities of the answers."""

    def __init__(
        self, model: PreTrainedModel, collate: Callable[[list[dict[str, Any]]], Batch]
    ) -> None:
        self.head = OutputHead(model)
        self.head.attach()
        self.collate = collate

    def infer(self, model: PreTrainedModel, batch: Batch) -> Any:
        """States where there would be logits."""
        return model(**model_inputs(model, batch))

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """Log-probabilities, (B,) by side."""
        nll, _ = self.head.score(outputs.logits, batch["targets"])  # (2B, T)
        sums = -nll.double().sum(1)
        return {side: part.tolist() for side, part in zip(SIDES, sums.chunk(2), strict=True)}
