"""One run as a scheduler has to start it: the recipe, the machines, and the command of each."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from lmkit.errors import UsageError
from lmkit.recipe import catalog
from lmkit.recipe.base import Verb
from lmkit.recipe.load import load_recipe, locate
from lmkit.recipe.sections import STANDARD_INPUT
from lmkit.secrets import without_secrets

PLAIN = re.compile(r"[A-Za-z0-9][\w.:,=@%+/-]*", re.ASCII)
"""What an option may hold that becomes a value of a job file."""
PORT = 29500
"""Where the machines meet that have their own addresses, one job each."""
SHARED = "/lmkit"
"""Where the storage that all machines see is mounted in containers and on rented machines."""
GRACE_SECONDS = 120
"""From the signal to the end: a step, and a checkpoint."""

_LONGEST_NAME = 50  # with the index of a pod behind it, a host name (63)


@dataclass(frozen=True)
class Job:
    """What is trained, and on how many machines."""

    recipe: str
    """The name or the path as it was typed."""
    verb: Verb
    """The command that trains it."""
    output: str
    """The run folder."""
    overrides: tuple[str, ...] = ()
    """`KEY.PATH=VALUE`, in their order."""
    nodes: int = 1
    """Machines."""
    gpus_per_node: int = 1
    """GPUs of each, and processes; 0 is one process on its CPUs."""
    max_restarts: int = 3
    """How often lmkit goes on by itself after a process died."""

    @property
    def name(self) -> str:
        """A name that every scheduler takes: a label of the DNS, from the recipe's file."""
        stem = re.sub(r"[^a-z0-9]+", "-", locate(self.recipe).stem.lower()).strip("-")
        stem = stem if stem[:1].isalpha() else f"lmkit-{stem}"
        return stem[:_LONGEST_NAME].strip("-")

    @property
    def is_packaged(self) -> bool:
        """Whether the recipe comes with lmkit, so that its name is enough."""
        return self.recipe in catalog.recipes()

    def command(self, *, host: str, rank: str, recipe: str = "", output: str = "") -> str:
        """The shell words that each machine runs, on one line.

        Args:
            host: HOST:PORT of the first machine, as the shell there expands it.
            rank: which machine this is, as the shell there expands it.
            recipe: where the recipe lies there (default: as typed).
            output: the run folder there (default: as the recipe says).
        """
        words = ["lmkit", self.verb, recipe or self.recipe]
        for override in self.overrides:
            words += ["--set", override]
        if output:
            words += ["-o", output]
        words += ["--processes", str(max(1, self.gpus_per_node))]
        line = shlex.join(words)
        if self.nodes > 1:
            line += f' --nodes {self.nodes} --node-rank "{rank}" --rendezvous "{host}"'
        return f"{line} --resume --max-restarts {self.max_restarts}"

    def on_shared(self) -> str:
        """The run folder below `SHARED`, where it outlives a machine.

        Raises:
            UsageError: it is an absolute one somewhere else.
        """
        path = PurePosixPath(SHARED) / self.output  # an absolute one stays as it is
        if ".." in path.parts or not path.is_relative_to(SHARED):
            raise UsageError(
                f"output_dir: found {self.output}; the storage that outlives the machines is "
                f"mounted at {SHARED}: allowed are a relative folder, and one below {SHARED}"
            )
        return str(path)


def job(
    recipe: str, overrides: Sequence[str], *, nodes: int, gpus_per_node: int, max_restarts: int
) -> Job:
    """Check a recipe as `lmkit recipes check` does, and what it asks of a job.

    Raises:
        RecipeError: with all that is wrong with the recipe.
        UsageError: its data come from a pipe, which a job has not; a secret would stand in the
            job file; a single process with parameters that are to be shared.
    """
    loaded = load_recipe(recipe, overrides)
    for key, path in loaded.data.paths().items():
        if path == STANDARD_INPUT:
            raise UsageError(f"{key}: found `-`, and nothing is piped into a job; name a file")
    if loaded.train.parallel != "ddp" and nodes * max(1, gpus_per_node) == 1:
        raise UsageError(
            f"train.parallel: {loaded.train.parallel} shares parameters among processes, and this "
            "job has one: ask for more with --nodes or --gpus-per-node"
        )
    assert loaded.output_dir is not None, "load_recipe gives one"
    return Job(
        recipe=recipe, verb=loaded.task.verb, output=loaded.output_dir, overrides=tuple(overrides),
        nodes=nodes, gpus_per_node=gpus_per_node, max_restarts=max_restarts,
    )  # fmt: skip


def plain(option: str, value: str | None) -> str | None:
    """The value of an option that becomes a value of a job file.

    Raises:
        UsageError: it holds what could become something else there.
    """
    if value is not None and not PLAIN.fullmatch(value):
        raise UsageError(
            f"{option}: found {value!r}; allowed are letters, digits and . : , = @ % + / - _"
        )
    return value


def without_secret(text: str) -> str:
    """A job file, which others may read.

    Raises:
        UsageError: it holds a token or a password.
    """
    hidden = without_secrets(text)
    if hidden != text:
        both = zip(text.splitlines(), hidden.splitlines(), strict=False)
        line = next((shown for own, shown in both if own != shown), "at its end")
        raise UsageError(
            f"the job file would hold a secret: {line.strip()}; leave it out of the recipe and the "
            "options, and let the environment of the job have it"
        )
    return text
