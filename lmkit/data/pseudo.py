"""One example a token, each with that token hidden: what a masked model's pseudo-perplexity needs.

Salazar et al. 2020, Masked Language Model Scoring, section 2.1 (arXiv:1910.14659). Shape letters:
P pieces, N scored tokens, L tokens of one piece.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.pieces import Documents, Pieces
from lmkit.labels import IGNORED

Ints = npt.NDArray[np.int64]


class HiddenTokens:
    """Pieces [CLS] ... [SEP] of documents, once for each of their tokens, with it masked.

    Whole pieces are taken in an order drawn by the seed until there are `limit` tokens (the last
    one in part), since each token costs a pass through the model.

    Args:
        corpus: the documents, each with its end token.
        tokenizer: has a mask token, [CLS] (or a begin token) and [SEP] (or an end token).
        block_size: tokens of a piece, special ones included.
        limit: the most tokens to score.
        seed: of the order.
    """

    def __init__(
        self,
        corpus: Documents,
        tokenizer: PreTrainedTokenizerBase,
        *,
        block_size: int,
        limit: int,
        seed: int,
    ) -> None:
        self._corpus = corpus
        self._mask = int(tokenizer.mask_token_id)
        first = tokenizer.cls_token_id
        last = tokenizer.sep_token_id
        self._first = int(tokenizer.bos_token_id if first is None else first)
        self._last = int(tokenizer.eos_token_id if last is None else last)
        self._pieces = Pieces(np.diff(corpus.offsets) - 1, block_size - 2)
        self.total = int(np.sum(np.diff(corpus.offsets) - 1))
        """Tokens of all documents, of which N are scored."""
        order = np.random.default_rng(seed).permutation(len(self._pieces))
        sizes = self._pieces.lengths()[order]
        needed = int(np.searchsorted(np.cumsum(sizes), limit)) + 1
        self._order: Ints = order[:needed]
        self._ends: Ints = np.minimum(np.cumsum(sizes[:needed]), limit)
        self._sizes: Ints = sizes[:needed]

    def __len__(self) -> int:
        """N."""
        return int(self._ends[-1]) if len(self._ends) else 0

    @property
    def lengths(self) -> Ints:
        """Tokens that the model reads for each scored one, (N,)."""
        return np.repeat(self._sizes + 2, np.diff(self._ends, prepend=0))

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """Token `index` (the epoch has no part in it).

        Returns:
            `input_ids` and `labels`, each (L,), ignored but for the hidden token; `document`, its
            number; `bytes`, which have no meaning here, as 0.
        """
        place = int(np.searchsorted(self._ends, key[1], side="right"))
        position = key[1] - (int(self._ends[place - 1]) if place else 0)
        document, begin, end = self._pieces[int(self._order[place])]
        start = int(self._corpus.offsets[document])
        content = self._corpus.tokens[start + begin : start + end].astype(np.int64)
        inputs = np.concatenate([[self._first], content, [self._last]])
        labels = np.full(len(inputs), IGNORED)
        labels[position + 1] = inputs[position + 1]
        inputs[position + 1] = self._mask
        return {"input_ids": inputs, "labels": labels, "document": document, "bytes": 0}
