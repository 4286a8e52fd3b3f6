"""What stands around a pair, against what the tokenizer itself makes of pairs."""

from types import SimpleNamespace

import numpy as np
import pytest
from tokenizers import Tokenizer, processors
from transformers import PreTrainedTokenizerFast

from lmkit.data.pair_layout import pair_layout
from lmkit.errors import TokenizerError


@pytest.fixture(params=["bert", "roberta", "xlnet", "plain"])
def tokenizer(request, tiny_bert_tokenizer, tiny_tokenizer):
    """Templates of unlike kinds around the same pieces."""
    if request.param == "plain":
        return tiny_tokenizer
    backend = Tokenizer.from_str(tiny_bert_tokenizer.backend_tokenizer.to_str())
    pair = {
        "bert": "[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1",
        "roberta": "[CLS]:0 $A:0 [SEP]:0 [SEP]:0 $B:0 [SEP]:0",
        "xlnet": "$A:0 [SEP]:0 $B:1 [SEP]:1 [CLS]:2",
    }[request.param]
    special = [(name, backend.token_to_id(name)) for name in ("[CLS]", "[SEP]")]
    backend.post_processor = processors.TemplateProcessing(
        single="$A", pair=pair, special_tokens=special
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=backend, cls_token="[CLS]", sep_token="[SEP]", pad_token="[PAD]"
    )


def test_pairs_are_those_of_the_tokenizer(tokenizer):
    layout = pair_layout(tokenizer)
    first, second = "who sat on the mat", "the cat and one dog"
    bare = [
        np.array(tokenizer(text, add_special_tokens=False)["input_ids"]) for text in (first, second)
    ]
    whole = tokenizer(first, second, return_token_type_ids=True)
    assert layout.ids(*bare).tolist() == whole["input_ids"]
    assert layout.types(*map(len, bare)).tolist() == whole["token_type_ids"]
    assert whole.sequence_ids(0).index(1) == layout.start(len(bare[0]))
    length = len(whole["input_ids"])
    assert layout.size == length - sum(map(len, bare))
    null = layout.null_place(length)
    if tokenizer.cls_token_id is None:
        assert null == 0
    else:
        assert null == whole["input_ids"].index(tokenizer.cls_token_id)


def test_a_tokenizer_that_is_not_fast_is_refused():
    slow = SimpleNamespace(is_fast=False, name_or_path="models/old")
    with pytest.raises(TokenizerError, match=r"models/old: .* does not tell where in the text"):
        pair_layout(slow)
