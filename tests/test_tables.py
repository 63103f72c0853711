"""Tables of the study folder: what is read as text, and what is refused by row and column."""

import datetime as dt
import zipfile

import openpyxl
import pytest
from hypothesis import given, strategies as st

from immunerecon.errors import StudyError
from immunerecon.study.manifest import BloodCount, ClinicalEvent, Patient, Sample
from immunerecon.study.records import read_records
from immunerecon.study.tables import read_table

COLUMNS = ["patient", "day", "wbc"]


def cells(folder, content, *, encoding="utf-8"):
    """Rows of a CSV with that content."""
    (folder / "blood_counts.csv").write_bytes(content.encode(encoding))
    return [dict(row.cells) for row in read_table(folder, "blood_counts", COLUMNS).rows]


def refusal(folder, stem="blood_counts"):
    """What is said about a table that cannot be read."""
    with pytest.raises(StudyError) as error:
        read_table(folder, stem, COLUMNS)
    return str(error.value)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
def test_csv_dialects_read_alike(tmp_path, separator, encoding, line_end):
    content = line_end.join(separator.join(row) for row in (COLUMNS, ("환자 1", "0", "4.2"), ()))
    assert cells(tmp_path, content, encoding=encoding) == [
        {"patient": "환자 1", "day": "0", "wbc": "4.2"}
    ]


def test_separator_is_the_one_that_finds_the_columns(tmp_path):
    content = "patient;day;wbc;comment, free\nP1;0;4,2;a, b, c\n"
    assert cells(tmp_path, content)[0]["wbc"] == "4,2"


def test_nothing_is_typed(tmp_path):
    content = "patient,day,wbc\nNO,1_0,0x1\n007,1e3, 5 \n"
    assert cells(tmp_path, content) == [
        {"patient": "NO", "day": "1_0", "wbc": "0x1"},
        {"patient": "007", "day": "1e3", "wbc": "5"},
    ]


def test_rows_are_numbered_as_in_a_spreadsheet(tmp_path):
    (tmp_path / "t.csv").write_text('patient,day,wbc\n,,\n"P\n1",0,1\n\nP2,0,1\n')
    assert [row.number for row in read_table(tmp_path, "t", COLUMNS).rows] == [3, 5]


def test_cells_left_out_at_the_end_are_empty_but_extra_ones_are_refused(tmp_path):
    assert cells(tmp_path, "patient,day,wbc\nP1,0\n") == [{"patient": "P1", "day": "0", "wbc": ""}]
    (tmp_path / "blood_counts.csv").write_text("patient,day,wbc\nP1,0,4,2\n")
    assert "row 2: has 4 cells, the header has 3" in refusal(tmp_path)


def test_absent_table_is_empty(tmp_path):
    table = read_table(tmp_path, "chimerism", COLUMNS)
    assert (table.file, table.columns, table.rows) == ("chimerism.csv", (), ())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("patient,day\n환자,0\n".encode("cp949"), "row 2: is not UTF-8 text"),
        ("patient\tday\n".encode("utf-16"), "is UTF-16 text"),
        (b"", "has no header"),
        (b"patient,day,day\n", "2 columns 'day'"),
        (b"patient,day,\nP1,0,stray\n", "row 2: cell 'stray' stands in a column without a name"),
        (b"patient,day\nP\x1b[31m,0\n", r"column patient: cell 'P\x1b[31m' holds a control"),
        (b'patient,day\n"P1,0\n', "row 2: cannot be split into cells"),
    ],
)
def test_unreadable_csv_is_refused_with_the_place(tmp_path, content, expected):
    (tmp_path / "blood_counts.csv").write_bytes(content)
    assert expected in refusal(tmp_path)


def test_folder_in_place_of_a_table_is_refused(tmp_path):
    (tmp_path / "blood_counts.csv").mkdir()
    assert "is not a file" in refusal(tmp_path)


@given(st.binary(max_size=80) | st.text(alphabet='ab,;\t"\r\n1.', max_size=80).map(str.encode))
def test_any_bytes_are_read_or_refused(tmp_path_factory, content):
    folder = tmp_path_factory.mktemp("study")
    (folder / "blood_counts.csv").write_bytes(content)
    try:
        table = read_table(folder, "blood_counts", COLUMNS)
    except StudyError:
        return
    assert all(set(row.cells) == set(table.columns) for row in table.rows)


