"""The keys of a recipe's `model.config` for `architecture: lstm`, right and wrong."""

import re

import pytest
from transformers import AutoConfig

from lmkit.errors import ModelError
from lmkit.models.inspecting import config_class, make_config, usable_positions
from lmkit.models.lstm_config import LSTMConfig


def test_it_is_saved_and_opened_as_any_other(tmp_path):
    config = LSTMConfig(vocab_size=77, cell="gru", bidirectional=True, hidden_dropout=0.25)
    config.save_pretrained(tmp_path)
    opened = AutoConfig.from_pretrained(tmp_path)
    assert type(opened) is LSTMConfig
    assert opened.to_dict() == AutoConfig.from_pretrained(tmp_path).to_dict()
    assert (opened.cell, opened.num_hidden_layers, opened.output_size) == ("gru", 2, 1024)


def test_nothing_bounds_what_it_reads():
    assert usable_positions(LSTMConfig()) is None


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"hidden_sise": 3}, r"model\.config\.hidden_sise: lstm has no such key.*hidden_size"),
        ({"num_hidden_layer": 3}, r"num_hidden_layer: lstm has no such key.*num_hidden_layers"),
        ({"cell": "rnn"}, r"model\.config: lstm refuses it: .*cell.*'lstm', 'gru'.*rnn"),
        ({"hidden_size": 0}, r"lstm refuses it: .*hidden_size must be at least 1, and is 0"),
        ({"hidden_dropout": 1.0}, r"hidden_dropout must be in \[0, 1\), and is 1\.0"),
        ({"pooling": "first"}, r"pooling.*'max', 'mean', 'last'"),
    ],
)
def test_a_wrong_key_or_value_is_told(keys, told):
    with pytest.raises(ModelError, match=told):
        make_config("lstm", keys)


def test_a_misspelled_architecture_finds_it():
    with pytest.raises(ModelError, match=re.escape("'lstn'; did you mean")):
        config_class("lstn")
