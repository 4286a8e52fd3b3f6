"""A chat template: how messages become token ids, and which of them a model is to write itself.

A template is Jinja that renders a list of messages (transformers, "Chat templates"). What it does
is checked before it is used: the rendering of the first k messages must begin that of the first
k + 1, so that a conversation can go on; with the generation prompt it must end where an answer
begins; and a special token must end each answer, else a model could not learn to stop. Then the
answers are found exactly, by rendering each conversation up to them (or, where it has `generation`
marks, are what it marks), and what stands before an answer in training is, token by token, what
stands there when the model is asked.

A template is a program of whoever wrote it: it is rendered within bounds (rendering.py).
"""

import re
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from typing import Any, NamedTuple

from transformers import PreTrainedTokenizerBase

from lmkit.data.confined import Confined, ConfinedError
from lmkit.data.generation_marks import Piece, cut_by_marks, generation_marks, has_marks
from lmkit.data.rendering import Renderer
from lmkit.data.template_text import PACKAGED, template_text
from lmkit.errors import DataError, TokenizerError

OWN = "the tokenizer's own chat template"

_PROBE = [
    {"role": "user", "content": "first question"},
    {"role": "assistant", "content": "first answer"},
    {"role": "user", "content": "second question"},
    {"role": "assistant", "content": "second answer"},
]
_TOKEN = re.compile(r"<\|[^|<>\s]+\|>")

Message = dict[str, Any]


class Tokens(NamedTuple):
    """A conversation of T tokens."""

    ids: list[int]
    """(T,)"""
    answers: list[int]
    """(T,): n for a token of the n-th answer or the one that ends it, from 1 on; else 0."""


