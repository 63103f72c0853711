"""The study folder as a whole: what is read, what stops it, what is only flagged."""

import os
from pathlib import Path

import pytest

from immunerecon.errors import StudyError, TubeError
from immunerecon.study.folder import read_study

YAML = "name: demo\npanels:\n  nk: {strategy: donor_nk}\n  t: {strategy: lineage}\n"
SAMPLES = "file,patient,day,panel\nd0.fcs,P1,0,nk\nd7.fcs,P1,7,nk\n"


def write(folder: Path, **tables: str) -> Path:
    """Write a study folder; FCS files that the samples name exist, unless `files` says which."""
    files = tables.pop("files", "d0.fcs d7.fcs d14.fcs").split()
    tables = {"study": YAML, "samples": SAMPLES, **tables}
    for stem, content in tables.items():
        name = "study.yaml" if stem == "study" else f"{stem}.csv"
        (folder / name).write_text(content, encoding="utf-8")
    for file in files:
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(b"FCS3.1" + file.encode())
    return folder


def problems(folder: Path) -> list[str]:
    """What is said about a study that is wrong."""
    with pytest.raises(StudyError) as error:
        read_study(folder)
    return [str(problem) for problem in error.value.problems]


def warnings(folder: Path) -> list[str]:
    """What is said about a study that is right but odd."""
    return [str(warning) for warning in read_study(folder).warnings]


def test_small_study_is_read(tmp_path):
    patients = "patient,dose_level,infusion_date,recipient_hla,colour\nP1,2,2024-03-01,A2 A24,red\n"
    study = read_study(write(tmp_path, patients=patients))
    assert [(s.file, s.patient, s.day, s.panel, s.role) for s in study.samples] == [
        ("d0.fcs", "P1", 0.0, "nk", "draw"),
        ("d7.fcs", "P1", 7.0, "nk", "draw"),
    ]
    (patient,) = study.patients
    assert (patient.dose_level, str(patient.recipient_hla)) == ("2", "A2 A24")
    assert patient.annotations == {"colour": "red"}
    assert study.settings.panels["nk"].strategy == "donor_nk"
    assert study.path_of(study.samples[0]) == tmp_path / "d0.fcs"
    assert study.warnings == ()


def test_defaults_of_the_settings(tmp_path):
    settings = read_study(write(tmp_path, study="panels: {nk: {strategy: lineage}}\n")).settings
    assert settings.name == tmp_path.name
    assert settings.recovery_thresholds["CD4_T"] == (50, 200, 500)
    assert (settings.confirm_recovery, settings.compensation, settings.seed) == (1, "", 0)


def test_given_thresholds_replace_the_defaults(tmp_path):
    study = YAML + "recovery_thresholds: {CD4_T: [200]}\n"
    assert read_study(write(tmp_path, study=study)).settings.recovery_thresholds == {
        "CD4_T": (200.0,)
    }


def test_without_patients_table_those_of_the_samples_are_patients(tmp_path):
    assert [patient.patient for patient in read_study(write(tmp_path)).patients] == ["P1"]


def test_shipped_reference_ranges_hold_the_korean_means(tmp_path):
    ranges = {r.population: r for r in read_study(write(tmp_path)).reference_ranges}
    # 294 Korean adults, PMC4275386
    means = {"Lymphocytes": 1928, "T": 1305, "CD4_T": 787, "CD8_T": 479, "B": 203, "NK": 300}
    for population, mean in means.items():
        assert ranges[population].low < mean < ranges[population].high
        assert ranges[population].source


def test_reference_ranges_of_the_study_replace_the_shipped_ones(tmp_path):
    study = YAML + "reference_ranges: tables/ranges.csv\n"
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "ranges.csv").write_text(
        "population,low,high,source\nNK,90,600,our lab\n"
    )
    (only,) = read_study(write(tmp_path, study=study)).reference_ranges
    assert (only.population, only.low, only.high) == ("NK", 90, 600)


