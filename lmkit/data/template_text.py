"""The Jinja of a chat template: of a packaged one, of a file, or as it is given."""

from pathlib import Path

from lmkit.errors import TokenizerError
from lmkit.recipe.nearest import did_you_mean

CHATML = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
"""OpenAI's ChatML, as most open models write it."""
PACKAGED = {"chatml": CHATML}


def template_text(given: str) -> str:
    """The Jinja of `task.chat_template`: a packaged name stays, a file is read, Jinja is itself.

    Raises:
        TokenizerError: it is neither.
    """
    if given in PACKAGED or "{%" in given or "{{" in given:
        return given
    path = Path(given).expanduser()
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        if not path.exists():
            raise TokenizerError(
                f"task.chat_template: {given}: is no packaged template ({', '.join(PACKAGED)}) and "
                f"no file{did_you_mean(given, PACKAGED)}"
            ) from error
        raise TokenizerError(f"task.chat_template: {given}: cannot be read: {error}") from error
    if "{%" not in text and "{{" not in text:
        raise TokenizerError(f"task.chat_template: {given}: holds no Jinja")
    return text
