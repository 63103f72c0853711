"""A study folder drafted from nothing but FCS files."""

import shutil
from pathlib import Path

import pandas as pd
import pytest
from test_privacy import with_keywords

from immunerecon.cytometry.fcs import read_fcs
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


DATED = {"-7": "01-MAR-2026", "0": "08-MAR-2026", "7": "15-MAR-2026", "28": "05-APR-2026"}


def unnamed(folder: Path, *, keep: tuple[str, ...] = ()) -> dict[str, float]:
    """Give one patient's lineage tubes running numbers, dates for days; return the days by file."""
    days = {}
    for number, path in enumerate(sorted(folder.glob("P01/*_lineage.fcs"))):
        day = str(int(path.name.split("_day")[1].split("_")[0]))
        if "product" in path.name or day not in DATED:
            continue
        name = f"Pt 01/{day} kept D{day}.fcs" if day in keep else f"Pt 01/Specimen_{number:03d}.fcs"
        target = folder / name
        target.parent.mkdir(exist_ok=True)
        target.write_bytes(with_keywords(path.read_bytes(), {"$DATE": DATED[day]}))
        days[name] = float(day)
    for other in (*folder.glob("P01/*"), *folder.glob("P02/*")):
        other.unlink()
    return days


def test_draws_without_a_day_get_their_date_and_the_patient_an_infusion_date(files: Path) -> None:
    truth = unnamed(files, keep=("7",))
    draft = draft_study(files)
    assert {s.file: s.day for s in read_study(files).samples} == truth
    patients = pd.read_csv(files / "patients.csv", dtype=str)
    assert patients["infusion_date"].tolist() == ["2026-03-08"]
    assert "1 of 1 draws" in patients["guess"].item()
    assert any("infusion_date guessed for Pt 01" in line for line in draft.to_do)


def test_the_day_of_the_product_is_taken_for_the_infusion_where_no_name_tells_a_day(
    files: Path,
) -> None:
    product = next(files.glob("P01/*product*")).read_bytes()
    truth = unnamed(files)
    (files / "Pt 01" / "product.fcs").write_bytes(with_keywords(product, {"$DATE": DATED["0"]}))
    draft_study(files)
    drafted = {s.file: s.day for s in read_study(files).samples if s.role == "draw"}
    assert drafted == truth


def test_what_the_files_cannot_tell_is_asked_for_once(files: Path) -> None:
    unnamed(files)
    asked = draft_study(files).to_do
    assert any("infusion_date of Pt 01" in line for line in asked)
    with pytest.raises(StudyError) as caught:
        read_study(files)
    assert {problem.column for problem in caught.value.problems} == {"date"}


def test_names_of_persons_do_not_get_into_the_draft(files: Path) -> None:
    path = next(files.glob("P01/*day007_lineage.fcs"))
    typed = {"$SRC": "Erika Mustermann", "TUBE NAME": "D+9 Mustermann", "PATIENT ID": "P55"}
    target = files / "x.fcs"
    target.write_bytes(with_keywords(path.read_bytes(), typed))
    written = draft_study(files).written
    row = pd.read_csv(files / "samples.csv").set_index("file").loc["x.fcs"]
    assert (row["patient"], row["day"]) == ("P55", 9)
    assert not any("Mustermann" in path.read_text() for path in written)


def test_hidden_files_are_told_and_left_out(files: Path) -> None:
    (files / "._P01_day007.fcs").write_bytes(b"\0\5\x16\7")
    assert draft_study(files).left_out == ("._P01_day007.fcs",)
    assert "._P01" not in (files / "samples.csv").read_text()


def test_single_stains_get_their_marker_from_name_or_detector(files: Path) -> None:
    tube = next(files.glob("P01/*day007_lineage.fcs"))
    names = ("Comp_CD56.fcs", "Compensation Controls_PE-Cy7 Stained Control.fcs", "Comp x.fcs")
    for name in names:
        shutil.copy(tube, files / name)
    channels = {c.label: c.name for c in read_fcs(tube).channels}
    on_pe_cy7 = next(label for label, name in channels.items() if name.startswith("PE-Cy7"))
    asked = draft_study(files).to_do
    stains = pd.read_csv(files / "samples.csv", dtype=str).set_index("file")["stain"]
    assert stains[names[0]] == "CD56"
    assert stains[names[1]] == on_pe_cy7.split()[0]
    assert any("stain of Comp x.fcs" in line for line in asked)


def test_a_file_of_several_data_sets_names_the_last(files: Path) -> None:
    """As .lmd files do: the same events twice, the second time in full resolution."""
    content = next(files.glob("P01/*day007_lineage.fcs")).read_bytes()
    first = with_keywords(content, {"$NEXTDATA": "0" * 8})
    first = first.replace(b"$NEXTDATA/00000000/", f"$NEXTDATA/{len(first):08d}/".encode())
    for path in files.glob("P0*/*"):
        path.unlink()
    (files / "P01 day7.lmd").write_bytes(first + content)
    draft_study(files)
    (sample,) = read_study(files).samples
    assert sample.dataset == 2
    assert read_fcs(files / sample.file, dataset=2).n_events == read_fcs_events(content, files)


def read_fcs_events(content: bytes, folder: Path) -> int:
    path = folder / "alone.bin"
    path.write_bytes(content)
    return read_fcs(path).n_events
