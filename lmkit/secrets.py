"""What must not be repeated: tokens and passwords in what lmkit writes or tells.

Imported by every command line, so it imports next to nothing.
"""

import os
import re

HIDDEN = "***"

_NAMES = re.compile(
    r"(^|_)(TOKEN|SECRET|PASSWORD|PASSWD|CREDENTIALS?|API_?KEY|ACCESS_KEY|ACCESS_KEY_ID|SESSION_KEY)$",
    re.IGNORECASE,
)
_SHORTEST = 8  # characters; a shorter value is no secret, and stands in other words
_FORMS = (
    # user:password@ (or a token alone) of an address
    (re.compile(r"(?<=://)[^\s/@'\"]+(?=@)"), HIDDEN),
    # name=value of an address or an option, whatever stands before the name
    (
        re.compile(
            r"((?:(?:access|auth|api|hub|hf)[_-]?token|secret|password|passwd|api[_-]?key|access[_-]?key|signature|credential)"
            r"['\"]?\s*[=:]\s*['\"]?)[^\s&'\",;]{8,}",
            re.IGNORECASE,
        ),
        rf"\1{HIDDEN}",
    ),
    # what tells itself: Hugging Face, AWS, GitHub, OpenAI and others, Slack
    (
        re.compile(
            r"\b(?:hf_[A-Za-z0-9]{20,}|(?:AKIA|ASIA)[A-Z0-9]{16}|gh[pousr]_[A-Za-z0-9]{20,}"
            r"|github_pat_\w{20,}|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,})"
        ),
        HIDDEN,
    ),
)


def without_secrets(text: str) -> str:
    """The text with `***` for each secret: values of the environment, and what looks like one."""
    for name, value in os.environ.items():
        if len(value) >= _SHORTEST and _NAMES.search(name):
            text = text.replace(value, HIDDEN)
    for form, instead in _FORMS:
        text = form.sub(instead, text)
    return text
