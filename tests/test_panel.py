"""Markers in channel labels, as laboratories and cytometers write them."""

import csv
import warnings
from pathlib import Path

import flowio
import pytest
from hypothesis import given, strategies as st

from immunerecon.errors import MarkerError
from immunerecon.study.labels import canonical_marker
from immunerecon.study.panel import find_markers


def stained(label: str) -> list[str]:
    """Markers that a label gives to its channel."""
    return list(find_markers([("FL1-A", label)]))


@pytest.mark.parametrize(
    ("label", "markers"),
    [
        ("CD3", ["CD3"]),
        ("CD3 FITC", ["CD3"]),
        ("cd3-fitc", ["CD3"]),
        ("CD3-FITC-A", ["CD3"]),
        ("CD3FITC", ["CD3"]),
        ("FITC CD4", ["CD4"]),
        ("PP CD3", ["CD3"]),
        ("BV785 - CD3", ["CD3"]),
        ("170Er_CD3", ["CD3"]),
        ("CD3_170Er", ["CD3"]),
        ("CD21;FITC;530/30@488/B", ["CD21"]),
        ("anti-CD19 APC-H7", ["CD19"]),
        ("CD8a", ["CD8"]),
        ("CD8α BV421", ["CD8"]),
        ("CD8 B PE", ["CD8b", "CD8"]),
        ("CD8b", ["CD8b", "CD8"]),
        ("CD45", ["CD45"]),
        ("CD45RA", ["CD45RA"]),
        ("CD45RAFITC", ["CD45RA"]),
        ("cd45ro PE-Cy7", ["CD45RO"]),
        ("CD62L", ["CD62L"]),
        ("CD11C", ["CD11c"]),
        ("CD56bright", ["CD56"]),
        ("CD197 (CCR7)", ["CCR7"]),
        ("CCR7-PE-Cy7", ["CCR7"]),
        ("KI67", ["Ki67"]),
        ("Ki-67 AF647", ["Ki67"]),
        ("PD-1 BV421", ["PD1"]),
        ("CD158 FITC", ["KIR"]),
        ("pan-KIR PE", ["KIR"]),
        ("CD158a/h PE", ["KIR2DL1"]),
        ("CD158b1/b2,j", ["KIR2DL2/3"]),
        ("KIR2DL2/L3 APC", ["KIR2DL2/3"]),
        ("CD158e1 (NKB1)", ["KIR3DL1"]),
        ("CD159a PE", ["NKG2A"]),
        ("IgD BV421", ["IgD"]),
        ("TCRgd", ["TCRgd"]),
        ("gdTCR", ["TCRgd"]),
        ("TCR γδ PE", ["TCRgd"]),
        ("FITC - gdTCR", ["TCRgd"]),
        ("CD16+56", ["CD16+CD56", "CD56"]),
        ("CD16+CD56 PE", ["CD16+CD56", "CD56"]),
        ("CD16/56", ["CD16+CD56", "CD56"]),
        ("CD56+CD16", ["CD16+CD56", "CD56"]),
        ("CD235ab_CD61", ["CD235ab", "CD61"]),
        ("HLADR", ["HLA-DR"]),
        ("HLADr", ["HLA-DR"]),
        ("HLA DR V500", ["HLA-DR"]),
        ("HLA-ABC", ["HLA-ABC"]),
        ("HLA A2", ["HLA-A2"]),
        ("HLA-A2", ["HLA-A2"]),
        ("HLA-A*02 FITC", ["HLA-A2"]),
        ("HLA-A24-PE", ["HLA-A24"]),
        ("A2", ["HLA-A2"]),
        ("A2 PE", ["HLA-A2"]),
        ("B7", ["HLA-B7"]),
        ("HLA-Bw4", ["HLA-Bw4"]),
        ("Bw6 FITC", ["HLA-Bw6"]),
        ("L/D Aqua - Viability", ["Viability"]),
        ("LiveDead", ["Viability"]),
        ("LIVE/DEAD Aqua", ["Viability"]),
        ("l/d", ["Viability"]),
        ("L_D Aqua", ["Viability"]),
        ("HLA-A,B,C", ["HLA-ABC"]),
        ("Dump (CD14, CD19)", ["CD14", "CD19"]),
        ("Live", ["Viability"]),
        ("Dead", ["Viability"]),
        ("Zombie NIR", ["Viability"]),
        ("7-AAD", ["Viability"]),
        ("7AAD", ["Viability"]),
        ("PI", ["Viability"]),
        ("PI/PE-Cy5-A", ["Viability"]),
        ("FVS780", ["Viability"]),
        ("viability;7-AAD;695/40@488/A", ["Viability"]),
        ("VIVID / CD14", ["Viability", "CD14"]),
        ("Lineage", ["Lineage"]),
        ("Lineage-", ["Lineage"]),
        ("Lin 1 FITC", ["Lineage"]),
        ("TCR Va7", ["TCRVa7.2"]),
        ("TETaGC PE", ["TETaGC"]),
        ("PE-Cy7-A", []),
        ("PerCP-Cy5-5-A", []),
        ("FL2-H", []),
        ("FL1 Lin", []),
        ("B1-A", []),
        ("EMPTY", []),
        ("", []),
    ],
)
def test_label_gives_its_markers(label, markers):
    assert stained(label) == markers


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["FSC-A", "FSC-H", "FSC-W"], {"FSC-A": "FSC-A", "FSC-H": "FSC-H", "FSC-W": "FSC-W"}),
        (["FSC.H", "SSC.H"], {"FSC-H": "FSC.H", "SSC-H": "SSC.H"}),
        (["FSCArea", "SSCHeight"], {"FSC-A": "FSCArea", "SSC-H": "SSCHeight"}),
        (["FSC-Area", "SSC-Height"], {"FSC-A": "FSC-Area", "SSC-H": "SSC-Height"}),
        (["FS Lin", "SS Lin"], {"FSC-A": "FS Lin", "SSC-A": "SS Lin"}),
        (["FS INT LIN", "FS PEAK LIN"], {"FSC-A": "FS INT LIN", "FSC-H": "FS PEAK LIN"}),
        (["FSC LogH", "FSC LinH"], {"FSC-H": "FSC LinH"}),
        (["FSC"], {"FSC-A": "FSC"}),
        (["FSC", "FSC-A"], {"FSC-A": "FSC-A"}),
        (["SSC-B-A"], {}),
        (["HDR-T"], {"Time": "HDR-T"}),
        (["TIME", "Time MSW"], {"Time": "TIME"}),
    ],
)
def test_scatter_and_time_have_one_name(names, expected):
    assert find_markers([(name, "") for name in names]) == expected