def test_day_is_worked_out_from_the_dates(tmp_path):
    samples = "file,patient,date,panel\nd0.fcs,P1,2024-02-27,nk\nd7.fcs,P1,2024-03-08,nk\n"
    patients = "patient,infusion_date\nP1,2024-03-01\n"
    study = read_study(write(tmp_path, samples=samples, patients=patients))
    assert [sample.day for sample in study.samples] == [-3, 7]


def test_all_problems_are_told_at_once_in_order(tmp_path):
    told = problems(
        write(
            tmp_path,
            study=YAML + "confirm_recovery: 0\nsede: 1\n",
            samples="file,patient,day,panel,role\n"
            "d0.fcs,P9,0,nk,draw\n"
            "gone.fcs,P1,0,nk,draww\n"
            "gone.fcs,P1,1,nk,draw\n",
            patients="patient,infusion_date\nP1,yesterday\nP2,\nP2,\n",
            blood_counts="patient,day,wbc\nP1,0,-1\n",
        )
    )
    assert told == [
        "study.yaml, column confirm_recovery: 0 is out of range (accepted: >= 1)",
        "study.yaml, column sede: is no setting; is it meant to be 'seed'? (accepted: name, "
        "panels, recovery_thresholds, confirm_recovery, reference_ranges, compensation, seed)",
        "blood_counts.csv, row 2, column wbc: -1 is out of range (accepted: >= 0)",
        "patients.csv, row 2, column infusion_date: 'yesterday' is not a date (accepted: "
        "year-month-day, such as 2024-03-31)",
        "patients.csv, row 4, column patient: the same patient stands in row 3 already (accepted: "
        "each once)",
        "samples.csv, row 2, column patient: patient 'P9' is not in patients.csv (accepted: an id "
        "of patients.csv)",
        "samples.csv, row 3, column role: 'draww' is unknown (accepted: draw, recipient_control, "
        "donor_control, product, single_stain, unstained, fmo)",
        "samples.csv, row 3, column file: there is no file 'gone.fcs' (accepted: a path below the "
        "study folder, with forward slashes)",
        "samples.csv, row 4, column file: there is no file 'gone.fcs' (accepted: a path below the "
        "study folder, with forward slashes)",
    ]


def test_message_of_the_error_names_every_problem(tmp_path):
    folder = write(tmp_path, samples="file,patient,day,panel\na.fcs,P1,0,NK\nb.fcs,P1,1,x\n")
    with pytest.raises(StudyError, match=r"(?s)row 2, column panel.*is 'nk' meant.*row 3.*'x'"):
        read_study(folder)


@pytest.mark.malformed(67)
@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("panels: {nk: {strategy: !!python/object:os.system x}}", "row 1: holds the tag"),
        ("name: &a demo\npanels: {nk: {strategy: *a}}", "row 1: holds an anchor or alias"),
        ("panels: {nk: {strategy: x}}\nname: a\nname: b\n", "found duplicate key"),
        ("panels: [nk\n", "row 2"),
        ("- nk\n", "is not a map of settings"),
        ("", "is not a map of settings"),
        ("name: demo\n", "column panels: is empty"),
        ("panels: {}\n", "column panels: {} is not a map with at least one entry"),
        ("? - - a\n: b\n", "is not YAML of plain keys"),
        ("name: [a]\n" + "panels: {nk: {strategy: x}}\n", "column name: ['a'] is not text"),
        ("panels: {nk: {markers: {CD3: FITC-A}}}\n", "column panels.nk.strategy: is empty"),
        ("panels: {nk: lineage}\n", "column panels.nk: 'lineage' is not a map, KEY: VALUE"),
        (YAML + "seed: 1_0\n", "column seed: '1_0' is not a whole number"),
        (YAML + "seed: 0x1\n", "column seed: '0x1' is not a whole number"),
        (
            YAML + "recovery_thresholds: {NK: 100}\n",
            "column recovery_thresholds.NK: '100' is not a list",
        ),
        (YAML + "recovery_thresholds: {NK: [-1]}\n", "out of range"),
        (YAML + "compensation: keywords\n", "column compensation: there is no file 'keywords'"),
        (YAML + "compensation: ../m.csv\n", "column compensation: '../m.csv' leads out"),
        (YAML + "compensation: controls\n", "samples.csv has no single_stain"),
        (YAML + "reference_ranges: r.csv\n", "column reference_ranges: there is no file 'r.csv'"),
        ("panels: {nk: {strategy: ./mine.yaml}}", "column panels.nk.strategy: there is no file"),
        ("panels: {nk: {strategy: x, marker: {}}}", "is it meant to be 'markers'?"),
        ("name: " + "[" * 50 + "]" * 50, "nested deeper"),
        ("name: " + "x" * 300_000, "is larger than"),
    ],
)
def test_wrong_settings_are_refused_by_key(tmp_path, content, expected):
    assert any(expected in problem for problem in problems(write(tmp_path, study=content)))


