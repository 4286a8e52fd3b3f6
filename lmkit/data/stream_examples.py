"""The training examples of a stream: blocks of shards, epoch after epoch, without an end.

Position p of the stream is block number p of a walk over epochs, in each over the shards in an
order drawn by seed and epoch, and in each shard over its blocks in an order of its own. A step
takes the next positions, so it may cross from a shard to the next, and none is short. Where a
position lies is told by the numbers of blocks of the shards before it: these are noted in the run
folder, so that a resumed run opens the shard it goes on in and no other. Once half of a shard was
read, the next one is prepared in the background.
"""

import json
import logging
from collections import OrderedDict
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from lmkit.data.background import Background
from lmkit.data.cache import cache_dir, evict
from lmkit.data.indexed import Indexed
from lmkit.data.order import Permutation, branch
from lmkit.data.rows import Source
from lmkit.data.stream import STREAM, Shard, Stream
from lmkit.errors import DataError
from lmkit.run_folder import write_json

logger = logging.getLogger(__name__)

ENDLESS = 1 << 40
"""Positions of a stream: more than anybody trains on."""
KEPT_BYTES = 10_000_000_000
"""Of the tokens of shards in the cache; beyond them, those not used for longest are removed."""
_OPEN = 2  # shards at hand: a step may lie in two

Ints = npt.NDArray[np.int64]


class Place(NamedTuple):
    """Where a position of a stream lies."""

    epoch: int
    shard: int
    turn: int
    """How many blocks of the shard come before it in this epoch."""


class _Prepared(NamedTuple):
    """A shard whose tokens are in the cache."""

    examples: Indexed | None
    """None where it holds no row."""
    record: dict[str, Any]
    """How many `blocks`, and the `sha256` of the content."""


