"""Chat templates: what is refused, where answers begin and end, against HF's own mask of them."""

import copy

import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from lmkit.data.chat_template import ChatTemplate, give_template
from lmkit.data.template_text import CHATML
from lmkit.errors import DataError, TokenizerError

TALK = [
    {"role": "system", "content": "be brief"},
    {"role": "user", "content": "the cat?"},
    {"role": "assistant", "content": "on the mat"},
    {"role": "user", "content": "  the dog?\n"},
    {"role": "assistant", "content": "\n in the red house"},
]
MARKED = CHATML.replace(
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}",
    "{% if message['role'] == 'assistant' %}{{ '<|im_start|>assistant\\n' }}{% generation %}"
    "{{ message['content'] + '<|im_end|>' }}{% endgeneration %}{{ '\\n' }}{% else %}"
    "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n' }}"
    "{% endif %}",
)
ONCE = "{% for m in messages %}{{ m['content'] + eos_token }}{% endfor %}"


@pytest.fixture
def tokenizer(tiny_tokenizer):
    return copy.deepcopy(tiny_tokenizer)


def test_answers_are_those_of_the_generation_marks(tokenizer):
    """Transformers finds them by `{% generation %}` and character offsets; lmkit by prefixes."""
    template = give_template(tokenizer, "chatml")
    ((ids, answers),) = template.encode([(TALK, "row 1")])
    theirs = tokenizer.apply_chat_template(
        TALK, chat_template=MARKED, return_dict=True, return_assistant_tokens_mask=True
    )
    assert ids == theirs["input_ids"]
    assert [int(which > 0) for which in answers] == theirs["assistant_masks"]
    assert tokenizer.decode([i for i, which in zip(ids, answers, strict=True) if which == 2]) == (
        "\n in the red house<|im_end|>"
    )


SCAFFOLD = (
    "{% for m in messages %}{% if m['role'] == 'assistant' %}{{ 'A:' }}{{ '(thinks)' }}"
    "{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}{{ '\\n' }}{% else %}"
    "{{ 'Q:' + m['content'] + '\\n' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ 'A:(thinks)' }}{% endif %}"
)


@pytest.mark.parametrize("text", [MARKED, SCAFFOLD])
def test_what_a_template_marks_is_what_is_learned(tokenizer, text):
    template = give_template(tokenizer, text)
    ((ids, answers),) = template.encode([(TALK, "row 1")])
    theirs = tokenizer.apply_chat_template(
        TALK, return_dict=True, return_assistant_tokens_mask=True
    )
    assert ids == theirs["input_ids"]
    assert [int(which > 0) for which in answers] == theirs["assistant_masks"]
    second = tokenizer.decode([i for i, n in zip(ids, answers, strict=True) if n == 2])
    assert second.startswith("\n in the red house<|")
    assert template.prefix(TALK[:2], "row 1") == ids[: answers.index(1)]


def test_marks_choose_which_answers_are_learned(tokenizer):
    begin = "{% generation %}{{ m['content'] + eos_token }}{% endgeneration %}"
    either = "{% if m['weight'] == 0 %}{{ m['content'] + eos_token }}{% else %}" + begin
    template = give_template(tokenizer, SCAFFOLD.replace(begin, either + "{% endif %}"))
    talk = [dict(message) for message in TALK]
    talk[2]["weight"] = 0
    ((ids, answers),) = template.encode([(talk, "row 1")])
    assert set(answers) == {0, 2}
    assert ids == template.encode([(TALK, "row 1")])[0].ids
    learned = tokenizer.decode([i for i, n in zip(ids, answers, strict=True) if n])
    assert learned == "\n in the red house<|endoftext|>"
    assert tokenizer.decode(template.answer(talk[:4], talk[4], "row 1")) == learned
    with pytest.raises(DataError, match=r"row 1: .* marks no part of the answer"):
        template.answer(talk[:2], talk[2], "row 1")


@pytest.mark.parametrize(
    "text",
    [
        SCAFFOLD.replace("m['content'] + eos_token }}{% endgeneration %}",
                         "m['content'] }}{% endgeneration %}{{ eos_token }}"),
        SCAFFOLD.replace("{% generation %}", "{% if loop.last %}{% generation %}{% endgeneration %}"
                         "{% endif %}").replace("}}{% endgeneration %}{{ '", "}}{{ '"),
    ],
)  # fmt: skip
def test_marks_without_the_end_of_an_answer_are_refused(tokenizer, text):
    with pytest.raises(
        TokenizerError, match=r"\{% generation %\} marks leave out an answer, or the"
    ):
        give_template(tokenizer, text)


def test_what_training_saw_is_what_generation_asks_with(tokenizer):
    template = give_template(tokenizer, "chatml")
    talk = TALK[1:3]
    ((ids, answers),) = template.encode([(talk, "row 1")])
    asked = template.question("the cat?")
    assert ids[: len(asked)] == asked
    assert answers[: len(asked) + 1] == [0] * len(asked) + [1]
    assert template.prefix(talk[:1], "row 1") == asked
    assert template.answer(talk[:1], talk[1], "row 1") == ids[len(asked) : -1]
    with_system = template.question("the cat?", system="be brief")
    assert with_system == template.prefix(TALK[:2], "row 1")


