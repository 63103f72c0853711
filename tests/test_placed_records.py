"""What a run keeps of its placed gates gives the same gates and counts again."""

from pathlib import Path

import pytest

import immunerecon as ir
from immunerecon.errors import ResultsError
from immunerecon.gating.placed_gates import apply_gates


def test_placed_gates_of_a_record_give_the_counts_of_the_run(
    small_study: Path, small_results: Path
) -> None:
    study, results = ir.read_study(small_study), ir.load_results(small_results)
    for panel in ("lineage", "donor_nk"):
        rows = results.populations[results.populations["panel"] == panel]
        file = str(rows["file"].iloc[-1])
        columns = ir.regate(study, results, file).columns
        placed = results.placed(file)
        gated = apply_gates(placed, columns)
        counts = rows[rows["file"] == file].set_index("population")["count"].dropna()
        assert {name: gated.count(name) for name in counts.index} == counts.to_dict()
        assert any(gate.sides for gate in placed.gates)


def test_a_file_without_gates_is_named(small_results: Path) -> None:
    with pytest.raises(ResultsError, match=r"none\.fcs was not gated"):
        ir.load_results(small_results).placed("none.fcs")