class StreamExamples:
    """Examples by position; `lmkit.training` sees one epoch as long as the run.

    Args:
        stream: The shards.
        make: The examples of a shard, with the seed of what is drawn for them.
        seed: What the order depends on.
        shuffle: Whether shards and blocks are shuffled at all.
        length: Tokens of an example, at most.
        identity: What the numbers of blocks depend on, beside the content of the shards.
    """

    def __init__(
        self,
        stream: Stream,
        make: Callable[[Source, int], Indexed],
        *,
        seed: int,
        shuffle: bool,
        length: int,
        identity: str,
    ) -> None:
        self.stream = stream
        self.lengths = np.array([length], dtype=np.int64)
        """The most tokens of an example, (1,): what the others have is not known beforehand."""
        self._make, self._seed, self._shuffle, self._identity = make, seed, shuffle, identity
        self._records: dict[int, dict[str, Any]] = {}
        self._path: Path | None = None
        self._opened: OrderedDict[int, Indexed] = OrderedDict()
        self._ahead: Background[_Prepared] = Background()
        self._orders: dict[tuple[int, int], Ints | Permutation] = {}
        self._halfway: tuple[int, int] | None = None
        self._epoch: int
        self._slot: int
        self._begin: int
        self._epoch_begin: int
        self._rewind()

    def __len__(self) -> int:
        """Endless."""
        return ENDLESS

    def __getitem__(self, key: tuple[int, int]) -> dict[str, Any]:
        """The example at a position; what is drawn for it depends on the epoch of the stream.

        Args:
            key: (the trainer's epoch, always 0; the position).

        Raises:
            DataError: a shard cannot be read, or is not what it was when this run began.
        """
        place = self.locate(key[1])
        examples = self._examples(place.shard)
        assert examples is not None, place
        if 2 * place.turn >= len(examples):
            self._look_ahead(place)
        return examples[place.epoch, self._block(place, len(examples))]

    def locate(self, position: int) -> Place:
        """Where a position lies; shards whose blocks are not counted yet are prepared for it.

        Raises:
            DataError: no shard makes a block.
        """
        if position < self._begin:
            self._rewind()
        while True:
            shard = int(self._shards()[self._slot])
            count = self._count(shard)
            if position < self._begin + count:
                return Place(self._epoch, shard, position - self._begin)
            self._begin += count
            self._slot += 1
            if self._slot == len(self.stream.shards):
                if self._begin == self._epoch_begin:
                    raise DataError(
                        f"{self.stream.name} data: no shard of the stream makes an example"
                    )
                self._epoch, self._slot, self._epoch_begin = self._epoch + 1, 0, self._begin

    def keep(self, path: Path, *, resume: bool, write: bool) -> None:
        """Note the shards in a file of the run, and take up what it holds.

        Args:
            path: `stream.json`.
            resume: Whether it is of this run; what else is there is not read.
            write: Whether this process is the one that writes.
        """
        if resume and path.is_file():
            try:
                noted = json.loads(path.read_text(encoding="utf-8"))
                same = noted["identity"] == self._identity
                found = {int(number): dict(of) for number, of in noted["shards"].items()}
            except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
                logger.warning("%s: cannot be read (%s): shards are counted again", path, error)
            else:
                self._records = found | self._records if same else self._records
        if write:
            self._path = path
            if self._records:
                self._write()

    def _rewind(self) -> None:
        """Stand at the beginning of the first epoch."""
        self._epoch = self._slot = self._begin = self._epoch_begin = 0

    def _shards(self) -> Ints:
        """The shards in the order of the epoch at hand, (shards,)."""
        key = (self._epoch, -1)
        if key not in self._orders:
            self._orders = {key: self._order(self._epoch)}
        order = self._orders[key]
        assert isinstance(order, np.ndarray)
        return order

    def _order(self, epoch: int) -> Ints:
        """The shards in the order of an epoch, (shards,)."""
        numbers = np.arange(len(self.stream.shards), dtype=np.int64)
        return Permutation(len(numbers), self._seed, epoch)[numbers] if self._shuffle else numbers

    def _look_ahead(self, place: Place) -> None:
        """Begin to prepare the shard that comes after the one at hand, in its epoch or the next."""
        if self._halfway == (place.epoch, place.shard):
            return
        self._halfway = (place.epoch, place.shard)
        order = self._order(place.epoch).tolist()
        slot = order.index(place.shard) + 1
        number = order[slot] if slot < len(order) else int(self._order(place.epoch + 1)[0])
        if number not in self._opened:
            self._ahead.begin(number, lambda: self._prepared(number))

    def _block(self, place: Place, count: int) -> int:
        """The block of a shard whose turn it is."""
        if not self._shuffle:
            return place.turn
        key = (place.epoch, place.shard)
        if key not in self._orders:
            drawn = Permutation(count, branch(self._seed, place.shard), place.epoch)
            self._orders[key] = drawn
        return int(self._orders[key][place.turn])

    def _count(self, shard: int) -> int:
        """The blocks of a shard."""
        if shard not in self._records:
            self._examples(shard)
        return int(self._records[shard]["blocks"])

    def _examples(self, number: int) -> Indexed | None:
        """The examples of a shard, prepared where the cache does not have them; None: no row."""
        if number in self._opened:
            self._opened.move_to_end(number)
            return self._opened[number]
        logger.info("stream: shard %d of %d", number + 1, len(self.stream.shards))
        made, record = self._ahead.take(number) or self._prepared(number)
        self._note(number, self.stream.shards[number], record)
        if made is not None:
            self._opened[number] = made
            while len(self._opened) > _OPEN:
                self._opened.popitem(last=False)
            evict(cache_dir() / STREAM, KEPT_BYTES)
        return made

    def _prepared(self, number: int) -> _Prepared:
        """A shard, read and tokenized where the cache does not have it."""
        shard = self.stream.shards[number]
        made = None if shard.is_empty() else self._make(shard, branch(self._seed, number))
        blocks = 0 if made is None else len(made)
        return _Prepared(made, {"blocks": blocks, "sha256": shard.fingerprint()})

    def _note(self, number: int, shard: Shard, record: dict[str, Any]) -> None:
        """Keep what a shard is, or hold it against what it was."""
        known = self._records.get(number)
        if known is not None:
            if known != record:
                files = ", ".join(str(file["path"]) for file in shard.describe()[:3])
                raise DataError(
                    f"{self.stream.name} data: shard {number + 1} of the stream ({files}) has "
                    "other content than when this run read it first; put the files back as they "
                    "were, or start anew with --overwrite"
                )
            return
        self._records[number] = record
        if self._path is not None:
            self._write()

    def _write(self) -> None:
        assert self._path is not None
        write_json(self._path, {"identity": self._identity, "shards": self._records})
