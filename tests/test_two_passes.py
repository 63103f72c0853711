"""The second pass takes over from the first what the first found, and notices another file."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from immunerecon.cytometry.fcs import file_state, read_fcs
from immunerecon.cytometry.quality import clean
from immunerecon.cytometry.transforms import Linear, Logicle
from immunerecon.errors import TubeError
from immunerecon.gating.boundaries import Boundary
from immunerecon.gating.engine import evidence_of
from immunerecon.gating.models.features import columns_of
from immunerecon.gating.models.rescaling import rescale_evidence
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.jobs import TubeJob, compensated_for, markers_of, open_tube
from immunerecon.pipeline.scales import choose_scales
from immunerecon.pipeline.survey import MOST_EVENTS, cleaning_of, survey_tube
from immunerecon.simulate.fcs_writer import write_fcs


@pytest.fixture
def job(small_study: Path) -> TubeJob:
    path = small_study / "fcs" / "P01" / "P01_day028_lineage.fcs"
    return TubeJob(index=0, path=path, strategy=load_strategy("lineage"))


def test_the_cleaning_comes_back_from_the_survey(job: TubeJob, tmp_path: Path) -> None:
    tube = open_tube(job)
    events = tube.events.copy()
    events[10:13, 3] = np.nan
    events[20, 0] = -1  # no forward scatter
    path = tmp_path / "disturbed.fcs"
    names = [channel.name for channel in tube.channels]
    labels = [channel.label for channel in tube.channels]
    kept = {"$SPILLOVER": tube.keywords["$SPILLOVER"]}
    write_fcs(path, np.ascontiguousarray(events), channels=names, labels=labels, keywords=kept)
    disturbed = replace(job, path=path)
    survey, wanted = survey_tube(disturbed), clean(open_tube(disturbed))
    found = cleaning_of(survey)
    np.testing.assert_array_equal(found.kept, wanted.kept)
    assert not found.kept[[10, 11, 12, 20]].any()
    none = np.zeros(0, dtype=np.bool_)
    assert str(replace(found, kept=none)) == str(replace(wanted, kept=none))
    assert survey.facts["n_events"] == tube.n_events


def test_a_survey_tells_what_the_whole_tube_would(job: TubeJob) -> None:
    survey = survey_tube(job)
    raw = open_tube(job)
    assert raw.n_events <= MOST_EVENTS
    tube = compensated_for(raw.select(clean(raw).kept), job)
    whole = evidence_of(
        tube, job.strategy, markers=markers_of(tube, job), scales=choose_scales([survey])
    )
    np.testing.assert_array_equal(survey.arrays["values"], whole.values)
    np.testing.assert_array_equal(survey.arrays["weights"], whole.weights)


def test_a_single_stain_is_surveyed_without_evidence(job: TubeJob) -> None:
    survey = survey_tube(replace(job, gated=False))
    assert "cells" not in survey.facts
    assert "values" not in survey.arrays
    assert set(survey.facts["tops"]) >= {"CD3", "CD56", "SSC-A"}


def test_a_file_that_changes_between_the_passes_is_refused(job: TubeJob, tmp_path: Path) -> None:
    path = tmp_path / "tube.fcs"
    path.write_bytes(job.path.read_bytes())
    known = replace(job, path=path, sha256="0" * 64, state=file_state(path))
    assert open_tube(known).sha256 == "0" * 64  # taken over, not computed again
    later = path.stat().st_mtime_ns + 1_000_000_000
    os.utime(path, ns=(later, later))
    with pytest.raises(TubeError, match="changed while the study was being run"):
        open_tube(known)


def test_a_hash_is_computed_where_none_is_known(job: TubeJob) -> None:
    import hashlib

    assert read_fcs(job.path).sha256 == hashlib.sha256(job.path.read_bytes()).hexdigest()


def test_evidence_keeps_its_linear_values_on_other_scales(job: TubeJob) -> None:
    raw = open_tube(job)
    tube = compensated_for(raw, job)
    markers = markers_of(tube, job)
    own = choose_scales([survey_tube(job)])
    common = {
        name: Linear(2 * scale.t) if isinstance(scale, Linear) else Logicle(2 * scale.t, 1.2)
        for name, scale in own.items()
    }
    evidence = evidence_of(tube, job.strategy, markers=markers, scales=own)
    evidence = replace(evidence, boundaries=(Boundary("CD3", "CD3", 0.5),))
    moved = rescale_evidence(evidence, own=own, common=common)
    before, after = (columns_of(found.values, found.dimensions) for found in (evidence, moved))
    for name in evidence.dimensions:
        linear = own[name].inverse(before[name])
        # Single precision on a display is some 1e-6 of the linear value, and of the noise near 0.
        np.testing.assert_allclose(common[name].inverse(after[name]), linear, rtol=1e-4, atol=0.2)
    value = own["CD3"].inverse([0.5])
    assert common["CD3"].inverse([moved.boundaries[0].value]) == pytest.approx(value, rel=1e-4)
    assert not np.array_equal(moved.values, evidence.values)
