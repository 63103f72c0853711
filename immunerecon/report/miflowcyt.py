"""The MIFlowCyt checklist, filled in as far as the data of a run can tell."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from immunerecon.cytometry.transforms import Scale
from immunerecon.gating.geometry.exact_scale import PARAMETERS
from immunerecon.report.contents import ReportData
from immunerecon.report.flow import ROLES
from immunerecon.report.wording import tell_count, tell_day

LABORATORY = "to be filled in by the laboratory"
_DROPPED = (
    ("n_margin", "at the margins of a scale"),
    ("n_time", "in unsteady stretches of the acquisition"),
    ("n_nonfinite", "without a number"),
)


@dataclass(frozen=True)
class Item:
    """One item of the checklist.

    Parameters
    ----------
    number, title
        As in the standard.
    told
        What the data say, one sentence each; empty where they cannot tell.
    missing
        What the laboratory has to add; empty where nothing is missing.
    """

    number: str
    title: str
    told: tuple[str, ...] = ()
    missing: str = ""


def checklist(data: ReportData) -> tuple[Item, ...]:
    """Return the items of MIFlowCyt 1.0, filled in from the data; nothing is made up.

    Parameters
    ----------
    data
        Tables and provenance of a run.

    References
    ----------
    Lee JA, et al. Cytometry A 2008;73:926. doi:10.1002/cyto.a.20623
    """
    return (
        Item("1.1", "Purpose", missing=LABORATORY),
        Item("1.2", "Keywords", missing=LABORATORY),
        Item("1.3", "Experiment variables", _variables(data), "any other variable"),
        Item("1.4", "Organization", missing=LABORATORY),
        Item("1.5", "Primary contact", missing=LABORATORY),
        Item(
            "1.6",
            "Date",
            ("Days are told from the infusion; dates stay in the FCS files.",),
            "the period of the experiment",
        ),
        Item("1.7", "Conclusions", missing=LABORATORY),
        Item("1.8", "Quality control measures", _quality(data), "the checks of the cytometer"),
        Item("2.1", "Sample material", _material(data), "kind of specimen, anticoagulant, storage"),
        Item("2.2", "Sample characteristics", _characteristics(data), "disease, age, sex"),
        Item("2.3", "Sample treatment", missing="staining, lysis, fixation"),
        Item(
            "2.4",
            "Fluorescence reagents",
            _reagents(data.run),
            "clones, manufacturers, catalogue numbers, amounts",
        ),
        Item("3.1", "Instrument manufacturer", missing=LABORATORY),
        Item("3.2", "Instrument model", *_model(data.run)),
        Item(
            "3.3",
            "Instrument configuration and settings",
            _detectors(data.run),
            "lasers, filters, and all that was altered",
        ),
        Item(
            "4.1",
            "List-mode data files",
            (
                f"{tell_count(len(data.samples), 'FCS file')}, SHA-256 of each that could be read "
                "under Provenance.",
            ),
            "where they are deposited",
        ),
        Item("4.2", "Compensation", _compensation(data.run), "antibodies, cells or beads used"),
        Item("4.3", "Data transformation", _transformation(data)),
        Item("4.4", "Gating", _gating(data)),
    )


def _variables(data: ReportData) -> tuple[str, ...]:
    days = sorted(set(data.draws["day"]))
    told = [f"Panels: {', '.join(_distinct(data.samples['panel']))}."]
    if days:
        told.insert(
            0,
            f"Day from infusion: {tell_count(len(days), 'time point')}, "
            f"day {tell_day(days[0])} to {tell_day(days[-1])}.",
        )
    doses = data.patients.get("dose_level")
    if doses is not None and doses.notna().any():
        told.append(f"Dose levels: {', '.join(_distinct(doses))}.")
    return tuple(told)


def _distinct(values: Iterable[object]) -> list[str]:
    return sorted({str(value) for value in values if value == value and value not in (None, "")})


def _quality(data: ReportData) -> tuple[str, ...]:
    samples = data.samples
    total = int(samples["n_events"].fillna(0).sum()) if "n_events" in samples else 0
    lost = [
        f"{int(samples[column].fillna(0).sum()):,} {words}"
        for column, words in _DROPPED
        if column in samples and samples[column].fillna(0).sum() > 0
    ]
    status = samples["status"].value_counts()
    told = [
        f"{int(status.get(name, 0)):,} of {tell_count(len(samples), 'file')} {words}"
        for name, words in (("failed", "could not be used"), ("flagged", "are flagged"))
    ]
    controls = [
        tell_count(int(number), ROLES[str(role)])
        for role, number in samples["role"].value_counts().items()
        if role not in ("draw", "product")
    ]
    return (
        f"{'; '.join(told)}; reasons stand under What needs a person.",
        f"Controls: {', '.join(controls) or 'none'}.",
        *((f"Left out of {total:,} events: {', '.join(lost)}.",) if lost else ()),
    )


def _material(data: ReportData) -> tuple[str, ...]:
    roles = data.samples["role"].value_counts()
    kinds = [tell_count(int(number), ROLES[str(role)]) for role, number in roles.items()]
    return (f"Tubes: {', '.join(kinds)}.",)


def _characteristics(data: ReportData) -> tuple[str, ...]:
    populations = ", ".join(dict.fromkeys(data.populations["population"])).replace("_", " ")
    return (
        f"{tell_count(len(data.patient_ids), 'patient')}.",
        f"Populations looked for: {populations or 'none'}.",
    )


def _acquired(run: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = run.get("acquisition", ())
    return found


def _reagents(run: Mapping[str, Any]) -> tuple[str, ...]:
    told = []
    for one in _acquired(run):
        stains = [
            f"{marker} ({d['label']}, {d['channel']})"
            if d["label"]
            else f"{marker} ({d['channel']})"
            for marker, d in one["markers"].items()
            if not marker.upper().startswith(("FSC", "SSC", "TIME"))
        ]
        told.append(f"{one['panel']}, {tell_count(one['n_files'], 'file')}: {', '.join(stains)}.")
    return tuple(told)


def _model(run: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    named = [one for one in _acquired(run) if one["cytometer"]]
    if not named:
        return (), LABORATORY
    software = _distinct(one["software"] for one in named)
    told = f"The files name {', '.join(_distinct(one['cytometer'] for one in named))}"
    return (f"{told}{' with ' + ', '.join(software) if software else ''}.",), ""


def _detectors(run: Mapping[str, Any]) -> tuple[str, ...]:
    told = []
    for one in _acquired(run):
        volts = [f"{d['channel']} {d['voltage']}" for d in one["markers"].values() if d["voltage"]]
        if volts:
            told.append(f"Detector voltages, {one['panel']}: {'; '.join(volts)}.")
    return tuple(told)


def _compensation(run: Mapping[str, Any]) -> tuple[str, ...]:
    numbers: dict[str, int] = {}
    for one in _acquired(run):
        source = one["compensation"]
        numbers[source] = numbers.get(source, 0) + one["n_files"]
    sources = {"": "not compensated", "keyword": "by the spillover matrix in the file"}
    sources["controls"] = "by a matrix from the study's single stains"
    return tuple(
        f"{tell_count(number, 'file')} {sources.get(source, f'by the matrix {source}')}."
        for source, number in numbers.items()
    )


def _transformation(data: ReportData) -> tuple[str, ...]:
    told = []
    for panel, rows in data.samples[data.samples["status"] != "failed"].groupby("panel"):
        scales = next(filter(None, map(data.scales, rows["file"])), {})
        if scales:
            named = "; ".join(f"{name} {tell_scale(scale)}" for name, scale in scales.items())
            told.append(f"{panel}: {named}.")
    if told:
        told.append("Tubes of another cytometer have scales of their own, told in gating-ml/.")
    return tuple(told)


def tell_scale(scale: Scale) -> str:
    """Return a display scale with its parameters.

    Examples
    --------
    >>> from immunerecon.cytometry.transforms import Arcsinh, Logicle
    >>> tell_scale(Logicle(262144.0, 0.75)), tell_scale(Arcsinh(4096.0))
    ('logicle (T 262144, W 0.75, M 4.5, A 0)', 'arcsinh (T 4096, cofactor 5)')
    """
    values = vars(scale)
    kind = str(values.get("kind") or type(scale).__name__).lower()
    names = PARAMETERS.get(kind, values) if "kind" in values else values
    told = ", ".join(
        f"{name.upper() if len(name) == 1 else name} {values[name]:.7g}" for name in names
    )
    return f"{kind} ({told})"


def _gating(data: ReportData) -> tuple[str, ...]:
    strategies = ", ".join(f"{name} {v}" for name, v in data.run.get("strategies", {}).items())
    return (
        f"Strategies: {strategies or 'none'}.",
        "The table of gates tells each gate with the share of its parent inside; populations.csv "
        "has these of every tube.",
        "Boundaries of every gate of every tube stand in gates.csv and, as Gating-ML 2.0, in "
        "gating-ml/; the patients' pages show gates on their events.",
    )
