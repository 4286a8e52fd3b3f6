"""Open a model that writes, and say what is wrong with one that does not."""

from typing import Any

from transformers import (
    AutoModelForCausalLM,
    AutoModelForMaskedLM,
    AutoModelForSeq2SeqLM,
    PreTrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import ModelError
from lmkit.models.loading import load_for_inference, open_config
from lmkit.models.output_layer import sort_output_layer
from lmkit.run_folder import model_folder

# What a class of transformers is told by, what it does instead of writing, and who serves it.
OTHERS = {
    "ForMaskedLM": ("fills in masked tokens", "`lmkit eval` scores it"),
    "ForPreTraining": ("fills in masked tokens", "`lmkit eval` scores it"),
    "ForSequenceClassification": ("classifies texts", "`lmkit predict` asks it"),
    "ForTokenClassification": ("labels tokens", "`lmkit predict` asks it"),
    "ForQuestionAnswering": ("finds answers in texts", "`lmkit predict` asks it"),
    "ForMultipleChoice": ("chooses between answers", "`lmkit predict` asks it"),
}


def open_for_writing(target: str) -> tuple[PreTrainedModel, PreTrainedTokenizerBase]:
    """The causal or sequence-to-sequence model of a run, a checkpoint, a folder or a hub name.

    Raises:
        ModelError: the model does not write (what serves it is named), or cannot be read.
        HubError: the hub cannot be reached, or has no such model.
    """
    config = open_config(target)
    auto_class = AutoModelForSeq2SeqLM if config.is_encoder_decoder else AutoModelForCausalLM
    _check(target, config, auto_class)
    model = load_for_inference(target, auto_class)
    sort_output_layer(model)
    return model, load_tokenizer(model_folder(target))


def _check(target: str, config: PreTrainedConfig, auto_class: Any) -> None:
    """Refuse a model whose stored weights are for something other than writing."""
    stored = (config.architectures or [""])[0]
    needed = "lmkit generate needs a causal or a sequence-to-sequence model"
    for ending, (does, served) in OTHERS.items():
        if stored.endswith(ending) and not (config.is_encoder_decoder and "Pre" in ending):
            raise ModelError(f"{target}: {stored} {does} and does not write; {served}. {needed}")
    mapping = auto_class._model_mapping
    if type(config) not in mapping:
        raise ModelError(f"{target}: {config.model_type} does not write. {needed}")
    headless = stored.endswith("Model") and not stored.endswith("HeadModel")
    if headless and not config.tie_word_embeddings:
        raise ModelError(f"{target}: {stored} was stored without its output layer. {needed}")
    both_ways = type(config) in AutoModelForMaskedLM._model_mapping
    if both_ways and not config.is_encoder_decoder and not config.is_decoder:
        raise ModelError(
            f"{target}: this {config.model_type} reads in both directions (is_decoder is false in "
            f"its config.json) and does not write. {needed}"
        )
