"""Train a tokenizer on a stream of texts: the same texts give the same bytes, always.

The ids are those of the special tokens, then of the alphabet, then of what was learned. Byte-level
BPE is learned by `tokenizers`: its ties are broken by ids that the sorted bytes fix. Its trainers
of WordPiece and Unigram leave ties to the order of a hash map; so those two are learned as
`tokenizer_wordpiece` and `tokenizer_unigram` say, from the words that `tokenizers` counts. Texts
are read once, in flat memory: only distinct words are kept.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Literal

from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast
from transformers.convert_slow_tokenizer import bytes_to_unicode

from lmkit.data.tokenizer_unigram import learn_unigram
from lmkit.data.tokenizer_wordpiece import learn_wordpiece
from lmkit.errors import TokenizerError
from lmkit.recipe.sections import TokenizerTraining

Kind = Literal["causal", "masked", "seq2seq"]

END, PAD = "<|endoftext|>", "<|pad|>"
MASKED = {
    "pad_token": "[PAD]",
    "unk_token": "[UNK]",
    "cls_token": "[CLS]",
    "sep_token": "[SEP]",
    "mask_token": "[MASK]",
}
SEQ2SEQ = {"pad_token": "<pad>", "eos_token": "</s>"}  # their ids are T5's too
UNKNOWN = "<unk>"  # the word that WikiText and the Penn Treebank have for rare ones
BYTE_SCORE = -1000.0  # bytes spell what no piece covers; a piece that fits always wins
LONGEST_WORD = 100  # characters; WordPiece reads a longer word as unknown, as BERT does
PART = 100_000  # characters of a long document that are handed over at a time

_LINE_END = re.compile(r"\S\n(?=\S)")


def train_tokenizer(
    section: TokenizerTraining, texts: Iterable[str], *, model_max_length: int, kind: Kind
) -> PreTrainedTokenizerBase:
    """A tokenizer learned from `texts`, ready to be saved where `AutoTokenizer` opens it.

    Args:
        section: Its type and size.
        texts: Documents; read once.
        model_max_length: The tokens that a model with this tokenizer takes.
        kind: `causal`: an end token (which also begins a text, as in GPT-2) and a padding token.
            `masked`: the five special tokens of BERT, and [CLS] text [SEP] around what is encoded.
            `seq2seq`: padding and end tokens, the end behind what is encoded (as T5).

    Raises:
        TokenizerError: `vocab_size` does not even hold the special tokens and the alphabet.
    """
    special = special_tokens(section, kind)
    names = list(dict.fromkeys(special.values()))
    learn = {
        "bpe": _bpe,
        "byte": _byte,
        "wordpiece": _wordpiece,
        "unigram": _unigram,
        "wordlevel": _wordlevel,
    }
    backend = learn[section.type](section, _in_parts(texts), names)
    backend.add_special_tokens([AddedToken(n, special=True, normalized=False) for n in names])
    backend.post_processor = _post_processor(backend, kind, special)
    inputs = ["input_ids", "attention_mask"]
    return PreTrainedTokenizerFast(  # type: ignore[no-untyped-call] # it has no annotations
        tokenizer_object=backend,
        model_max_length=model_max_length,
        clean_up_tokenization_spaces=False,
        model_input_names=[inputs[0], "token_type_ids", inputs[1]] if kind == "masked" else inputs,
        **special,
    )


def special_tokens(section: TokenizerTraining, kind: Kind) -> dict[str, str]:
    """The special tokens by their part in transformers, in the order of their ids.

    Padding has a token of its own in causal tokenizers too: where it is the end token, common
    collators also hide the end of each document from the loss.
    """
    if kind == "masked":
        return dict(MASKED)
    special = {"bos_token": END, "eos_token": END, "pad_token": PAD}
    if kind == "seq2seq":
        special = dict(SEQ2SEQ)
    unknown = {"wordpiece": "[UNK]", "unigram": UNKNOWN, "wordlevel": UNKNOWN}.get(section.type)
    return special if unknown is None else {**special, "unk_token": unknown}


def _bpe(section: TokenizerTraining, texts: Iterator[str], special: list[str]) -> Tokenizer:
    """Byte-level BPE (Radford et al. 2019, GPT-2, section 2.2): any text, no unknown token."""
    alphabet = sorted(_byte_characters())
    _check_size(section, len(special) + len(alphabet), "the special tokens and the 256 bytes")
    backend = _byte_level(section, models.BPE())
    trainer = trainers.BpeTrainer(
        vocab_size=section.vocab_size,
        min_frequency=section.min_frequency,
        special_tokens=special,
        initial_alphabet=alphabet,
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def _byte(section: TokenizerTraining, texts: Iterator[str], special: list[str]) -> Tokenizer:  # noqa: ARG001 - nothing to learn
    """One token a byte, in the order of the bytes; `vocab_size` has no say."""
    known = [*special, *_byte_characters()]
    vocabulary = {name: index for index, name in enumerate(known)}
    return _byte_level(section, models.BPE(vocab=vocabulary, merges=[]))


def _byte_characters() -> list[str]:
    """The character that stands for each byte, as in GPT-2."""
    table: dict[int, str] = bytes_to_unicode()  # type: ignore[no-untyped-call] # as above
    return [table[byte] for byte in range(256)]


def _byte_level(section: TokenizerTraining, model: models.Model) -> Tokenizer:
    backend = Tokenizer(model)
    if section.lowercase:
        backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    return backend


def _wordpiece(section: TokenizerTraining, texts: Iterator[str], special: list[str]) -> Tokenizer:
    """WordPiece as BERT reads it, its pieces learned as byte-pair merges inside words."""
    backend = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    lowercase = section.lowercase is not False
    backend.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    _check_size(section, len(special) + 2, "the special tokens and a character")
    names = learn_wordpiece(
        texts,
        size=section.vocab_size - len(special),
        min_frequency=section.min_frequency,
        lowercase=lowercase,
    )
    backend.model = models.WordPiece(
        vocab={name: index for index, name in enumerate([*special, *names])},
        unk_token="[UNK]",
        max_input_chars_per_word=LONGEST_WORD,
    )
    backend.decoder = decoders.WordPiece(prefix="##")
    return backend


def _wordlevel(section: TokenizerTraining, texts: Iterator[str], special: list[str]) -> Tokenizer:
    """A token a word, the most frequent ones: words are what stands between white space.

    That is how WikiText-2 and the Penn Treebank are read (Merity et al. 2017, arXiv:1609.07843,
    section 4.3), texts whose marks already stand apart. White space itself is not kept.
    """
    _check_size(section, len(special) + 1, "the special tokens and a word")
    backend = Tokenizer(models.WordLevel({}, unk_token=_unknown(special)))
    if section.lowercase:
        backend.normalizer = normalizers.Lowercase()
    backend.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    # `tokenizers`' own trainer counts a special token that a text spells out twice over
    counts = _count(backend, texts)
    often = [w for w in counts if counts[w] >= section.min_frequency and w not in special]
    often.sort(key=lambda word: (-counts[word], word))
    names = [*special, *often[: section.vocab_size - len(special)]]
    vocabulary = {name: index for index, name in enumerate(names)}
    backend.model = models.WordLevel(vocabulary, unk_token=_unknown(special))
    return backend


def _unigram(section: TokenizerTraining, texts: Iterator[str], special: list[str]) -> Tokenizer:
    """Unigram over NFKC text with `▁` for spaces (as T5 and XLNet), rare characters as bytes.

    As in those, a text is read as if a space stood before it, so one leading space is not kept.
    """
    parts = [normalizers.NFKC()] + [normalizers.Lowercase()] * bool(section.lowercase)
    backend = Tokenizer(models.Unigram())
    backend.normalizer = normalizers.Sequence(parts)
    backend.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    names = [f"<0x{byte:02X}>" for byte in range(256)]
    fixed = [(name, 0.0) for name in special] + [(name, BYTE_SCORE) for name in names]
    spelling = sorted(set("".join(names)))
    least = len(fixed) + len(spelling) + 1
    _check_size(section, least, "the special tokens, the 256 bytes and what spells them")
    room = section.vocab_size - len(fixed)
    taken = {name for name, _ in fixed}
    learned = [p for p in learn_unigram(_count(backend, texts), room) if p[0] not in taken]
    # Were one of these unknown, a text that spells out `<0x41>` would be taken for that byte.
    missing = [character for character in spelling if character not in dict(learned)]
    learned = learned[: room - len(missing)]
    lowest = min((score for _, score in learned), default=0.0)
    backend.model = models.Unigram(
        [*fixed, *learned, *((character, lowest) for character in missing)],
        unk_id=special.index(_unknown(special)),
        byte_fallback=True,
    )
    backend.decoder = decoders.Sequence(
        [decoders.ByteFallback(), decoders.Metaspace(prepend_scheme="always")]
    )
    return backend


def _unknown(special: list[str]) -> str:
    """The one among `special` that stands for what is not in the vocabulary."""
    return next(name for name in special if name in (UNKNOWN, "[UNK]"))


def _post_processor(backend: Tokenizer, kind: Kind, special: Mapping[str, str]) -> Any:
    """What stands around an encoded text: nothing, BERT's [CLS] and [SEP], or T5's end."""
    if kind == "seq2seq":
        end = special["eos_token"]
        return processors.TemplateProcessing(
            single=f"$A:0 {end}:0", pair=f"$A:0 {end}:0 $B:1 {end}:1",
            special_tokens=[(end, backend.token_to_id(end))],
        )  # fmt: skip
    if kind == "causal":
        if isinstance(backend.model, models.BPE):
            return processors.ByteLevel(trim_offsets=False)
        return processors.TemplateProcessing(single="$A:0", pair="$A:0 $B:1", special_tokens=[])
    first, last = special["cls_token"], special["sep_token"]
    return processors.TemplateProcessing(
        single=f"{first}:0 $A:0 {last}:0",
        pair=f"{first}:0 $A:0 {last}:0 $B:1 {last}:1",
        special_tokens=[(name, backend.token_to_id(name)) for name in (first, last)],
    )


def _count(backend: Tokenizer, texts: Iterator[str]) -> dict[str, int]:
    """How often each word occurs, by the normalizer and the pre-tokenizer of `backend`."""
    counter = Tokenizer(models.BPE())
    counter.normalizer, counter.pre_tokenizer = backend.normalizer, backend.pre_tokenizer
    trainer = trainers.BpeTrainer(vocab_size=0, show_progress=False)
    counter.train_from_iterator(texts, trainer)
    return _words(trainer)


def _words(trainer: trainers.BpeTrainer) -> dict[str, int]:
    """The words that a trainer has counted, sorted: they are part of its pickled state."""
    counts: dict[str, int] = json.loads(trainer.__getstate__())["BpeTrainer"]["words"]
    return dict(sorted(counts.items()))


def _in_parts(texts: Iterable[str]) -> Iterator[str]:
    """The texts, long ones cut between lines: `tokenizers` holds 256 at a time."""
    for text in texts:
        start = 0
        while len(text) - start > PART:
            line_ends = [m.end() for m in _LINE_END.finditer(text, start + 1, start + PART)]
            end = line_ends[-1] if line_ends else start + PART
            yield text[start:end]
            start = end
        yield text[start:]


def _check_size(section: TokenizerTraining, least: int, what: str) -> None:
    if section.vocab_size < least:
        raise TokenizerError(
            f"tokenizer.train.vocab_size: {section.vocab_size} is too small for type "
            f"`{section.type}`: {what} need {least}"
        )
