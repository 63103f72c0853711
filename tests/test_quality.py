"""Cleaning: steady tubes lose nothing, disturbed ones their disturbed part."""

from pathlib import Path

import numpy as np
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.steadiness import find_disturbances
from immunerecon.cytometry.tube import Channel, Tube

NAMES = ("FSC-A", "SSC-A", "FITC-A", "PE-A", "APC-A", "BV421-A", "Time")


def steady(n_events: int, seed: int = 0) -> np.ndarray:
    """Simulate a steady run: populations of chance size in every channel, Poisson arrivals."""
    rng = np.random.default_rng(seed)
    events = np.empty((n_events, len(NAMES)), dtype=np.float32)
    events[:, 0] = rng.lognormal(11, 0.3, n_events)
    events[:, 1] = rng.lognormal(10, 0.6, n_events)
    for column in range(2, len(NAMES) - 1):
        positive = rng.random(n_events) < rng.uniform(0.01, 0.99)
        bright = rng.lognormal(rng.uniform(7, 10), 0.4, n_events)
        events[:, column] = rng.normal(0, 100, n_events) + np.where(positive, bright, 50)
    events[:, -1] = np.cumsum(rng.exponential(1 / 3000, n_events))
    return events


def tube_of(events: np.ndarray, names: tuple[str, ...] = NAMES) -> Tube:
    """Return a tube of these events."""
    columns = np.asfortranarray(events, dtype=np.float32)
    return Tube(columns, tuple(Channel(name, "", 262144.0) for name in names))


@pytest.mark.parametrize("n_events", [5_000, 20_000, 100_000])
def test_steady_tubes_lose_nearly_nothing(n_events: int) -> None:
    lost = [1 - clean(tube_of(steady(n_events, seed))).kept.mean() for seed in range(20)]
    assert np.mean(lost) < 0.005


@pytest.mark.parametrize("missing", [("Time",), ("FSC-A", "SSC-A"), ("Time", "FSC-A", "SSC-A")])
def test_time_and_scatter_may_be_missing(missing: tuple[str, ...]) -> None:
    events = steady(20_000)
    events[8000:9000, 2:-1] *= 0.3
    places = [place for place, name in enumerate(NAMES) if name not in missing]
    cleaning = clean(tube_of(events[:, places], tuple(NAMES[place] for place in places)))
    assert not cleaning.kept[8250:8750].any()
    assert cleaning.kept[:7500].all()
    assert cleaning.kept[9500:].all()


@pytest.mark.parametrize(("factor", "share"), [(0.7, 0.9), (0.5, 0.99), (2.0, 0.99)])
def test_a_clog_that_changes_all_signals_is_removed(factor: float, share: float) -> None:
    removed, collateral = [], []
    for seed in range(5):
        events = steady(100_000, seed)
        events[40_000:48_000, :-1] *= factor
        kept = clean(tube_of(events)).kept
        removed.append(1 - kept[40_000:48_000].mean())
        collateral.append(1 - np.delete(kept, np.s_[40_000:48_000]).mean())
    assert np.mean(removed) > share
    assert np.mean(collateral) < 0.01


def test_one_drifting_detector_is_found() -> None:
    events = steady(100_000)
    events[80_000:, 3] *= np.linspace(1, 0.3, 20_000)
    kept = clean(tube_of(events)).kept
    assert not kept[95_000:].any()
    assert kept[:80_000].all()


def test_the_longer_part_of_a_step_is_kept() -> None:
    for step in (30_000, 60_000):
        events = steady(100_000)
        events[step:, :-1] *= 0.6
        kept = clean(tube_of(events)).kept
        longer = np.arange(100_000) < step if step > 50_000 else np.arange(100_000) >= step
        assert kept[longer].mean() > 0.99
        assert kept[~longer].mean() < 0.02


