"""A study at a glance: patients by days, with the panels of each draw."""

from collections.abc import Iterable
from html import escape

from immunerecon.study.manifest import Sample


def draw_table(samples: Iterable[Sample], patients: Iterable[str], panels: Iterable[str]) -> str:
    """Return an HTML table of the draws.

    Parameters
    ----------
    samples
        Of the study; only draws are shown.
    patients
        Rows of the table.
    panels
        Those of the study; one that a draw lacks is marked when other draws of the patient have it.

    Returns
    -------
    str
        One column a day; a day on which the patient has no draw holds a dash.

    Examples
    --------
    >>> draw = Sample(file="a.fcs", panel="nk", patient="P1", day=7)
    >>> "<td>nk</td>" in draw_table([draw], ["P1"], ["nk"])
    True
    """
    draws: dict[tuple[str, float], list[str]] = {}
    used: dict[str, set[str]] = {}
    for sample in samples:
        if sample.role == "draw" and sample.day is not None:
            draws.setdefault((sample.patient, sample.day), []).append(sample.panel)
            used.setdefault(sample.patient, set()).add(sample.panel)
    days = sorted({day for _, day in draws})
    head = "".join(f"<th>{day:g}</th>" for day in days)
    rows = [f"<tr><th>patient \\ day</th>{head}</tr>"]
    for patient in patients:
        expected = [panel for panel in panels if panel in used.get(patient, ())]
        cells = "".join(_cell(draws.get((patient, day), []), expected) for day in days)
        rows.append(f"<tr><th>{escape(patient)}</th>{cells}</tr>")
    return f"<table>{''.join(rows)}</table>"


def _cell(present: list[str], expected: list[str]) -> str:
    if not present:
        return "<td>–</td>"
    shown = [
        escape(panel) if panel in present else f"<s title='missing'>{escape(panel)}</s> ⚠"
        for panel in expected
    ]
    return f"<td>{', '.join(shown)}</td>"
