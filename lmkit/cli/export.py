"""`lmkit export`: a model folder to give away."""

from typing import Annotated

import typer

from lmkit.cli.options import Quiet

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a checkpoint, a model folder or adapters of peft."
    ),
]
Folder = Annotated[str, typer.Argument(metavar="FOLDER", help="Where it goes: a new folder.")]
Merge = Annotated[
    bool, typer.Option("--merge", help="Join adapters and the model they were trained on.")
]
Base = Annotated[
    str | None,
    typer.Option("--base", metavar="MODEL", help="That model (default: the one they name)."),
]


def export(
    target: Target,
    folder: Folder,
    merge: Merge = False,
    base: Base = None,
    quiet: Quiet = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Write a model folder that transformers opens: weights, tokenizer, configuration, card.

    Files of the training (optimizer, state) stay behind; adapters are merged into the weights.
    """
    from lmkit.commands.export import export

    export(target, folder, merge=merge, base=base)