@pytest.mark.parametrize(
    ("factor", "named"),
    [(0.2, ("clog: 3,000 events left out, from event 20,001 on",)), (4.0, ())],
)
def test_odd_flow_is_removed(factor: float, named: tuple[str, ...]) -> None:
    """Too slow a flow (a clog) and too fast a one (its end)."""
    events = steady(50_000)
    gaps = np.diff(events[:, -1], prepend=0)
    gaps[20_000:23_000] /= factor
    events[:, -1] = np.cumsum(gaps)
    cleaning = clean(tube_of(events))
    assert not cleaning.kept[20_000:23_000].any()
    assert cleaning.n_time <= 3500
    assert cleaning.flags == (
        "6% of the events are left out (3000 by time, 0 without forward scatter, 0 not finite)",
        *named,
    )
    assert cleaning.n_clogged == (3000 if named else 0)


def test_a_slow_decline_of_the_flow_harms_nothing() -> None:
    events = steady(50_000)
    gaps = np.diff(events[:, -1], prepend=0) * np.linspace(0.8, 1.3, 50_000)
    events[:, -1] = np.cumsum(gaps)
    assert clean(tube_of(events)).kept.all()


def test_a_coarse_clock_is_no_odd_flow() -> None:
    events = steady(50_000)
    for tick in (0.1, 1.0, 10.0):
        coarse = events.copy()
        coarse[:, -1] = np.floor(events[:, -1] / tick)
        assert clean(tube_of(coarse)).kept.all()


def test_integer_values_are_cleaned_alike() -> None:
    events = steady(50_000)
    events[20_000:24_000, :-1] *= 0.4
    events = np.floor(np.maximum(events, 0) / 256)
    kept = clean(tube_of(events)).kept
    assert not kept[20_250:23_750].any()
    assert kept[:19_500].all()


def test_beads_and_granulocytes_at_the_top_are_kept() -> None:
    events = steady(20_000)
    events[::5, 1:-1] = 262143
    assert clean(tube_of(events)).kept.all()


def test_events_without_forward_scatter_are_margins() -> None:
    events = steady(20_000)
    events[::100, 0] = 0
    events[1::100, 1] = 0
    cleaning = clean(tube_of(events))
    assert cleaning.n_margin == 200
    assert not cleaning.kept[::100].any()
    assert cleaning.kept[1::100].all()


def test_event_numbers_are_no_signals() -> None:
    events = steady(20_000)
    events[:, 5] = np.arange(20_000)
    assert clean(tube_of(events)).kept.all()


def test_what_is_no_number_is_counted_once() -> None:
    events = steady(20_000)
    events[5, 2] = np.nan
    events[5, 0] = 0
    events[6, 3] = np.inf
    events[7, 0] = -np.inf
    cleaning = clean(tube_of(events))
    assert cleaning.n_nonfinite == 3
    assert cleaning.n_margin == 0
    assert np.flatnonzero(~cleaning.kept).tolist() == [5, 6, 7]


def test_a_run_that_is_never_steady_is_kept_and_flagged() -> None:
    events = steady(100_000)
    events[:, :-1] *= np.exp(2 * np.sin(np.linspace(0, 60, 100_000)))[:, None]
    cleaning = clean(tube_of(events))
    assert cleaning.kept.all()
    assert cleaning.flags == (
        "flow or signals are unsteady over most of the run, which is kept whole",
    )


def test_flags() -> None:
    events = steady(20_000)
    events[:, -1] = events[::-1, -1]
    backwards = tube_of(events)
    assert clean(backwards).flags == ("time runs backwards",)
    assert clean(backwards.flagged("time runs backwards")).flags == ()
    assert clean(tube_of(steady(999))).flags == ("fewer than 1,000 events",)
    assert clean(tube_of(steady(1000))).flags == ()
    empty = clean(tube_of(np.empty((0, len(NAMES)))))
    assert (empty.kept.size, empty.flags) == (0, ("fewer than 1,000 events",))


