"""One example a token, each with that token hidden."""

from types import SimpleNamespace

import numpy as np
import pytest

from lmkit.data.pseudo import HiddenTokens

TOKENIZER = SimpleNamespace(
    mask_token_id=4, cls_token_id=2, sep_token_id=3, bos_token_id=None, eos_token_id=None
)
DOCUMENTS = [[10, 11, 12, 13, 14], [20, 21], [], [30]]


@pytest.fixture
def corpus():
    ended = [[*document, 3] for document in DOCUMENTS]
    return SimpleNamespace(
        tokens=np.array([token for document in ended for token in document], dtype=np.uint16),
        offsets=np.cumsum([0, *map(len, ended)]),
        bytes=np.array([9, 9, 9, 9]),
    )


def hidden(corpus, limit):
    return HiddenTokens(corpus, TOKENIZER, block_size=5, limit=limit, seed=0)


def test_every_token_is_hidden_once_with_its_piece_around_it(corpus):
    examples = hidden(corpus, 100)
    assert len(examples) == examples.total == 8
    seen = []
    for index in range(8):
        example = examples[0, index]
        assert len(example["input_ids"]) == examples.lengths[index]
        (place,) = np.flatnonzero(example["labels"] != -100)
        assert example["input_ids"][place] == 4
        whole = example["input_ids"].copy()
        whole[place] = example["labels"][place]
        assert (whole[0], whole[-1]) == (2, 3)
        piece = whole[1:-1].tolist()
        document = DOCUMENTS[example["document"]]
        assert piece in [document[i : i + 3] for i in range(0, len(document), 3)]
        seen.append((example["document"], int(example["labels"][place])))
    assert sorted(seen) == [(d, token) for d in range(4) for token in DOCUMENTS[d]]


@pytest.mark.parametrize("limit", [1, 3, 4, 7])
def test_the_limit_takes_whole_pieces_but_the_last(corpus, limit):
    some, every = hidden(corpus, limit), hidden(corpus, 100)
    assert len(some) == limit
    assert some.total == 8
    assert len(some.lengths) == limit
    for index in range(limit):
        assert some[0, index]["input_ids"].tolist() == every[0, index]["input_ids"].tolist()


def test_no_tokens(corpus):
    corpus.offsets = np.array([0, 1])
    assert len(hidden(corpus, 5)) == 0