def write_book(path, rows, **more_sheets):
    """Write an Excel file with one sheet, or more."""
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for title, content in more_sheets.items():
        page = book.create_sheet(title)
        for row in content:
            page.append(row)
    book.save(path)
    return book


def test_workbook_reads_as_a_person_sees_it(tmp_path):
    rows = [
        ["patient", "day", "wbc", "on", "note"],
        [7, 0.5, 30000000, dt.date(2024, 3, 1), True],
        ["NO", -7, 4.2, None, " x "],
    ]
    write_book(tmp_path / "blood_counts.xlsx", rows)
    table = read_table(tmp_path, "blood_counts", COLUMNS)
    assert table.file == "blood_counts.xlsx"
    assert [list(row.cells.values()) for row in table.rows] == [
        ["7", "0.5", "30000000", "2024-03-01", "TRUE"],
        ["NO", "-7", "4.2", "", "x"],
    ]
    assert [row.number for row in table.rows] == [2, 3]


def test_percent_format_is_not_taken_for_a_fraction(tmp_path):
    book = write_book(
        tmp_path / "blood_counts.xlsx",
        [["patient", "day", "wbc", "lymphocytes_percent"], ["P1", 0, 4, 0.25]],
    )
    book.active["D2"].number_format = "0%"
    book.save(tmp_path / "blood_counts.xlsx")
    counts = read_records(tmp_path, "blood_counts", BloodCount)
    assert "row 2, column lymphocytes_percent: '25%' is not a number" in str(counts.problems[0])


@pytest.mark.malformed(68)
def test_formula_without_value_and_error_cell_are_named(tmp_path):
    write_book(tmp_path / "blood_counts.xlsx", [["patient", "day"], ["P1", "=1+1"], ["#N/A", 0]])
    said = refusal(tmp_path)
    assert "blood_counts.xlsx, row 2: cell B2 holds a formula without a calculated value" in said
    assert "row 3: cell A3 holds the error #N/A" in said


def test_csv_and_workbook_of_one_name_are_refused(tmp_path):
    write_book(tmp_path / "blood_counts.xlsx", [COLUMNS])
    (tmp_path / "blood_counts.csv").write_text("patient,day\n")
    assert "there is an .xlsx of the same name (accepted: one of the two)" in refusal(tmp_path)


def test_of_several_sheets_the_one_named_like_the_table_is_read(tmp_path):
    rows = [COLUMNS, ["P1", 0, 1]]
    write_book(tmp_path / "blood_counts.xlsx", [["other"]], blood_counts=rows)
    assert read_table(tmp_path, "blood_counts", COLUMNS).rows[0].cells["patient"] == "P1"
    write_book(tmp_path / "blood_counts.xlsx", [["other"]], counts=rows)
    assert "several sheets (Sheet, counts), none named 'blood_counts'" in refusal(tmp_path)


@pytest.mark.parametrize("part", ["xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/styles.xml"])
def test_damaged_workbook_is_refused(tmp_path, part):
    write_book(tmp_path / "whole.xlsx", [COLUMNS, ["P1", 0, 1]])
    with (
        zipfile.ZipFile(tmp_path / "whole.xlsx") as whole,
        zipfile.ZipFile(tmp_path / "blood_counts.xlsx", "w") as damaged,
    ):
        for name in whole.namelist():
            damaged.writestr(name, whole.read(name)[: -20 if name == part else None])
    assert "is not a readable .xlsx workbook" in refusal(tmp_path)


def test_what_is_no_workbook_is_refused(tmp_path):
    (tmp_path / "blood_counts.xlsx").write_bytes(b"patient,day\n")
    assert "is not a readable .xlsx workbook" in refusal(tmp_path)


def records(folder, stem, model, content):
    """Validate a table of that content."""
    (folder / f"{stem}.csv").write_text(content, encoding="utf-8")
    return read_records(folder, stem, model)


