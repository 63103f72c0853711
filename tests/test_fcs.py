"""Reading FCS: the values of another reader, and every real file with its known shape."""

import csv
import hashlib
import os
import warnings
from pathlib import Path
from typing import Any

import flowio
import numpy as np
import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import FcsError

REAL_DATA = Path(
    os.environ.get("IMMUNERECON_REAL_DATA", Path(__file__).parents[2] / "shared" / "data")
)

# What the odd files give: the words of the refusal, or of the flags in their order.
REFUSED = {
    "formats/CLL-flowsom-mrd_1.fcs": "Git LFS pointer",
    "formats/corrupted.fcs": "does not begin with FCS",
    "formats/Beckman_Coulter_-_Cytomics_FC500.LMD": "the file holds 2 data sets",
    "formats/coulter.lmd": "the file holds 2 data sets",
}
FLAGGED = {
    "formats/3FITC_4PE_004.fcs": ["$PnE has 0 for its lowest value"],
    "formats/Beckman_Coulter_-_Cyan.fcs": [
        "$PnE has 0 for its lowest value",
        "HEADER is right",
        "time runs backwards",
        "2,418 bytes after the last segment",
    ],
    "formats/Cytek_xP5.fcs": ["484,784 bytes after the last segment"],
    "formats/EY_2013-07-19_PBS_FCS_3.1_Well_A1.001.fcs": ["off by one byte"],
    "formats/PU87_10_B200.fcs": ["off by one byte"],
    "formats/Partec_-_PAS.FCS": ["off by one byte"],
    "formats/SG_2014-09-26_Duplicate_Names.fcs": ["off by one byte"],
    "formats/cyflow_cube_8.fcs": ["supplemental TEXT cannot be read", "same value (DOUBLET)"],
    "formats/data_start_offset_discrepancy_example.fcs": [
        "TEXT is right",
        "$TIMESTEP is no number",
        "same value",
        "74 bytes after the last segment",
    ],
    "formats/fcs1_cleaned.lmd": ["same value", "135 bytes after the last segment"],
    "formats/immport-galaxy-tools_input1.fcs": ["$PnE has 0 for its lowest value"],
    "formats/immport-galaxy-tools_merge2.fcs": ["channels beyond $PAR"],
    "formats/variable_int_example.fcs": ["$TIMESTEP is no number", "same value"],
}
# Where flowio 1.4 is no oracle: it takes the logarithm of floats, gives up on 24 bits, on types
# that differ between channels, on blank HEADER offsets, on a time step of letters, on keywords
# with blanks before them, or on keywords of channels beyond $PAR.
NOT_AS_FLOWIO = {
    "t_panels_ungated/itn_02.fcs",
    "formats/Cytek_xP5.fcs",
    "formats/PU87_10_B200.fcs",
    "formats/data_start_offset_discrepancy_example.fcs",
    "formats/derived_reencoded/fcs32_mixed_F_with_I16_D_le.fcs",
    "formats/derived_reencoded/fcs32_mixed_I_with_D_be.fcs",
    "formats/fake_large_fcs.fcs",
    "formats/immport-galaxy-tools_merge2.fcs",
    "formats/variable_int_example.fcs",
}


def real_files() -> list[Any]:
    """Return the rows of SOURCES.csv that describe an FCS file, each named by its file."""
    table = REAL_DATA / "SOURCES.csv"
    if not table.is_file():
        return []
    with table.open(encoding="utf-8") as handle:
        return [
            pytest.param(row, id=row["file"])
            for row in csv.DictReader(handle)
            if Path(row["file"]).suffix.lower() in {".fcs", ".lmd"}
        ]


