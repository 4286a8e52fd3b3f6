"""Learn to answer: supervised fine-tuning of a causal model on conversations.

The loss is the cross-entropy of the tokens of the answers, each with the token that ends it, given
all that stands before them (Ouyang et al. 2022, InstructGPT, section 3.5, arXiv:2203.02155). Shape
letters: N rows of a split, B examples of a batch, T tokens, V vocabulary, H width.
"""

import logging
import math
from typing import Any

from transformers import AutoModelForCausalLM, PreTrainedModel, PreTrainedTokenizerBase

from lmkit.data.answers import Answers, PackedAnswers, encode_answers
from lmkit.data.chat_template import give_template
from lmkit.data.collate import pad_batch
from lmkit.data.conversations import conversation
from lmkit.data.sources import Source
from lmkit.data.template_text import template_text
from lmkit.errors import DataError
from lmkit.evaluation.baselines import causal_unigram, targets
from lmkit.evaluation.interval import bootstrap_ratio
from lmkit.evaluation.perplexity import perplexity
from lmkit.labels import IGNORED, SEGMENTS
from lmkit.models.inspecting import length_limit
from lmkit.models.isolation import find_isolation
from lmkit.models.loading import ModelLoader
from lmkit.recipe.options.chat import ChatOptions
from lmkit.tasks.base import Batch, Examples, Features, Intervals, Metrics, Rows, TokenTask
from lmkit.vocabulary import id_count

logger = logging.getLogger(__name__)

PAD_VALUES = {"input_ids": 0, "labels": IGNORED, SEGMENTS: 0}  # any id will do: nothing sees it
PREDICTED = {
    "answers": "the tokens of every answer and the token that ends it",
    "last_answer": "the tokens of the last answer and the token that ends it",
    "all": "every token of the conversation but the first",
}


