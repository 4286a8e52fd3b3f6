"""The command line: one file a command, each thin, each importing what it runs in its body.

`main` is the only place that turns an exception into an exit code (see `exit_code`).
"""

import errno
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Annotated

import typer

from lmkit import __version__, worker
from lmkit.cli import (
    compare,
    data,
    doctor,
    eval,
    export,
    finetune,
    generate,
    launch,
    predict,
    pretrain,
    recipes,
    report,
    serve,
)
from lmkit.cli.options import Quiet
from lmkit.errors import LmkitError, of_tokenizers
from lmkit.secrets import without_secrets

DEFECT = 1
MENDABLE = 2
REPORT = (
    "lmkit: this is a defect of lmkit, not of your input: please report it with the lines above, "
    f"the command, and what `lmkit doctor` prints (lmkit {__version__})"
)
# What a full disk or a missing permission raises anywhere; the user can mend it.
MENDABLE_OS_ERRORS = {errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS}

app = typer.Typer(
    name="lmkit",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"lmkit {__version__}")
        raise typer.Exit


@app.callback()
def lmkit(
    version: Annotated[  # noqa: ARG001 - its callback acts
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
    quiet: Quiet = False,
) -> None:
    """From raw text to a trained, measured, usable language model in one command line."""
    from lmkit.cli.messages import hush, start_logging

    start_logging()
    if quiet:
        hush()


app.command("pretrain")(pretrain.pretrain)
app.command("finetune")(finetune.finetune)
app.command("eval")(eval.eval_)
app.command("generate")(generate.generate)
app.command("predict")(predict.predict)
app.command("export")(export.export)
app.command("compare")(compare.compare)
app.command("report")(report.report)
app.command("serve")(serve.serve)
app.add_typer(recipes.app, name="recipes")
app.add_typer(data.app, name="data")
app.add_typer(launch.app, name="launch")
app.command("doctor")(doctor.doctor)


def run(arguments: Sequence[str]) -> tuple[int, str]:
    """Run one command in this process.

    Returns:
        The exit code, and what there is to say on standard error ("" where all is well).

    Raises:
        BaseException: whatever is a defect of lmkit goes through.
    """
    command = typer.main.get_command(app)
    try:
        with command.make_context("lmkit", list(arguments), obj=list(arguments)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as ended:
        return ended.exit_code, ""
    except typer.TyperException as error:  # an option or a command that does not exist
        return MENDABLE, _usage(error)
    except LmkitError as error:
        return error.exit_code, str(error)
    except (KeyboardInterrupt, typer.Abort):
        return 128 + signal.SIGINT, "stopped"
    except MemoryError:
        return MENDABLE, (
            "no memory left: a smaller train.per_device_train_batch_size, task.block_size or "
            "--batch-size needs less"
        )
    except OSError as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads(sys.stdout.fileno()):
            return 0, ""
        if error.errno not in MENDABLE_OS_ERRORS:
            raise
        return MENDABLE, f"{error.filename or 'writing'}: {error.strerror}"
    return 0, ""


def _defect(error: BaseException) -> tuple[int, str]:
    """The exit code, and what to report."""
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1].filename
    # anyone may raise a bare Exception; a panic is of tokenizers wherever it is met
    if of_tokenizers(error) and (type(error) is not Exception or "tokenization_" in last):
        return MENDABLE, (
            f"the tokenizer fails on a text ({error}); take another one (tokenizer.source), or "
            "mend its tokenizer.json"
        )
    return DEFECT, f"{''.join(traceback.format_exception(error))}{REPORT}"


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the command line, and whose `--help` tells what is right."""
    context = getattr(error, "ctx", None)
    if context is None or error.format_message().startswith("Usage:"):
        return error.format_message()
    return f"{error.format_message()}\nTry: {context.command_path} --help"


def _nobody_reads(descriptor: int) -> bool:
    """Whether the reader of the pipe `descriptor` has gone: a broken pipe may be another's."""
    import select

    poll = select.poll()
    poll.register(descriptor, select.POLLOUT)
    return any(event & (select.POLLERR | select.POLLHUP) for _, event in poll.poll(0))


def main() -> None:
    """The `lmkit` of the shell: run, tell what went wrong, end with the contract's exit code."""
    worker.join()
    if not worker.is_first():
        sys.stdout = open(os.devnull, "w")  # noqa: PTH123,SIM115 - results are told once
    code, text = DEFECT, ""
    try:
        code, text = run(sys.argv[1:])
    except BaseException as error:  # noqa: BLE001 - the one place where a defect ends
        code, text = _defect(error)
    with suppress(BrokenPipeError):
        code = worker.leave(code, without_secrets(text))
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # else the interpreter tries again at its end, complains, and ends with 120
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(code)