def test_label_of_time_counts_where_the_name_is_a_header():
    assert find_markers([("HDR-TM", "Time")]) == {"Time": "HDR-TM"}
    assert find_markers([("FSC-H", "Forward Scatter")]) == {"FSC-H": "FSC-H"}


def test_name_counts_only_without_label():
    assert find_markers([("CD3-PE", "")]) == {"CD3": "CD3-PE"}
    assert find_markers([("CD3-PE", "CD4")]) == {"CD4": "CD3-PE"}


@pytest.mark.parametrize("name", ["B7-A", "PI-A", "7-AAD-A", "V2-A", "PE-A", "FL1-A", "batch"])
@pytest.mark.parametrize("label", ["", "the name"])
def test_name_of_a_detector_is_no_marker(name, label):
    assert find_markers([(name, name if label else "")]) == {}


def test_area_is_preferred_to_height_and_width():
    channels = [("PE-W", "CD3"), ("PE-H", "CD3"), ("PE-A", "CD3")]
    assert find_markers(channels) == {"CD3": "PE-A"}
    assert find_markers(channels[:2]) == {"CD3": "PE-H"}


def test_channel_of_its_own_is_preferred_to_a_shared_one():
    found = find_markers([("A1-A", "VIVID / CD14"), ("A2-A", "CD14"), ("A3-A", "CD16+56")])
    assert found == {"Viability": "A1-A", "CD14": "A2-A", "CD16+CD56": "A3-A", "CD56": "A3-A"}


def test_two_detectors_that_claim_one_marker_are_refused_by_name():
    with pytest.raises(
        MarkerError, match=r"CD3 is claimed by FITC-A \(CD3\) and PE-A \(cd3 PE\)"
    ) as e:
        find_markers([("FITC-A", "CD3"), ("PE-A", "cd3 PE")])
    assert "CD3: CHANNEL" in e.value.remedy


def test_override_settles_which_of_two_it_is():
    channels = [("FITC-A", "CD3"), ("PE-A", "cd3 PE")]
    assert find_markers(channels, {"cd3": "PE-A"}) == {"CD3": "PE-A"}


def test_override_replaces_what_the_label_says():
    channels = [("FITC-A", "CD4"), ("PE-A", "")]
    assert find_markers(channels, {"CD8": "FITC-A"}) == {"CD8": "FITC-A"}
    assert find_markers(channels, {"HLA A2": "PE-A"}) == {"CD4": "FITC-A", "HLA-A2": "PE-A"}
    assert find_markers(channels, {"CD16+56": "PE-A"})["CD56"] == "PE-A"