class Chat(TokenTask[ChatOptions]):
    """A causal model that answers in the turns of a chat template."""

    def resolve(self, train: Source) -> ChatOptions:
        """The options with the Jinja of a template file in the place of its name.

        Raises:
            DataError: a row holds no conversation that can be learned.
            TokenizerError: there is no such template.
        """
        self.check(train)
        given = self.options.chat_template
        if given is None:
            return self.options
        return self.options.model_copy(update={"chat_template": template_text(given)})

    def check(self, source: Source) -> None:
        """See that every row of a split is a conversation with an answer.

        Raises:
            DataError: a row is not; it is named.
        """
        for row in source.rows():
            conversation(row, self.options)

    def build_model(
        self, loader: ModelLoader, tokenizer: PreTrainedTokenizerBase
    ) -> PreTrainedModel:
        """A causal model that has the tokens of the template, and stops where an answer ends.

        A `max_length` that was left to lmkit becomes the model's positions where those are fewer.

        Raises:
            TokenizerError: there is no template, or it does not do what training needs.
            ModelError: the model is none that writes, has too few positions, or cannot keep the
                conversations of a block apart (`packing: isolated`).
        """
        known = set(tokenizer.get_vocab())
        template = give_template(tokenizer, self.options.chat_template)
        added = sorted(set(tokenizer.get_vocab()) - known, key=tokenizer.convert_tokens_to_ids)
        if added:
            logger.info("tokenizer: added for the chat template: %s", ", ".join(added))
            loader.resize = True
        limit = length_limit(self.options, loader.config())
        self.options = self.options.model_copy(update={"max_length": limit})
        model = loader.load(AutoModelForCausalLM, tokenizer, positions=self.options.max_length)
        stop_at(model, tokenizer, template.end_id)
        self.prove(model)
        return model

    def prove(self, model: PreTrainedModel) -> None:
        """Find out how this model, with its attention kernel, keeps packed conversations apart."""
        if self.options.packing == "isolated":
            self.isolation = find_isolation(model, block_size=self.options.max_length, causal=True)

    def examples(
        self,
        source: Source,
        tokenizer: PreTrainedTokenizerBase,
        *,
        seed: int,  # noqa: ARG002 - nothing is drawn
        training: bool,
    ) -> Examples:
        """The conversations of a split, cut at `max_length`; packed to train on if asked for.

        Raises:
            DataError: a row holds no conversation, or no row has an answer within `max_length`.
        """
        template = give_template(tokenizer, self.options.chat_template)
        found = encode_answers(source.rows(), template, self.options)
        self._tell(source, found)
        if training and self.options.packing == "isolated":
            return PackedAnswers(found, self.options.max_length)
        return found

    def _tell(self, source: Source, found: Answers) -> None:
        rows = len(found) + found.unanswered
        limit = self.options.max_length
        if rows and not len(found):
            raise DataError(
                f"{source.name} data: no answer begins within task.max_length ({limit} tokens) in "
                f"any of {rows} conversations; raise it"
            )
        if found.unanswered:
            logger.warning(
                "%d of the %d %s conversations are left out: nothing of their answers is within "
                "%d tokens (task.max_length)", found.unanswered, rows, source.name, limit,
            )  # fmt: skip
        if found.cut:
            logger.info(
                "%.3g %% of the %s conversations are cut at %d tokens",
                100 * found.cut / len(found), source.name, limit,
            )  # fmt: skip

    def ledger(self, examples: Answers | PackedAnswers) -> dict[str, int]:
        """Conversations, those cut and those left out, their tokens and the predicted ones."""
        return examples.counts()

    def batch_length(self, longest: int) -> int:
        """That of a block where conversations are packed, so that a compiled model stays so."""
        return self.options.max_length if self.options.packing == "isolated" else longest

    def collate(self, features: list[Features]) -> Batch:
        """Ids and aligned labels (B, T), and segments where conversations are packed.

        No mask: what follows a token cannot change its state.
        """
        width = self.options.max_length if SEGMENTS in features[0] else None
        return pad_batch(features, pad_values=PAD_VALUES, pad_to_multiple=width)

    def tokens(self, batch: Batch) -> int:
        """The tokens that are read, padding and uncounted rows left out."""
        if SEGMENTS in batch:
            return super().tokens(batch)
        counted = (batch["labels"] != IGNORED).any(1)  # (B,)
        return int(batch["length"][counted].sum())

    def metrics(self, rows: Rows) -> Metrics:
        """Loss in nats a predicted token, and its exponential."""
        loss = math.fsum(rows["nll"]) / sum(rows["count"])
        return {"loss": loss, "perplexity": perplexity(loss)}

    def intervals(self, rows: Rows, seed: int) -> Intervals:
        """Bootstrap over conversations: the tokens of one are not independent."""
        ends = bootstrap_ratio(rows["nll"], rows["count"], seed)
        if ends is None:
            return {}
        return {"loss": ends, "perplexity": (perplexity(ends[0]), perplexity(ends[1]))}

    def baselines(
        self,
        train: Source | None,
        scored: Source,  # noqa: ARG002 - the examples hold the answers
        examples: Examples,
        tokenizer: PreTrainedTokenizerBase,
    ) -> dict[str, Metrics]:
        """How often each token occurs in the answers of the training split."""
        if train is None:
            return {}
        template = give_template(tokenizer, self.options.chat_template)
        learned = encode_answers(train.rows(), template, self.options)
        size = id_count(tokenizer)
        counts = targets(learned, size).counts
        return {"unigram": causal_unigram(counts, targets(examples, size))}

    def definition(self) -> str:
        """How `loss` is counted here."""
        return (
            f"Predicted are {PREDICTED[self.options.train_on]}, given all before it in the turns "
            f"of the chat template; conversations are cut at {self.options.max_length} tokens. "
            "loss: nats a predicted token, sum over tokens; perplexity: exp(loss)."
        )


def stop_at(model: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, end_id: int) -> None:
    """Let generation stop at the token that ends an answer, as at the tokenizer's end token."""
    config: Any = model.generation_config
    own = config.eos_token_id
    known = [tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])]
    config.eos_token_id = sorted({end_id, *(token for token in known if token is not None)})


TASK = Chat