@pytest.mark.malformed(67)
def test_alias_bomb_is_refused_before_it_grows(tmp_path):
    lines = ["a0: &a0 [x, x]"] + [f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]" for n in range(1, 60)]
    assert problems(write(tmp_path, study="\n".join(lines)))[0] == (
        "study.yaml, row 1: holds an anchor or alias"
    )


@pytest.mark.malformed(67)
def test_text_of_the_settings_stays_text(tmp_path):
    study = "name: NO\npanels: {0x1: {strategy: 1_0, markers: {CD3: 530}}}\n"
    samples = SAMPLES.replace(",nk", ",0x1")
    settings = read_study(write(tmp_path, study=study, samples=samples)).settings
    assert (settings.name, settings.panels["0x1"].strategy) == ("NO", "1_0")
    assert settings.panels["0x1"].markers == {"CD3": "530"}


def test_missing_tables_are_named(tmp_path):
    assert problems(tmp_path) == [
        "study.yaml: is missing (accepted: a study folder holds study.yaml; "
        "`immunerecon init` drafts it)",
        "samples.csv: is missing (accepted: a row an FCS file)",
    ]
    assert "there is no such folder" in problems(tmp_path / "nowhere")[0]


def test_table_without_rows_is_refused(tmp_path):
    assert (
        "samples.csv: has no rows"
        in problems(write(tmp_path, samples="file,patient,day,panel\n"))[0]
    )


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("d0.fcs,P1,,,nk,draw,,", "column day: a draw has neither day nor date"),
        ("d0.fcs,,0,,nk,draw,,", "column patient: a draw has no patient"),
        ("d0.fcs,,0,,nk,recipient_control,,", "a recipient_control has no patient"),
        ("d0.fcs,P1,,2024-03-01,nk,draw,,", "needs the infusion_date of patient 'P1'"),
        ("d0.fcs,,,,nk,single_stain,,", "column stain: a single_stain has no stain"),
        ("d0.fcs,,,,nk,fmo,,", "column stain: a fmo has no stain"),
        ("d0.fcs,P1,0,,nk,draw,,50000", "column blood_volume_ul: is empty although"),
        ("d0.fc,P1,0,,nk,draw,,", "there is no file 'd0.fc'; is 'd0.fcs' meant?"),
        ("d0.fcs,P1,0,,nkk,draw,,", "column panel: panel 'nkk' is not in study.yaml"),
    ],
)
def test_wrong_sample_is_refused_by_column(tmp_path, rows, expected):
    samples = f"file,patient,day,date,panel,role,stain,beads_added\n{rows}\n"
    told = problems(write(tmp_path, samples=samples))
    assert any(expected in problem for problem in told), told


def test_day_and_date_must_agree(tmp_path):
    samples = "file,patient,day,date,panel\nd0.fcs,P1,{},2024-03-08,nk\n"
    patients = "patient,infusion_date\nP1,2024-03-01\n"
    assert read_study(write(tmp_path, samples=samples.format("7.25"), patients=patients))
    told = problems(write(tmp_path, samples=samples.format("8"), patients=patients))
    assert "column date: 2024-03-08 is day 7, not 8" in told[0]


def test_unknown_patient_is_refused_in_every_table(tmp_path):
    folder = write(
        tmp_path,
        patients="patient\nP1\nSNUH-02\n",
        blood_counts="patient,day,alc\nP2,0,1\n",
        clinical_events="patient,day,event\nSNUH02,0,death\n",
        chimerism="patient,day,population,donor_percent\nP3,0,NK,50\n",
    )
    told = problems(folder)
    assert [problem.split(":")[0] for problem in told] == [
        "blood_counts.csv, row 2, column patient",
        "chimerism.csv, row 2, column patient",
        "clinical_events.csv, row 2, column patient",
    ]
    assert "is 'SNUH-02' meant?" in told[2]


