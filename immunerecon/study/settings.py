"""study.yaml: how the study is to be evaluated."""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from immunerecon.errors import Problem, StudyError
from immunerecon.study.numerals import Amount, Whole
from immunerecon.study.plain_yaml import read_plain_yaml
from immunerecon.study.records import explain
from immunerecon.study.spelling import nearest

FILE = "study.yaml"
_DRAFTED = f"a study folder holds {FILE}; `immunerecon init` drafts it"
MAX_BYTES = 256_000

DEFAULT_THRESHOLDS: dict[str, tuple[float, ...]] = {
    "Lymphocytes": (300.0, 500.0, 1000.0),
    "CD4_T": (50.0, 200.0, 500.0),
    "CD8_T": (200.0,),
    "B": (50.0,),
    "NK": (100.0,),
}


class PanelSettings(BaseModel):
    """One panel of antibodies.

    Parameters
    ----------
    strategy
        A shipped strategy, or a file of the study folder: YAML, Gating-ML 2.0 (.xml) or a FlowJo
        10 workspace (.wsp), whose gates are taken as they are.
    markers
        Channel (``$PnN``) of a marker, where the labels in the files are missing or wrong.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    strategy: str
    markers: dict[str, str] = Field(default_factory=dict)

    @property
    def strategy_is_path(self) -> bool:
        """Whether the strategy is a file of the study folder."""
        kinds = (".yaml", ".xml", ".wsp")
        return "/" in self.strategy or "\\" in self.strategy or self.strategy.endswith(kinds)


class StudySettings(BaseModel):
    """The settings of a study.

    Parameters
    ----------
    name
        Short id; the folder's name by default.
    panels
        By name, in the order in which they feed persistence and recovery.
    recovery_thresholds
        Cells per µL that count as recovered, by population. What is given replaces the defaults.
    confirm_recovery
        Number of consecutive draws at or above a threshold.
    reference_ranges
        CSV of the study folder; the shipped ranges by default.
    compensation
        ``keyword``, ``controls`` or a CSV of the study folder. Empty: ``keyword`` where a file has
        one, else ``controls`` where there are single stains, else none.
    seed
        For anything random.

    Notes
    -----
    Default thresholds: CD4 50 (by day 100 the strongest landmark, Westhafen 2025), 200 and 500
    (bounds of CTCAE grades); lymphocytes 300, 500 and 1000; CD8 200; B 50 (the milestone is 25-50,
    Westhafen 2025); NK 100. They are conventions of the field, not limits of health.

    References
    ----------
    Westhafen 2025, Blood Adv 9:6141. doi:10.1182/bloodadvances.2025016915
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    panels: Annotated[dict[str, PanelSettings], Field(min_length=1)]
    recovery_thresholds: dict[str, tuple[Amount, ...]] = Field(
        default_factory=lambda: dict(DEFAULT_THRESHOLDS)
    )
    confirm_recovery: Annotated[Whole, Field(ge=1)] = 1
    reference_ranges: str = ""
    compensation: str = ""
    seed: Annotated[Whole, Field(ge=0)] = 0


def read_settings(folder: Path) -> StudySettings:
    r"""Read study.yaml.

    Parameters
    ----------
    folder
        The study folder.

    Raises
    ------
    StudyError
        With all faults at once: not YAML, a duplicate or unknown key, a tag or an anchor (no study
        needs them), a value that is not what the key takes.

    Notes
    -----
    All scalars are read as text and typed by the key they belong to, so that a panel called ``NO``
    stays one, and ``1_0`` or ``0x1`` is refused as a number.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "study.yaml").write_text("name: NO\npanels: {nk: {strategy: lineage}}\n")
    >>> settings = read_settings(folder)
    >>> settings.name, settings.panels["nk"].strategy, settings.recovery_thresholds["NK"]
    ('NO', 'lineage', (100.0,))
    """
    content = _read_yaml(folder)
    if not isinstance(content, dict):
        raise StudyError([Problem(FILE, "is not a map of settings", accepted="name: MY_STUDY ...")])
    given = {"name": folder.resolve().name, **_without_empty(content)}
    try:
        return StudySettings.model_validate(given)
    except ValidationError as error:
        raise StudyError(list(_problems(error))) from None


def _read_yaml(folder: Path) -> object:
    """Return the content of study.yaml with all scalars as text."""
    path = folder / FILE
    if not path.is_file():
        raise StudyError([Problem(FILE, "is missing", accepted=_DRAFTED)])
    return read_plain_yaml(path, most_bytes=MAX_BYTES)


def _without_empty(content: dict[Any, Any]) -> dict[Any, Any]:
    """Drop keys without a value, which then take their defaults."""
    return {
        key: _without_empty(value) if isinstance(value, dict) else value
        for key, value in content.items()
        if value != ""
    }


def _problems(error: ValidationError) -> Iterator[Problem]:
    for fault in error.errors(include_url=False):
        place = [str(part) for part in fault["loc"]]
        message, accepted = explain(fault)
        if fault["type"] == "extra_forbidden":
            model = PanelSettings if place[0] == "panels" else StudySettings
            meant = nearest(place[-1], model.model_fields)
            message = f"is no setting{f'; is it meant to be {meant!r}?' if meant else ''}"
            accepted = ", ".join(model.model_fields)
        yield Problem(FILE, message, column=".".join(place), accepted=accepted)
