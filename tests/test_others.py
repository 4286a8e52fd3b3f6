"""Waiting for the others: for as long as they live, and no longer."""

import threading
import time
from collections.abc import Iterator
from datetime import timedelta

import pytest
import torch
from torch.distributed import TCPStore

from lmkit import others
from lmkit.errors import LostProcessError
from lmkit.others import Others


@pytest.fixture
def store() -> TCPStore:
    return TCPStore("127.0.0.1", 0, None, True, timedelta(seconds=10))


@pytest.fixture(autouse=True)
def _alone_again() -> Iterator[None]:
    yield
    others.part()


def pair(store: TCPStore, timeout: float) -> list[Others]:
    """Two processes, which are threads here, each with a connection of its own."""
    made: dict[int, Others] = {}

    def make(rank: int) -> None:
        made[rank] = Others(store.clone(), rank, 2, timeout)

    threads = [threading.Thread(target=make, args=(rank,)) for rank in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [made[0], made[1]]


def test_work_that_takes_longer_than_the_timeout_is_waited_for(store: TCPStore) -> None:
    first, second = pair(store, timeout=0.4)
    order = []

    def work() -> None:
        time.sleep(1.2)
        order.append("done")
        first.meet()

    thread = threading.Thread(target=work)
    thread.start()
    second.meet()
    order.append("met")
    thread.join()
    assert order == ["done", "met"]
    first.close()
    second.close()


def test_one_without_a_sign_of_life_is_given_up(store: TCPStore) -> None:
    first, second = pair(store, timeout=0.4)
    second.close()  # as if it were stopped
    begun = time.monotonic()
    with pytest.raises(LostProcessError, match="process 1 gives no sign of life") as raised:
        first.meet()
    assert time.monotonic() - begun < 5
    assert raised.value.exit_code == 75
    first.close()


def test_a_store_that_does_not_answer(store: TCPStore) -> None:
    alone = Others(store, 0, 1, timeout=0.2)
    alone.meet()
    with pytest.raises(LostProcessError, match="process 0 does not answer"):
        alone._ask(lambda: time.sleep(2))
    alone.close()


def test_alone_there_is_nobody_to_wait_for(store: TCPStore) -> None:
    others.meet()
    others.joined(Others(store, 0, 1, timeout=1))
    others.meet()
    others.part()
    others.meet()


def test_what_torch_says_of_a_lost_peer(store: TCPStore) -> None:
    gone = RuntimeError("[gloo/transport/tcp/pair.cc:547] Connection closed by peer [::1]:1")
    with pytest.raises(RuntimeError) as raised, others.losses_told():
        raise gone
    assert raised.value is gone  # alone it means something else
    others.joined(Others(store, 0, 1, timeout=7))
    for error in (gone, torch.distributed.DistStoreError("wait timeout")):
        with (
            pytest.raises(LostProcessError, match=r"train\.ddp_timeout: 7 s"),
            others.losses_told(),
        ):
            raise error
    with pytest.raises(RuntimeError, match="shapes"), others.losses_told():
        raise RuntimeError("shapes do not fit")
