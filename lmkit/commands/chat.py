"""`lmkit generate --chat`: talk with a model, in the turns of its chat template.

On a terminal a line is edited and recalled with the keys of the shell, and the answer is shown
while it is written. Where something is piped each line is a message, and standard output gets the
answers alone.
"""

import importlib
import importlib.util
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

from lmkit.commands.gguf import as_folder
from lmkit.commands.subject import recipe_of
from lmkit.errors import LmkitError, ModelError, UsageError
from lmkit.generation.conversation import Conversation
from lmkit.generation.opening import open_for_writing
from lmkit.generation.options import GenerationOptions
from lmkit.generation.prompts import Prompt, encodable
from lmkit.generation.writer import Writer
from lmkit.recipe.nearest import did_you_mean

HELP = {
    "/system TEXT": "what the model is told before all else; without TEXT nothing",
    "/reset": "forget the conversation, but not the system's message",
    "/save FILE": "append the conversation to a file that `task: chat` can learn from",
    "/help": "this list",
    "/quit": "leave, as Ctrl-D does; Ctrl-C stops an answer",
    "//TEXT": "a message that begins with a slash",
}
COMMANDS = ("/system", "/reset", "/save", "/help", "/quit")
ROOM_SHARE = 4
"""At least this part of the context is left for an answer, or --max-new-tokens if that is less."""

logger = logging.getLogger(__name__)


def chat(target: str, options: GenerationOptions) -> None:
    """Answer one message after the other until there is none.

    Args:
        target: a run folder, a checkpoint, a model folder or a hub name.
        options: how to write.

    Raises:
        LmkitError: the model cannot be used or has no chat template; or, where messages are piped,
            one of them cannot be answered.
    """
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("--chat: reads messages from standard input, which is closed")
    folder = as_folder(target)
    model, tokenizer = open_for_writing(folder)
    if tokenizer.chat_template is None or model.config.is_encoder_decoder:
        raise ModelError(
            f"{target}: has no chat template: it is a base model, which goes on with a text and "
            f"answers no message. Without --chat it continues one: lmkit generate {target} TEXT; "
            "`lmkit finetune chat` makes one that answers of it"
        )
    recipe = recipe_of(folder)
    system = None if recipe is None else getattr(recipe.task, "system", None)
    talk = Conversation(tokenizer, room=None, system=system)
    writer = Writer(model, tokenizer, options, ask=talk.question, remember=True)
    if writer.positions is not None:
        reserved = min(options.max_new_tokens, writer.positions // ROOM_SHARE)
        talk.room = writer.positions - reserved
    terminal = sys.stdin.isatty()
    if terminal:
        edited = importlib.util.find_spec("readline") and importlib.import_module("readline")
        logger.info(
            "/help lists the commands; Ctrl-D leaves%s",
            "" if edited else " (this Python has no readline to edit lines with)",
        )
    for number, line in enumerate(_lines(terminal)):
        try:
            if line.startswith("/") and not line.startswith("//"):
                if _obey(line, talk):
                    return
            else:
                _answer(writer, talk, Prompt(number, line.removeprefix("/"), "the message"))
        except LmkitError as error:
            if not terminal:
                raise
            logger.warning("%s", error)


def _lines(terminal: bool) -> Iterator[str]:
    """What is typed or piped, without blank lines, to its end."""
    while True:
        try:
            line = input("> ") if terminal else input()
        except EOFError:
            if terminal:
                print(file=sys.stderr)  # noqa: T201 - the shell's prompt begins a line
            return
        except KeyboardInterrupt:
            if not terminal:
                raise
            print(file=sys.stderr)  # noqa: T201 - a new line, as in a shell
            continue
        except UnicodeDecodeError as error:
            raise UsageError(f"standard input is not UTF-8: {error}") from error
        if line.strip() and encodable(line):
            yield line
        elif line.strip():
            logger.warning("the line is not UTF-8, and was left out")


def _answer(writer: Writer, talk: Conversation, prompt: Prompt) -> None:
    """Show the answer to a message piece by piece; Ctrl-C keeps what there is of it."""
    pieces: list[str] = []

    def show(text: str) -> None:
        pieces.append(text)
        sys.stdout.write(text)
        sys.stdout.flush()

    told = ""
    try:
        for answer in writer.answers([prompt], on_text=show):
            if answer.finish == "length":
                told = f"(cut at --max-new-tokens {writer.options.max_new_tokens})"
    except KeyboardInterrupt:
        if not sys.stdin.isatty():
            raise
        told = "(stopped)"
    sys.stdout.write("\n")
    sys.stdout.flush()
    if told:
        logger.info(told)
    talk.answered(prompt.text, "".join(pieces))


def _obey(line: str, talk: Conversation) -> bool:
    """Do what a command says; whether it says to leave."""
    name, _, rest = line.strip().partition(" ")
    rest = rest.strip()
    if name == "/quit":
        return True
    if name == "/reset":
        talk.reset()
        logger.info("forgotten")
    elif name == "/system":
        talk.system = rest or None
        logger.info("the system says: %s", rest or "nothing")
    elif name == "/save":
        _save(rest, talk)
    elif name == "/help":
        width = max(map(len, HELP))
        logger.info("\n".join(f"{key:{width}}  {text}" for key, text in HELP.items()))
    else:
        raise UsageError(f"{name}: is no command{did_you_mean(name, COMMANDS)}; /help lists them")
    return False


def _save(path: str, talk: Conversation) -> None:
    """Append the conversation to a file of JSON Lines, {"messages": [...]}."""
    if not path:
        raise UsageError("/save: name a file")
    if not talk.turns:
        raise UsageError("/save: nothing has been said yet")
    line = json.dumps({"messages": talk.messages}, ensure_ascii=False)
    try:
        with Path(path).expanduser().open("a", encoding="utf-8") as file:
            file.write(line + "\n")
    except OSError as error:
        raise UsageError(f"/save {path}: cannot be written: {error.strerror}") from error
    logger.info("appended to %s: %d messages", path, len(talk.messages))
