"""The recipe: the one description of what a user may write.

`task` is a union told apart by `name`; its members are the classes of `lmkit/recipe/options/`.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from lmkit.recipe.augmenting import AugmentSection
from lmkit.recipe.base import Section
from lmkit.recipe.cleaning import CleanSection
from lmkit.recipe.cost import CostSection
from lmkit.recipe.mixture import Files, Format, MixturePart, Name
from lmkit.recipe.model import ModelSection as ModelSection
from lmkit.recipe.options import AnyTaskOptions
from lmkit.recipe.splitting import SplittingSection
from lmkit.recipe.train import TrainSection

STANDARD_INPUT = "-"
"""The path that stands for what is piped into the command."""

TokenizerType = Literal["bpe", "wordpiece", "unigram", "byte", "wordlevel"]


class TokenizerTraining(Section):
    """A tokenizer trained on the training split. The same text gives the same bytes, always."""

    type: TokenizerType = "bpe"
    """`bpe` (byte-level), `wordpiece`, `unigram`, `byte` (a token a byte, nothing to learn), or
    `wordlevel` (a token for each of the commonest words, which white space sets apart)."""
    vocab_size: int = Field(default=16384, ge=2)
    """Entries of the vocabulary, special tokens included (fewer where the corpus holds fewer)."""
    min_frequency: int = Field(default=2, ge=1)
    """How often a pair or a word must occur to be learned (bpe, wordpiece and wordlevel)."""
    lowercase: bool | None = None
    """Lower-case the text first; left out, only wordpiece does (as bert-base-uncased does)."""


class TokenizerSection(Section):
    """Which tokenizer; left out whole, the model's own (`model.source`)."""

    source: Name | None = None
    """A tokenizer folder, a run folder or a hub name."""
    train: TokenizerTraining | None = None
    """Train one on the training split instead."""
    add_tokens: list[Name] = Field(default_factory=list)
    """Tokens to add; the model's embeddings are resized to hold them."""

    @model_validator(mode="after")
    def _one_origin(self) -> "TokenizerSection":
        if self.source is not None and self.train is not None:
            raise ValueError("tokenizer: give `source` or `train`, not both")
        return self


