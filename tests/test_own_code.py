"""Code that comes with a model: refused by name, run where the recipe says so, and told."""

import json
import logging
import sys
from pathlib import Path

import pytest
from transformers import AutoModelForCausalLM, AutoModelForMaskedLM, dynamic_module_utils

from lmkit import own_code
from lmkit.data.tokenizer import load_tokenizer
from lmkit.errors import ModelError, TokenizerError
from lmkit.hashing import sha256_of
from lmkit.models.loading import ModelLoader, load_for_inference
from lmkit.recipe.sections import ModelSection

CODE = """\
from pathlib import Path
from transformers import GPT2Config, GPT2LMHeadModel
Path({mark!r}).touch()
class Config(GPT2Config):
    model_type = "brought"
class Model(GPT2LMHeadModel):
    config_class = Config
"""


@pytest.fixture
def brought(tiny_gpt2_folder: Path, tmp_path: Path) -> Path:
    """A model folder that needs code of its own, which leaves a mark where it runs."""
    (tiny_gpt2_folder / "brought.py").write_text(CODE.format(mark=str(tmp_path / "mark")))
    file = tiny_gpt2_folder / "config.json"
    names = {"AutoConfig": "brought.Config", "AutoModelForCausalLM": "brought.Model"}
    own = json.loads(file.read_text()) | {"model_type": "brought", "auto_map": names}
    file.write_text(json.dumps(own))
    return tiny_gpt2_folder


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Transformers copies such code into a folder of this test's."""
    monkeypatch.setattr(dynamic_module_utils, "HF_MODULES_CACHE", str(tmp_path / "modules"))
    monkeypatch.setattr(sys, "path", [*sys.path])


def test_the_warning_names_the_key_and_the_source(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "lmkit"):
        own_code.warn("model", "org/name")
    assert caplog.messages == [
        "model.trust_remote_code: any code that comes with the model org/name is run, and may do "
        "all that you may"
    ]


@pytest.mark.usefixtures("modules")
def test_code_of_a_model(brought: Path, tmp_path: Path, tiny_tokenizer) -> None:
    section = ModelSection(source=str(brought))
    with pytest.raises(
        ModelError, match=r"brings code of its own.*`model\.trust_remote_code: true`"
    ):
        ModelLoader(section).load(AutoModelForCausalLM, tiny_tokenizer)
    with pytest.raises(ModelError, match="brings code of its own"):
        load_for_inference(str(brought), AutoModelForCausalLM)
    assert not (tmp_path / "mark").exists()
    trusting = section.model_copy(update={"trust_remote_code": True})
    model = ModelLoader(trusting).load(AutoModelForCausalLM, tiny_tokenizer)
    assert (tmp_path / "mark").exists()
    assert type(model).__name__ == "Model"
    with pytest.raises(ModelError, match="brought has no ForMaskedLM head"):
        ModelLoader(trusting).load(AutoModelForMaskedLM, tiny_tokenizer)


@pytest.mark.slow
def test_a_run_with_code_of_a_model(
    brought: Path, small_recipe: Path, tmp_path: Path, run_cli
) -> None:
    text = small_recipe.read_text().splitlines()
    lines = [line for line in text if not line.startswith(("model:", "tokenizer:"))]
    recipe = tmp_path / "brought.yaml"
    recipe.write_text("\n".join([*lines[:1], f"model: {{source: {brought}}}", *lines[1:]]))
    ran = run_cli(
        *("pretrain", recipe, "--set=model.trust_remote_code=true", "--set=train.max_steps=2"),
        env={"HF_MODULES_CACHE": str(tmp_path / "modules")},
    )
    assert ran.code == 0, ran.err
    assert f"warning: model.trust_remote_code: any code that comes with the model {brought}" in (
        ran.err
    )
    manifest = json.loads((tmp_path / "runs/brought/manifest.json").read_text())
    assert manifest["remote_code"] == {"brought.py": sha256_of(brought / "brought.py")}


@pytest.mark.usefixtures("modules")
@pytest.mark.parametrize("trusted", [False, True])
def test_code_of_a_tokenizer(trusted: bool, tiny_gpt2_folder: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    (tiny_gpt2_folder / "words.py").write_text(
        "from transformers import PreTrainedTokenizerFast\n"
        f"open({str(mark)!r}, 'w').close()\n"
        "class Words(PreTrainedTokenizerFast): pass\n"
    )
    (tiny_gpt2_folder / "config.json").unlink()  # else GPT-2's own class is taken
    file = tiny_gpt2_folder / "tokenizer_config.json"
    names = {"AutoTokenizer": [None, "words.Words"]}
    own = json.loads(file.read_text()) | {"tokenizer_class": "Words", "auto_map": names}
    file.write_text(json.dumps(own))
    if trusted:
        tokenizer = load_tokenizer(str(tiny_gpt2_folder), trusted=True)
        assert type(tokenizer).__name__ == "Words"
    else:
        with pytest.raises(TokenizerError, match=r"brings code of its own.*trust_remote_code"):
            load_tokenizer(str(tiny_gpt2_folder))
    assert mark.exists() == trusted
