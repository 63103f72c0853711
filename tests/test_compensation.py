"""Spillover matrices from keyword, table and single stains; compensated values."""

from pathlib import Path

import flowutils
import numpy as np
import pytest

from immunerecon.cytometry.compensation import (
    Spillover,
    compensate,
    read_spillover,
    spillover_from_controls,
    spillover_from_keyword,
)
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import CompensationError

NAMES = ("FSC-A", "FITC-A", "PE-A", "APC-A")
MATRIX = np.array([[1, 0.25, 0.01], [0.02, 1, 0.05], [0.001, 0.003, 1]])
SPILLOVER = Spillover(NAMES[1:], MATRIX, "keyword")


def tube_of(events: np.ndarray, names: tuple[str, ...] = NAMES, **keywords: str) -> Tube:
    """Return a tube of these events."""
    columns = np.asfortranarray(events, dtype=np.float32)
    return Tube(columns, tuple(Channel(name, "", 262144.0) for name in names), keywords)


def mixed(dyes: np.ndarray) -> np.ndarray:
    """Return scatter and what the detectors see of the dyes."""
    scatter = np.random.default_rng(3).normal(5e4, 5e3, (len(dyes), 1))
    return np.hstack([scatter, dyes @ MATRIX])


def single_stain(dye: int, *, share: float = 0.3, n_events: int = 5000, seed: int = 1) -> Tube:
    """Simulate one control: autofluorescence, photon noise, a share of bright events."""
    rng = np.random.default_rng(seed + dye)
    light = np.full((n_events, 3), 200.0)
    bright = rng.random(n_events) < share
    light[bright, dye] += rng.lognormal(np.log(2e4), 0.3, int(bright.sum()))
    seen = rng.poisson(light @ MATRIX / 10) * 10 + rng.normal(0, 50, (n_events, 3))
    scatter = rng.normal(5e4, 5e3, (n_events, 1))
    return tube_of(np.hstack([scatter, seen]))


def test_compensation_gives_the_dyes_back() -> None:
    dyes = np.random.default_rng(0).uniform(-100, 1e5, (2000, 3))
    events = mixed(dyes)
    tube = compensate(tube_of(events), SPILLOVER)
    np.testing.assert_allclose(tube.events[:, 1:], dyes, atol=0.1)
    np.testing.assert_array_equal(tube.events[:, 0], events[:, 0].astype(np.float32))
    assert tube.compensation == "keyword"
    assert tube.events.flags.f_contiguous
    assert not tube.events.flags.writeable


def test_the_order_of_the_matrix_does_not_matter() -> None:
    events = mixed(np.random.default_rng(0).uniform(0, 1e5, (100, 3)))
    order = [2, 0, 1]
    turned = Spillover(
        tuple(SPILLOVER.channels[i] for i in order), MATRIX[np.ix_(order, order)], "keyword"
    )
    expected = compensate(tube_of(events), SPILLOVER).events
    np.testing.assert_allclose(compensate(tube_of(events), turned).events, expected, rtol=1e-5)


@pytest.mark.malformed(43)
def test_without_a_matrix_the_tube_is_flagged() -> None:
    tube = tube_of(np.ones((2, 4)))
    assert compensate(tube, None).flags == ("uncompensated",)
    assert compensate(tube, None).events is tube.events


@pytest.mark.malformed(44)
def test_no_second_compensation() -> None:
    once = compensate(tube_of(np.ones((2, 4))), SPILLOVER)
    with pytest.raises(CompensationError, match="compensated already by keyword"):
        compensate(once, SPILLOVER)
    names = ("FSC-A", "Comp-FITC-A", "Comp-PE-A", "Comp-APC-A")
    with pytest.raises(CompensationError, match="Comp-FITC-A"):
        compensate(tube_of(np.ones((2, 4)), names), SPILLOVER)


@pytest.mark.malformed(42)
def test_unknown_channel_is_named() -> None:
    tube = tube_of(np.ones((2, 3)), NAMES[:3])
    with pytest.raises(CompensationError, match=r"names APC-A.*\. It has FSC-A, FITC-A, PE-A"):
        compensate(tube, SPILLOVER)


@pytest.mark.parametrize("keyword", ["$SPILLOVER", "SPILLOVER", "SPILL"])
def test_matrix_of_the_keyword(keyword: str) -> None:
    text = "3,FITC-A,PE-A,APC-A," + ",".join(str(value) for value in MATRIX.ravel())
    spillover = spillover_from_keyword(tube_of(np.ones((1, 4)), **{keyword: text}))
    assert spillover is not None
    assert spillover.channels == NAMES[1:]
    np.testing.assert_array_equal(spillover.matrix, MATRIX)
    assert spillover.source == "keyword"