class DataSection(SplittingSection):
    """Where the text is: files of one's own, a hub set, or the embedded `stdlib`."""

    train: Name | Annotated[list[Name | MixturePart], Field(min_length=1)] | None = None
    """A file, a folder, a glob (`"-"` is standard input) or a list of them, read as one corpus; or
    a list with mappings, a mixture: `[{path: a.txt, weight: 2}, {dataset: stdlib, weight: 1}]`.
    With `dataset` the name of a split."""
    validation: Files | None = None
    """As `train`; left out, `validation_share` of the training data is split off."""
    test: Files | None = None
    """As `train`; scored once, at the end."""
    dataset: Name | None = None
    """A hub name (`org/name`), or `stdlib`: the source of the Python that runs lmkit."""
    config: str | None = None
    """The configuration of a hub set."""
    revision: str | None = None
    """The branch, tag or commit of a hub set."""
    streaming: bool = False
    """Train on a corpus too large to prepare: files or a hub set, shard by shard as they are needed
    (pre-training only, with `train.max_steps`)."""
    format: Format | None = None
    """The format of all files and of standard input, whatever their names say; left out, by the
    extension (standard input is then text)."""
    document: Literal["file", "line", "paragraph"] = "file"
    """What one document of a text file is: the file, each line, or each paragraph."""
    errors: Literal["strict", "replace", "ignore"] = "strict"
    """Bytes that are not UTF-8: stop and name them, put U+FFFD in their place, or drop them."""
    max_documents: int | None = Field(default=None, ge=1)
    """Use only the first N documents of each split, and of each entry of a mixture."""
    max_tokens: int | None = Field(default=None, ge=2)
    """Train on the first N tokens only (of each entry of a mixture): whole documents, the last one
    cut; what comes after them is not read."""
    clean: CleanSection | None = None
    """What is done to each text, and which training documents are left out; by default nothing."""
    augment: AugmentSection | None = None
    """Changes of the training texts that leave their labels, others in each epoch."""

    @field_validator("validation", "test", mode="before")
    @classmethod
    def _never_mixed(cls, value: Any) -> Any:
        if isinstance(value, dict) or (
            isinstance(value, list) and any(isinstance(item, dict) for item in value)
        ):
            raise ValueError("only `data.train` is mixed; name files here, all are scored once")
        return value

    @model_validator(mode="after")
    def _some_data(self) -> "DataSection":
        if self.dataset is None and self.train is None:
            raise ValueError("data: give `train` (a file, a folder, a glob) or `dataset`")
        if self.mixture:
            self._check_mixture(self.mixture)
        piped = [key for key, path in self.paths().items() if path == STANDARD_INPUT]
        if len(piped) > 1:
            raise ValueError(
                f"{piped[1]}: standard input (`-`) can be read only once, and {piped[0]} reads it"
            )
        if self.dataset is not None and self.format is not None:
            raise ValueError("data.format: is of files; a data set knows its own")
        if self.dataset in (None, "stdlib"):
            for key in ("config", "revision"):
                if getattr(self, key) is not None:
                    raise ValueError(f"data.{key}: only with a hub name in `data.dataset`")
        if self.streaming:
            self._check_stream()
        self.check_shares()
        return self

    def _check_stream(self) -> None:
        """See that nothing is asked for that only the whole of the data can tell."""
        if self.dataset == "stdlib":
            raise ValueError("data.streaming: `stdlib` is small; leave it out")
        if self.mixture:
            raise ValueError("data.streaming: a mixture cannot be streamed; prepare it")
        for key in ("max_documents", "max_tokens"):
            if getattr(self, key) is not None:
                raise ValueError(f"data.{key}: not with data.streaming; train.max_steps is its end")
        if self.clean is not None and self.clean.is_active:
            raise ValueError(
                "data.clean: reads everything once for its counts, so it cannot be had with "
                "data.streaming"
            )

    def _check_mixture(self, parts: list[MixturePart]) -> None:
        if self.dataset is not None:
            raise ValueError("data.dataset: a mixture names its sets in its entries")
        unweighted = [number for number, part in enumerate(parts) if part.weight is None]
        if unweighted and len(unweighted) < len(parts):
            raise ValueError(
                f"data.train.{unweighted[0]}: has no `weight`, but others have; give each one, or "
                "none (then each is read once an epoch, or `repeat` times)"
            )

    @property
    def mixture(self) -> list[MixturePart]:
        """The entries of a mixture (a bare path is one too); empty where `train` is none."""
        if not isinstance(self.train, list) or all(isinstance(item, str) for item in self.train):
            return []
        return [MixturePart(path=item) if isinstance(item, str) else item for item in self.train]

    def paths(self) -> dict[str, str]:
        """Every path by where it stands (`data.train`, `data.train.0.path`); none in a data set."""
        found: dict[str, str] = {}

        def note(key: str, given: Any) -> None:
            if isinstance(given, list):
                for number, item in enumerate(given):
                    note(f"{key}.{number}", item)
            elif isinstance(given, MixturePart):
                note(f"{key}.path", given.path)
            elif given is not None:
                found[key] = given

        if self.dataset is None:
            for split in ("train", "validation", "test"):
                note(f"data.{split}", getattr(self, split))
        return found

    def with_paths(self, change: Callable[[str], str]) -> "DataSection":
        """The section with every path changed; names of splits are left as they are."""

        def changed(given: Any) -> Any:
            if isinstance(given, list):
                return [changed(item) for item in given]
            if isinstance(given, MixturePart):
                return given.model_copy(update={"path": changed(given.path)})
            return None if given is None else change(given)

        if self.dataset is not None:
            return self
        splits = ("train", "validation", "test")
        return self.model_copy(update={split: changed(getattr(self, split)) for split in splits})

    def format_at(self, key: str) -> Format | None:
        """The format that is given for the path at `key`, a key of `paths`."""
        parts = key.split(".")
        entry = self.mixture[int(parts[2])] if self.mixture and parts[1] == "train" else None
        return (entry and entry.format) or self.format

    def files(self, split: str) -> str | list[str] | None:
        """What `split` names: paths or, with `dataset`, splits; never a mixture."""
        named: str | list[str] | None = getattr(self, split)
        assert split != "train" or not self.mixture, "a mixture is opened by its parts"
        return named