class ChatTemplate:
    """The template of a tokenizer, checked."""

    def __init__(self, tokenizer: PreTrainedTokenizerBase, name: str = OWN) -> None:
        """Check the template that the tokenizer has.

        Args:
            tokenizer: with a `chat_template`.
            name: what messages call the template.

        Raises:
            TokenizerError: the template does not do what training needs; says what.
        """
        self.tokenizer = tokenizer
        self.name = name
        self._texts = Renderer(tokenizer)
        self._marks = Confined(partial(generation_marks, tokenizer))
        added = tokenizer.added_tokens_decoder.items()
        special = {int(number) for number, token in added if token.special}
        self._special = special | {int(number) for number in tokenizer.all_special_ids}
        texts = [str(token) for _, token in added if token.special]
        texts = [*texts, *map(str, tokenizer.all_special_tokens)]
        longest_first = sorted(set(texts), key=lambda text: (-len(text), text))
        self._markers = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._whole, self._marked = False, has_marks(tokenizer)
        self.end_id = self._check()
        if self._marked:
            self._check_marks()

    def render(self, messages: Sequence[Message], *, ask: bool = False) -> str:
        """The text of messages; with `ask` the generation prompt at its end.

        Raises:
            ConfinedError: the template does not take them, or takes too long or too much memory.
        """
        return self._texts([(messages, ask)])[0]

    def question(self, text: str, system: str | None = None) -> list[int]:
        """The ids that ask for an answer to one user message, after the system's if there is one.

        Raises:
            DataError: the template refuses them.
        """
        first = [] if system is None else [{"role": "system", "content": system}]
        return self.prefix([*first, {"role": "user", "content": text}], "the prompt")

    def encode(self, conversations: Sequence[tuple[list[Message], str]]) -> list[Tokens]:
        """The token ids of conversations, and the answers among them.

        Args:
            conversations: messages, and where they stand, for messages to people.

        Raises:
            DataError: a conversation that the template refuses or renders otherwise when it goes
                on, or a message that holds one of the special tokens; the row is named.
        """
        cut = [self._pieces(messages, origin) for messages, origin in conversations]
        if self._whole:
            return [self._by_prefix(pieces) for pieces in cut]
        ids = iter(self._encode([piece.text for pieces in cut for piece in pieces]))
        return [self._joined(pieces, [next(ids) for _ in pieces]) for pieces in cut]

    def prefix(self, messages: Sequence[Message], origin: str) -> list[int]:
        """The ids that ask for the next answer in a conversation.

        Raises:
            DataError: as `encode`.
        """
        return self._encode(self._within(self._texts, [(messages, True)], origin))[0]

    def answer(self, messages: Sequence[Message], answer: Message, origin: str) -> list[int]:
        """The ids of one answer to a conversation, to the token that ends it.

        Raises:
            DataError: as `encode`.
        """
        ((ids, answers),) = self.encode([([*messages, answer], origin)])
        last = sum(message["role"] == "assistant" for message in messages) + 1
        if last not in answers:
            raise DataError(f"{origin}: {self.name} marks no part of the answer as one to learn")
        return [number for number, which in zip(ids, answers, strict=True) if which == last]

    def _pieces(self, messages: list[Message], origin: str) -> list[Piece]:
        """The text in pieces: before an answer, the answer with its end, and so on by turns.

        Where the template marks what is learned, a piece is marked as a whole or not at all.
        """
        for number, message in enumerate(messages, start=1):
            found = self._markers.search(str(message.get("content") or ""))
            if found:
                raise DataError(
                    f"{origin}: message {number} ({message['role']}) holds `{found[0]}`, a special "
                    "token of the tokenizer, which would be read as one; mend or leave out the row"
                )
        turns = [n for n, message in enumerate(messages) if message["role"] == "assistant"]
        parts = [part for n in turns for part in ((messages[:n], True), (messages[: n + 1], False))]
        whole, *texts = self._within(self._texts, [(messages, False), *parts], origin)
        edges: list[int] = []
        for number, before, after in zip(turns, texts[::2], texts[1::2], strict=True):
            if not (whole.startswith(after) and after.startswith(before)):
                raise DataError(
                    f"{origin}: {self.name} renders the first {number + 1} messages otherwise when "
                    "more follow, so its answers cannot be told apart; take another "
                    "(task.chat_template: chatml)"
                )
            edges += [len(before), len(after)]
        if self._marked:
            return cut_by_marks(whole, self._within(self._marks, messages, origin), edges)
        cuts = enumerate(pairwise([0, *edges, len(whole)]))
        return [Piece(whole[a:b], (at // 2 + 1) * (at % 2)) for at, (a, b) in cuts]

    def _within(self, work: Callable[[Any], Any], given: Any, origin: str) -> Any:
        """What the template makes of what is given, within its bounds."""
        try:
            return work(given)
        except ConfinedError as error:
            raise DataError(
                f"{origin}: {self.name} refuses the conversation: {error}; mend or leave out the "
                "row, or take another template (task.chat_template: chatml)"
            ) from error

    def _encode(self, texts: list[str]) -> list[list[int]]:
        """Ids of each text, with no special token but those that the template wrote."""
        if not texts:
            return []
        quiet: dict[str, Any] = {"return_attention_mask": False, "return_token_type_ids": False}
        found = self.tokenizer(texts, add_special_tokens=False, verbose=False, **quiet)
        return [list(map(int, ids)) for ids in found["input_ids"]]

    def _joined(self, pieces: list[Piece], encoded: list[list[int]]) -> Tokens:
        """The ids of pieces as one conversation.

        What follows the end of an answer is not its own, unless the template marks it.
        """
        ids: list[int] = []
        answers: list[int] = []
        for piece, own in zip(pieces, encoded, strict=True):
            ids += own
            ends = [at for at, token in enumerate(own) if token == self.end_id]
            size = ends[-1] + 1 if ends and not self._marked else len(own)
            answers += [piece.answer] * size + [0] * (len(own) - size)
        return Tokens(ids, answers)

    def _by_prefix(self, pieces: list[Piece]) -> Tokens:
        """The same for a tokenizer to which a piece by itself is another text: by longer prefixes.

        Those that put a space before every text (SentencePiece) need it.
        """
        encoded = self._encode(list(accumulate(piece.text for piece in pieces)))
        edges = pairwise([0, *map(len, encoded)])
        return self._joined(pieces, [encoded[-1][a:b] for a, b in edges])

    def _check(self) -> int:
        """See that the template does what training needs, and find the token that ends an answer.

        Raises:
            TokenizerError: it does not.
        """
        try:
            texts = [self.render(_PROBE[:count]) for count in range(1, 5)]
            before = [self.render(_PROBE[:count], ask=True) for count in (1, 3)]
        except ConfinedError as error:
            raise TokenizerError(f"{self.name}: cannot be rendered: {error}; {_CURE}") from error
        for count, (text, longer) in enumerate(pairwise(texts), start=1):
            if not longer.startswith(text):
                raise TokenizerError(
                    f"{self.name}: renders the first {count} messages otherwise when another one "
                    "follows (as those do that leave earlier reasoning out), so what an answer was "
                    "learned after would not be what stands before it when a model is asked; "
                    f"{_CURE}"
                )
        for asked, full, message in zip(before, texts[1::2], _PROBE[1::2], strict=True):
            answer = full[len(asked) :].lstrip()
            if not (full.startswith(asked) and answer.startswith(message["content"])):
                raise TokenizerError(
                    f"{self.name}: what it writes to ask for an answer (add_generation_prompt) is "
                    f"not what stands before one in a conversation; {_CURE}"
                )
        return self._end_of(texts[3], before[1])

    def _check_marks(self) -> None:
        """See that the template marks each answer with the token that ends it."""
        ((ids, answers),) = self.encode([(_PROBE, "the first try")])
        for number, message in enumerate(_PROBE[1::2], start=1):
            own = [token for token, which in zip(ids, answers, strict=True) if which == number]
            if self.end_id not in own or message["content"] not in str(self.tokenizer.decode(own)):
                raise TokenizerError(
                    f"{self.name}: its {{% generation %}} marks leave out an answer, or the token "
                    f"that ends one, without which a model could not learn to stop; {_CURE}"
                )

    def _end_of(self, full: str, asked: str) -> int:
        """The token that ends the last answer of the probe; how to encode is settled here."""
        whole, prompt = self._encode([full, asked])
        begin = self.tokenizer.bos_token_id
        if begin is not None and whole[:2] == [begin, begin]:
            raise TokenizerError(f"{self.name}: writes `{self.tokenizer.bos_token}` twice; {_CURE}")
        apart = prompt + self._encode([full[len(asked) :]])[0]
        self._whole = apart != whole and whole[: len(prompt)] == prompt
        content = str(_PROBE[3]["content"])
        (end,) = self._encode([full[full.rindex(content) + len(content) :]])
        found = next((number for number in end if number in self._special), None)
        if found is None:
            raise TokenizerError(
                f"{self.name}: no special token ends an answer, so a model could not learn to "
                f"stop; {_CURE}"
            )
        return found


_CURE = "give another one: task.chat_template: chatml, or a Jinja file"


def give_template(tokenizer: PreTrainedTokenizerBase, given: str | None) -> ChatTemplate:
    """Give a tokenizer its chat template, with the special tokens it needs, and check it.

    Args:
        tokenizer: changed: its `chat_template`, and tokens `<|...|>` that it lacked.
        given: as `template_text` takes it; None for the tokenizer's own.

    Raises:
        TokenizerError: there is no template, or it does not do what training needs.
    """
    if given is None:
        if tokenizer.chat_template is None:
            raise TokenizerError(
                "task: the tokenizer has no chat template (it is that of a base model); name one: "
                f"task.chat_template: {', '.join(PACKAGED)}, or a Jinja file"
            )
        return ChatTemplate(tokenizer)
    text = template_text(given)
    name = f"task.chat_template ({given if len(given) < 60 else 'as given'})"
    text = PACKAGED.get(text, text)
    known = tokenizer.get_vocab()
    lacking = [token for token in dict.fromkeys(_TOKEN.findall(text)) if token not in known]
    if lacking:
        tokenizer.add_tokens(lacking, special_tokens=True)
    tokenizer.chat_template = text
    return ChatTemplate(tokenizer, name)
