"""Learn which of two answers is preferred: direct preference optimization (DPO).

The model is held to a reference, which is the model as it was before training (Rafailov et al.
2023, arXiv:2305.18290); the objectives are those of `training.preference_loss`. Shape letters: N
pairs of a split, B pairs of a batch, T tokens.
"""

import math
from dataclasses import asdict
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional
from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.chat_template import ChatTemplate, give_template
from lmkit.data.collate import pad_batch
from lmkit.data.preference_pairs import SIDES, Pairs, choice, encode_pairs, tell_pairs
from lmkit.data.sources import Source
from lmkit.data.template_text import template_text
from lmkit.data.tokenizer import tokenizer_fingerprint
from lmkit.errors import ModelError
from lmkit.evaluation.interval import bootstrap_ratio, wilson
from lmkit.evaluation.paired import Units, shares
from lmkit.labels import IGNORED
from lmkit.models.inspecting import length_limit
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.preference import PreferenceOptions
from lmkit.tasks.base import Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask
from lmkit.training.preference_loss import pair_objective
from lmkit.training.reference import Reference, reference_scores

PLAIN = "none"
PAD_VALUES = {
    name: pad for side in SIDES for name, pad in ((side, 0), (f"{side}_labels", IGNORED))
}  # any id will do: nothing sees it