def test_a_space_that_joins_two_tokens_does_not_hide_the_edge(tokenizer):
    """`say: ` and `cat` are one token ` cat` together, but not where a model is asked."""
    say = "{% for m in messages %}{{ m['role'] + ': ' + m['content'] + eos_token }}{% endfor %}"
    ask = "{% if add_generation_prompt %}{{ 'assistant: ' }}{% endif %}"
    template = give_template(tokenizer, say + ask)
    ((ids, answers),) = template.encode([(TALK[1:3], "row 1")])
    asked = template.question("the cat?")
    assert ids[: len(asked)] == asked
    assert answers.index(1) == len(asked)
    whole = tokenizer(template.render(TALK[1:3]), add_special_tokens=False)["input_ids"]
    assert whole[: len(asked)] != asked


def test_a_tokenizer_that_begins_every_text_with_a_space():
    """As SentencePiece does: a piece by itself would be another text."""
    letters = ["\u2581", *"abcdefghijklmnopqrstuvwxyz?"]
    vocabulary = {token: number for number, token in enumerate(["<s>", "</s>", *letters])}
    made = Tokenizer(models.BPE(vocabulary, [], unk_token="</s>"))
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace()
    spaced = PreTrainedTokenizerFast(tokenizer_object=made, bos_token="<s>", eos_token="</s>")
    text = (
        "{{ bos_token }}{% for m in messages %}{% if m['role'] == 'assistant' %}"
        "{{ m['content'] + eos_token }}{% else %}{{ 'q' + m['content'] + 'a' }}{% endif %}"
        "{% endfor %}"
    )
    template = give_template(spaced, text)
    ((ids, answers),) = template.encode([(TALK[1:3], "row 1")])
    assert ids == spaced(template.render(TALK[1:3]), add_special_tokens=False)["input_ids"]
    own = [spaced.convert_ids_to_tokens(i) for i, n in zip(ids, answers, strict=True) if n]
    assert own == [*"on\u2581the\u2581mat", "</s>"]


def test_missing_tokens_are_added_once(tokenizer):
    before = len(tokenizer)
    give_template(tokenizer, "chatml")
    assert len(tokenizer) == before + 2
    template = give_template(tokenizer, "chatml")
    assert len(tokenizer) == before + 2
    assert template.end_id == tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert tokenizer.decode([template.end_id], skip_special_tokens=True) == ""


def test_a_base_model_is_told_its_cure(tokenizer):
    with pytest.raises(TokenizerError, match=r"no chat template .*task\.chat_template: chatml"):
        give_template(tokenizer, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (ONCE + "{{ messages|length }}", "renders the first 1 messages otherwise"),
        (
            "{% for m in messages %}{% if loop.last or m['role'] == 'user' %}{{ m['content'] }}"
            "{{ eos_token }}{% endif %}{% endfor %}",
            "renders the first 2 messages otherwise",
        ),
        (
            ONCE + "{% if add_generation_prompt %}A:{% endif %}",
            "what it writes .* not what stands before one",
        ),
        ("{% for m in messages %}{{ m['content'] + ' ' }}{% endfor %}", "no special token ends an"),
        ("{{ bos_token + bos_token }}" + ONCE, r"writes `<\|endoftext\|>` twice"),
        ("{{ raise_exception('not today') }}", "cannot be rendered: not today"),
        ("{% for m in messages %}", "cannot be rendered"),
    ],
)
def test_a_template_that_does_not_do_what_training_needs(tokenizer, text, told):
    with pytest.raises(TokenizerError, match=rf"chat_template.*: {told}"):
        give_template(tokenizer, text)


@pytest.mark.parametrize(
    ("talk", "told"),
    [
        (
            [*TALK[1:2], {"role": "assistant", "content": "no <|im_end|> here"}],
            r"message 2 \(assis",
        ),
        ([{"role": "user", "content": "a<|endoftext|>"}, TALK[2]], r"message 1 .*special token"),
    ],
)
def test_a_message_does_not_speak_for_another(tokenizer, talk, told):
    template = give_template(tokenizer, "chatml")
    with pytest.raises(DataError, match=rf"row 3: {told}"):
        template.encode([(TALK, "row 2"), (talk, "row 3")])


def test_a_template_s_own_refusal_names_the_row(tokenizer):
    text = "{% if messages[0]['role'] == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    template = give_template(tokenizer, text + ONCE)
    with pytest.raises(DataError, match=r"row 1: task\.chat_template .* refuses .*: no system"):
        template.encode([(TALK, "row 1")])


def test_a_conversation_that_is_rendered_otherwise_when_it_goes_on(tokenizer):
    text = "{{ 'long' if messages|length > 4 else '' }}" + ONCE
    template = give_template(tokenizer, text)
    with pytest.raises(DataError, match=r"row 1: .* renders the first 3 messages otherwise"):
        template.encode([(TALK, "row 1")])


def test_the_tokenizer_s_own_is_taken(tokenizer):
    tokenizer.chat_template = ONCE
    template = give_template(tokenizer, None)
    assert isinstance(template, ChatTemplate)
    assert template.end_id == tokenizer.eos_token_id
