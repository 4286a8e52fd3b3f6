"""What tests share: an environment of their own, real data, the command line, tiny models.

Everything is small enough to be made anew each time. Nothing is downloaded.
"""

import gc
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from hypothesis import settings

from lmkit import cli as command_line

if TYPE_CHECKING:
    from transformers import BertForMaskedLM, GPT2LMHeadModel, PreTrainedTokenizerFast

# Read once, when torch and huggingface_hub are imported, and inherited by every command that a test
# starts. One thread, because `make test` runs two tests at a time.
os.environ |= {
    "HF_HUB_OFFLINE": "1",
    "NO_COLOR": "1",
    "OMP_NUM_THREADS": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK", "XDG_CACHE_HOME", "HF_ENDPOINT"):
    os.environ.pop(name, None)
# Machines are shared, so no example is timed. `make test-slow` runs the thorough ones too.
settings.register_profile("quick", settings(), deadline=None, max_examples=25)
settings.register_profile("thorough", settings(), deadline=None, max_examples=100)
settings.load_profile("quick")


def pytest_collection_finish() -> None:
    """Leave the libraries out of garbage collection: Trainer collects several times a training."""
    gc.collect()
    gc.freeze()


# A small text with words that repeat, so that a few steps of training learn something.
SENTENCES = (
    "the cat sat on the mat and looked at the dog",
    "a dog ran to the house on the hill",
    "the house on the hill has a red door",
    "one cat and one dog live in the red house",
    "she reads a book by the door of the house",
    "he looked at the book and ran up the hill",
)


SMALL_RECIPE = """\
task: {name: causal_lm, block_size: 32}
model: {architecture: gpt2, config: {n_layer: 2, n_embd: 32, n_head: 2}}
tokenizer: {train: {type: bpe, vocab_size: 280}}
data: {train: counting.txt, document: line, validation_share: 0.2}
train:
  max_steps: 8
  total_batch_size: 8
  learning_rate: 0.01
  optim: adamw_torch
  precision: float32
  compile: false
  logging_steps: 2
  eval_steps: 4
  save_steps: 4
  eval_samples: 0
"""


class Result(NamedTuple):
    """What a command left: its exit code, and what it wrote on either stream."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test sees another's token cache, or the user's."""
    monkeypatch.setenv("LMKIT_CACHE", str(tmp_path_factory.mktemp("cache")))


@pytest.fixture(scope="session")
def test_data() -> Path:
    """The folder of real data sets that $LMKIT_TEST_DATA names."""
    folder = os.environ.get("LMKIT_TEST_DATA")
    if not folder:
        pytest.skip("LMKIT_TEST_DATA names no folder of data sets")
    return Path(folder)


@pytest.fixture
def run_cli(tmp_path: Path) -> Callable[..., Result]:
    """`run_cli("eval", ..., cwd=..., env=..., stdin=...)`: the real command in a process."""

    def run(
        *arguments: str | Path,
        cwd: Path | None = None,
        env: Mapping[str, str] | None = None,
        stdin: str = "",
        timeout: float = 300,
    ) -> Result:
        ended = subprocess.run(
            [sys.executable, "-m", "lmkit", *map(str, arguments)],
            cwd=cwd or tmp_path,
            env=os.environ | dict(env or {}),
            input=stdin,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )
        return Result(ended.returncode, ended.stdout, ended.stderr)

    return run


@pytest.fixture
def cli(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[..., Result]]:
    """`cli("eval", ...)`: the command in this process, in `tmp_path`; quicker than `run_cli`."""
    logger = logging.getLogger("lmkit")
    before = (logger.handlers, logger.level, logger.propagate)
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str | Path) -> Result:
        code, text = command_line.run([str(argument) for argument in arguments])
        written = capsys.readouterr()
        return Result(code, written.out, written.err + text)

    yield run
    logger.handlers, logger.level, logger.propagate = before


