"""`--explain TEXT`: which tokens of a text an answer comes from, on the terminal and in a report.

Explained is the log-probability, in nats, of what the model says: the label of a classifier (of a
regression the number itself), the first tag of each entity, the next token of a causal model. The
text it is held against has the mask token (else the padding token) in the place of every token but
the special ones.
"""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from rich.console import Console
from rich.text import Text
from torch import Tensor
from transformers import PreTrainedTokenizerBase

from lmkit.commands.eval_options import EvalOptions
from lmkit.commands.output import tell_json
from lmkit.commands.subject import open_model, task_of
from lmkit.data.word_windows import filling_token
from lmkit.details import module_of
from lmkit.details.explaining import Said
from lmkit.errors import UsageError, require_extra
from lmkit.evaluation.detail import Detail
from lmkit.models.attributions import Attributions, integrated_gradients

_STRONG = 0.5  # share of the largest attribution from which a token is shown in bold

Read = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Explanation:
    """One answer to one text."""

    text: str
    answer: str
    """What is explained: a label, an entity and its place, the next token."""
    tokens: list[str]
    """The T tokens as text."""
    found: Attributions

    def as_json(self) -> dict[str, Any]:
        """For JSON."""
        pairs = zip(self.tokens, self.found.tokens, strict=True)
        return {
            "text": self.text, "answer": self.answer, "value": self.found.value,
            "baseline": self.found.baseline, "completeness_error": self.found.error,
            "steps": self.found.steps,
            "tokens": [{"token": token, "attribution": number} for token, number in pairs],
        }  # fmt: skip

    def detail(self, number: int) -> Detail:
        """For a report: the tokens of the text in a row, those that speak for it shaded."""
        return Detail(
            f"explained_{number}", f"Why {self.answer}: {self.text}",
            f"{DEFINITION} {self.line()}", "matrix", ["", *self.tokens],
            [["nats", *self.found.tokens]],
        )  # fmt: skip

    def line(self) -> str:
        """The answer to the text and to the baseline, and what the sum of the tokens misses."""
        found = self.found
        return (
            f"{found.value:.4f} for the text, {found.baseline:.4f} for the baseline; the "
            f"attributions miss their difference by {abs(found.error):.1e} ({found.steps} steps)."
        )


DEFINITION = (
    "Integrated gradients (arXiv:1703.01365) of the log-probability of the answer, in nats, from a "
    "text whose tokens are masked (else padding): what is positive speaks for it. They tell what "
    "this model made of this text, not why the answer is right."
)


def explain(target: str, texts: Sequence[str]) -> list[Explanation]:
    """Explain what a model says of texts.

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name.
        texts: as `lmkit predict` takes them: for a pair, two to a row.

    Raises:
        MissingExtraError: captum is absent.
        UsageError: the task is none that can be explained, or the texts are no rows.
    """
    require_extra("--explain", "captum", "explain")
    task = task_of(target)
    module = module_of(task.options.name)
    if not hasattr(module, "answers"):
        raise UsageError(
            f"--explain: explains classification, ner and causal models; {target} is for "
            f"{task.options.name}"
        )
    model, tokenizer, _ = open_model(target, task)
    model.train(False)
    found: list[Explanation] = []
    for text, given in module.questions(task, texts, tokenizer):
        batch = {key: value.to(model.device) for key, value in given.items()}
        baseline, tokens = _baseline(batch["input_ids"], tokenizer)
        with torch.no_grad():
            logits = task.forward(model, batch).logits
        for name, read in module.answers(Said(task, model, logits, tokens, tokenizer)):

            def answer(batch: Mapping[str, Tensor], read: Read = read) -> Tensor:
                return read(task.forward(model, dict(batch)).logits.double())

            attributions = integrated_gradients(model, answer, batch, baseline)
            found.append(Explanation(text, name, tokens, attributions))
    return found


def tell_explanations(target: str, options: EvalOptions) -> None:
    """Explain, and tell it: to a person, or as one JSON object, which `output` keeps.

    Raises:
        LmkitError: as `explain`, or the file cannot be written.
    """
    found = explain(target, options.explain)
    told = {
        "model": target, "definition": DEFINITION, "explanations": [o.as_json() for o in found],
    }  # fmt: skip
    if not tell_json(told, options.output, shown=options.as_json):
        show(found)


def show(found: Sequence[Explanation]) -> None:
    """For people, on standard output: each text with its tokens in color where there is any."""
    console = Console(file=sys.stdout, highlight=False, soft_wrap=True)
    for one in found:
        console.print(Text(f"{one.answer}: {one.line()}"))
        largest = max(map(abs, one.found.tokens), default=0.0) or 1.0
        if console.is_terminal:
            line = Text()
            for token, number in zip(one.tokens, one.found.tokens, strict=True):
                share = abs(number) / largest
                style = ("green" if number > 0 else "red") if share > 0.1 else ""
                line.append(f"{token} ", f"bold {style}" if share > _STRONG else style)
            console.print(line)
        for token, number in zip(one.tokens, one.found.tokens, strict=True):
            mark = ("+" if number > 0 else "-") * round(20 * abs(number) / largest)
            console.print(Text(f"  {token:<16} {number:>9.4f}  {mark}"))
    console.print(Text(DEFINITION))


def _baseline(ids: Tensor, tokenizer: PreTrainedTokenizerBase) -> tuple[Tensor, list[str]]:
    """The text that says nothing (1, T), and what the tokens are called."""
    masked = tokenizer.mask_token_id  # some count positions by the padding token
    blank = masked if masked is not None else filling_token(tokenizer)
    special = set(tokenizer.all_special_ids)
    plain = torch.tensor([[int(i) not in special for i in ids[0]]], device=ids.device)
    names = [
        str(tokenizer.decode([int(i)])).strip() or repr(tokenizer.decode([int(i)]))
        for i in ids[0]
    ]  # fmt: skip
    return torch.where(plain, blank, ids), names
