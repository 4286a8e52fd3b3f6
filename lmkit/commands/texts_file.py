"""The file that `lmkit generate` writes: begun anew, or gone on with where a kill ended it.

Beside it lies a small hidden file with the settings that it is written by, whole or absent. What is
gone on with was begun with the same settings, and each of its lines belongs to the prompt that is
there now.
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TextIO

from lmkit.commands.output import open_output
from lmkit.durable import sync
from lmkit.errors import DataError, UsageError
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt
from lmkit.generation.writer import Writer
from lmkit.hashing import sample_of, sha256_of
from lmkit.run_folder import model_folder

Settings = dict[str, Any]

SMALL = ("*.json", "*.jinja", "*.model", "*.txt")
"""The files of a model folder that are read whole; of the weights only samples are."""
LONGEST = 230
"""Bytes of a file's name that may be made longer by 15; most file systems take 255."""
ANEW = "give the same, or leave out --resume to begin anew"

logger = logging.getLogger(__name__)


class TextsFile:
    """The output file and what is known of it."""

    def __init__(self, output: str, options: GenerationOptions, *, resume: bool) -> None:
        """Look at what is there.

        Args:
            output: its path.
            options: how to write.
            resume: go on with what is there.

        Raises:
            UsageError: it cannot be gone on with.
        """
        self.path = Path(output)
        self.beside = self.path.with_name(f".{_short(self.path.name)}.settings.json")
        self.plain = self.path.is_file() or not self.path.exists()
        self.begun: Settings | None = None
        self.options = options
        if not resume:
            return
        if not self.plain:
            raise UsageError(f"--resume: --output {output} is no file that could be gone on with")
        if not self.path.exists() or not self.path.stat().st_size:
            return
        self.begun = self._settings()
        if options.seed is None:  # drawn and told when it was begun
            self.options = replace(options, seed=self.begun["options"].get("seed"))

    @contextmanager
    def open(self, settings: Settings, lines: int) -> Iterator[tuple[TextIO, int]]:
        """The file to write lines to, and the prompts that are answered in it.

        Args:
            settings: by which it is written.
            lines: for each prompt.

        Raises:
            UsageError: it was begun with other settings, or cannot be written.
        """
        done = 0
        if self.begun is not None:
            _compare(self.path, self.begun, settings)
            done = self._cut(lines)
            logger.info("%s: %d prompts are answered already", self.path, done)
        with open_output(str(self.path), append=self.begun is not None) as file:
            if self.plain and self.begun is None:
                self._keep(settings)
            yield file, done

    def checked(
        self, prompts: Iterable[Prompt], done: int, rows: Callable[[Prompt], list[Settings]]
    ) -> Iterator[Prompt]:
        """The prompts, the first `done` of which are held against the lines that are there.

        Args:
            prompts: all of them.
            done: how many are answered.
            rows: the lines of a prompt, without their texts.

        Raises:
            DataError: a line belongs to another prompt, or there are fewer prompts than before.
        """
        count = 0
        with self.path.open(encoding="utf-8") if done else open(os.devnull) as written:  # noqa: PTH123
            for prompt in prompts:
                if count < done:
                    for row in rows(prompt):
                        self._belongs(json.loads(next(written)), row, prompt)
                count += 1
                yield prompt
        if count < done:
            raise DataError(
                f"--resume: {self.path} answers {done} prompts, and now there are {count}; {ANEW}"
            )

    def _belongs(self, line: Settings, row: Settings, prompt: Prompt) -> None:
        line.pop("text", None)
        if line != row:
            raise DataError(
                f"--resume: {self.path} answers another prompt in the place of {prompt.origin}: "
                f"{json.dumps(line, ensure_ascii=False)[:200]}; {ANEW}"
            )

    def _settings(self) -> Settings:
        try:
            found: Settings = json.loads(self.beside.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise UsageError(
                f"--resume: {self.path} was not begun by `lmkit generate`, or its settings "
                f"({self.beside.name}) were not moved with it; leave out --resume to write over it"
            ) from None
        except ValueError as error:
            raise UsageError(f"--resume: {self.beside} is damaged: {error}") from error
        return found

    def _keep(self, settings: Settings) -> None:
        """Write the settings, whole or not at all; the file they are for is empty until then."""
        aside = self.beside.with_suffix(".new")
        try:
            aside.write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")
            sync(aside)
            aside.replace(self.beside)
        except OSError as error:  # a folder in which no other file may be made
            logger.warning("%s: --resume will not go on with it: %s", self.path, error)

    def _cut(self, lines: int) -> int:
        """Cut what a kill left of a line, or of the lines of a prompt; the whole prompts."""
        ends = [0]
        with self.path.open("rb") as file:
            for raw in file:
                if not raw.endswith(b"\n") or not _is_object(raw):
                    break
                ends.append(ends[-1] + len(raw))
            whole = (len(ends) - 1) // lines
            rest = self.path.stat().st_size - ends[-1]
            if rest and rest > len(raw):
                raise DataError(f"--resume: {self.path}:{len(ends)}: is no line of JSON; {ANEW}")
        os.truncate(self.path, ends[whole * lines])
        return whole


def _short(name: str) -> str:
    """A name that may be made longer."""
    raw = os.fsencode(name)
    return name if len(raw) < LONGEST else hashlib.sha256(raw).hexdigest()


def settings_of(target: str, writer: Writer) -> Settings:
    """What a text depends on beside its prompt: the model by a digest, the options, the seed."""
    options = asdict(writer.options)
    del options["batch_size"]
    if not writer.strategy.greedy:
        options["seed"] = writer.strategy.seed
    options["stop"] = list(writer.options.stop)
    folder = Path(model_folder(target))
    model = getattr(writer.model.config, "_commit_hash", None) or target
    if folder.is_dir():
        model = {file.name: sample_of(file) for file in sorted(folder.glob("*.safetensors"))} | {
            file.name: sha256_of(file) for kind in SMALL for file in sorted(folder.glob(kind))
        }
    return {"options": options, "model": model}


def _compare(path: Path, begun: Mapping[str, Any], now: Mapping[str, Any]) -> None:
    """Refuse settings that are not those that a file was begun with, naming each difference."""
    found = []
    for name, value in now["options"].items():
        before = begun["options"].get(name)
        if before != value:
            flag = "--" + name.replace("_", "-")
            found.append(f"{flag}: it was begun with {before}, and now it is {value}")
    if begun["model"] != now["model"]:
        found.append(f"TARGET: it was begun with another model ({_other(begun, now)})")
    if found:
        lines = "\n".join(f"  {line}" for line in found)
        raise UsageError(f"--resume: {path} was begun with other settings; {ANEW}\n{lines}")


def _other(begun: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """What of two models is not the same: files of a folder, or the hub's commits."""
    before, here = begun["model"], now["model"]
    if isinstance(before, dict) and isinstance(here, dict):
        names = sorted(name for name in before | here if before.get(name) != here.get(name))
        return "other: " + ", ".join(names)
    return "a folder and a hub name" if type(before) is not type(here) else f"{before}, now {here}"


def _is_object(raw: bytes) -> bool:
    try:
        return isinstance(json.loads(raw), dict)
    except ValueError:
        return False