def test_override_to_a_channel_that_is_not_there_lists_the_channels():
    with pytest.raises(MarkerError, match=r"FITC_A.*is 'FITC-A' meant") as error:
        find_markers([("FITC-A", "CD4"), ("PE-A", "")], {"CD8": "FITC_A"})
    assert "FITC-A, PE-A" in error.value.remedy


def test_unknown_word_on_two_detectors_is_passed_over():
    assert find_markers([("FITC-A", "IgG1 FITC"), ("PE-A", "IgG1 PE"), ("APC-A", "CD3")]) == {
        "CD3": "APC-A"
    }


@pytest.mark.parametrize(
    ("text", "marker"),
    [("cd8a", "CD8"), ("HLA-A*02", "HLA-A2"), ("TetA", "TetA"), ("Time", "Time")],
)
def test_canonical_spelling(text, marker):
    assert canonical_marker(text) == marker


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=20)), max_size=6))
def test_any_label_is_read_or_refused(channels):
    try:
        found = find_markers(channels)
    except MarkerError:
        return
    assert set(found.values()) <= {name for name, _ in channels}


# What a cytometrist reads off the labels of the real human panels.
REAL_PANELS = {
    "t_panels_ungated/omip021/Donor1.fcs": {
        "CD3": "670/30Violet-A",
        "CD4": "780/60Red-A",
        "CD8": "585/15Violet-A",
        "CD8b": "670/14Red-A",
        "TCRgd": "530/30Blue-A",
        "Viability": "525/50Violet-A",
        "CCR7": "780/60Yellow-A",
        "CD45RA": "710/50Blue-A",
    },
    "t_panels_ungated/100715.fcs": {
        "CD3": "R780-A",
        "CD14": "V450-A",
        "Viability": "V450-A",
        "Ki67": "B515-A",
    },
    "t_panels_ungated/Miltenyi Biotec - MACSQuant Analyzer.fcs": {
        "CD3": "FL3-A",
        "CD45": "FL1-A",
        "Viability": "FL4-A",
        "Time": "HDR-TM",
    },
    "t_panels_ungated/itn_02.fcs": {"HLA-DR": "HLADr", "CD3": "CD3", "FSC-A": "FSC"},
    "gated_nk_t_b/lyoplate_dc_mono_nk/DC_MONO_NK_12828001_001.fcs": {
        "CD56": "PE YG-A",
        "CD16": "APC-A",
        "Lineage": "APC-Cy7-A",
        "Viability": "Alexa Fluor 488-A",
        "HLA-DR": "AmCyan-A",
    },
    "gated_nk_t_b/a2004_flowjo9/a2004_O1T2pb05i_A2_A02.fcs": {
        "CD14": "PE-CY7-A",
        "IL-6": "APC-CY7-A",
    },
    "nk_panels_ungated/cycombine_test.fcs": {
        "CD56": "SparkYG-581-A",
        "CD3": "PE-Fire640-A",
        "CD16": "BV480-A",
        "CD45": "PacBlue-A",
        "CD45RA": "AF700-A",
        "Viability": "LiveDeadFixableBlue-A",
        "FSC-A": "FSCArea",
    },
    "nk_panels_ungated/luciernaga_aurora/INF071_Ctrl_Tetramer.fcs": {
        "CD56": "BV605-A",
        "Viability": "Zombie NIR-A",
        "Lineage": "Pacific Blue-A",
        "SSC-A": "SSC-A",
    },
    "formats/derived_reencoded/fcs30_float_be.fcs": {
        "CD8": "FL4-H",
        "CD8b": "FL2-H",
        "CD4": "FL1-H",
    },
    "serial/gvhd_bmt_7visits/s5a01.fcs": {"CD15": "FL1-H", "CD33": "FL4-H", "SSC-H": "SSC-H"},
}


def real_channels(path: Path) -> list[tuple[str, str]]:
    """Name and label of each channel of a real file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = flowio.FlowData(path, only_text=True, ignore_offset_discrepancy=True)
    return list(zip(data.pnn_labels, data.pns_labels, strict=True))


@pytest.mark.real_data
@pytest.mark.parametrize("file", REAL_PANELS)
def test_real_panels_read_as_a_cytometrist_would(real_data, file):
    found = find_markers(real_channels(real_data / file))
    assert found.items() >= REAL_PANELS[file].items()


@pytest.mark.real_data
def test_no_real_file_is_ambiguous(real_data):
    with (real_data / "SOURCES.csv").open(encoding="utf-8") as handle:
        rows = [row for row in csv.DictReader(handle) if row["markers"]]
    labels = {row["markers"] for row in rows}
    for text in labels:
        channels = [(f"P{n}-A", label) for n, label in enumerate(text.split("|"))]
        if "CD123|CD123" not in text:  # area and height, whose names are not in that list
            find_markers(channels)
    assert len(labels) > 30
