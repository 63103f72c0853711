"""Written FCS is what was read, for our reader and for others, and names nobody."""

from dataclasses import replace
from pathlib import Path

import flowio
import numpy as np
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.fcs_writing import write_fcs
from immunerecon.cytometry.spillover import Spillover, spillover_from_keyword
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import FcsError

CHANNELS = (
    Channel("FSC-A", "", 262144),
    Channel("FITC-A", "CD3 µ/FITC", 262143.2),
    Channel("PE-A", "CD56|PE", 262144),
    Channel("Time", "", 81.7),
)
KEYWORDS = {"FCSVERSION": "FCS3.0", "$DATE": "02-MAR-2009", "$CYT": "Canto/II", "$P2V": "450"}
KEYWORDS |= {"$VOL": "50000", "$TIMESTEP": "0.01", "SPILL": "2,FITC-A,PE-A,1,0.2,0,1"}
MATRIX = Spillover(("FITC-A", "PE-A"), np.array([[1, 0.1 + 0.2], [1 / 3, 1]]), "controls")


def tube(n_events: int = 1000) -> Tube:
    """Return a tube with awkward names and negative values."""
    events = np.random.default_rng(2).normal(300, 500, (n_events, 4)).astype(np.float32)
    events[:, 3] = np.sort(np.abs(events[:, 3]))
    return Tube(np.asfortranarray(events), CHANNELS, KEYWORDS, sha256="ab")


def test_reads_back_as_it_was(tmp_path: Path) -> None:
    ours = tube()
    back = read_fcs(write_fcs(tmp_path / "a.fcs", ours, spillover=MATRIX))
    np.testing.assert_array_equal(back.events, ours.events)
    assert [(c.name, c.label) for c in back.channels] == [(c.name, c.label) for c in CHANNELS]
    assert [c.maximum for c in back.channels] == [262144, 262144, 262144, 82]
    assert back.flags == ("name or label beyond ASCII, check that it reads well (FITC-A)",)
    assert {k: back.keywords[k] for k in ("$DATE", "$CYT", "$P2V", "$VOL")} == {
        k: KEYWORDS[k] for k in ("$DATE", "$CYT", "$P2V", "$VOL")
    }
    assert "SPILL" not in back.keywords
    found = spillover_from_keyword(back)
    assert found is not None
    assert found.channels == MATRIX.channels
    np.testing.assert_array_equal(found.matrix, MATRIX.matrix)


@pytest.mark.parametrize("n_events", [0, 1, 3, 1000])
def test_another_reader_finds_the_same(tmp_path: Path, n_events: int) -> None:
    ours = tube(n_events)
    path = write_fcs(tmp_path / "a.fcs", ours)
    theirs = flowio.FlowData(path)
    np.testing.assert_array_equal(theirs.as_array(), ours.events)
    assert theirs.pnn_labels == [c.name for c in CHANNELS]
    assert theirs.pns_labels == [c.label for c in CHANNELS]
    assert read_fcs(path).n_events == n_events


def test_data_beyond_the_reach_of_header(tmp_path: Path) -> None:
    events = np.zeros((6_300_000, 4), dtype=np.float32)
    events[-1] = (1, 2, 3, 4)
    path = write_fcs(tmp_path / "a.fcs", replace(tube(), events=events))
    assert path.read_bytes()[26:42] == b"       0       0"
    assert read_fcs(path).events[-1].tolist() == [1, 2, 3, 4]
    assert flowio.FlowData(path).event_count == 6_300_000


def test_the_same_tube_gives_the_same_bytes(tmp_path: Path) -> None:
    first, second = (write_fcs(tmp_path / folder / "a.fcs", tube()).read_bytes() for folder in "ab")
    assert first == second


def test_no_keyword_that_names_a_person_is_written(tmp_path: Path) -> None:
    told = {**KEYWORDS, "$SRC": "Jane Doe", "PATIENT NAME": "Jane Doe", "$OP": "Jane Doe"}
    path = write_fcs(tmp_path / "a.fcs", replace(tube(), keywords=told))
    assert b"Jane" not in path.read_bytes()


@pytest.mark.parametrize("name", ["", "PE\fA", " PE-A", "PE\x1b[31m"])
def test_names_that_would_break_text_are_refused(tmp_path: Path, name: str) -> None:
    channels = (*CHANNELS[:3], Channel(name, "", 1))
    with pytest.raises(FcsError, match=r"\$P4N"):
        write_fcs(tmp_path / "a.fcs", replace(tube(), channels=channels))
    assert not list(tmp_path.iterdir())


def test_a_compensated_tube_gets_no_spillover(tmp_path: Path) -> None:
    with pytest.raises(FcsError, match="compensated already by keyword"):
        write_fcs(tmp_path / "a.fcs", replace(tube(), compensation="keyword"), spillover=MATRIX)
