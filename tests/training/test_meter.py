"""The clock and the energy of a run over its sessions; codecarbon itself, where it is there."""

import importlib.util
import threading
import time

import pytest

from lmkit.errors import MissingExtraError, UsageError
from lmkit.recipe.cost import CostSection
from lmkit.training import meter as metering
from lmkit.training.meter import Meter


class Tracked:
    """Stands for codecarbon: a kWh at each look."""

    source = "codecarbon: a pretense"

    def __init__(self):
        self.looks, self.stopped = 0, False

    def kwh(self):
        self.looks += 1
        return float(self.looks)

    def stop(self):
        assert not self.stopped
        self.stopped = True


@pytest.fixture
def tracked(monkeypatch):
    made = Tracked()
    monkeypatch.setattr(metering, "_tracker", lambda: made)
    return made


def test_energy_becomes_carbon_and_hours_money(tracked, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    section = CostSection(
        energy=True, carbon_intensity=400, pue=1.5, price_per_hour=2.0, currency="EUR"
    )
    meter = Meter(section)
    meter.carry({"wall_seconds": 1800.0, "energy_kwh": 0.5})
    meter.carry({"wall_seconds": 9999.0, "energy_kwh": 9.0})  # of a rollback
    now[0] += 1800
    kwh = meter.own_kwh()
    assert kwh == 1.5
    assert meter.told(kwh) == {
        "wall_seconds": 3600.0, "energy_kwh": 2.0, "energy_source": "codecarbon: a pretense",
        "co2_kg": 0.8, "cost": 2.0, "currency": "EUR",
    }  # fmt: skip
    assert meter.state(kwh) == {"wall_seconds": 3600.0, "energy_kwh": 2.0}
    meter.end()
    assert tracked.stopped


def test_it_ends_once_however_the_run_ends(tracked):
    def fails():
        with Meter(CostSection(energy=True)) as meter:
            meter.end()
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert tracked.stopped


def test_codecarbons_thread_ends_with_a_run_that_fails():
    pytest.importorskip("codecarbon")
    before = set(threading.enumerate())

    def fails():
        with Meter(CostSection(energy=True)):
            assert set(threading.enumerate()) > before
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    until = time.perf_counter() + 5
    while set(threading.enumerate()) > before and time.perf_counter() < until:
        time.sleep(0.05)
    assert set(threading.enumerate()) <= before


def test_what_is_not_asked_for_is_not_told():
    told = Meter(CostSection()).told(0.0)
    assert set(told) == {"wall_seconds"}


@pytest.mark.usefixtures("tracked")
def test_without_a_place_there_is_no_carbon():
    assert "co2_kg" not in Meter(CostSection(energy=True)).told(1.0)


def test_one_process_of_a_machine_measures(tracked, monkeypatch):
    monkeypatch.setenv("LOCAL_RANK", "1")
    assert Meter(CostSection(energy=True)).own_kwh() == 0.0
    assert tracked.looks == 0


def test_without_the_library_it_is_said(monkeypatch):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "codecarbon" else find(name)
    )
    with pytest.raises(MissingExtraError, match=r'pip install "lmkit\[energy\]"'):
        Meter(CostSection(energy=True))


def test_codecarbon_measures_and_says_nothing(capfd):
    pytest.importorskip("codecarbon")
    meter = Meter(CostSection(energy=True, country="FRA"))
    until = time.perf_counter() + 0.7  # it looks twice a second at most
    while time.perf_counter() < until:
        sum(range(10000))
    first = meter.own_kwh()
    assert 0 < first < 1e-3  # a machine of less than 12 kW
    time.sleep(0.7)
    second = meter.own_kwh()
    assert second > first
    told = meter.told(second)
    assert told["energy_source"].startswith("codecarbon: ")
    assert 0 < told["co2_kg"] < told["energy_kwh"] * 0.2  # most of it is nuclear and hydro power
    meter.end()
    out, err = capfd.readouterr()
    assert out == err == ""


def test_a_country_that_is_none_names_the_nearest():
    pytest.importorskip("codecarbon")
    with pytest.raises(UsageError, match=r"cost\.country: codecarbon knows no 'DEX'; did you mean"):
        Meter(CostSection(energy=True, country="DEX"))
