"""A small study that was run, and its gated tubes."""

from pathlib import Path

import pytest

from immunerecon.interop import GatedEvents, gated_events
from immunerecon.pipeline.results import Results, load_results
from immunerecon.study.folder import Study, read_study


@pytest.fixture(scope="session")
def study(small_study: Path) -> Study:
    return read_study(small_study)


@pytest.fixture(scope="session")
def results(small_results: Path) -> Results:
    return load_results(small_results)


@pytest.fixture(scope="session")
def lineage(study: Study, results: Results) -> GatedEvents:
    """A tube of the lineage panel, long after the infusion."""
    return gated_events(study, results, "fcs/P01/P01_day028_lineage.fcs")
