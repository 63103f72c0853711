"""What the report says of donor cells beside the counts: other chimerism, and KIR ligands."""

import importlib.util
from pathlib import Path

import pandas as pd
import pytest

from immunerecon.report.attention import find_attention
from immunerecon.report.cohort_drawings import draw_cohort
from immunerecon.report.cohort_tables import kir_rows
from immunerecon.report.page import render_page
from immunerecon.study.alleles import parse_typing
from immunerecon.trial.chimerism import agreement_table, pair_chimerism
from immunerecon.trial.kir_ligands import kir_mismatch_table


@pytest.fixture(scope="module")
def told():
    """A study of the report's own tests, with chimerism and KIR ligands."""
    path = Path(__file__).with_name("test_report.py")
    spec = importlib.util.spec_from_file_location("report_tests", path)
    tests = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tests)
    typed = pd.DataFrame(
        {
            "patient": "P1",
            "day": [14.0, 15.0],
            "population": ["NK", "T"],
            "donor_percent": [20.0, 1.0],
            "method": "STR",
        }
    )
    pairs = pair_chimerism(typed, tests.DONORS)
    recipient = parse_typing("A*02:01 A*33:03 B*07:02 B*08:01 C*07:01 C*07:02")
    donor = parse_typing("A*02:01 A*33:03 B*07:02 B*44:02 C*16 C*07:02")
    return tests.study(
        chimerism_pairs=pairs,
        chimerism_agreement=agreement_table(pairs),
        kir_mismatch=kir_mismatch_table([("P1", recipient, donor)]),
    )


def test_results_that_exclude_each_other_are_listed(told):
    (apart,) = find_attention(told).disagreements
    assert (apart.patient, apart.day, apart.population) == ("P1", 14.0, "NK")
    assert apart.told == "STR 20 %, flow on day 14 41.7 % (38 to 45)"
    page = render_page(told, [])
    assert "1 results that disagree" not in page and "1 result that disagrees" in page
    assert apart.told in page


def test_the_figure_of_agreement_is_one_of_the_cohort(told):
    (drawing,) = [drawing for drawing in draw_cohort(told) if drawing.name == "chimerism"]
    assert len(drawing.data) == 2
    assert len(drawing.figure.axes) == 4  # two plots for NK and for T


def test_mismatched_and_ambiguous_ligands_are_told_and_no_others(told):
    rows = {row.ligand: row for row in kir_rows(told)}
    assert set(rows) == {"C2", "Bw4"}
    assert rows["Bw4"].graft_versus_host == "yes"
    assert rows["C2"].graft_versus_host == "ambiguous (no)"
    assert "C*16 may or may not carry C2" in render_page(told, [])