@pytest.mark.malformed(63)
@pytest.mark.parametrize(
    ("second", "wrong"),
    [
        ("d7.fcs,P1,0,nk,draw,,", "stands in row 2 already"),
        ("d7.fcs,P1,0.0,nk,draw,,", "stands in row 2 already"),
        ("d7.fcs,P1,0,nk,draw,2,", ""),
        ("d7.fcs,P1,0,t,draw,,", ""),
        ("d7.fcs,P1,0,nk,recipient_control,,", ""),
        ("d0.fcs,P1,7,nk,draw,,", "'d0.fcs' stands in row 2 already"),
        ("./d0.fcs,P1,7,nk,draw,,", "'./d0.fcs' stands in row 2 already"),
        ("d0.fcs,P1,7,nk,draw,,1", "'d0.fcs' stands in row 2 already"),
    ],
)
def test_same_tube_or_file_twice_is_refused(tmp_path, second, wrong):
    samples = f"file,patient,day,panel,role,replicate,dataset\nd0.fcs,P1,0,nk,draw,,\n{second}\n"
    folder = write(tmp_path, samples=samples)
    if wrong:
        (told,) = problems(folder)
        assert wrong in told
        assert "row 3" in told
    else:
        assert len(read_study(folder).samples) == 2


def test_datasets_of_one_file_are_different_tubes(tmp_path):
    samples = "file,patient,day,panel,dataset\nd0.fcs,P1,0,nk,1\nd0.fcs,P1,7,nk,2\n"
    assert [s.dataset for s in read_study(write(tmp_path, samples=samples)).samples] == [1, 2]


def test_controls_of_nobody_recur_by_stain_and_batch(tmp_path):
    samples = (
        "file,patient,day,panel,role,stain,batch\n"
        "d0.fcs,,,nk,single_stain,CD3,A\nd7.fcs,,,nk,single_stain,CD4,A\n"
        "d14.fcs,,,nk,single_stain,CD3,{}\n"
    )
    assert read_study(write(tmp_path, samples=samples.format("B")))
    assert "row 4" in problems(write(tmp_path, samples=samples.format("A")))[0]


@pytest.mark.malformed(61)
def test_files_outside_the_folder_are_refused_one_by_one(tmp_path):
    folder = tmp_path / "study"
    folder.mkdir()
    (tmp_path / "out.fcs").write_bytes(b"FCS3.1")
    samples = (
        "file,patient,day,panel\n../out.fcs,P1,0,nk\nlink.fcs,P1,1,nk\n/etc/hosts,P1,2,nk\n"
        "C:\\data\\x.fcs,P1,3,nk\nsub/../d0.fcs,P1,4,nk\nsub,P1,5,nk\n"
    )
    write(folder, samples=samples, files="d0.fcs sub/d1.fcs")
    (folder / "link.fcs").symlink_to(tmp_path / "out.fcs")
    study = read_study(folder)
    assert sum("leads out of the study folder" in str(w) for w in study.warnings) == 4
    for sample in study.samples[:4]:
        with pytest.raises(TubeError, match="leads out of the study folder"):
            study.path_of(sample)
    assert study.path_of(study.samples[4]) == folder / "d0.fcs"
    with pytest.raises(TubeError, match="is not a file"):
        study.path_of(study.samples[5])


@pytest.mark.malformed(66)
def test_pipe_and_circular_link_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "pipe.fcs")
    (tmp_path / "loop.fcs").symlink_to(tmp_path / "loop.fcs")
    samples = "file,patient,day,panel\npipe.fcs,P1,0,nk\n"
    study = read_study(write(tmp_path, samples=samples))
    with pytest.raises(TubeError, match="is not a file"):
        study.path_of(study.samples[0])
    samples += "loop.fcs,P1,1,nk\n"
    folder = write(tmp_path, samples=samples)
    try:
        assert "loop.fcs" in str(read_study(folder).warnings)
    except StudyError as error:
        assert "loop.fcs" in str(error)