def test_counts_add_up() -> None:
    events = steady(50_000)
    events[:50, 0] = -1
    events[60, 1] = np.nan
    events[30_000:33_000, :-1] *= 0.3
    cleaning = clean(tube_of(events))
    removed = cleaning.n_nonfinite + cleaning.n_margin + cleaning.n_time
    assert removed == (~cleaning.kept).sum()
    assert cleaning.n_time >= 2900


@pytest.mark.parametrize("n_carried", [500, 2_000])
def test_events_carried_over_from_another_tube_are_left_out_and_named(n_carried: int) -> None:
    events = steady(100_000)
    events[:n_carried, 2:5] *= 3.0
    cleaning = clean(tube_of(events))
    assert not cleaning.kept[:n_carried].any()
    assert cleaning.n_carried_over == cleaning.n_time <= n_carried + 250
    assert [flag.partition(":")[0] for flag in cleaning.flags] == [
        "the first events are unlike the rest (carry-over of another tube?)"
    ]


def test_a_pause_is_a_gap_and_no_clog() -> None:
    events = steady(50_000)
    events[30_000:, -1] += 60.0
    paused = tube_of(events)
    [found] = find_disturbances(paused)
    assert found.kind == "gap"
    assert found.first <= 30_000 <= found.last
    assert found.stop_seconds - found.start_seconds == pytest.approx(60, abs=1)
    timed = Tube(paused.events, paused.channels, keywords={"$TIMESTEP": "0.01"})
    [flag] = clean(timed).flags
    assert flag == (
        f"gap in the flow: {found.n_events} events left out, "
        f"{found.start_seconds:.1f} to {found.stop_seconds:.1f} s"
    )


def test_events_at_the_top_are_counted_and_told_where_they_are_many() -> None:
    events = steady(20_000)
    events[:, :-1] = np.minimum(events[:, :-1], 2e5)
    events[::200, 2] = 262143
    events[1::200, 1] = 262143
    cleaning = clean(tube_of(events))
    assert (cleaning.n_saturated, cleaning.flags) == (200, ())
    events[::10, 2] = 262143
    cleaning = clean(tube_of(events))
    assert cleaning.kept.all()
    assert cleaning.flags == ("events at the top of the scale in FITC-A (10%)",)


def test_small_tubes_are_looked_at_as_well() -> None:
    events = steady(3_000)
    gaps = np.diff(events[:, -1], prepend=0)
    gaps[1_500:1_800] *= 10
    events[:, -1] = np.cumsum(gaps)
    cleaning = clean(tube_of(events))
    assert cleaning.n_clogged >= 200
    assert not cleaning.kept[1_600:1_700].any()
    assert clean(tube_of(steady(3_000))).kept.mean() > 0.99


def test_values_that_were_transformed_before_are_told() -> None:
    events = steady(20_000)
    events[:, 2:-1] = np.arcsinh(events[:, 2:-1] / 150)
    [flag] = clean(tube_of(events)).flags
    assert flag == (
        "values look transformed already (4 of 4 fluorescence channels end at 20 or below): "
        "gates on them are meaningless, export linear values"
    )


@pytest.mark.real_data
def test_a_real_file_of_transformed_values_is_told(real_data: Path) -> None:
    transformed = read_fcs(real_data / "nk_panels_ungated" / "cycombine_test.fcs")
    assert clean(transformed).flags[0].startswith("values look transformed already (39 of 47 ")
    for linear in ("t_panels_ungated/omip021/Donor1.fcs", "gated_nk_t_b/flowsom_mouse/68983.fcs"):
        assert not any("transformed" in flag for flag in clean(read_fcs(real_data / linear)).flags)


@pytest.mark.real_data
def test_real_mass_cytometry_is_linear(real_data: Path) -> None:
    paths = (real_data / "nk_panels_ungated").glob("*cytof/*.fcs")
    flags = [flag for path in paths for flag in clean(read_fcs(path)).flags]
    assert not any("transformed" in flag for flag in flags)