def flowio_values(path: Path) -> np.ndarray:
    """Return what flowio makes of a file when it is told to look away from odd offsets."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = flowio.FlowData(
            path,
            ignore_offset_error=True,
            ignore_offset_discrepancy=True,
            # Where TEXT is wrong flowio must be told so.
            use_header_offsets=path.name == "Beckman_Coulter_-_Cyan.fcs",
        )
        return data.as_array()


def written(folder: Path, events: np.ndarray, names: list[str], **keywords: str) -> Path:
    """Write a float file with flowio."""
    path = folder / "tube.fcs"
    with path.open("wb") as handle:
        flowio.create_fcs(handle, events.ravel(), names, metadata_dict=keywords)
    return path


def test_values_names_and_hash(tmp_path: Path) -> None:
    events = np.random.default_rng(1).normal(500, 300, (10_000, 3)).astype(np.float32)
    path = written(tmp_path, events, ["FSC-A", "FITC-A", "PE/Cy7-A"], cyt="Canto")
    tube = read_fcs(path)
    np.testing.assert_array_equal(tube.events, events)
    assert [channel.name for channel in tube.channels] == ["FSC-A", "FITC-A", "PE/Cy7-A"]
    assert tube.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert tube.keywords["$CYT"] == "Canto"
    assert tube.flags == ()
    assert tube.compensation == ""


def test_events_are_contiguous_columns_that_nobody_can_write_to(tmp_path: Path) -> None:
    tube = read_fcs(written(tmp_path, np.ones((50, 2)) * [[1, 2]], ["A", "B"]))
    assert tube.events.dtype == np.float32
    assert tube.events.flags.f_contiguous
    with pytest.raises(ValueError, match="read-only"):
        tube.events[0, 0] = 5
    with pytest.raises(ValueError, match="read-only"):
        tube.values("A")[0] = 5


def test_gain_is_divided_out_and_time_is_in_seconds(tmp_path: Path) -> None:
    events = np.array([[100, 10, 7], [200, 20, 8]], dtype=np.float32)
    names = ["FITC-A", "Time", "PE-A"]
    path = written(tmp_path, events, names, p1g="4", p2g="100", timestep="0.01")
    tube = read_fcs(path)
    np.testing.assert_allclose(tube.events, [[25, 0.1, 7], [50, 0.2, 8]], rtol=1e-6)


@pytest.mark.real_data
@pytest.mark.parametrize("row", real_files())
def test_real_files_are_read_or_refused_as_known(row: dict[str, str], real_data: Path) -> None:
    path = real_data / row["file"]
    if row["file"] in REFUSED:
        with pytest.raises(FcsError, match=REFUSED[row["file"]]):
            read_fcs(path)
        return
    tube = read_fcs(path)
    if row["n_events"]:
        assert tube.n_events == int(row["n_events"])
    if row["n_channels"]:
        assert len(tube.channels) == int(row["n_channels"])
    if row["file"].startswith("formats"):
        expected = FLAGGED.get(row["file"], [])
        assert len(tube.flags) == len(expected)
        assert all(words in flag for words, flag in zip(expected, tube.flags, strict=True))
    if row["file"] not in NOT_AS_FLOWIO:
        np.testing.assert_allclose(tube.events, flowio_values(path), rtol=1e-6, atol=1e-30)


@pytest.mark.real_data
@pytest.mark.parametrize(
    "name",
    [
        "fcs30_float_be",
        "fcs30_int16_le",
        "fcs31_double_be",
        "fcs31_double_le",
        "fcs31_float_le",
        "fcs31_int32_be",
        "fcs32_float_le",
        "fcs32_mixed_F_with_I16_D_le",
        "fcs32_mixed_I_with_D_be",
    ],
)
def test_the_same_events_in_every_encoding(name: str, real_data: Path) -> None:
    source = flowio.FlowData(real_data / "gate_reference" / "gatingml2" / "data1.fcs")
    tube = read_fcs(real_data / "formats" / "derived_reencoded" / f"{name}.fcs")
    np.testing.assert_array_equal(tube.events, source.as_array(preprocess=False)[:3000])


@pytest.mark.real_data
@pytest.mark.parametrize(
    ("file", "dataset", "shape", "version"),
    [
        ("Beckman_Coulter_-_Cytomics_FC500.LMD", 1, (27072, 4), "FCS2.0"),
        ("Beckman_Coulter_-_Cytomics_FC500.LMD", 2, (27072, 8), "FCS3.0"),
        ("coulter.lmd", 1, (18110, 8), "FCS2.0"),
        ("coulter.lmd", 2, (18110, 8), "FCS3.0"),
    ],
)
def test_data_sets_of_list_mode_files(
    file: str, dataset: int, shape: tuple[int, int], version: str, real_data: Path
) -> None:
    tube = read_fcs(real_data / "formats" / file, dataset=dataset)
    assert tube.events.shape == shape
    assert tube.keywords["FCSVERSION"] == version


@pytest.mark.real_data
def test_values_of_a_published_reading(real_data: Path) -> None:
    """The first events of the Gating-ML test file: FSC-H 323, 70, 259 with gain 3.67."""
    tube = read_fcs(real_data / "gate_reference" / "gatingml2" / "data1.fcs")
    stored = np.array([323, 70, 259])
    np.testing.assert_allclose(tube.values("FSC-H")[:3], stored / 3.67, rtol=1e-6)
    # Gate Range1 (FSC-H >= 100 after the gain) has 440 events.
    assert int((tube.values("FSC-H") >= 100).sum()) == 440


@pytest.mark.real_data
def test_24_bit_integers(real_data: Path) -> None:
    """Cytek xP5: linear channels are 10-bit values in three bytes, big endian."""
    path = real_data / "formats" / "Cytek_xP5.fcs"
    raw = np.frombuffer(path.read_bytes()[4096 : 4096 + 23126 * 24], dtype=np.uint8)
    stored = raw.reshape(23126, 8, 3) @ np.array([65536, 256, 1])
    tube = read_fcs(path)
    np.testing.assert_array_equal(tube.values("FSC"), stored[:, 1] & 1023)
    np.testing.assert_allclose(tube.values("TIME"), stored[:, 0] * 0.001, rtol=1e-6)
    np.testing.assert_allclose(
        tube.values("FL1"), 10 ** (4 * (stored[:, 3] & 1023) / 1024), rtol=1e-6
    )


@pytest.mark.real_data
def test_empty_values_lose_no_channel_name(real_data: Path) -> None:
    tube = read_fcs(real_data / "formats" / "0877408774.B08.fcs")
    assert [channel.name for channel in tube.channels][4:7] == ["FL3-H", "FL1-A", "FL4-H"]
