"""A study of any size is placed in companies, of which one at a time is in memory."""

from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from immunerecon.gating.borrowing import TubeIdentity
from immunerecon.pipeline.companies import companies
from immunerecon.pipeline.neighbours import place_tubes
from immunerecon.pipeline.plan import plan_study
from immunerecon.pipeline.records import value_digest
from immunerecon.pipeline.stages import prepare_tubes
from immunerecon.study.folder import read_study

TUBES = st.lists(
    st.builds(
        TubeIdentity,
        patient=st.sampled_from(["", "P1", "P2", "P3", "P4"]),
        panel=st.sampled_from(["lineage", "donor_nk"]),
        role=st.just("draw"),
        day=st.just(0.0),
        instrument=st.sampled_from(["A", "B"]),
    ),
    max_size=60,
)


@given(tubes=TUBES, most=st.integers(1, 12))
def test_every_tube_once_and_patients_whole(tubes: list[TubeIdentity], most: int) -> None:
    identities = dict(enumerate(tubes))
    divided = companies(identities, most=most)
    assert sorted(number for company in divided for number in company) == sorted(identities)
    seen: set[tuple[str, str, str]] = set()
    for company in divided:
        members = [identities[number] for number in company]
        assert len({(who.panel, who.instrument) for who in members}) == 1
        patients = {(who.patient, who.panel, who.instrument) for who in members if who.patient}
        assert not patients & seen
        seen |= patients
        largest = max((sum(w == who for w in members) for who in members if who.patient), default=1)
        assert len(company) <= most + largest


def test_a_company_is_placed_as_if_the_others_were_not_there(
    small_study: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = read_study(small_study)
    prepared = prepare_tubes(study, plan_study(study), tmp_path, workers=1)
    jobs = prepared.jobs
    patients = {study.samples[index].patient for index in jobs}
    assert len(patients) == 2
    monkeypatch.setattr("immunerecon.pipeline.neighbours.companies", partial(companies, most=1))
    scales = {index: job.scales for index, job in jobs.items()}
    divided = place_tubes(study, {i: prepared.surveys[i] for i in jobs}, scales)
    monkeypatch.undo()
    n_other = 0
    for patient in sorted(patients):
        own = [index for index in jobs if study.samples[index].patient == patient]
        alone = place_tubes(study, {i: prepared.surveys[i] for i in own}, scales)
        for index in own:
            assert value_digest(divided[index]) == value_digest(alone[index])
            n_other += value_digest(divided[index]) != value_digest(jobs[index].placement)
    assert n_other > 0
