"""What is asked of donor cells travels to workers and waits for them without a single event."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.pipeline.donor_asks import ask_donors
from immunerecon.pipeline.donor_jobs import DonorJob, estimate_to_record
from immunerecon.pipeline.plan import plan_study
from immunerecon.pipeline.results import RECORDS
from immunerecon.pipeline.stages import Stages, run_stages
from immunerecon.study.folder import read_study


@pytest.fixture(scope="module")
def stages(small_study: Path, small_results: Path) -> Stages:
    study = read_study(small_study)
    return run_stages(study, plan_study(study, ()), small_results / RECORDS, workers=1)


@pytest.fixture(scope="module")
def jobs(small_study: Path, stages: Stages) -> list[DonorJob]:
    asked = ask_donors(read_study(small_study), stages)
    return [one.job for one in asked if one.job is not None]


def test_a_job_brings_no_events_along(jobs: list[DonorJob]) -> None:
    assert max(len(job.draw.load()) for job in jobs) > 500
    assert max(len(pickle.dumps(job)) for job in jobs) < 20_000


def test_each_estimate_is_known_by_what_it_depends_on(jobs: list[DonorJob]) -> None:
    told = [repr(job.inputs()) for job in jobs]
    assert len(set(told)) == len(told)


def test_values_are_those_of_the_gated_cells(stages: Stages, jobs: list[DonorJob]) -> None:
    counts = {
        row["count"] for record in stages.gated.values() for row in record.facts["populations"]
    }
    assert {len(job.draw.load()) for job in jobs} <= counts


def test_a_control_is_split_as_a_draw_is_and_not_judged(jobs: list[DonorJob]) -> None:
    control = next(job for job in jobs if job.is_control)
    split, judged = (
        estimate_to_record(replace(control, is_control=only_split)) for only_split in (True, False)
    )
    assert not split.facts and "call" in judged.facts
    assert set(split.arrays) == set(judged.arrays)
    assert split.arrays["observed"].sum() == len(control.draw.load())
    for name, values in judged.arrays.items():
        np.testing.assert_array_equal(split.arrays[name], values)