@pytest.mark.malformed(43)
@pytest.mark.parametrize(
    "text", ["", "2,FITC-A,PE-A,1,0,0,1", "2,FITC-A,PE-A,1,1e-6,0,1", "2,FITC-A,PE-A"]
)
def test_nothing_to_compensate(text: str) -> None:
    assert spillover_from_keyword(tube_of(np.ones((1, 4)), SPILL=text)) is None


@pytest.mark.malformed(39, 40, 41)
@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("3,FITC-A,PE-A,1,0.2,0,1", "3' channels and has 3 values"),
        ("2,FITC-A,PE-A,1,0.2,0", "has 3 values"),
        ("two,FITC-A,PE-A,1,0.2,0,1", "'two' channels"),
        ("2,FITC-A,PE-A,1,x,0,1", "no number"),
        ("2,FITC-A,PE-A,1,nan,0,1", "finite"),
        ("2,FITC-A,PE-A,1,1,1,1", "singular"),
        ("2,FITC-A,PE-A,1,0.99999,0.99999,1", "singular"),
        ("2,FITC-A,FITC-A,1,0.2,0,1", "twice"),
        ("2,FITC-A,PE-A,100,20,0,100", "diagonal"),
    ],
)
def test_a_wrong_keyword_is_refused(text: str, words: str) -> None:
    with pytest.raises(CompensationError, match=words):
        spillover_from_keyword(tube_of(np.ones((1, 4)), SPILL=text))


HEADER_ONLY = "FITC-A,PE-A,APC-A\n1,0.25,0.01\n0.02,1,0.05\n0.001,0.003,1\n"
TABLES = {
    "header only": HEADER_ONLY,
    "byte order mark and Windows line ends": "\ufeff" + HEADER_ONLY.replace("\n", "\r\n"),
    "hash": "# " + HEADER_ONLY,
    "FlowJo": (
        ",FITC-A :: CD3,PE-A :: CD56,APC-A\nFITC-A :: CD3,1,0.25,0.01\n"
        "PE-A :: CD56,0.02,1,0.05\nAPC-A,0.001,0.003,1\n"
    ),
    "flowCore": (
        '"FITC-A" "PE-A" "APC-A"\n"FITC-A" 1 0.25 0.01\n"PE-A" 0.02 1 0.05\n"APC-A" 0.001 0.003 1\n'
    ),
    "rows in another order": (
        ",FITC-A,PE-A,APC-A\nAPC-A,0.001,0.003,1\nFITC-A,1,0.25,0.01\nPE-A,0.02,1,0.05\n"
    ),
    "semicolon and decimal comma": (
        ";FITC-A;PE-A;APC-A\nFITC-A;1;0,25;0,01\nPE-A;0,02;1;0,05\nAPC-A;0,001;0,003;1\n"
    ),
    "old Macintosh": (
        "Lipo#2\r<\t>\rFITC-A\tPE-A\tAPC-A\r1\t0.25\t1e-2\r0.02\t1\t0.05\r0.001\t0.003\t1\r"
    ),
}


@pytest.mark.parametrize("style", TABLES)
def test_matrix_of_a_table(style: str, tmp_path: Path) -> None:
    path = tmp_path / "spillover.csv"
    path.write_bytes(TABLES[style].encode())
    spillover = read_spillover(path)
    assert spillover.channels == NAMES[1:]
    np.testing.assert_array_equal(spillover.matrix, MATRIX)
    assert spillover.source == "spillover.csv"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no spillover matrix"),
        ("1,0\n0,1\n", "no spillover matrix"),
        ("FITC-A,PE-A\n1,0.2\n", "shape"),
        ("FITC-A,PE-A\n1,0.2\n0.1\n", "differ in length"),
        ("FITC-A,PE-A\n1,0.2\n0.1,x\n", "no number"),
        (",FITC-A,PE-A\nFITC-A,1,0.2\nAPC-A,0.1,1\n", "rows are named FITC-A, APC-A"),
        ("FITC-A,PE-A\n1,1\n1,1\n", "singular"),
        ("\0\0\0,\n", "no spillover matrix"),
    ],
)
def test_a_wrong_table_is_refused(text: str, words: str, tmp_path: Path) -> None:
    path = tmp_path / "spillover.csv"
    path.write_text(text)
    with pytest.raises(CompensationError, match=words):
        read_spillover(path)


def test_a_missing_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CompensationError, match=r"none\.csv cannot be read"):
        read_spillover(tmp_path / "none.csv")


