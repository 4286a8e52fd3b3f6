"""How likely a causal model finds texts behind others: what benchmarks of language models ask.

Pairs are tokenized as EleutherAI's lm-evaluation-harness does it, so that numbers can be compared:
the whole is encoded, and what its context does not take is the continuation; spaces at the end of a
context belong to the continuation. Only the last positions of a batch are given to the output
layer. Shape letters: N requests, B of a batch, T tokens of the longest, L of the longest
continuation, K positions that are predicted from, V vocabulary.
"""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.errors import DataError
from lmkit.labels import IGNORED
from lmkit.models.inputs import model_inputs

Pair = tuple[str, str]
"""A context and its continuation."""
Rows = dict[str, list[Any]]

STARTS = "starts"
"""The key of a batch with the place from which the first token of a continuation is predicted."""


@dataclass(frozen=True)
class Requests:
    """N pairs as token ids."""

    ids: Sequence[Sequence[int]]
    """Context and continuation, no longer than the model reads and one token more."""
    asked: Sequence[int]
    """The tokens of each that are the continuation's, at least 1."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Tokens that the model reads of each, (N,)."""
        return np.array([len(ids) - 1 for ids in self.ids], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.ids)

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """What is read, and the tokens that are asked for, of (epoch, index)."""
        ids, asked = self.ids[key[1]], self.asked[key[1]]
        return {"input_ids": ids[:-1], "labels": ids[len(ids) - asked :]}


def encode_pairs(pairs: Sequence[Pair], tokenizer: PreTrainedTokenizerBase, limit: int) -> Requests:
    """Token ids of pairs; what is longer than the model reads loses its beginning.

    Args:
        pairs: N of them; an empty context stands for the begin token, else the end token.
        tokenizer: the model's own.
        limit: tokens that the model reads.

    Raises:
        DataError: a continuation is no token of its own, or is longer than the model reads.
    """
    moved = [_spaces_moved(*pair) for pair in pairs]
    start = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    first: Any = tokenizer.decode([start]) if start is not None else None
    contexts = list(dict.fromkeys(context for context, _ in moved if context))
    sizes = dict(zip(contexts, map(len, _encoded(contexts, tokenizer, first)), strict=True))
    wholes = iter(_encoded([c + more for c, more in moved if c], tokenizer, first))
    alone = iter(_encoded([more for c, more in moved if not c], tokenizer, None))
    ids, asked = [], []
    for context, continuation in moved:
        if context:
            whole, size = next(wholes), sizes[context]
        else:
            whole, size = next(alone), 1
            if start is not None and whole[:1] != [start]:
                whole = [start, *whole]
        count = len(whole) - size
        if not 1 <= count <= limit:
            why = "is longer than the model reads" if count > limit else "is no token of its own"
            raise DataError(f"the continuation {continuation!r} of {context[-60:]!r} {why}")
        ids.append(whole[-(limit + 1) :])
        asked.append(count)
    return Requests(ids, asked)


class Continuations:
    """Scores requests: the log-likelihood of each, and whether greedy decoding would write it."""

    def collate(self, features: list[dict[str, Any]]) -> dict[str, Tensor]:
        """Ids and mask (B, T), labels (B, L), padded on the right, and `starts` (B,)."""
        longest = max(len(feature["input_ids"]) for feature in features)
        most = max(len(feature["labels"]) for feature in features)
        ids, mask = torch.zeros(2, len(features), longest, dtype=torch.long)
        labels = torch.full((len(features), most), IGNORED)
        starts = torch.zeros(len(features), dtype=torch.long)
        for row, feature in enumerate(features):
            read, wanted = feature["input_ids"], feature["labels"]
            ids[row, : len(read)] = torch.tensor(read)
            mask[row, : len(read)] = 1
            labels[row, : len(wanted)] = torch.tensor(wanted)
            starts[row] = len(read) - len(wanted)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels, STARTS: starts}

    def infer(self, model: PreTrainedModel, batch: dict[str, Tensor]) -> Tensor:
        """Logits (B, K, V) of the last K positions, K as small as the batch allows."""
        inputs = model_inputs(model, {k: batch[k] for k in ("input_ids", "attention_mask")})
        keep = batch["input_ids"].shape[1] - int(batch[STARTS].min())
        if "logits_to_keep" in inspect.signature(model.forward).parameters:
            inputs["logits_to_keep"] = keep
        logits: Tensor = model(**inputs).logits[:, -keep:]
        return logits

    def reduce(self, outputs: Tensor, batch: dict[str, Tensor]) -> Rows:
        """`nll` (nats), `count` (tokens) and `greedy` of each of the B requests."""
        labels, width = batch["labels"], batch["input_ids"].shape[1]
        wanted = labels != IGNORED  # (B, L)
        first = batch[STARTS] - (width - outputs.shape[1])  # (B,), among the K positions
        places = first[:, None] + torch.arange(labels.shape[1], device=labels.device)
        places = places.clamp(max=outputs.shape[1] - 1)
        logits = outputs.gather(1, places[..., None].expand(-1, -1, outputs.shape[-1]))
        chosen = logits.gather(-1, labels.clamp(min=0)[..., None])[..., 0].double()  # (B, L)
        logs = chosen - logits.double().logsumexp(-1)
        greedy = (logits.argmax(-1) == labels) | ~wanted
        return {
            "nll": (-logs * wanted).sum(-1).tolist(),
            "count": wanted.sum(-1).tolist(),
            "greedy": greedy.all(-1).tolist(),
        }


def _spaces_moved(context: str, continuation: str) -> Pair:
    """The pair with the spaces at the end of its context moved into its continuation."""
    bare = context.rstrip()
    return bare, context[len(bare) :] + continuation


def _encoded(
    texts: list[str], tokenizer: PreTrainedTokenizerBase, first: str | None
) -> list[list[int]]:
    """Token ids as the tokenizer makes them by itself, or bare where there is no `first`.

    A text that begins with its start token (`first`) gets no second one.
    """
    found: list[list[int]] = [[] for _ in texts]
    for special in (True, False):
        chosen = [
            at
            for at, text in enumerate(texts)
            if special == (first is not None and not text.startswith(first))
        ]
        if chosen:
            made: Any = tokenizer(
                [texts[at] for at in chosen], add_special_tokens=special, verbose=False,
                return_attention_mask=False, return_token_type_ids=False,
            )  # fmt: skip
            for at, ids in zip(chosen, made["input_ids"], strict=True):
                found[at] = list(ids)
    return found
