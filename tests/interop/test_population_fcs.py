"""A population that was written is the population that was gated."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.cytometry.compensation import compensate, spillover_from_keyword
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import MarkerError
from immunerecon.interop import GatedEvents, write_population, write_populations
from immunerecon.pipeline.results import Results
from immunerecon.study.folder import Study


def test_counts_are_those_of_the_results(
    lineage: GatedEvents, results: Results, tmp_path: Path
) -> None:
    table = results.populations.set_index(["file", "population"])["count"]
    for population in ("", "Lymphocytes", "NK", "CD4_T"):
        back = read_fcs(write_population(tmp_path / "a.fcs", lineage, population))
        if population:
            assert back.n_events == table[str(lineage.facts["file"]), population]
        expected = lineage.raw.events[lineage.members(population)]
        np.testing.assert_array_equal(back.events, expected)
        assert [c.label for c in back.channels] == [c.label for c in lineage.raw.channels]


def test_raw_compensates_to_what_was_gated(lineage: GatedEvents, tmp_path: Path) -> None:
    raw = read_fcs(write_population(tmp_path / "raw.fcs", lineage, "NK"))
    done = read_fcs(write_population(tmp_path / "done.fcs", lineage, "NK", compensated=True))
    again = compensate(raw, spillover_from_keyword(raw))
    np.testing.assert_allclose(again.events, done.events, rtol=1e-5, atol=0.02)
    assert spillover_from_keyword(done) is None
    text = (tmp_path / "done.fcs").read_bytes()[:8000].decode("latin-1")
    assert "IMMUNERECON_POPULATION\fNK\f" in text
    assert "IMMUNERECON_VALUES\fcompensated\f" in text
    assert f"IMMUNERECON_SOURCE_SHA256\f{lineage.raw.sha256}\f" in text


def test_flowkit_reads_it(lineage: GatedEvents, tmp_path: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    path = write_population(tmp_path / "nk.fcs", lineage, "NK")
    sample = flowkit.Sample(path)
    assert sample.event_count == lineage.gated.count("NK")
    sample.apply_compensation(sample.metadata["spillover"])
    ours = lineage.compensated.events[lineage.members("NK")]
    np.testing.assert_allclose(sample.get_events(source="comp"), ours, rtol=1e-4, atol=0.05)


def test_an_unknown_population_is_named(lineage: GatedEvents, tmp_path: Path) -> None:
    members = {name: rows for name, rows in lineage.gated.members.items() if name != "Beads"}
    gated = replace(lineage.gated, members=members, dropped={"Beads": "no cluster"})
    with pytest.raises(MarkerError, match=r"no population 'Beads': no cluster"):
        write_population(tmp_path / "a.fcs", replace(lineage, gated=gated), "Beads")
    with pytest.raises(MarkerError, match=r"'NKs': the strategy has none of this name. It has "):
        write_population(tmp_path / "a.fcs", lineage, "NKs")


def test_every_tube_is_written_or_says_why_not(
    study: Study, results: Results, tmp_path: Path
) -> None:
    told = write_populations(study, results, tmp_path, population="Monocytes")
    counts = results.populations.query("population == 'Monocytes'").set_index("file")["count"]
    assert set(told["file"]) == set(results.populations["file"])
    for row in told.itertuples():
        if row.written:
            assert read_fcs(tmp_path / row.written).n_events == row.n_events == counts[row.file]
        else:
            assert row.reason.startswith("no Monocytes: ")
            assert row.file not in counts
    assert (told["written"] != "").any()


def test_tables_of_a_tube_and_of_a_population(lineage: GatedEvents) -> None:
    linear = lineage.compensated.to_frame()
    assert list(linear) == [channel.name for channel in lineage.compensated.channels]
    np.testing.assert_array_equal(linear.to_numpy(), lineage.compensated.events)
    cells = lineage.gated.to_frame("NK")
    np.testing.assert_array_equal(cells.index, lineage.gated.members["NK"])
    for marker in lineage.gated.columns:
        np.testing.assert_array_equal(cells[marker], lineage.gated.values("NK", marker))
    assert len(lineage.gated.to_frame()) == lineage.gated.n_events
