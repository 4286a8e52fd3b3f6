"""What is written for sources, alone and side by side, and the settings that are kept."""

import pytest
from transformers import AutoModelForSeq2SeqLM, GenerationConfig

from lmkit.generation.answering import settle_generation, write_answers

T5 = {
    "d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2,
    "decoder_start_token_id": 256,
}  # fmt: skip
SOURCES = [[72, 101, 108], [1], [33, 34, 35, 36, 37, 38, 39], [200, 201]]


@pytest.fixture
def t5(make_model):
    return make_model(AutoModelForSeq2SeqLM, "t5", **T5)


@pytest.mark.parametrize("beams", [1, 3])
def test_each_text_is_what_it_is_alone(t5, byte_tokenizer, beams):
    def write(sources):
        return write_answers(t5, byte_tokenizer, sources, max_new_tokens=5, num_beams=beams)

    together = write(SOURCES)
    assert together == [text for source in SOURCES for text in write([source])]
    assert len(set(together)) > 1


def test_settings_are_kept_and_what_is_left_out_stays(t5, tmp_path):
    t5.generation_config.no_repeat_ngram_size = 3
    beams = settle_generation(
        t5, max_new_tokens=9, num_beams=4, no_repeat_ngram_size=None, length_penalty=2.0
    )
    t5.generation_config.save_pretrained(tmp_path)
    own = GenerationConfig.from_pretrained(tmp_path)
    assert beams == own.num_beams == 4
    assert (own.max_new_tokens, own.no_repeat_ngram_size, own.length_penalty) == (9, 3, 2.0)


def test_without_a_search_nothing_of_a_search_is_kept(t5, tmp_path):
    t5.generation_config.num_beams, t5.generation_config.length_penalty = 4, 2.0
    t5.generation_config.early_stopping = True
    assert settle_generation(
        t5, max_new_tokens=9, num_beams=1, no_repeat_ngram_size=2, length_penalty=None
    ) == 1  # fmt: skip
    t5.generation_config.save_pretrained(tmp_path)  # transformers refuses what has no effect
    assert GenerationConfig.from_pretrained(tmp_path).length_penalty in (None, 1.0)