class Preference(TokenTask[PreferenceOptions]):
    """A causal model that learns to prefer one answer to another."""

    headline = ("accuracy", True)

    def resolve(self, train: Source) -> PreferenceOptions:
        """The options with the Jinja of a template file in the place of its name.

        Raises:
            DataError: a row holds no choice between two answers.
            TokenizerError: there is no such template.
        """
        self.check(train)
        given = self.options.chat_template
        if given in (None, PLAIN):
            return self.options
        return self.options.model_copy(update={"chat_template": template_text(str(given))})

    def check(self, source: Source) -> None:
        """See that every row of a split is a choice between two answers.

        Raises:
            DataError: a row is not; it is named.
        """
        for row in source.rows():
            choice(row, self.options)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A causal model, and in the options which one it is compared with.

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer.

        Raises:
            ModelError: the model is none that writes, has too few positions, or is a new one, which
                is no reference.
            TokenizerError: the chat template does not do what training needs.
        """
        known = len(tokenizer)
        self._template(tokenizer)
        if len(tokenizer) > known:
            raise ModelError(
                "task.chat_template: it writes tokens that the model has never met, so neither "
                "does its reference know them; teach them first (task.name: chat), or name another"
            )
        limit = length_limit(self.options, loader.config())
        self.options = self.options.model_copy(update={"max_length": limit})
        if self.options.reference == "model" and self.options.reference_sha256 is None:
            self._settle_reference(loader)
        return loader.load(AutoModelForCausalLM, tokenizer, positions=self.options.max_length)

    def _settle_reference(self, loader: ModelLoader) -> None:
        """Write into the options which model the reference is, and its hash."""
        source = self.options.reference_source or loader.section.source
        if source is None:
            raise ModelError(
                "model: a new model is no reference to hold answers against; start from one that "
                "writes (model.source), or set task.reference: none"
            )
        given = self.options.reference_source is not None
        revision = self.options.reference_revision if given else loader.section.revision
        found = asdict(Reference.at(source, revision))
        self.options = self.options.model_copy(
            update={f"reference_{name}": value for name, value in found.items()}
        )

    def prepare(self, source: Source, tokenizer: PreTrainedTokenizerBase) -> None:
        """The reference's scores of the split."""
        self.examples(source, tokenizer, seed=0, training=False)

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,  # noqa: ARG002 - scored as trained on
    ) -> Pairs:
        """The pairs of a split, each with the log-probabilities that the reference gives it.

        Raises:
            DataError: a row holds no choice, or no pair differs within `max_length`.
            ModelError: the reference is not there, or not what it was.
        """
        template = self._template(tokenizer)
        pairs = encode_pairs(source.rows(), tokenizer, template, self.options)
        tell_pairs(pairs, source.name, self.options.max_length)
        if self.options.reference == "none" or not len(pairs):
            return pairs
        return pairs.scored(self._reference(source, tokenizer, pairs))

    def _reference(
        self, source: Source, tokenizer: PreTrainedTokenizerBase, pairs: Pairs
    ) -> NDArray[np.float64]:
        """The reference's log-probabilities of both answers, (N, 2)."""
        options = self.options
        assert options.reference_source is not None, "build_model comes first"
        assert options.reference_sha256 is not None
        reference = Reference(
            options.reference_source, options.reference_revision, options.reference_sha256
        )
        unread = {"beta", "loss_type", "reference_source", "reference_revision"}
        content = {
            "source": source.fingerprint(),
            "tokenizer": tokenizer_fingerprint(tokenizer),
            "template": str(tokenizer.chat_template),
            "options": options.model_dump(exclude=unread),
        }
        return reference_scores(
            pairs, content, lambda: reference.open(tokenizer, options.max_length), self.collate
        )

    def _template(self, tokenizer: PreTrainedTokenizerBase) -> ChatTemplate | None:
        """The chat template, or None where prompt and answer follow one another plainly."""
        given = self.options.chat_template
        if given == PLAIN or (given is None and tokenizer.chat_template is None):
            return None
        return give_template(tokenizer, given)

    def ledger(self, examples: Pairs) -> dict[str, int]:
        """Pairs, those cut and those left out, and the tokens of both sides."""
        return examples.counts()

    def collate(self, features: list[Features]) -> Batch:
        """The preferred sequences, then the others: ids and aligned `targets` (2B, T).

        Beside them `labels` (B,), which count pairs, and the `reference`'s scores (2B,).
        """
        apart = pad_batch(features, pad_values=PAD_VALUES)
        width = max(apart[side].shape[1] for side in SIDES)

        def joined(suffix: str, value: int) -> Tensor:
            sides = [apart[f"{side}{suffix}"] for side in SIDES]
            return torch.cat(
                [functional.pad(part, (0, width - part.shape[1]), value=value) for part in sides]
            )

        return {
            "input_ids": joined("", 0),
            "targets": joined("_labels", IGNORED),
            "reference": torch.cat([apart[f"{side}_reference"] for side in SIDES]),
            "labels": apart["labels"],
        }

    def tokens(self, batch: Batch) -> int:
        """The tokens of the answers: those whose log-probabilities count."""
        counted = (batch["labels"] != IGNORED).repeat(2)  # (2B,)
        return int((batch["targets"][counted] != IGNORED).sum())

    def loss(self, outputs: Any, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """The objective summed over the B pairs.

        Label smoothing is as `pair_objective` says.
        """
        logp = -self.head.nll(outputs.logits, batch["targets"]).sum(1)  # (2B,)
        found = self._objective(logp, batch, label_smoothing)
        return found[batch["labels"] != IGNORED].sum()

    def _objective(self, logp: Tensor, batch: Batch, label_smoothing: float = 0.0) -> Tensor:
        """Of each pair, (B,), from the log-probabilities (2B,) of its sides."""
        return pair_objective(
            logp, batch["reference"], (batch["targets"] != IGNORED).sum(1),
            loss_type=self.options.loss_type, beta=self.options.beta,
            label_smoothing=label_smoothing,
        )  # fmt: skip

    def reduce(self, outputs: Any, batch: Batch) -> Rows:
        """The objective of each pair, and the rewards of its sides: beta times the log-ratio."""
        nll, _ = self.head.score(outputs.logits, batch["targets"])  # (2B, T)
        logp = -nll.double().sum(1)  # (2B,)
        rewards = self.options.beta * (logp - batch["reference"].double())
        chosen, rejected = rewards.chunk(2)
        return {
            "nll": self._objective(logp, batch).tolist(),
            "count": (batch["labels"] != IGNORED).long().tolist(),
            "chosen": chosen.tolist(),
            "rejected": rejected.tolist(),
        }

    def metrics(self, rows: Rows) -> Metrics:
        """Means over pairs: the objective, how often the preferred answer wins, the rewards."""
        chosen, rejected = np.asarray(rows["chosen"]), np.asarray(rows["rejected"])  # (N,), (N,)
        return {
            "loss": math.fsum(rows["nll"]) / sum(rows["count"]),
            "accuracy": float((chosen > rejected).mean()),
            "margin": float((chosen - rejected).mean()),
            "chosen_reward": float(chosen.mean()),
            "rejected_reward": float(rejected.mean()),
        }

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Wilson's for the accuracy, a bootstrap over the pairs for the means."""
        chosen, rejected = np.asarray(rows["chosen"]), np.asarray(rows["rejected"])  # (N,), (N,)
        means = {
            "loss": np.asarray(rows["nll"]), "margin": chosen - rejected,
            "chosen_reward": chosen, "rejected_reward": rejected,
        }  # fmt: skip
        found = {
            name: bootstrap_ratio(values, rows["count"], seed) for name, values in means.items()
        }
        found["accuracy"] = wilson(float((chosen > rejected).sum()), len(chosen))
        return {name: found[name] for name in self.metrics(rows) if found[name] is not None}  # type: ignore[misc] # None is left out

    def units(self, rows: Rows) -> Units:
        """The loss of each pair, which answer wins and by how much, and both rewards."""
        chosen, rejected = np.asarray(rows["chosen"]), np.asarray(rows["rejected"])  # (N,), (N,)
        found = {"accuracy": chosen > rejected, "margin": chosen - rejected,
                 "chosen_reward": chosen, "rejected_reward": rejected}  # fmt: skip
        return super().units(rows) | {name: shares(values) for name, values in found.items()}

    def baselines(
        self,
        train: Source | None,  # noqa: ARG002 - neither learns anything
        scored: Source,  # noqa: ARG002
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,  # noqa: ARG002
    ) -> dict[str, Metrics]:
        """Always the longer answer; and the one that the reference itself finds likelier.

        A tie counts half.
        """
        assert isinstance(examples, Pairs)
        found = {"longer": {"accuracy": _wins(examples.answer_lengths().astype(np.float64))}}
        if examples.reference is not None:
            found["reference"] = {"accuracy": _wins(examples.reference)}
        return found

    def definition(self) -> str:
        """What the metrics mean."""
        kind = {"sigmoid": "DPO", "ipo": "IPO", "hinge": "hinge"}[self.options.loss_type]
        against = "the model before training" if self.options.reference == "model" else "nothing"
        return (
            f"loss: the {kind} objective a pair (not a likelihood), beta {self.options.beta:g}, "
            f"against {against}; accuracy: share of pairs whose preferred answer has the larger "
            "reward (beta times the log-ratio to the reference); margin: the mean difference of "
            f"the rewards; pairs are cut at {self.options.max_length} tokens."
        )


def _wins(scores: NDArray[np.float64]) -> float:
    """How often the first of two scores (N, 2) is the larger; a tie counts half."""
    gap = scores[:, 0] - scores[:, 1]
    return float(((gap > 0) + (gap == 0) / 2).mean())


TASK = Preference
