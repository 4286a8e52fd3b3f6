"""What a model writes for encoded prompts, and by which settings."""

from collections.abc import Sequence

from transformers import PreTrainedModel, PreTrainedTokenizerBase

from lmkit.generation.batching import batches
from lmkit.generation.continuation import Continuation, TextStream
from lmkit.generation.sampling import Strategy
from lmkit.generation.writer import engine_for
from lmkit.models.inspecting import usable_positions


def write_answers(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    sources: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
    num_beams: int,
) -> list[str]:
    """A text for each source, greedily or by a beam search; further choices are the model's own.

    Args:
        model: an encoder-decoder, with its output layer; `generation_config` holds
            `no_repeat_ngram_size`, `length_penalty` and the like.
        tokenizer: the model's.
        sources: token ids of each source, without padding.
        max_new_tokens: of each text.
        num_beams: 1 takes the likeliest token each time.
    """
    rows = [
        Continuation(ids, key=(place, 0), limit=max_new_tokens, text=TextStream(tokenizer))
        for place, ids in enumerate(sources)
    ]
    engine_for(model, tokenizer, Strategy(temperature=0.0), num_beams).write(rows)
    return [row.text.text for row in rows]


def write_on(
    model: PreTrainedModel,
    tokenizer: PreTrainedTokenizerBase,
    prompts: Sequence[Sequence[int]],
    *,
    max_new_tokens: int,
) -> list[str]:
    """The likeliest continuation of each prompt, taken token by token; nothing is drawn.

    Args:
        model: causal, with its output layer.
        tokenizer: the model's.
        prompts: token ids of each, at least one and fewer than the model has positions.
        max_new_tokens: of each text; fewer where the model has no positions left.
    """
    positions = usable_positions(model.config.get_text_config())
    rooms = [max_new_tokens if positions is None else positions - len(ids) for ids in prompts]
    rows = [
        Continuation(
            ids, key=(place, 0), limit=min(max_new_tokens, room), text=TextStream(tokenizer, ids)
        )
        for place, (ids, room) in enumerate(zip(prompts, rooms, strict=True))
    ]  # fmt: skip
    engine = engine_for(model, tokenizer, Strategy(temperature=0.0))
    for batch in batches(rows, lambda _: len(rows), one_length=engine.one_length):
        engine.write(batch)
    return [row.text.text for row in rows]


def settle_generation(
    model: PreTrainedModel,
    *,
    max_new_tokens: int,
    num_beams: int | None,
    no_repeat_ngram_size: int | None,
    length_penalty: float | None,
) -> int:
    """Write into the model's generation config how it is to generate; it is saved with the model.

    Args:
        model: changed; what is None here stays as its own config says.
        max_new_tokens: of a text.
        num_beams: of a search.
        no_repeat_ngram_size: no so many tokens in a row come twice.
        length_penalty: of a search.

    Returns:
        The beams.
    """
    config = model.generation_config
    config.max_new_tokens, config.max_length = max_new_tokens, None
    if num_beams is not None:
        config.num_beams = num_beams
    if no_repeat_ngram_size is not None:
        config.no_repeat_ngram_size = no_repeat_ngram_size
    beams = int(config.num_beams or 1)
    if beams == 1:  # transformers saves no config that asks for what has no effect
        config.length_penalty = config.early_stopping = None
    elif length_penalty is not None:
        config.length_penalty = length_penalty
    return beams