@pytest.fixture
def tiny_corpus(tmp_path: Path) -> Path:
    """A folder of 40 text files of 10 lines, about 16 kB, the same each time."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    for number in range(40):
        lines = [SENTENCES[(number + i * (number + 1)) % len(SENTENCES)] for i in range(10)]
        (folder / f"{number:02}.txt").write_text("\n".join(lines) + "\n")
    return folder


@pytest.fixture
def small_recipe(tmp_path: Path) -> Path:
    """A recipe that learns the ten words of `counting.txt` in seconds; both lie in `tmp_path`."""
    words = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
    lines = [" ".join(words[(start + i) % 10] for i in range(30)) for start in range(60)]
    (tmp_path / "counting.txt").write_text("\n".join(lines) + "\n")
    recipe = tmp_path / "small.yaml"
    recipe.write_text(SMALL_RECIPE)
    return recipe


@pytest.fixture(scope="session")
def tiny_tokenizer() -> "PreTrainedTokenizerFast":
    """A byte-level BPE of 300 entries with GPT-2's one special token."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    end = "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=[end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=end, eos_token=end, model_max_length=64
    )


@pytest.fixture(scope="session")
def tiny_bert_tokenizer() -> "PreTrainedTokenizerFast":
    """A WordPiece of whole words and characters with BERT's five special tokens."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = sorted(set(" ".join(SENTENCES).split()) - set(letters))
    entries = [*special, *letters, *(f"##{letter}" for letter in letters), *words]
    ids = {entry: number for number, entry in enumerate(entries)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[("[CLS]", ids["[CLS]"]), ("[SEP]", ids["[SEP]"])],
    )
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
    )


@pytest.fixture
def tiny_gpt2(tiny_tokenizer: "PreTrainedTokenizerFast") -> "GPT2LMHeadModel":
    """A GPT-2 of 2 layers, 32 wide, 64 positions, random but the same each time, no dropout."""
    import torch
    from transformers import GPT2Config, GPT2LMHeadModel

    end = tiny_tokenizer.eos_token_id
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return GPT2LMHeadModel(
            GPT2Config(
                vocab_size=len(tiny_tokenizer),
                n_positions=64,
                n_embd=32,
                n_layer=2,
                n_head=2,
                resid_pdrop=0.0,
                embd_pdrop=0.0,
                attn_pdrop=0.0,
                bos_token_id=end,
                eos_token_id=end,
            )
        ).eval()


@pytest.fixture
def tiny_bert(tiny_bert_tokenizer: "PreTrainedTokenizerFast") -> "BertForMaskedLM":
    """A BERT of 2 layers, 32 wide, 64 positions, random but the same each time, no dropout."""
    import torch
    from transformers import BertConfig, BertForMaskedLM

    with torch.random.fork_rng():
        torch.manual_seed(0)
        return BertForMaskedLM(
            BertConfig(
                vocab_size=len(tiny_bert_tokenizer),
                max_position_embeddings=64,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                hidden_dropout_prob=0.0,
                attention_probs_dropout_prob=0.0,
                pad_token_id=tiny_bert_tokenizer.pad_token_id,
            )
        ).eval()


@pytest.fixture
def tiny_gpt2_folder(
    tmp_path: Path, tiny_gpt2: "GPT2LMHeadModel", tiny_tokenizer: "PreTrainedTokenizerFast"
) -> Path:
    """`tiny_gpt2` and its tokenizer as `save_pretrained` leaves them."""
    folder = tmp_path / "tiny-gpt2"
    tiny_gpt2.save_pretrained(folder)
    tiny_tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture
def tiny_bert_folder(
    tmp_path: Path, tiny_bert: "BertForMaskedLM", tiny_bert_tokenizer: "PreTrainedTokenizerFast"
) -> Path:
    """`tiny_bert` and its tokenizer as `save_pretrained` leaves them."""
    folder = tmp_path / "tiny-bert"
    tiny_bert.save_pretrained(folder)
    tiny_bert_tokenizer.save_pretrained(folder)
    return folder