def test_settings_may_name_files_of_the_folder(tmp_path):
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    (tmp_path / "m.csv").write_text("x\n")
    study = "panels: {nk: {strategy: mine.yaml}}\ncompensation: m.csv\n"
    settings = read_study(write(tmp_path, study=study)).settings
    assert settings.panels["nk"].strategy_is_path
    assert not read_study(write(tmp_path)).settings.panels["nk"].strategy_is_path


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            {"clinical_events": "patient,day,event,value\nP1,9,response,\n"},
            "column value: a response has no value (accepted: CR, PR, SD, PD, NE)",
        ),
        (
            {"clinical_events": "patient,day,event\nP1,9,death\nP1,10,death\n"},
            "row 3, column event: that patient's death stands in row 2 already",
        ),
        (
            {"blood_counts": "patient,day,wbc,alc\nP1,0,,\n"},
            "column wbc: there is neither wbc nor alc",
        ),
        (
            {"blood_counts": "patient,day,alc\nP1,0,1\nP1,0,2\n"},
            "row 3, column day: a count of that patient and day stands in row 2 already",
        ),
        (
            {"chimerism": "patient,day,population,donor_percent\nP1,0,NK,101\n"},
            "column donor_percent: 101 is out of range (accepted: <= 100)",
        ),
        (
            {"chimerism": "patient,day,population,donor_percent\nP1,0,NK,1\nP1,0,NK,2\n"},
            "chimerism.csv, row 3",
        ),
        (
            {
                "patients": "patient,recipient_hla,donor_hla,donor_marker\n"
                "P1,A*02:01 A*03:01,A*24:02 A*03:01,HLA-A2+\n"
            },
            "column donor_marker: HLA-A2+ contradicts the typing: the donor does not carry HLA-A2",
        ),
    ],
)
def test_rows_that_cannot_be_are_refused(tmp_path, tables, expected):
    told = problems(write(tmp_path, **tables))
    assert any(expected in problem for problem in told), told


@pytest.mark.malformed(70, 71)
@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        (
            {"blood_counts": "patient,day,alc\nP1,0,850\n"},
            "row 2, column alc: 850 x 10^9/L is impossible; is it in cells/µL?",
        ),
        (
            {"blood_counts": "patient,day,wbc,lymphocytes_percent,alc\nP1,0,4,25,2\n"},
            "column alc: alc 2 is not 25 % of wbc 4",
        ),
        (
            {"blood_counts": "patient,day,wbc,alc\nP1,0,1,2\n"},
            "alc 2 is more than wbc 1",
        ),
        (
            {
                "blood_counts": "patient,day,wbc,lymphocytes_percent\n"
                "P1,0,4,0.25\nP1,1,4,0.3\nP1,2,4,0.2\n"
            },
            "are they fractions?",
        ),
        (
            {"clinical_events": "patient,day,event\nP1,3,death\n"},
            "samples.csv, row 3, column day: the draw of day 7 comes after the death of day 3",
        ),
        (
            {"clinical_events": "patient,day,event\nP1,3,last_follow_up\n"},
            "comes after the last_follow_up of day 3",
        ),
        (
            {"clinical_events": "patient,day,event\nP1,1,infusion\nP1,8,infusion\n"},
            "clinical_events.csv, row 2, column day: the first infusion of P1 is on day 1",
        ),
        (
            {"clinical_events": "patient,day,event,term\nP1,1,adverse_event,fever\n"},
            "column grade: the adverse_event has no grade",
        ),
        (
            {"patients": "patient,recipient_hla,donor_hla\nP1,A2 A24,A24 A*02\n"},
            "row 2, column donor_hla: donor and recipient have the same typing",
        ),
        (
            {"patients": "patient,nk_cells_per_kg\nP1,30\n"},
            "column nk_cells_per_kg: 30 cells/kg is very few; is it in 10^6/kg?",
        ),
        (
            {
                "samples": "file,patient,day,panel\nd0.fcs,P1,-2000,nk\n",
                "patients": "patient,age\nP1,3\n",
            },
            "samples.csv, row 2, column day: day -2000 is before the birth of a patient of age 3",
        ),
        (
            {"samples": "file,patient,day,panel\nd0.fcs,P1,45321,nk\n"},
            "day 45321 is 124 years from the infusion",
        ),
        (
            {"samples": "file,patient,day,panel,blood_volume\nd0.fcs,P1,1,nk,100\n"},
            "column blood_volume: is kept as an annotation; is it meant to be 'blood_volume_ul'?",
        ),
    ],
)
def test_odd_values_are_flagged_with_the_row(tmp_path, tables, expected):
    told = warnings(write(tmp_path, **tables))
    assert any(expected in warning for warning in told), told


