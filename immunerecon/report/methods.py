"""The methods paragraph, from what was run, and the papers behind it."""

from collections.abc import Mapping
from typing import Any

from immunerecon.report.contents import ReportData
from immunerecon.report.wording import tell_count, tell_setting

_PAPERS = (
    "Parks DR, Roederer M, Moore WA. Cytometry A 2006;69:541. doi:10.1002/cyto.a.20258",
    "Lo K, Brinkman RR, Gottardo R. Cytometry A 2008;73:321. doi:10.1002/cyto.a.20531",
    "Spidlen J, Moore W, Brinkman RR. Cytometry A 2015;87:683. doi:10.1002/cyto.a.22690",
    "Wilson EB. J Am Stat Assoc 1927;22:209. doi:10.1080/01621459.1927.10502953",
    "Garwood F. Biometrika 1936;28:437. doi:10.1093/biomet/28.3-4.437",
    "Armbruster DA, Pry T. Clin Biochem Rev 2008;29 Suppl 1:S49.",
    "Aalen OO, Johansen S. Scand J Stat 1978;5:141.",
)
_SOURCES = {
    "data": "mostly the events of the tube itself",
    "borrowed": "mostly other tubes of the same panel, cytometer and batch",
    "model": "the model, which counts event by event where no gate can stand for it",
    "fixed": "a fixed value or a file of gates",
    "override": "a person",
}


def tell_methods(data: ReportData) -> tuple[str, ...]:
    """Return the methods as sentences, ready to be put into a paper.

    Parameters
    ----------
    data
        Tables and provenance of a run; what the study has not, the methods do not mention.
    """
    said = [_gating(data), _counting(data)]
    if len(data.donor_cells):
        said.append(
            "Donor cells among NK, T and B cells were told by an anti-HLA antibody on whose "
            "antigen donor and recipient differ; their fraction was estimated from the "
            "distributions of the patient's tubes before infusion and the donor's control, with a "
            "95 % interval. "
            "A draw is called detected above the limit of blank; limits of detection and "
            "quantification are given for each draw [6]."
        )
    if len(data.recovery):
        said.append(_recovery(data))
    return tuple(said)


def references() -> tuple[str, ...]:
    """Return the papers that `tell_methods` cites, in the order of their numbers."""
    return _PAPERS


def _gating(data: ReportData) -> str:
    versions: Mapping[str, Any] = data.run.get("versions", {})
    strategies: Mapping[str, Any] = data.run.get("strategies", {})
    used = ", ".join(f"{name} {version}" for name, version in strategies.items())
    return (
        f"{tell_count(len(data.samples), 'FCS file')} were evaluated with immunerecon "
        f"{versions.get('immunerecon', '')} (Python {versions.get('python', '')}, NumPy "
        f"{versions.get('numpy', '')}). Events were cleaned of unsteady acquisition and margin "
        "events, compensated with the spillover of the file or of the study, displayed on scales "
        "that all tubes of a panel and cytometer share (logicle for fluorescence [1]), and gated "
        f"by the strategies {used or 'named'}. {_placing(data)}"
        f"What placed the gates: {_sources(data)}. A population is the events of its parent inside "
        "its gate (low <= x < high), as the exported Gating-ML 2.0 [3] says."
    )


def _placing(data: ReportData) -> str:
    """Tell how gates find their place, where any was placed by data."""
    if not data.gates["source"].isin(["data", "borrowed", "model"]).any():
        return ""
    return (
        "All tubes of a panel and cytometer share a mixture model of their kinds of cells, with "
        "heavy tails [2]; between tubes it moves by a gain of each channel, and no event is moved. "
        "A gate is a level line of the odds of its population in two dimensions, at the level that "
        "holds as many events as the model expects; scatter gates and clear boundaries lie at the "
        "valleys of the tube's own densities. "
    )


def _sources(data: ReportData) -> str:
    """Say what placed how many gates, the most frequent first."""
    counts = data.gates["source"].value_counts()
    total = int(counts.sum())
    told = [
        f"{_SOURCES.get(str(source), source)} ({int(number):,} of {total:,} gates)"
        for source, number in counts.items()
    ]
    return ", ".join(told) or "no tube was gated"


def _counting(data: ReportData) -> str:
    methods = sorted(set(data.populations["count_method"].dropna()) - {"none"})
    how = f" Cells per µL are {', '.join(methods)}." if methods else ""
    return (
        "Shares of the parent have Wilson intervals [4], counts Poisson intervals [5], all with "
        f"95 % coverage.{how}"
    )


def _recovery(data: ReportData) -> str:
    settings: Mapping[str, Any] = data.run.get("parameters", {})
    confirm = int(settings.get("confirm_recovery", 1))
    draws = "at the first draw" if confirm == 1 else f"at the first of {confirm} consecutive draws"
    thresholds = tell_setting(settings.get("recovery_thresholds", {}))
    return (
        f"A population has recovered {draws} at or above its threshold after the nadir "
        f"({thresholds} cells per µL). Cumulative incidence is Aalen-Johansen's at the day of "
        "first observation, with death, progression and a second infusion as competing events, and "
        "pointwise 95 % intervals on the log(-log) scale [7]."
    )
