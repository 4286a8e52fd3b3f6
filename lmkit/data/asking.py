"""How a model that was trained on conversations is asked something."""

from collections.abc import Callable
from functools import partial

from transformers import PreTrainedTokenizerBase

from lmkit.data.chat_template import ChatTemplate
from lmkit.recipe.base import TaskOptions


def question_by(
    options: TaskOptions, tokenizer: PreTrainedTokenizerBase
) -> Callable[[str], list[int]] | None:
    """From a user's message to the token ids that ask for its answer, by the tokenizer's template.

    Args:
        options: of the task; its `system` message comes first.
        tokenizer: of the model.

    Returns:
        None where the task knows no turns, or was trained without a template.

    Raises:
        TokenizerError: the template does not do what asking needs.
    """
    given = getattr(options, "chat_template", "none")
    if given == "none" or tokenizer.chat_template is None:
        return None
    return partial(ChatTemplate(tokenizer).question, system=getattr(options, "system", None))