class Recipe(Section):
    """One run: what to do (`task`), with which model, tokenizer and data, and how to train."""

    task: AnyTaskOptions
    """What is learned; `name` tells which task, the other keys are that task's own."""
    model: ModelSection
    """The model to start from."""
    tokenizer: TokenizerSection = Field(default_factory=TokenizerSection)
    """The tokenizer; left out, the model's own."""
    data: DataSection
    """Training, validation and test data."""
    train: TrainSection = Field(default_factory=TrainSection)
    """How to train: the names of Hugging Face `TrainingArguments`, and lmkit's own few."""
    cost: CostSection = Field(default_factory=CostSection)
    """What the run uses and costs: energy, carbon, money."""
    output_dir: Name | None = None
    """The run folder; left out, `runs/<recipe name>`."""

    @model_validator(mode="after")
    def _tokens_are_counted(self) -> "Recipe":
        if self.data.max_tokens is not None and self.task.verb != "pretrain":
            raise ValueError(
                f"data.max_tokens: {self.task.name} reads rows, not running text; use "
                "data.max_documents"
            )
        return self

    @model_validator(mode="after")
    def _offsets_stay_right(self) -> "Recipe":
        clean = self.data.clean
        if self.task.has_offsets and clean is not None and clean.transforms:
            raise ValueError(
                f"data.clean.{clean.transforms[0]}: the rows of {self.task.name} hold offsets into "
                "their texts, which would be wrong in changed ones; change text and offsets alike "
                "beforehand"
            )
        return self

    @model_validator(mode="after")
    def _a_stream_is_endless(self) -> "Recipe":
        if not self.data.streaming:
            return self
        if self.task.verb != "pretrain":
            raise ValueError(
                f"data.streaming: {self.task.name} reads rows, not running text; leave it out"
            )
        if self.train.max_steps < 0:
            raise ValueError("data.streaming: a stream has no end; set train.max_steps")
        if self.train.train_sampling_strategy not in ("random", "sequential"):
            raise ValueError(
                "train.train_sampling_strategy: a stream (data.streaming) is `random` or "
                "`sequential`"
            )
        if self.train.dataloader_num_workers:
            raise ValueError(
                "train.dataloader_num_workers: a stream (data.streaming) is read by the training "
                "process itself; leave it out"
            )
        return self

    @model_validator(mode="after")
    def _train_suits_the_task(self) -> "Recipe":
        if self.data.augment is not None and not self.task.augments:
            raise ValueError(f"data.augment: the rows of {self.task.name} must stay as they are")
        if self.train.parallel != "ddp" and self.model.lora is not None:
            raise ValueError(
                f"train.parallel: {self.train.parallel} shares what is trained, which is next to "
                "nothing with `model.lora`; allowed: ddp"
            )
        if self.model.trust_remote_code and getattr(self.task, "reference", None) == "model":
            raise ValueError(
                "model.trust_remote_code: the reference is opened without code of its own; "
                "set `task.reference: none`"
            )
        self.task.check_train(self.train)
        return self

    @model_validator(mode="after")
    def _a_tokenizer(self) -> "Recipe":
        has_own = self.tokenizer.source is not None or self.tokenizer.train is not None
        if self.model.source is None and not has_own:
            raise ValueError(
                "tokenizer: a model built from `model.architecture` has none of its own; "
                "give `tokenizer.source` or `tokenizer.train`"
            )
        return self
