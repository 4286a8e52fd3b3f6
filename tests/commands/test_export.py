"""`lmkit export`: what is written, what stays behind, what is refused."""

import peft
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, BertConfig

from lmkit.commands.export import export
from lmkit.errors import ModelError, UsageError
from lmkit.models.adapting import adapt, save_adapter
from lmkit.recipe.model import LoraSection
from lmkit.recipe.sections import ModelSection

IDS = torch.arange(5, 17).reshape(2, 6)
# peft asks a model of transformers for a property that was renamed
pytestmark = pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing:FutureWarning")


@pytest.fixture
def adapters(tmp_path, tiny_bert_tokenizer):
    """A base model, adapters of a classifier of three labels, and what that says of IDS."""
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tiny_bert_tokenizer), hidden_size=16, num_hidden_layers=1,
        num_attention_heads=2, intermediate_size=16, num_labels=3,
    )  # fmt: skip
    model = AutoModelForSequenceClassification.from_config(config).eval()
    model.bert.save_pretrained(tmp_path / "base")
    tiny_bert_tokenizer.save_pretrained(tmp_path / "base")
    adapt(model, ModelSection(source="x", lora=LoraSection()))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".lora_B" in name:
                parameter.normal_()
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "base"))
    return model(IDS).logits


def test_adapters_and_their_base_become_one_model(tmp_path, adapters):
    with pytest.raises(UsageError, match="holds adapters, which need their base model; --merge"):
        export(str(tmp_path / "adapter"), str(tmp_path / "out"), merge=False, base=None)
    export(str(tmp_path / "adapter"), str(tmp_path / "out"), merge=True, base=None)
    opened = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    assert torch.allclose(opened(IDS).logits, adapters, atol=1e-5)
    assert (tmp_path / "out/tokenizer.json").is_file()
    (tmp_path / "base").rename(tmp_path / "moved")
    with pytest.raises(ModelError):
        export(str(tmp_path / "adapter"), str(tmp_path / "two"), merge=True, base=None)
    export(
        str(tmp_path / "adapter"), str(tmp_path / "two"), merge=True, base=str(tmp_path / "moved")
    )
    again = AutoModelForSequenceClassification.from_pretrained(tmp_path / "two").eval()
    assert torch.equal(again(IDS).logits, opened(IDS).logits)


def test_adapters_of_peft_s_own(tmp_path, tiny_gpt2, tiny_tokenizer):
    tiny_gpt2.save_pretrained(tmp_path / "base")
    tiny_tokenizer.save_pretrained(tmp_path / "base")
    config = peft.LoraConfig(task_type="CAUSAL_LM", target_modules=["c_attn"], fan_in_fan_out=True)
    tiny_gpt2.name_or_path = str(tmp_path / "base")
    wrapped = peft.get_peft_model(tiny_gpt2, config)
    with torch.no_grad():
        for name, parameter in wrapped.named_parameters():
            if ".lora_B" in name:
                parameter.normal_()
    wrapped.save_pretrained(str(tmp_path / "adapter"))
    expected = wrapped.eval()(IDS).logits
    export(str(tmp_path / "adapter"), str(tmp_path / "out"), merge=True, base=None)
    opened = AutoModelForCausalLM.from_pretrained(tmp_path / "out").eval()
    assert torch.allclose(opened(IDS).logits, expected, atol=1e-4)


def test_a_whole_model_is_copied_without_what_is_of_the_training(tmp_path, tiny_gpt2):
    tiny_gpt2.save_pretrained(tmp_path / "checkpoint")
    for name in ("optimizer.pt", "scheduler.pt", "rng_state.pth", "trainer_state.json"):
        (tmp_path / "checkpoint" / name).write_text("x")
    export(str(tmp_path / "checkpoint"), str(tmp_path / "out"), merge=False, base=None)
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        "config.json", "generation_config.json", "model.safetensors",
    }  # fmt: skip
    assert not [file for file in tmp_path.iterdir() if file.name.endswith(".tmp")]


def test_refused(tmp_path, tiny_gpt2):
    tiny_gpt2.save_pretrained(tmp_path / "model")
    model = str(tmp_path / "model")
    with pytest.raises(UsageError, match="is there already"):
        export(model, model, merge=False, base=None)
    with pytest.raises(UsageError, match="there is no folder"):
        export(model, str(tmp_path / "a/b"), merge=False, base=None)
    with pytest.raises(UsageError, match="holds a whole model and no adapters"):
        export(model, str(tmp_path / "out"), merge=True, base="x")
    with pytest.raises(ModelError, match="there is no such folder"):
        export(str(tmp_path / "modle"), str(tmp_path / "out"), merge=False, base=None)
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter/adapter_config.json").write_text('{"task_type": "SEQ_CLASS"}')
    with pytest.raises(UsageError, match="does not say which model it was trained on; give --base"):
        export(str(tmp_path / "adapter"), str(tmp_path / "out"), merge=True, base=None)
    with pytest.raises(ModelError, match="task_type is 'SEQ_CLASS'; did you mean `SEQ_CLS`"):
        export(str(tmp_path / "adapter"), str(tmp_path / "out"), merge=True, base=model)
    assert not (tmp_path / "out").exists()
