"""Placing, moving and applying gates as three steps."""

import numpy as np
import pytest

from immunerecon.errors import StrategyError
from immunerecon.gating.gated_tube import PlacedGate
from immunerecon.gating.geometry.gates import Range, RectangleGate
from immunerecon.gating.placed_gates import PlacedGates, apply_gates


def _above(low: float) -> RectangleGate:
    return RectangleGate({"CD3": Range(low=low)})


_COLUMNS = {
    "CD3": np.float32([0.1, 0.3, 0.6, 0.8]),
    "CD4": np.float32([0.9, 0.9, 0.2, 0.9]),
}
_PLACED = PlacedGates(
    gates=(
        PlacedGate("T", "", _above(0.5)),
        PlacedGate("CD4_T", "T", RectangleGate({"CD4": Range(low=0.5)}), "", "model"),
        PlacedGate("others", "", None, without="T"),
        PlacedGate("bright", "", _above(0.7), "", "model"),
    ),
    counted={"CD4_T": np.array([2]), "bright": np.array([3])},
)


def test_a_population_that_the_model_counts_keeps_its_events() -> None:
    gated = apply_gates(_PLACED, _COLUMNS)
    assert gated.members["CD4_T"].tolist() == [2]
    assert gated.members["bright"].tolist() == [3]


def test_what_a_person_moves_and_all_below_is_counted_by_gates() -> None:
    gated = apply_gates(_PLACED.moved("T", _above(0.2)), _COLUMNS)
    assert gated.members["T"].tolist() == [1, 2, 3]
    assert gated.members["CD4_T"].tolist() == [1, 3]
    assert gated.members["others"].tolist() == [0]
    assert gated.members["bright"].tolist() == [3]
    assert gated.gate_of("T").source == "override"
    assert gated.gate_of("CD4_T").source == "borrowed"
    assert gated.gate_of("bright").source == "model"


def test_moving_one_gate_leaves_the_geometry_of_all_others() -> None:
    moved = _PLACED.moved("T", _above(0.2))
    for placed in _PLACED.gates[1:]:
        assert moved.gate_of(placed.population).gate == placed.gate


def test_a_gate_that_is_not_there_cannot_be_moved() -> None:
    with pytest.raises(StrategyError, match="gated are T, CD4_T"):
        _PLACED.moved("NK", _above(0.2))
