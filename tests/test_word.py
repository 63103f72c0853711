"""The report as a Word document: well-formed, with real headings, and the report's rows."""

import io
import zipfile
from pathlib import Path
from xml.etree import ElementTree

import pytest

from immunerecon.pipeline.results import load_results
from immunerecon.report.outputs import report_data
from immunerecon.report.word import Heading, Paragraph, WordTable, word_document
from immunerecon.report.word_report import write_word

W = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"


def parts(content: bytes) -> dict[str, ElementTree.Element]:
    with zipfile.ZipFile(io.BytesIO(content)) as package:
        assert package.testzip() is None
        return {name: ElementTree.fromstring(package.read(name)) for name in package.namelist()}


def cells(row: ElementTree.Element) -> list[str]:
    return ["".join(cell.itertext()) for cell in row.iter(f"{W}tc")]


@pytest.fixture(scope="module")
def written(tiny_results: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("word") / "report.docx"
    return write_word(path, report_data(load_results(tiny_results)))


def test_each_part_is_named_with_its_kind_and_every_style_is_there() -> None:
    blocks = [Heading("Trial", 0), Heading("One"), Paragraph("text"), WordTable("t", ("a",), ())]
    found = parts(word_document(blocks, title="Trial"))
    kinds = {part.get("PartName") for part in found["[Content_Types].xml"]}
    assert {f"/{name}" for name in found if name.endswith(".xml")} - kinds == {
        "/[Content_Types].xml"
    }
    used = {style.get(f"{W}val") for style in found["word/document.xml"].iter(f"{W}pStyle")}
    known = {style.get(f"{W}styleId") for style in found["word/styles.xml"].iter(f"{W}style")}
    assert used == {"Title", "Heading1", "Caption", "Head"}
    assert used < known


def test_a_table_repeats_its_header_and_keeps_line_breaks() -> None:
    table = WordTable("Counts", ("day", "NK"), (("7", "120\n98–140"),))
    document = parts(word_document([table], title="t"))["word/document.xml"]
    first, second = document.iter(f"{W}tr")
    assert first.find(f"{W}trPr/{W}tblHeader") is not None
    assert second.find(f"{W}trPr/{W}tblHeader") is None
    assert (cells(first), cells(second)) == (["day", "NK"], ["7", "12098–140"])
    assert len(list(second.iter(f"{W}br"))) == 1


def test_names_that_xml_cannot_hold_are_escaped_or_left_out() -> None:
    document = parts(word_document([Paragraph("<b>&\x00\x1b P01\ufffe")], title="<t>&"))
    assert "".join(document["word/document.xml"].itertext()) == "<b>& P01"


def test_a_ragged_table_is_refused() -> None:
    with pytest.raises(ValueError, match="zip"):
        word_document([WordTable("t", ("a", "b"), (("1",),))], title="t")


def test_the_report_is_told_in_headings_and_tables(written: Path, tiny_results: Path) -> None:
    document = parts(written.read_bytes())["word/document.xml"]
    styled = {
        "".join(line.itertext()): style.get(f"{W}val")
        for line in document.iter(f"{W}p")
        if (style := line.find(f"{W}pPr/{W}pStyle")) is not None
    }
    assert styled["What needs a person"] == styled["Methods"] == "Heading1"
    assert styled["P01"] == "Heading2"
    results = load_results(tiny_results)
    days = results.samples.loc[results.samples["role"] == "draw", "day"].unique()
    rows = [cells(row) for row in document.iter(f"{W}tr")]
    for day in days:
        assert any(row[0] == f"{day:g}".replace("-", "−") for row in rows), day
    checklist = [row[0] for row in rows if row[0].startswith("1.1")]
    assert checklist, "the MIFlowCyt checklist is missing"


def test_it_is_the_same_bytes_when_written_again(written: Path, tiny_results: Path) -> None:
    first = written.read_bytes()
    again = write_word(written, report_data(load_results(tiny_results)))
    assert again.read_bytes() == first
