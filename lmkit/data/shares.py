"""Preparing a corpus on several machines: each makes its share of the shards, one joins them.

Every machine reads all documents, which takes about a tenth of the time that encoding takes, so
that shards are cut alike whatever the format; it encodes every N-th shard and notes that it is
done. Any scheduler can start the shares; none has to wait for another.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lmkit.data.fingerprint import require_unchanged
from lmkit.data.shards import ShardStore, Share
from lmkit.data.token_cache import Identity, TokenCorpus, find_or_make
from lmkit.data.token_joiner import MissingShardsError, Written, join_shards
from lmkit.data.token_writer import write_shards
from lmkit.errors import CacheError

_NAMED = 8  # missing shards that a message lists


def make_share(identity: Identity, share: Share, place: str | None) -> int:
    """Make one share of a split's shards; those that are there already are not made again.

    Args:
        identity: The split.
        share: Which shards.
        place: A folder or URL that all machines see; None: the cache.

    Returns:
        How many shards the whole split has.

    Raises:
        LmkitError: what is wrong with the data or the tokenizer, or the place cannot be written.
    """
    store = identity.shards(place)
    with _told(store):
        count, _ = write_shards(
            store, identity.source, identity.tokenizer, text_column=identity.text_column,
            dtype=identity.dtype, share=share,
        )  # fmt: skip
        require_unchanged(identity.source)
        store.write_index(share, count)
    return count


def merge_shares(identity: Identity, place: str | None) -> TokenCorpus:
    """Lay the shards that several machines made into the cache; a hit where that was done before.

    Raises:
        CacheError: some are not there or damaged (their shares are named), or the cache cannot be
            written.
    """
    store = identity.shards(place)

    def make(folder: Path) -> Written:
        with _told(store):
            count, done = store.read_index()
            try:
                return join_shards(
                    folder, store, count, name=identity.source.name, dtype=identity.dtype
                )
            except MissingShardsError as error:
                numbers = error.numbers
                more = ", ..." if len(numbers) > _NAMED else ""
                raise CacheError(
                    f"{store.folder}: of {count} shards {len(numbers)} are not there or damaged "
                    f"({', '.join(map(str, numbers[:_NAMED]))}{more}); shares done: "
                    f"{', '.join(done)}; make the others with --shard I/N (shard s is of share "
                    "s mod N + 1), or all of them again"
                ) from error

    return find_or_make(identity, make, time.perf_counter())


@contextmanager
def _told(store: ShardStore) -> Iterator[None]:
    """What goes wrong with the place, as a CacheError that names it."""
    try:
        yield
    except OSError as error:
        raise CacheError(
            f"{store.folder}: the shards cannot be read or written: {error}"
        ) from error