@pytest.mark.parametrize("with_unstained", [True, False])
@pytest.mark.parametrize("share", [0.05, 0.3])
def test_single_stains_give_the_matrix(share: float, with_unstained: bool) -> None:
    controls = {name: single_stain(dye, share=share) for dye, name in enumerate(NAMES[1:])}
    unstained = single_stain(0, share=0.0, seed=9) if with_unstained else None
    spillover = spillover_from_controls(controls, unstained)
    assert spillover.channels == NAMES[1:]
    np.testing.assert_allclose(spillover.matrix, MATRIX, atol=0.003)


def test_single_stains_bear_saturation_and_strays() -> None:
    """Saturated events would flatten the slope; strays have the light of another dye."""
    controls = {name: single_stain(dye) for dye, name in enumerate(NAMES[1:])}
    events = controls["FITC-A"].events.copy()
    events[:400, 1:] = [262144, 3000, 2700]
    events[400:430, 1:] = [20000, 90000, 90000]
    controls["FITC-A"] = tube_of(events)
    spillover = spillover_from_controls(controls, single_stain(0, share=0.0, seed=9))
    np.testing.assert_allclose(spillover.matrix, MATRIX, atol=0.01)


def test_single_stains_compare_alike_cells() -> None:
    """Large, more autofluorescent cells among the negatives do not count as such."""
    controls = {name: single_stain(dye) for dye, name in enumerate(NAMES[1:])}
    unstained = single_stain(0, share=0.0, seed=9)
    events = unstained.events.copy()
    events[::2, 0] *= 2
    events[::2, 1:] += [3000, 1000, 500]
    spillover = spillover_from_controls(controls, tube_of(events))
    np.testing.assert_allclose(spillover.matrix, MATRIX, atol=0.003)


def test_single_stains_that_do_not_determine_the_matrix() -> None:
    controls = {name: single_stain(dye) for dye, name in enumerate(NAMES[1:])}
    with pytest.raises(CompensationError, match="PE-A has no negative population"):
        spillover_from_controls({**controls, "PE-A": single_stain(1, share=0.0)})
    with pytest.raises(CompensationError, match="PE-A has 0 bright events"):
        spillover_from_controls(
            {**controls, "PE-A": single_stain(2)}, single_stain(0, share=0.0, seed=9)
        )


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore:FCS file .* reported incorrect data offset")
def test_same_values_as_flowutils_and_flowkit(real_data: Path) -> None:
    flowkit = pytest.importorskip("flowkit")
    folder = real_data / "gate_reference" / "compensation"
    tube = read_fcs(folder / "test_comp_example.fcs")
    spillover = read_spillover(folder / "comp_complete_example.csv")
    ours = compensate(tube, spillover).events
    positions = [tube.index(name) for name in spillover.channels]
    theirs = flowutils.compensate.compensate(tube.events.astype(float), spillover.matrix, positions)
    np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=0.05)
    sample = flowkit.Sample(
        folder / "test_comp_example.fcs",
        compensation=folder / "comp_complete_example.csv",
        ignore_offset_error=True,
    )
    np.testing.assert_allclose(ours, sample.get_events(source="comp"), rtol=1e-5, atol=0.05)


@pytest.mark.real_data
def test_matrix_of_real_controls(real_data: Path) -> None:
    """FACSCalibur controls: flowCore's matrix (its own row order for FL3 and FL4)."""
    folder = real_data / "gate_reference" / "spillover_controls"
    files = {"FL1-H": "002", "FL2-H": "003", "FL3-H": "005", "FL4-H": "004"}
    controls = {name: read_fcs(folder / f"060909.{n}.fcs") for name, n in files.items()}
    spillover = spillover_from_controls(controls, read_fcs(folder / "060909.001.fcs"))
    expected = read_spillover(folder / "compref.csv")
    assert spillover.channels == expected.channels
    np.testing.assert_allclose(spillover.matrix, expected.matrix, atol=0.002)


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "k"),
    [
        ("gated_nk_t_b/flowsom_mouse/68983.fcs", 11),
        ("t_panels_ungated/100715.fcs", 13),
        ("t_panels_ungated/omip021/Donor1.fcs", 16),
        ("formats/B01_KC-A-W---91-US.fcs", 8),
        ("nk_panels_ungated/luciernaga_aurora/INF071_Ctrl_Tetramer.fcs", 0),
        ("formats/EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs", 0),
        ("formats/Stratedigm_-_S1400.fcs", 0),
    ],
)
def test_keywords_of_real_files(file: str, k: int, real_data: Path) -> None:
    tube = read_fcs(real_data / file)
    spillover = spillover_from_keyword(tube)
    assert (0 if spillover is None else len(spillover.channels)) == k
    if spillover is not None:
        assert compensate(tube, spillover).compensation == "keyword"
