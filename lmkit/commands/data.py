"""`lmkit data`: fill the token cache ahead of a run, list it, empty it."""

import json
import shutil
import sys
import time
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmkit import tasks
from lmkit.commands.gguf import with_folders
from lmkit.data.cache import CacheMissError, cache_dir, read_manifest, verifying
from lmkit.data.clean import cleaning_ledgers
from lmkit.data.fingerprint import TABLE
from lmkit.data.limits import token_limit
from lmkit.data.mixture import parts_of
from lmkit.data.shards import Share
from lmkit.data.shares import make_share, merge_shares
from lmkit.data.sources import Source, Splits, open_splits
from lmkit.data.standard_input import with_standard_input
from lmkit.data.token_cache import Identity, TokenCorpus, identify, prepare_corpus
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.errors import CacheError, UsageError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import Recipe


@dataclass(frozen=True)
class PrepareOptions:
    """What `lmkit data prepare` may be told."""

    as_json: bool = False
    """The result as one JSON object."""
    verify: bool = False
    """Read what the recipe uses and compare every hash; prepare nothing."""
    shard: str | None = None
    """`I/N`: make only this share of the shards."""
    merge: bool = False
    """Join the shares that were made."""
    output: str | None = None
    """Where the shards of several machines are; left out, the cache."""

    def __post_init__(self) -> None:
        """Check what the options say together.

        Raises:
            UsageError: two that exclude one another, or a place for nothing.
        """
        given = {"--verify": self.verify, "--shard": self.shard is not None, "--merge": self.merge}
        chosen = [name for name, is_given in given.items() if is_given]
        if len(chosen) > 1:
            raise UsageError(f"{chosen[0]} and {chosen[1]} exclude one another; give one of them")
        if self.output is not None and (self.verify or not chosen):
            raise UsageError("--output is where shards are put and found: give --shard or --merge")


def prepare(recipe: Recipe, options: PrepareOptions) -> None:
    """Train or load the tokenizer and tokenize every split, as a run would before its first step.

    Raises:
        UsageError: the task reads its rows as they are and has nothing to prepare, or a stream.
        CacheError: with `verify`, an entry that is damaged or absent; the cache cannot be written.
        LmkitError: what is wrong with the data or the tokenizer.
    """
    task = recipe.task
    if not isinstance(task, CausalLMOptions | MaskedLMOptions):
        raise UsageError(
            f"lmkit data prepare: {task.name} reads its rows as they are and uses no token "
            "cache; only causal_lm and masked_lm do"
        )
    started = time.perf_counter()
    with verifying() if options.verify else nullcontext():
        splits, identities = _identities(recipe, task.text_column)
        if options.shard is not None:
            _make_share(identities, Share.parse(options.shard), options)
            return
        if options.verify:
            corpora = _verified(identities)
        elif options.merge:
            corpora = {i.source.name: merge_shares(i, options.output) for i in identities}
        else:
            corpora = {i.source.name: prepare_corpus(i) for i in identities}
        if not options.verify:
            _plan(task, splits.train, identities)
    found = _summary(corpora, time.perf_counter() - started)
    if cleaned := cleaning_ledgers(splits):
        found["cleaning"] = cleaned
    if options.as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, corpus in corpora.items():
        state = "found in the cache" if corpus.hit else "tokenized"
        if options.verify:
            state = "every hash is right"
        sys.stdout.write(f"{name:<10}  {corpus.ledger.line()}; {state}: {corpus.folder}\n")


def _plan(
    task: CausalLMOptions | MaskedLMOptions, train: Source, identities: Sequence[Identity]
) -> None:
    """Where documents are isolated, the plan of the blocks, which is kept beside the tokens."""
    if task.packing != "isolated":
        return
    for identity in identities:
        if any(identity.source is part for part in parts_of(train)):
            tasks.build(task).examples(identity.source, identity.tokenizer, seed=0, training=True)


def _identities(recipe: Recipe, text_column: str) -> tuple[Splits, list[Identity]]:
    """The splits, and what each (or part of a mixture) is in the cache: there is a tokenizer."""
    if recipe.data.streaming:
        raise UsageError(
            "data.streaming: a stream is prepared while a run reads it, shard by shard; leave "
            "data.streaming out to prepare everything beforehand"
        )
    recipe = with_folders(recipe)
    recipe = recipe.model_copy(update={"data": with_standard_input(recipe.data)})
    try:
        splits = open_splits(recipe.data, recipe.task)
        tokenizer = prepare_tokenizer(recipe, splits.train)
    except CacheMissError as error:
        raise _absent("the tokenizer") from error
    return splits, [
        identify(source, tokenizer, text_column=text_column)
        for split in splits
        if split is not None
        for source in parts_of(split)
    ]


def _verified(identities: Sequence[Identity]) -> dict[str, TokenCorpus]:
    """The corpora, once all of them are whole.

    Raises:
        CacheError: some are not; all are named.
    """
    corpora, problems = {}, []
    for identity in identities:
        try:
            corpora[identity.source.name] = prepare_corpus(identity)
        except CacheMissError:
            problems.append(str(_absent(f"the {identity.source.name} split")))
        except CacheError as error:
            problems.append(str(error))
    if problems:
        raise CacheError("\n".join(problems))
    return corpora


