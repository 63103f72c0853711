"""A study folder drafted from nothing but FCS files."""

import shutil
from pathlib import Path

import pandas as pd
import pytest

from immunerecon.errors import StudyError
from immunerecon.pipeline.draft import draft_study
from immunerecon.study.folder import read_study


@pytest.fixture
def files(small_study: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "from the cytometer"
    shutil.copytree(small_study / "fcs", folder)
    return folder


def test_the_draft_of_well_named_files_is_a_valid_study(files: Path, small_study: Path) -> None:
    draft_study(files)
    drafted = read_study(files)
    truth = {Path(s.file).name: s for s in read_study(small_study).samples}
    assert len(drafted.samples) == len(truth)
    for sample in drafted.samples:
        expected = truth[Path(sample.file).name]
        assert (sample.patient, sample.role) == (expected.patient, expected.role)
        assert (sample.panel, sample.day) == (expected.panel, expected.day)


def test_nothing_that_is_there_is_overwritten(files: Path) -> None:
    (files / "samples.csv").write_text("mine")
    with pytest.raises(StudyError, match=r"samples\.csv.*is there already"):
        draft_study(files)
    assert (files / "samples.csv").read_text() == "mine"
    assert not (files / "study.yaml").exists()


def test_a_file_that_cannot_be_read_still_stands_in_the_draft(files: Path) -> None:
    (files / "P09_day3.fcs").write_bytes(b"FCS3.1 but not really")
    draft_study(files)
    samples = pd.read_csv(files / "samples.csv")
    assert "P09_day3.fcs" in set(samples["file"])


def test_a_folder_without_fcs_files_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StudyError, match="holds no FCS file"):
        draft_study(tmp_path)