@pytest.mark.malformed(69)
@pytest.mark.parametrize(
    ("separator", "written", "read"),
    [
        (",", "4.2", 4.2),
        (",", "3e7", 3e7),
        (",", "-0.5", -0.5),
        (",", '"4,2"', 4.2),
        (",", '"0,123"', 0.123),
        (",", '"1234,567"', 1234.567),
        (";", "4,2", 4.2),
        (";", "1,234", 1.234),
        ("\t", "4,25", 4.25),
    ],
)
def test_decimal_comma_is_read_where_it_is_unambiguous(tmp_path, separator, written, read):
    content = separator.join(["patient", "day", "wbc"]) + "\n"
    content += separator.join(["P1", written, "1"]) + "\n"
    counts = records(tmp_path, "blood_counts", BloodCount, content)
    assert counts.problems == ()
    assert counts.records[0].day == read


@pytest.mark.malformed(67, 69)
@pytest.mark.parametrize(
    "written",
    ['"1,234"', '"1,234,567"', "1_0", "0x1", "NO", "nan", "inf", "4.2 G/l", "1.234.5", "٣"],
)
def test_what_may_be_another_number_is_refused_with_the_cell(tmp_path, written):
    counts = records(tmp_path, "blood_counts", BloodCount, f"patient,day,wbc\nP1,0,{written}\n")
    (problem,) = counts.problems
    assert (problem.row, problem.column) == (2, "wbc")
    assert written.strip('"') in problem.message


def test_ambiguous_comma_offers_both_readings(tmp_path):
    counts = records(tmp_path, "blood_counts", BloodCount, 'patient,day,wbc\nP1,0,"1,234"\n')
    assert counts.problems[0].accepted == "1.234 or 1234"


def test_every_fault_is_told_with_what_would_be_accepted(tmp_path):
    content = (
        "patient,day,event,grade,value\n"
        "P1,1,dead,,\n"
        ",x,adverse_event,6,\n"
        "P1,2,adverse_event,1.5,CRR\n"
        "P1,3,adverse_event,3,CR\n"
    )
    events = records(tmp_path, "clinical_events", ClinicalEvent, content)
    assert [(problem.row, problem.column) for problem in events.problems] == [
        (2, "event"),
        (3, "patient"),
        (3, "day"),
        (3, "grade"),
        (4, "grade"),
        (4, "value"),
    ]
    assert events.problems[0].accepted == (
        "infusion, death, progression, response, adverse_event, dlt, last_follow_up"
    )
    assert events.problems[3].accepted == "<= 5"
    assert events.problems[5].accepted == "CR, PR, SD, PD, NE"
    assert [row for row, _ in events.rows] == [5]


def test_misspelt_columns_are_named_with_the_nearest(tmp_path):
    samples = records(
        tmp_path, "samples", Sample, "File,panel,Blood Volume (uL),note\na,nk,100,x\n"
    )
    (problem,) = samples.problems
    assert (problem.row, problem.column) == (1, "file")
    assert "is 'File' meant to be it?" in problem.message
    (warning,) = samples.warnings
    assert (warning.column, warning.accepted) == ("Blood Volume (uL)", "blood_volume_ul")


def test_unknown_columns_are_kept_as_annotations(tmp_path):
    content = "file,panel,operator,day\na.fcs,nk,KJH,\n"
    sample = records(tmp_path, "samples", Sample, content).records[0]
    assert sample.annotations == {"operator": "KJH"}
    assert (sample.role, sample.day, sample.replicate, sample.dataset) == ("draw", None, "", None)


def test_dates_and_typings_are_checked_cell_by_cell(tmp_path):
    content = (
        "patient,infusion_date,recipient_hla,donor_marker\n"
        "P1,2024-02-30,A*0201,HLA-DR+\n"
        "P2,01.03.2024,A*02:01 A*03 A*24:02,A2 -\n"
        "P3,2024-03-01,A2 A9; B7,hla a2+\n"
    )
    patients = records(tmp_path, "patients", Patient, content)
    told = [(problem.row, problem.column) for problem in patients.problems]
    assert told == [
        (2, "infusion_date"),
        (2, "recipient_hla"),
        (2, "donor_marker"),
        (3, "infusion_date"),
        (3, "recipient_hla"),
    ]
    assert "3 alleles at HLA-A" in patients.problems[4].message
    assert patients.records[0].donor_marker == "HLA-A2+"
    assert patients.records[0].infusion_date == dt.date(2024, 3, 1)
