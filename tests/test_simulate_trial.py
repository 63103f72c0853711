"""The synthetic cohort and its biology agree with what is published and with the plan."""

from collections import Counter

import numpy as np
import pytest

from immunerecon.simulate.biology import donor_nk_per_ul, draw_blood
from immunerecon.simulate.conditions import DRAW_DAYS, Conditions
from immunerecon.simulate.haplotypes import ANTIBODIES, doses
from immunerecon.simulate.phenotypes import LYMPHOCYTES
from immunerecon.simulate.trial import Patient, enrol, list_events
from immunerecon.simulate.truth import STANDARD

EVERYDAY = Conditions()


@pytest.fixture(scope="module", params=[0, 1, 2009])
def cohort(request: pytest.FixtureRequest) -> list[Patient]:
    return [enrol(number, seed=request.param, conditions=EVERYDAY) for number in range(1, 13)]


def per_ul(patient: Patient, day: int, population: str) -> float:
    return draw_blood(patient, day, conditions=EVERYDAY).total(STANDARD[population][1])


def test_twelve_patients_hold_every_outcome(cohort):
    events = Counter(row["event"] for patient in cohort for row in list_events(patient))
    assert events["infusion"] == 12
    assert events["response"] == 12
    assert events["death"] == 1
    assert events["progression"] >= 1
    assert events["death"] + events["last_follow_up"] == 12
    assert Counter(patient.dose_level for patient in cohort) == {1: 3, 2: 3, 3: 6}
    dlt = [patient.dose_level for patient in cohort if patient.plan.dlt]
    assert dlt == [3]
    courses = Counter(patient.plan.donor_course for patient in cohort)
    assert courses["never"] == courses["persisting"] == 1
    assert len({patient.counting for patient in cohort}) == 2


def test_no_draw_is_taken_after_death_or_outside_of_the_schedule(cohort):
    for patient in cohort:
        assert set(patient.days) <= set(DRAW_DAYS)
        assert max(patient.days) < patient.last_day
        assert {-7, 0} <= set(patient.days)
    assert any(len(patient.days) < len(DRAW_DAYS) for patient in cohort)


def test_donors_share_one_haplotype_and_markers_go_both_ways(cohort):
    for patient in cohort:
        recipient, donor = patient.pair.recipient, patient.pair.donor
        for locus in "ABC":
            ours, theirs = (
                {allele for allele in alleles if allele.startswith(locus)}
                for alleles in (recipient, donor)
            )
            assert ours & theirs
        assert recipient != donor
    informative = [patient.pair.informative for patient in cohort]
    assert sum(not markers for markers in informative) == 1
    only = [{marker[-1] for marker in markers} for markers in informative]
    assert {"-"} in only
    assert any("+" in signs for signs in only)


@pytest.mark.parametrize(
    ("alleles", "expected"),
    [
        # Bw4 as in IPD-IMGT/HLA residues 77-83 and PMC3587427, table 1 (B locus) plus A24.
        (("A*02:01", "A*24:02", "B*44:02", "B*51:01", "C*05:01", "C*14:02"), (1, 1, 2.4)),
        (("A*02:07", "A*02:01", "B*46:01", "B*07:02", "C*01:02", "C*07:02"), (2, 0, 0)),
        (("A*33:03", "A*33:03", "B*58:01", "B*15:01", "C*03:02", "C*04:01"), (0, 0, 1)),
        (("A*26:01", "A*11:01", "B*40:02", "B*54:01", "C*03:04", "C*01:02"), (0, 0, 0)),
    ],
)
def test_antibodies_see_their_antigens(alleles, expected):
    assert tuple(doses(alleles, antibody) for antibody in ANTIBODIES) == pytest.approx(expected)


def test_baselines_are_those_of_korean_adults():
    # PMC4275386: means of 294 healthy adults, cells/µL.
    published = {"Lymphocytes": 1928, "T": 1305, "CD4_T": 787, "CD8_T": 479, "B": 203, "NK": 300}
    cohort = [enrol(number, seed=5, conditions=EVERYDAY) for number in range(1, 61)]
    for population, mean in published.items():
        simulated = np.mean([per_ul(patient, -7, population) for patient in cohort])
        assert simulated == pytest.approx(mean, rel=0.2), population


def test_lymphocytes_fall_and_come_back_in_their_order(cohort):
    def share(population: str, day: int) -> float:
        return float(
            np.median([per_ul(p, day, population) / per_ul(p, -7, population) for p in cohort])
        )

    assert share("Lymphocytes", 3) < 0.05
    assert share("CD8_T", 60) > 2 * share("CD4_T", 60) > 2 * share("B", 60)
    assert share("CD4_T", 90) < 0.4
    assert share("B", 90) < 0.2
    assert share("CD4_T", 730) > 0.8
    assert share("Granulocytes", 7) < 0.3
    assert share("Granulocytes", 28) > 0.8


def test_donor_nk_cells_follow_their_plan(cohort):
    days = np.arange(0, 731)
    for patient in cohort:
        counts = np.array([donor_nk_per_ul(patient, float(day)) for day in days])
        course = patient.plan.donor_course
        assert counts[0] == 0
        assert counts.max() <= 1300
        if course == "never":
            assert (counts == 0).all()
            continue
        assert 4 <= days[counts.argmax()] <= 14
        assert (counts[14] > 1) == (course != "transient" or counts[14] > 1)
        assert (counts[90] > 0.1) == (course == "persisting")
    largest = max(donor_nk_per_ul(patient, 12.0) for patient in cohort)
    assert largest > 400


def test_donor_cells_are_mostly_nk_cells(cohort):
    blood = draw_blood(cohort[0], 10, conditions=EVERYDAY)
    assert blood.donor_total(STANDARD["NK"][1]) > 20 * blood.donor_total(STANDARD["T"][1]) > 0
    assert blood.donor_total(STANDARD["Granulocytes"][1]) == 0
    assert draw_blood(cohort[0], -7, conditions=EVERYDAY).donor_total(LYMPHOCYTES) == 0
