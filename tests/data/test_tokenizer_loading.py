"""Opening tokenizers that others made, and what is said of those that cannot be opened."""

import json
import socket
import time

import pytest
from transformers import AutoTokenizer, BertTokenizer, PreTrainedTokenizerFast

from lmkit.data import tokenizer_loading
from lmkit.data.tokenizer import load_tokenizer, tokenizer_fingerprint
from lmkit.data.tokenizer_training import train_tokenizer
from lmkit.errors import HubError, TokenizerError
from lmkit.recipe.sections import TokenizerTraining


@pytest.fixture
def folder(tmp_path):
    """A folder with a small saved tokenizer."""
    section = TokenizerTraining(type="bpe", vocab_size=300)
    tokenizer = train_tokenizer(section, ["again and again"], model_max_length=32, kind="causal")
    tokenizer.save_pretrained(tmp_path / "tokenizer")
    return tmp_path / "tokenizer"


def test_a_folder_is_opened_and_saved_again_with_the_same_bytes(folder, tmp_path):
    loaded = load_tokenizer(str(folder))
    loaded.save_pretrained(tmp_path / "again")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        assert (tmp_path / "again" / name).read_bytes() == (folder / name).read_bytes()


def test_a_run_folder_stands_for_its_model(folder, tmp_path):
    run = tmp_path / "run"
    run.mkdir()
    folder.rename(run / "model")
    assert load_tokenizer(str(run))("again")["input_ids"]


def test_a_bert_folder_opens_as_bert(tmp_path):
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat"]
    BertTokenizer(vocab={word: i for i, word in enumerate(words)}).save_pretrained(tmp_path)
    assert load_tokenizer(str(tmp_path))("A cat")["input_ids"] == [2, 5, 6, 3]


def test_a_bare_tokenizer_json_is_enough(folder):
    before = load_tokenizer(str(folder))("again and")["input_ids"]
    (folder / "tokenizer_config.json").unlink()
    assert load_tokenizer(str(folder))("again and")["input_ids"] == before


def test_bare_gpt2_files_open_with_the_ids_of_gpt2(test_data, tmp_path):
    loaded = load_tokenizer(str(test_data / "tokenizers" / "gpt2"))
    # ids as published with GPT-2 for this sentence (transformers' documentation of GPT2Tokenizer)
    assert loaded("Hello world")["input_ids"] == [15496, 995]
    assert loaded(" Hello world")["input_ids"] == [18435, 995]
    assert loaded.eos_token_id == 50256
    assert len(loaded) == 50257
    loaded.save_pretrained(tmp_path)
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer_fingerprint(again) == tokenizer_fingerprint(loaded)
    text = "naïve 🙂\n\n\tcafé  x"
    assert again.decode(again(text)["input_ids"]) == text


def test_bare_bpe_files_of_another_model_are_not_taken_for_gpt2(tmp_path):
    (tmp_path / "vocab.json").write_text('{"<s>": 0, "a": 1}')
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(TokenizerError, match=r"no `<\|endoftext\|>`, so this is not GPT-2's"):
        load_tokenizer(str(tmp_path))


def test_a_folder_without_a_tokenizer_says_what_was_found_and_is_needed(tmp_path):
    (tmp_path / "model.safetensors").touch()
    message = r"found model\.safetensors; needed is tokenizer\.json and tokenizer_config\.json"
    with pytest.raises(TokenizerError, match=message):
        load_tokenizer(str(tmp_path))
    (tmp_path / "empty").mkdir()
    with pytest.raises(TokenizerError, match="found nothing"):
        load_tokenizer(str(tmp_path / "empty"))


def test_a_vocabulary_of_unknown_kind_needs_a_configuration(tmp_path):
    (tmp_path / "vocab.txt").write_text("[PAD]\n[UNK]\n")
    with pytest.raises(TokenizerError, match=r"tokenizer_config\.json beside vocab\.txt"):
        load_tokenizer(str(tmp_path))


@pytest.mark.parametrize("name", ["tokenizer.json", "tokenizer_config.json"])
@pytest.mark.parametrize("damage", ["", '{"model": ', "\x00\xff"])
def test_a_damaged_file_is_named(folder, name, damage):
    (folder / name).write_bytes(damage.encode("latin-1"))
    with pytest.raises(TokenizerError, match=rf"{name}: is damaged: not JSON"):
        load_tokenizer(str(folder))


@pytest.mark.parametrize(
    "content",
    ["[]", "{}", '{"model": {"type": "BPE"}}', '{"version": "1.0", "model": {"type": "Nonsense"}}'],
)
def test_json_that_is_no_tokenizer_is_an_error_of_the_tokenizer(folder, content):
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(TokenizerError, match=r"tokenizer: the tokenizer cannot be opened: \S"):
        load_tokenizer(str(folder))


def test_a_panic_is_an_error_of_the_tokenizer():
    class PanicException(BaseException):
        pass

    with (
        pytest.raises(TokenizerError, match=r"x: the tokenizer cannot be opened: retry-limit"),
        tokenizer_loading.told_as_tokenizer_error("x"),
    ):
        raise PanicException("retry-limit-in-match over")
    with pytest.raises(KeyboardInterrupt), tokenizer_loading.told_as_tokenizer_error("x"):
        raise KeyboardInterrupt


def test_code_that_comes_with_a_tokenizer_is_not_run(folder, tmp_path):
    mark = tmp_path / "it-ran"
    (folder / "own.py").write_text(f"open({str(mark)!r}, 'w')")
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    settings |= {"tokenizer_class": "Own", "auto_map": {"AutoTokenizer": [None, "own.Own"]}}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))
    with pytest.raises(TokenizerError, match="brings code of its own, which lmkit does not run"):
        load_tokenizer(str(folder))
    assert not mark.exists()


def test_a_missing_folder_names_the_nearest(folder):
    with pytest.raises(TokenizerError, match=r"there is no such .*did you mean .*/tokenizer\?"):
        load_tokenizer(str(folder.parent / "tokeniser"))
    with pytest.raises(TokenizerError, match=r"there is no such tokenizer folder$"):
        load_tokenizer("/no/such/folder")


def test_a_file_is_no_folder(folder):
    with pytest.raises(TokenizerError, match="is a file; name the folder"):
        load_tokenizer(str(folder / "tokenizer.json"))


def test_a_hub_name_without_a_network_fails_fast_with_the_local_way(monkeypatch, tmp_path):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))

    def no_network(*_args, **_kwargs):
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    started = time.perf_counter()
    with pytest.raises(
        HubError, match=r"hf download org/name --local-dir FOLDER.*tokenizer\.train"
    ):
        load_tokenizer("org/name")
    assert time.perf_counter() - started < 5


def test_a_hub_name_is_opened_at_the_commit_that_the_hub_holds(monkeypatch, folder):
    asked = {}

    def opened(name, **options):
        asked.update(options, name=name)
        return PreTrainedTokenizerFast.from_pretrained(folder)

    monkeypatch.setattr(tokenizer_loading, "model_commit", lambda *_: "c0ffee")
    monkeypatch.setattr(AutoTokenizer, "from_pretrained", opened)
    load_tokenizer("org/name", "main")
    assert asked == {
        "name": "org/name",
        "revision": "c0ffee",
        "local_files_only": False,
        "trust_remote_code": False,
    }