def _absent(what: str) -> CacheError:
    return CacheError(f"{what} is not in the cache ({cache_dir()}); prepare it: leave out --verify")


def _make_share(identities: Sequence[Identity], share: Share, options: PrepareOptions) -> None:
    """Make one share of every split and say what was done.

    Raises:
        UsageError: a limit in tokens, which only one who makes all shards can keep.
    """
    if any(token_limit(identity.source) for identity in identities):
        raise UsageError(
            "--shard: data.max_tokens is counted from the first shard on, so one machine has to "
            "make all; leave out one of the two"
        )
    shards = {i.source.name: make_share(i, share, options.output) for i in identities}
    if options.as_json:
        found = {
            "shard": f"{share.number}/{share.of}",
            "splits": {
                i.source.name: {"key": i.key, "shards": shards[i.source.name]} for i in identities
            },
        }
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for identity in identities:
        name, folder = identity.source.name, identity.shards(options.output).folder
        made = len([n for n in range(shards[name]) if share.has(n)])
        sys.stdout.write(f"{name:<10}  {made} of {shards[name]} shards are there: {folder}\n")


def _summary(corpora: dict[str, TokenCorpus], seconds: float) -> dict[str, Any]:
    """The sums over all splits, and each split; `cache` is "hit" where nothing was tokenized."""
    ledgers = [corpus.ledger for corpus in corpora.values()]
    return {
        "cache": "hit" if all(corpus.hit for corpus in corpora.values()) else "miss",
        "seconds": round(seconds, 3),
        "documents": sum(ledger.documents for ledger in ledgers),
        "bytes": sum(ledger.bytes for ledger in ledgers),
        "tokens": sum(ledger.tokens for ledger in ledgers),
        "dropped_tokens": sum(ledger.dropped for ledger in ledgers),
        "splits": {
            name: {
                "cache": "hit" if corpus.hit else "miss",
                "seconds": round(corpus.seconds, 3),
                "documents": corpus.ledger.documents,
                "tokens": corpus.ledger.tokens,
                "dropped_tokens": corpus.ledger.dropped,
                "key": corpus.key,
            }
            for name, corpus in corpora.items()
        },
    }


def list_cache(*, as_json: bool) -> None:
    """Write what the cache holds: kind, key, size and, for tokens, how many of what.

    Entries of the kind `shards` are parts of corpora that are not whole yet.
    """
    entries = [_describe(path.parent) for path in sorted(cache_dir().glob("*/*/meta.json"))]
    unfinished = [_describe_shards(path) for path in sorted(cache_dir().glob("shards/*/"))]
    entries += [found for found in unfinished if found["bytes"]]
    if as_json:
        found = {"path": str(cache_dir()), "entries": entries}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
        return
    for entry in entries:
        line = f"{entry['kind']:<10}  {entry['key'][:12]}  {entry['bytes'] / 1e6:>10,.1f} MB"
        if entry["tokens"] is not None:
            line += f"  {entry['documents']:,} documents, {entry['tokens']:,} tokens"
        sys.stdout.write(line + "\n")
    total = sum(entry["bytes"] for entry in entries)
    sys.stdout.write(f"{len(entries)} entries, {total / 1e6:,.1f} MB in {cache_dir()}\n")


def _describe(folder: Path) -> dict[str, Any]:
    """One entry of the cache; sizes in bytes."""
    ledger = read_manifest(folder).get("ledger", {})
    return {
        "kind": folder.parent.name,
        "key": folder.name,
        "bytes": sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()),
        "documents": ledger.get("documents"),
        "tokens": ledger.get("tokens"),
    }


def _describe_shards(folder: Path) -> dict[str, Any]:
    """The shards of a corpus that is not whole yet; sizes in bytes."""
    size = sum(path.stat().st_size for path in folder.iterdir() if path.is_file())
    return {
        "kind": "shards", "key": folder.name, "bytes": size, "documents": None, "tokens": None,
    }  # fmt: skip


def clear_cache() -> None:
    """Delete what lmkit keeps in its cache folder, and nothing else that may lie there."""
    root = cache_dir()
    # an entry, one that was being written, or the lock of one: its parent is a folder of lmkit's
    own = ("*/*/meta.json", "*/.*.tmp", "*/.*.lock", "shards/*/*.safetensors", "shards/*/.*.tmp")
    signs = (path for sign in own for path in root.glob(sign))
    kinds = {root / path.relative_to(root).parts[0] for path in signs}
    files = [path for kind in kinds for path in kind.rglob("*") if path.is_file()]
    tables = list(root.glob(f"{TABLE}*"))
    freed = sum(path.stat().st_size for path in (*files, *tables))
    for kind in kinds:
        shutil.rmtree(kind)
    for table in tables:
        table.unlink()
    sys.stdout.write(f"deleted {freed / 1e6:,.1f} MB from {root}\n")
