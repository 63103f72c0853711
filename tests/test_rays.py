"""Gates of few events go around the events that are wanted."""

import numpy as np

from immunerecon.gating.models.rays import RAYS, around, likeliest, seen_from

_EVERY = np.arange(4)


def _seen(*places: tuple[float, float]):
    columns = np.array(places, dtype=np.float32).T
    return seen_from(np.zeros(2), list(columns))


def test_one_event_is_let_out_and_another_taken_in() -> None:
    seen = _seen((0.05, 0.01), (0.0, 0.08), (-0.13, 0.02), (0.0, -0.3))
    wanted = np.array([True, False, True, False])
    lengths = np.full(RAYS, 0.1)
    assert seen.within(lengths, _EVERY).tolist() == [True, True, False, False]
    assert np.array_equal(seen.within(around(lengths, seen, wanted), _EVERY), wanted)


def test_a_gate_stays_where_moving_it_would_lose_another_event() -> None:
    seen = _seen((0.09, 0.01), (0.05, 0.005), (0.0, 0.05), (0.0, 0.3))
    wanted = np.array([True, False, True, False])  # the second lies before the first
    lengths = np.full(RAYS, 0.1)
    assert np.array_equal(around(lengths, seen, wanted), lengths)


def test_as_many_of_the_likeliest_events_as_are_wanted() -> None:
    chance = np.array([0.1, 0.9, 0.8, 0.7])
    assert likeliest(chance, np.ones(4), wanted=2).tolist() == [False, True, True, False]
    heavy = np.array([1.0, 1.0, 3.0, 1.0])  # the second likeliest stands for three events
    assert likeliest(chance, heavy, wanted=2).tolist() == [False, True, False, False]
