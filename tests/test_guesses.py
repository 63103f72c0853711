"""File names as laboratories write them."""

import pytest

from immunerecon.study.guesses import guess_from_name


@pytest.mark.parametrize(
    ("file", "patient", "day", "role"),
    [
        ("P07_day-7_tube1.fcs", "P07", -7, "draw"),
        ("Pt 3 d+14 NK.fcs", "Pt 3", 14, "draw"),
        ("patient-12/W4.fcs", "patient-12", 28, "draw"),
        ("KIM/visit2_m6.LMD", "KIM", 182.6, "draw"),
        ("P01/baseline lineage.fcs", "P01", -1, "draw"),
        ("P01_donor_control_HLA.fcs", "P01", None, "donor_control"),
        ("controls/Comp_CD3.fcs", "controls", None, "single_stain"),
        ("controls/FMO CD56.fcs", "controls", None, "fmo"),
        ("P02_product_d0.fcs", "P02", 0, "product"),
        ("Specimen_001_Tube_003.fcs", "", None, "draw"),
    ],
)
def test_patient_day_and_role(file: str, patient: str, day: float | None, role: str) -> None:
    guess = guess_from_name(file)
    assert (guess.patient, guess.day, guess.role) == (patient, day, role)


def test_what_was_typed_at_the_cytometer_tells_what_the_name_does_not() -> None:
    typed = {"TUBE NAME": "Donor", "$SRC": "Doe, Jane P12", "EXPERIMENT NAME": "D+14 graft study"}
    guess = guess_from_name("export/003.fcs", typed)
    assert (guess.patient, guess.day, guess.role) == ("P12", 14, "donor_control")
    assert "Jane" not in guess.told_by
    assert "'P12' in $SRC" in guess.told_by
    named = guess_from_name("P01 day7.fcs", typed)
    assert (named.patient, named.day) == ("P01", 7)


def test_every_guess_says_what_it_stands_on() -> None:
    told = guess_from_name("P07_day-7_donor.fcs").told_by
    assert "'P07'" in told
    assert "'day-7'" in told
    assert "'donor'" in told
    assert guess_from_name("Specimen_001.fcs").told_by == ""
