"""How to write: the choices of `lmkit generate`, checked before torch is loaded."""

import math
from dataclasses import dataclass

from lmkit.errors import UsageError

SEEDS = 2**64


@dataclass(frozen=True, kw_only=True)
class GenerationOptions:
    """What the user asked for; None means: as the model's own generation config says, else off."""

    max_new_tokens: int = 128
    """Tokens a continuation may have, at least 1."""
    temperature: float | None = None
    """Logits are divided by it before sampling; below 1 is bolder, 0 is greedy."""
    top_k: int | None = None
    """Sample among the k likeliest tokens only; 0 is off."""
    top_p: float | None = None
    """Sample among the likeliest tokens whose mass reaches p, in (0, 1]; 1 is off."""
    repetition_penalty: float | None = None
    """Logits of tokens already there are divided (negative ones multiplied) by it; 1 is off."""
    num_return_sequences: int = 1
    """Continuations of each prompt."""
    num_beams: int = 1
    """Beams of a beam search; 1 is none."""
    greedy: bool = False
    """Take the likeliest token at each step."""
    seed: int | None = None
    """The seed of sampling, in [0, 2**64); None draws one."""
    stop: tuple[str, ...] = ()
    """A continuation ends before the first of these strings."""
    batch_size: int | None = None
    """Continuations written side by side; None: as many as memory holds and pay."""

    def __post_init__(self) -> None:
        if problems := [*self._out_of_range(), *self._conflicts()]:
            raise UsageError("\n".join(problems))

    @property
    def samples(self) -> bool:
        """Whether an option asks for sampling in so many words."""
        return any(value is not None for value in (self.temperature, self.top_k, self.top_p))

    def _out_of_range(self) -> list[str]:
        """A line for each value that is not allowed."""
        checks = (
            ("--max-new-tokens", self.max_new_tokens, self.max_new_tokens >= 1, "at least 1"),
            ("--temperature", self.temperature, _finite(self.temperature, 0), "0 (greedy) or more"),
            ("--top-k", self.top_k, self.top_k is None or self.top_k >= 0, "0 (off) or more"),
            ("--top-p", self.top_p, _share(self.top_p), "above 0 and at most 1"),
            (
                "--repetition-penalty",
                self.repetition_penalty,
                _finite(self.repetition_penalty, 0) and self.repetition_penalty != 0,
                "above 0 (1 is off)",
            ),
            (
                "--num-return-sequences",
                self.num_return_sequences,
                self.num_return_sequences >= 1,
                "at least 1",
            ),
            ("--num-beams", self.num_beams, self.num_beams >= 1, "at least 1"),
            ("--seed", self.seed, self.seed is None or 0 <= self.seed < SEEDS, "0 to 2**64 - 1"),
            (
                "--batch-size",
                self.batch_size,
                self.batch_size is None or self.batch_size >= 1,
                "at least 1",
            ),
            ("--stop", "''", "" not in self.stop, "a string that is not empty"),
        )
        return [
            f"{name}: {value} is not {allowed}"
            for name, value, right, allowed in checks
            if not right
        ]

    def _conflicts(self) -> list[str]:
        """A line for each pair of options that contradict one another."""
        problems = []
        sampling = {"--temperature": self.temperature, "--top-k": self.top_k, "--top-p": self.top_p}
        given = [name for name, value in sampling.items() if value is not None]
        without = self.greedy or self.temperature == 0
        if self.greedy and given:
            problems.append(f"--greedy takes the likeliest token; leave out {', '.join(given)}")
        if self.num_beams > 1 and given:
            problems.append(
                f"--num-beams {self.num_beams} searches and does not sample; leave out "
                f"{', '.join(given)} or --num-beams"
            )
        if self.num_beams > 1 and self.num_return_sequences > self.num_beams:
            problems.append(
                f"--num-return-sequences {self.num_return_sequences}: a search with "
                f"{self.num_beams} beams finds at most {self.num_beams}"
            )
        if self.num_beams == 1 and without and self.num_return_sequences > 1:
            problems.append(
                f"--num-return-sequences {self.num_return_sequences}: greedy decoding has one "
                "answer; sample, or give --num-beams"
            )
        return problems


def _finite(value: float | None, least: float) -> bool:
    """Whether a number is finite and at least `least`, or left out."""
    return value is None or (math.isfinite(value) and value >= least)


def _share(value: float | None) -> bool:
    """Whether a number lies in (0, 1], or is left out."""
    return value is None or 0 < value <= 1
