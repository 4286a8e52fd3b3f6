"""Asking a model in the turns of its template, or not."""

import copy

from lmkit.data.asking import question_by
from lmkit.data.chat_template import give_template
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.chat import ChatOptions
from lmkit.recipe.options.preference import PreferenceOptions


def test_who_is_asked_in_turns(tiny_tokenizer):
    tokenizer = copy.deepcopy(tiny_tokenizer)
    chat = ChatOptions(name="chat", system="be brief")
    assert question_by(chat, tokenizer) is None, "a tokenizer without a template"
    template = give_template(tokenizer, "chatml")
    ask = question_by(chat, tokenizer)
    assert ask("why?") == template.question("why?", "be brief")
    plain = PreferenceOptions(name="preference", chat_template="none")
    assert question_by(plain, tokenizer) is None
    turns = PreferenceOptions(name="preference")
    assert question_by(turns, tokenizer)("why?") == template.question("why?")
    assert question_by(CausalLMOptions(name="causal_lm"), tokenizer) is None
