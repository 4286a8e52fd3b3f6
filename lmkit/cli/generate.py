"""`lmkit generate`."""

from typing import Annotated

import typer

from lmkit.cli.options import Json, Quiet

Target = Annotated[
    str,
    typer.Argument(
        metavar="TARGET", help="A run folder, a checkpoint, a model folder or a hub name."
    ),
]
Prompts = Annotated[
    list[str] | None,
    typer.Argument(metavar="PROMPT", help="What to continue; none: from the start token."),
]
Input = Annotated[
    str | None,
    typer.Option(
        "--input",
        metavar="FILE",
        help="Prompts: one a line, or JSON Lines; `-` is standard input.",
    ),
]
Column = Annotated[
    str | None,
    typer.Option(
        "--column", metavar="NAME", help="The prompt's column in JSON Lines (default: prompt)."
    ),
]
OutputFile = Annotated[
    str | None,
    typer.Option("--output", "-o", metavar="FILE", help="Write JSON Lines to this file."),
]
Resume = Annotated[
    bool,
    typer.Option("--resume", help="Go on with the --output of a call that was killed."),
]
Chat = Annotated[
    bool,
    typer.Option("--chat", help="Talk with a model that has a chat template; /help tells more."),
]
MaxNewTokens = Annotated[
    int | None,
    typer.Option(
        "--max-new-tokens",
        metavar="N",
        help="Tokens a text may have (default: 128; with --chat 512).",
    ),
]
Temperature = Annotated[
    float | None,
    typer.Option("--temperature", metavar="T", help="Below 1 is bolder; 0 is greedy."),
]
TopK = Annotated[
    int | None,
    typer.Option("--top-k", metavar="K", help="Sample among the K likeliest tokens; 0 is off."),
]
TopP = Annotated[
    float | None,
    typer.Option(
        "--top-p", metavar="P", help="Sample among the likeliest tokens of mass P; 1 is off."
    ),
]
Sequences = Annotated[
    int, typer.Option("--num-return-sequences", metavar="N", help="Texts for each prompt.")
]
Seed = Annotated[
    int | None,
    typer.Option("--seed", metavar="N", help="Repeat a sampled text; left out, drawn and told."),
]
Greedy = Annotated[bool, typer.Option("--greedy", help="Take the likeliest token; no sampling.")]
Beams = Annotated[
    int, typer.Option("--num-beams", metavar="N", help="Beams of a beam search; 1 is none.")
]
Stop = Annotated[
    list[str] | None,
    typer.Option("--stop", metavar="STRING", help="End before this string; repeatable."),
]
Penalty = Annotated[
    float | None,
    typer.Option(
        "--repetition-penalty", metavar="R", help="Above 1: repeat less (Keskar et al. 2019)."
    ),
]
BatchSize = Annotated[
    int | None,
    typer.Option(
        "--batch-size", metavar="N", help="Texts written side by side (default: as memory allows)."
    ),
]


def generate(
    target: Target,
    prompts: Prompts = None,
    input_file: Input = None,
    column: Column = None,
    output: OutputFile = None,
    resume: Resume = False,
    chat: Chat = False,
    max_new_tokens: MaxNewTokens = None,
    temperature: Temperature = None,
    top_k: TopK = None,
    top_p: TopP = None,
    num_return_sequences: Sequences = 1,
    seed: Seed = None,
    greedy: Greedy = False,
    num_beams: Beams = 1,
    stop: Stop = None,
    repetition_penalty: Penalty = None,
    batch_size: BatchSize = None,
    as_json: Json = False,
    quiet: Quiet = False,  # noqa: ARG001 - its callback acts
) -> None:
    """Let a causal or sequence-to-sequence model write.

    Prompts given as arguments are answered with text, on a terminal while it is written; `--json`,
    `--input` and `--output` give JSON Lines: {"index", "prompt", "text"} and the input's columns.
    `--chat` answers message after message, typed or piped, a line each.
    """
    from lmkit.errors import UsageError
    from lmkit.generation.options import GenerationOptions
    from lmkit.generation.prompts import from_arguments, from_file

    options = GenerationOptions(
        max_new_tokens=max_new_tokens if max_new_tokens is not None else 512 if chat else 128,
        temperature=temperature,
        top_k=top_k,
        top_p=top_p,
        num_return_sequences=num_return_sequences,
        seed=seed,
        greedy=greedy,
        num_beams=num_beams,
        stop=tuple(stop or ()),
        repetition_penalty=repetition_penalty,
        batch_size=batch_size,
    )
    if input_file is not None and prompts:
        raise UsageError("--input and prompts as arguments: give one of the two")
    if column is not None and input_file is None:
        raise UsageError("--column: names a column of --input, which is not given")
    if resume and output is None:
        raise UsageError("--resume: goes on with the file that --output names, which is not given")
    if chat:
        others = {
            "prompts as arguments": prompts,
            "--input": input_file,
            "--output": output,
            "--json": as_json,
            "--num-return-sequences": num_return_sequences > 1,
            "--num-beams": num_beams > 1,
        }
        if wrong := [name for name, given in others.items() if given]:
            raise UsageError(f"--chat answers what is typed or piped; leave out {', '.join(wrong)}")
        from lmkit.commands.chat import chat as talk

        talk(target, options)
        return
    given = from_arguments(prompts or ()) if input_file is None else from_file(input_file, column)

    from lmkit.commands.generate import generate_lines, generate_text

    if isinstance(given, list) and not as_json and output is None:
        generate_text(target, given, options)
    else:
        generate_lines(target, given, options, output, resume=resume)
