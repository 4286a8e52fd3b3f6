"""`lmkit data`: fill the token cache ahead of a run, list it, empty it."""

import json
import shutil
import sys
import time
from pathlib import Path
from typing import Any

from lmkit import tasks
from lmkit.data.cache import cache_dir, read_manifest
from lmkit.data.clean import cleaning_ledgers
from lmkit.data.fingerprint import TABLE
from lmkit.data.mixture import parts_of
from lmkit.data.sources import open_splits
from lmkit.data.token_cache import TokenCorpus, tokenize_corpus
from lmkit.data.tokenizer import prepare_tokenizer
from lmkit.errors import UsageError
from lmkit.recipe.options.causal_lm import CausalLMOptions
from lmkit.recipe.options.masked_lm import MaskedLMOptions
from lmkit.recipe.sections import Recipe


def prepare(recipe: Recipe, *, as_json: bool) -> None:
    """Train or load the tokenizer and tokenize every split, as a run would before its first step.

    Raises:
        UsageError: the task reads its rows as they are and has nothing to prepare.
        LmkitError: what is wrong with the data or the tokenizer.
    """
    options = recipe.task
    if not isinstance(options, CausalLMOptions | MaskedLMOptions):
        raise UsageError(
            f"lmkit data prepare: {options.name} reads its rows as they are and uses no token "
            "cache; only causal_lm and masked_lm do"
        )
    started = time.perf_counter()
    splits = open_splits(recipe.data, options)
    tokenizer = prepare_tokenizer(recipe, splits.train)
    corpora = {
        source.name: tokenize_corpus(source, tokenizer, text_column=options.text_column)
        for split in splits
        if split is not None
        for source in parts_of(split)
    }
    if options.packing == "isolated":  # the plan of its blocks is kept beside the tokens
        tasks.build(options).examples(splits.train, tokenizer, seed=0, training=True)
    found = _summary(corpora, time.perf_counter() - started)
    if cleaned := cleaning_ledgers(splits):
        found["cleaning"] = cleaned
    if as_json:
        sys.stdout.write(json.dumps(found) + "\n")
        return
    for name, corpus in corpora.items():
        state = "found in the cache" if corpus.hit else "tokenized"
        sys.stdout.write(f"{name:<10}  {corpus.ledger.line()}; {state}: {corpus.folder}\n")


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
    """Write what the cache holds: kind, key, size and, for tokens, how many of what."""
    entries = [_describe(path.parent) for path in sorted(cache_dir().glob("*/*/meta.json"))]
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


def clear_cache() -> None:
    """Delete what lmkit keeps in its cache folder, and nothing else that may lie there."""
    root = cache_dir()
    # an entry, one that was being written, or the lock of one: its parent is a folder of lmkit's
    signs = (
        path for sign in ("*/*/meta.json", "*/.*.tmp", "*/.*.lock") for path in root.glob(sign)
    )
    kinds = {root / path.relative_to(root).parts[0] for path in signs}
    files = [path for kind in kinds for path in kind.rglob("*") if path.is_file()]
    tables = list(root.glob(f"{TABLE}*"))
    freed = sum(path.stat().st_size for path in (*files, *tables))
    for kind in kinds:
        shutil.rmtree(kind)
    for table in tables:
        table.unlink()
    sys.stdout.write(f"deleted {freed / 1e6:,.1f} MB from {root}\n")
