"""Labels that no model was trained on: by entailment, or by the likelihood of a causal model.

Which of the two the model is for is told by the head that it was saved with.
"""

import csv
from dataclasses import dataclass

from transformers.models.auto.modeling_auto import (
    MODEL_FOR_CAUSAL_LM_MAPPING_NAMES,
    MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES,
)

from lmkit.commands.entailment import Entailment
from lmkit.commands.few_shot import Example, FewShot, read_examples
from lmkit.commands.likeliest import Likeliest
from lmkit.commands.predictor import Answerer
from lmkit.commands.subject import MAX_CONTEXT, recipe_of
from lmkit.errors import ModelError, UsageError
from lmkit.models.inspecting import saved_with_head, usable_positions
from lmkit.models.loading import open_config
from lmkit.recipe.sections import ModelSection
from lmkit.run_folder import model_folder

HYPOTHESIS = "This example is {}."
"""transformers' own; `{}` stands for the label."""


@dataclass(frozen=True)
class ZeroShotOptions:
    """What labels to give, and how to ask for them."""

    labels: tuple[str, ...] = ()
    """The labels; none: those of the examples."""
    hypothesis: str | None = None
    """The sentence that holds for a text of a label; left out, `HYPOTHESIS`."""
    multi_label: bool = False
    """Ask for each label by itself: any number of them may hold."""
    examples: FewShot | None = None
    """Texts with their labels to put before each text."""

    def __post_init__(self) -> None:
        """Refuse what cannot be asked.

        Raises:
            UsageError: no or one label, one twice, or a sentence without a place for it.
        """
        if twice := sorted({name for name in self.labels if self.labels.count(name) > 1}):
            raise UsageError(f"--labels: {twice[0]} is named twice")
        if self.examples is None and len(self.labels) < (1 if self.multi_label else 2):
            raise UsageError("--labels: name two or more, parted by commas")
        if self.hypothesis is not None and self.hypothesis.count("{}") != 1:
            raise UsageError(
                f"--hypothesis {self.hypothesis!r}: `{{}}` stands once in it, for the label; "
                f"such as {HYPOTHESIS!r}"
            )
        if self.examples is not None and self.multi_label:
            raise UsageError("--multi-label: needs an entailment model, which takes no --examples")


def zero_shot_options(
    labels: str | None,
    hypothesis: str | None,
    examples: str | None,
    shots: int | None,
    seed: int | None,
    *,
    multi_label: bool,
) -> ZeroShotOptions | None:
    """What the command line asks for; None where it names neither labels nor examples.

    Raises:
        UsageError: an option means nothing without another, or a label cannot be read.
    """
    if examples is None and (
        alone := [
            name for name, value in (("--shots", shots), ("--seed", seed)) if value is not None
        ]
    ):
        raise UsageError(f"{alone[0]}: says which of the --examples to show, which are not given")
    if labels is None and examples is None:
        if hypothesis is not None or multi_label:
            name = "--multi-label" if multi_label else "--hypothesis"
            raise UsageError(f"{name}: says how to ask for --labels, which are not given")
        return None
    few = None if examples is None else FewShot(examples, shots, seed or 0)
    return ZeroShotOptions(_split(labels), hypothesis, multi_label, few)


def _split(labels: str | None) -> tuple[str, ...]:
    """The labels of `a,b,c`; one with a comma in it is quoted as in CSV."""
    if labels is None:
        return ()
    try:
        (cells,) = csv.reader([labels], skipinitialspace=True, strict=True)
    except (csv.Error, ValueError) as error:
        raise UsageError(f"--labels {labels}: {error or 'no label'}") from error
    if not any(cell.strip() for cell in cells):
        raise UsageError("--labels: names no label")
    return tuple(cell.strip() for cell in cells if cell.strip())


def open_zero_shot(
    target: str, options: ZeroShotOptions, text_column: str
) -> tuple[Answerer, ModelSection]:
    """What answers with the labels, and how its model is opened.

    Raises:
        UsageError: the model can do neither, or not what is asked of it.
        DataError: the examples cannot be read.
        ModelError: there is no such model.
    """
    config = open_config(target)
    recipe = recipe_of(target)
    kept = recipe and recipe.model.model_dump(include={"dtype", "attn_implementation"})
    section = ModelSection(source=model_folder(target), **(kept or {}))
    template = options.hypothesis or HYPOTHESIS
    if saved_with_head(config, MODEL_FOR_SEQUENCE_CLASSIFICATION_MAPPING_NAMES):
        if options.examples is not None:
            raise UsageError(f"--examples: {target} is no causal model, which alone reads examples")
        answerer: Answerer = Entailment(
            options.labels, template, config, text_column, multi_label=options.multi_label
        )
        return answerer, section
    if not saved_with_head(config, MODEL_FOR_CAUSAL_LM_MAPPING_NAMES):
        saved = ", ".join(config.architectures or ()) or "no architecture"
        raise ModelError(
            f"{target}: its config.json names {saved}; labels without training are given by a "
            "sequence classifier of entailment (MNLI) or by a causal language model"
        )
    if options.multi_label:
        raise UsageError(
            f"--multi-label: needs an entailment model; {target} is a causal one, whose labels "
            "share a probability of 1"
        )
    examples: list[Example] = []
    labels = options.labels
    if options.examples is not None:
        examples, labels = read_examples(options.examples, labels)
    positions = min(usable_positions(config) or MAX_CONTEXT, MAX_CONTEXT)
    return Likeliest(labels, template, examples, text_column, positions=positions), section
