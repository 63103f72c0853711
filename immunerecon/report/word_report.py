"""The report's tables and methods as a Word document, to be edited into a protocol or a paper."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple
from pathlib import Path

from immunerecon.files import write_atomically
from immunerecon.report.attention import Tube, find_attention
from immunerecon.report.cohort_tables import STATUSES, kir_rows, persistence_rows, recovery_rows
from immunerecon.report.contents import ReportData
from immunerecon.report.draw_tables import COUNTED, DONORS, Cell, draw_rows
from immunerecon.report.flow import Step, patient_flow, tube_flow
from immunerecon.report.gate_rows import gate_rows
from immunerecon.report.methods import references, tell_methods
from immunerecon.report.miflowcyt import LABORATORY, Item, checklist
from immunerecon.report.word import Block, Heading, Paragraph, WordTable, word_document
from immunerecon.report.wording import tell_day, tell_population

_PERSISTENCE = (
    *("Patient", "Status", "Peak, %", "on day", "Peak per µL", "Half-life, days"),
    *("Last detected", "First undetected", "Reason"),
)
_KIR = (
    *("Patient", "Ligand", "Receptor", "Graft against host", "Host against graft"),
    "Open because",
)
_GATES = (
    *("Panel", "Population", "Parent", "Gate", "Tubes", "Inside, % (median)", "Lowest", "Highest"),
    "Placed by",
)


def write_word(path: Path, data: ReportData) -> Path:
    """Write the report's tables and methods as .docx.

    Parameters
    ----------
    path
        The document.
    data
        What the report says.

    Returns
    -------
    Path
        `path`.
    """
    title = f"{data.study}: immune reconstitution"
    return write_atomically(path, word_document(word_report(data), title=title))


def word_report(data: ReportData) -> Iterator[Block]:
    """Return the report as headings, paragraphs and tables, in its own order.

    Parameters
    ----------
    data
        What the report says.
    """
    yield Heading(data.study, 0)
    yield Paragraph("Immune reconstitution by flow cytometry")
    yield from _attention(data)
    yield Heading("Flow of patients and tubes")
    yield _flow("Patients", patient_flow(data))
    yield _flow("Tubes", tube_flow(data))
    yield from _cohort(data)
    yield Heading("Patients")
    for patient in data.patient_ids:
        yield from _patient(data, patient)
    yield Heading("Methods")
    yield from (Paragraph(sentence) for sentence in tell_methods(data))
    yield from (Paragraph(f"{number}. {paper}") for number, paper in enumerate(references(), 1))
    gates = [tuple(map(str, astuple(row))) for row in gate_rows(data)]
    yield WordTable("Each gate over the tubes of a panel.", _GATES, tuple(gates))
    yield Heading("MIFlowCyt checklist")
    items = tuple((f"{item.number} {item.title}", _told(item)) for item in checklist(data))
    caption = "Lee 2008, doi:10.1002/cyto.a.20623; what the data cannot tell is the laboratory's."
    yield WordTable(caption, ("Item", "From the data, and what is missing"), items)


def _attention(data: ReportData) -> Iterator[Block]:
    found = find_attention(data)
    yield Heading("What needs a person")
    if not (found.failed or found.flags or found.gates or found.disagreements):
        yield Paragraph("Nothing: every file was read and gated without a flag.")
    if found.failed:
        yield WordTable(
            "Files that could not be used.",
            ("File", "Patient", "Day", "Panel", "Reason"),
            tuple((t.file, t.patient, tell_day(t.day), t.panel, t.reason) for t in found.failed),
        )
    if found.gates:
        told = tuple(
            (tell_population(g.population), f"{len(g.tubes)} of {g.gated}", f"{g.lowest:.2f}")
            for g in found.gates
        )
        lowest = ("Population", "Tubes", "Lowest confidence")
        yield WordTable("Gates that the data determine poorly.", lowest, told)
    if found.flags:
        flags = tuple((f.reason, str(len(f.tubes)), _which(f.tubes)) for f in found.flags)
        caption = "Flags of files whose numbers are given and used."
        yield WordTable(caption, ("Flag", "Tubes", "Which"), flags)
    if found.disagreements:
        apart = tuple(
            (one.patient, tell_day(one.day), one.population, one.told)
            for one in found.disagreements
        )
        differ = ("Patient", "Day", "Cells", "Found")
        yield WordTable("Donor cells: methods that disagree.", differ, apart)


def _which(tubes: Sequence[Tube]) -> str:
    """Name the first tubes, and say how many more there are (samples.csv has them all)."""
    named = "\n".join(
        f"{t.patient} day {tell_day(t.day)} {t.panel}" + (f": {t.reason}" if t.reason else "")
        for t in tubes[:5]
    )
    return named + (f"\nand {len(tubes) - 5} more" if len(tubes) > 5 else "")


def _flow(what: str, steps: Sequence[Step]) -> WordTable:
    rows = tuple((f"{s.number:,}", s.noun, "\n".join(s.lost)) for s in steps)
    return WordTable(f"{what}.", ("Number", "Of what", "What became of the others"), rows)


def _cohort(data: ReportData) -> Iterator[Block]:
    yield Heading("Cohort")
    recovery = tuple(
        (
            *(tell_population(row.population), row.threshold),
            *(str(number) for number in row.numbers),
            *(row.earliest, row.latest),
        )
        for row in recovery_rows(data)
    )
    header = ("Population", "Threshold", *STATUSES.values(), "earliest day", "latest day")
    yield WordTable("Patients by outcome; thresholds in cells per µL.", header, recovery)
    persistence = tuple(tuple(map(str, astuple(row))) for row in persistence_rows(data))
    yield WordTable("Persistence of donor NK cells.", _PERSISTENCE, persistence)
    if kir := tuple(tuple(map(str, astuple(row))) for row in kir_rows(data)):
        yield WordTable("KIR ligands on one side only.", _KIR, kir)


def _patient(data: ReportData, patient: str) -> Iterator[Block]:
    yield Heading(patient, 2)
    has_donors = bool((data.donor_cells["patient"] == patient).any())
    donors = tuple(f"Donor {name}, %" for name in DONORS) if has_donors else ()
    header = ("Day", *map(tell_population, COUNTED), *donors, "Counted by")
    rows = tuple(
        (
            tell_day(row.day),
            *map(_number, (*row.counts, *(row.donors if has_donors else ()))),
            row.method,
        )
        for row in draw_rows(data, patient)
    )
    caption = "Cells per µL and donor cells in percent, with 95 % intervals."
    yield WordTable(caption, header, rows)


def _number(cell: Cell) -> str:
    return "\n".join(filter(None, (cell.value, cell.interval, cell.mark)))


def _told(item: Item) -> str:
    missing = item.missing if item.missing == LABORATORY else f"Laboratory: {item.missing}"
    return "\n".join((*item.told, *([missing] if item.missing else ())))
