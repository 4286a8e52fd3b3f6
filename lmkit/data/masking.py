"""Which tokens a masked language model has to predict (Devlin et al. 2019, BERT, section 3.1).

A share of the tokens (15 %) is chosen; of these 80 % become [MASK], 10 % a random token and 10 %
stay as they are. Special tokens are never chosen and never put in. With whole words (the later BERT
releases), all pieces of a word are chosen together and the share is one of words; each piece
still draws its own 80/10/10.

All that is drawn is a function of the seed, the place in the corpus and the position. It comes from
the Philox counter generator (Salmon et al. 2011) by key and counter, not from a state that moves,
so that order, workers, batches and resuming have no part in it. Its raw 64-bit words are used,
which numpy keeps the same between versions. Shape letters: n content tokens of an example, V
vocabulary.
"""

import numpy as np
import numpy.typing as npt
from transformers import PreTrainedTokenizerBase

from lmkit.data.words import word_joints
from lmkit.errors import TokenizerError
from lmkit.labels import IGNORED

_MASKED, _RANDOM = 0.8, 0.1  # shares of the chosen tokens; the rest stays
_TRAINING, _SCORING = 0, 1  # the two families of draws, apart even for the same numbers

Ints = npt.NDArray[np.int64]
Bools = npt.NDArray[np.bool_]


class Masker:
    """Turns content tokens into [CLS] content [SEP] with some tokens hidden.

    Args:
        tokenizer: Has a mask token, [CLS] (or a begin token) and [SEP] (or an end token).
        probability: The share of tokens, or of words, to choose, in (0, 1).
        whole_word: Choose whole words instead of tokens.
        seed: What all draws depend on.

    Raises:
        TokenizerError: One of the three tokens is missing.
    """

    def __init__(
        self,
        tokenizer: PreTrainedTokenizerBase,
        *,
        probability: float,
        whole_word: bool,
        seed: int,
    ) -> None:
        self._mask = _required(tokenizer, "mask_token")
        self._first = _required(tokenizer, "cls_token", "bos_token")
        self._last = _required(tokenizer, "sep_token", "eos_token")
        self._probability = probability
        self._seed = seed % 2**64
        ids = np.unique(np.fromiter(tokenizer.get_vocab().values(), dtype=np.int64))
        special = np.array(tokenizer.all_special_ids, dtype=np.int64)
        self._ordinary = np.setdiff1d(ids, special)  # what a random replacement is drawn from
        self.maskable: Bools = np.zeros(int(ids[-1]) + 1, dtype=np.bool_)
        """(V,) whether an id may be chosen: whether it is no special token."""
        self.maskable[self._ordinary] = True
        if not len(self._ordinary):
            raise TokenizerError("the tokenizer has special tokens only: nothing can be masked")
        self._joints = word_joints(tokenizer, len(self.maskable)) if whole_word else None
        pad = tokenizer.pad_token_id
        self.pad_values = {
            "input_ids": self._last if pad is None else int(pad),
            "labels": IGNORED,
        }
        """What a shorter example is filled up with."""

    def training(self, content: Ints, *, epoch: int, place: int) -> dict[str, Ints]:
        """The example of one epoch: `input_ids` and `labels`, each (n + 2,).

        Args:
            content: (n,) tokens.
            epoch: What is drawn depends on it,
            place: and on where the content begins in the corpus, in tokens.
        """
        return self._mask_tokens(content, _TRAINING, epoch, place)

    def scoring(self, content: Ints, *, document: int, piece: int) -> dict[str, Ints]:
        """The example of one piece of a document, the same in every epoch and run."""
        return self._mask_tokens(content, _SCORING, document, piece)

    def words(self, content: Ints) -> Ints:
        """(n,) the number of the word that each token belongs to; without whole words, its own."""
        if self._joints is None:
            return np.arange(len(content), dtype=np.int64)
        begins_inside, ends_inside = self._joints
        ordinary = self.maskable[content]
        joined = np.zeros(len(content), dtype=np.bool_)
        joined[1:] = begins_inside[content[1:]] & ends_inside[content[:-1]]
        joined[1:] &= ordinary[1:] & ordinary[:-1]
        return np.cumsum(~joined) - 1

    def _mask_tokens(self, content: Ints, family: int, a: int, b: int) -> dict[str, Ints]:
        n = len(content)
        inputs = np.empty(n + 2, dtype=np.int64)
        inputs[0], inputs[-1] = self._first, self._last
        inputs[1:-1] = content
        labels = np.full(n + 2, IGNORED, dtype=np.int64)
        maskable = self.maskable[content]  # (n,)
        if maskable.any():
            raw = self._draws(n, family, a, b)  # (n, 3)
            chosen = self._choose(_uniform(raw[:, 0]), content, maskable)  # (n,)
            labels[1:-1][chosen] = content[chosen]
            fate = _uniform(raw[:, 1])
            inputs[1:-1][chosen & (fate < _MASKED)] = self._mask
            replaced = chosen & (fate >= _MASKED) & (fate < _MASKED + _RANDOM)
            pick = raw[replaced, 2] % np.uint64(len(self._ordinary))
            inputs[1:-1][replaced] = self._ordinary[pick.astype(np.int64)]
        return {"input_ids": inputs, "labels": labels}

    def _choose(self, draws: npt.NDArray[np.float64], content: Ints, maskable: Bools) -> Bools:
        """(n,) the tokens to predict: each word by the draw of its first token, at least one."""
        words = self.words(content)
        first = np.flatnonzero(np.diff(words, prepend=-1))  # where each word begins
        draws = draws[first][words]
        lowest = draws[maskable].min()
        return maskable & (draws <= max(self._probability, float(lowest)))

    def _draws(self, n: int, family: int, a: int, b: int) -> npt.NDArray[np.uint64]:
        """(n, 3) random words; those of a position do not depend on n."""
        key = np.array([self._seed, family], dtype=np.uint64)
        counter = np.array([0, 0, a, b], dtype=np.uint64)  # the generator counts in the first
        words: npt.NDArray[np.uint64] = np.random.Philox(key=key, counter=counter).random_raw(3 * n)
        return words.reshape(n, 3)


def _uniform(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.float64]:
    """Random words as numbers in [0, 1), from their upper 53 bits."""
    return (words >> np.uint64(11)).astype(np.float64) * 2.0**-53


def _required(tokenizer: PreTrainedTokenizerBase, *names: str) -> int:
    """The id of the first of these special tokens that the tokenizer has."""
    for name in names:
        token_id = getattr(tokenizer, f"{name}_id")
        if token_id is not None:
            return int(token_id)
    raise TokenizerError(
        f"the tokenizer has no {' and no '.join(f'`{name}`' for name in names)}, which a masked "
        "model needs; use a BERT-like tokenizer, or train one with `tokenizer.train`"
    )