def test_ordinary_values_are_not_flagged(tmp_path):
    folder = write(
        tmp_path,
        patients="patient,nk_cells_per_kg,cd3_cells_per_kg,recipient_hla,donor_hla\n"
        "P1,3e7,12,A*02:01 A*24:02,A*24:02 A*33:03\n",
        blood_counts="patient,day,wbc,lymphocytes_percent,alc\nP1,0,4,25,1\nP1,7,0.05,0.5,\n",
        clinical_events="patient,day,event,value,grade\n"
        "P1,0,infusion,,\nP1,5,dlt,,3\nP1,28,response,PR,\nP1,300,death,,5\n",
    )
    assert warnings(folder) == []


def test_page_shows_draws_by_patient_and_day_with_what_is_missing(tmp_path):
    samples = (
        "file,patient,day,panel\nd0.fcs,<P1>,0,nk\nd7.fcs,<P1>,0,t\nd14.fcs,<P1>,7,nk\n"
        "d1.fcs,P2,3,nk\n"
    )
    study = read_study(write(tmp_path, samples=samples, files="d0.fcs d7.fcs d14.fcs d1.fcs"))
    page = study._repr_html_()
    assert "<th>0</th><th>3</th><th>7</th>" in page
    assert (
        "<th>&lt;P1&gt;</th><td>nk, t</td><td>–</td><td>nk, <s title='missing'>t</s> ⚠</td>" in page
    )
    assert "<th>P2</th><td>–</td><td>nk</td><td>–</td>" in page


def test_nothing_is_written(tmp_path):
    folder = write(tmp_path)
    before = sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*"))
    read_study(folder)
    assert sorted((path, path.stat().st_mtime_ns) for path in folder.rglob("*")) == before


def test_faults_of_one_row_are_told_together(tmp_path):
    folder = write(
        tmp_path,
        samples="file,patient,day,panel,role\ngone.fcs,P2,x,tt,draww\n",
        patients="patient,age\nP1,old\n",
    )
    told = problems(folder)
    assert {problem.split(":")[0].removeprefix("samples.csv, row 2, ") for problem in told} == {
        "column day",
        "column role",
        "column panel",
        "column patient",
        "column file",
        "patients.csv, row 2, column age",
    }


def test_patient_with_a_fault_is_not_called_unknown(tmp_path):
    samples = "file,patient,date,panel\nd0.fcs,P1,2024-03-01,nk\n"
    patients = "patient,infusion_date\nP1,soon\n"
    (told,) = problems(write(tmp_path, samples=samples, patients=patients))
    assert told.startswith("patients.csv, row 2, column infusion_date")


@pytest.mark.parametrize("name", ["x" * 300, "x" * 5000])
def test_name_that_no_file_can_have_is_not_a_crash(tmp_path, name):
    samples = f"file,patient,day,panel\n{name},P1,0,nk\n"
    study = read_study(write(tmp_path, samples=samples))
    assert "is no usable path" in str(study.warnings[0])


def test_single_stains_of_a_patient_are_told_apart_by_stain(tmp_path):
    samples = (
        "file,patient,day,panel,role,stain\nd0.fcs,P1,0,nk,single_stain,cd3 FITC\n"
        "d7.fcs,P1,0,nk,single_stain,CD4\n"
    )
    study = read_study(write(tmp_path, samples=samples))
    assert [sample.stain for sample in study.samples] == ["CD3", "CD4"]
