"""What the tables of a study folder say: one frozen model a row."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from immunerecon.errors import HlaError
from immunerecon.study.alleles import FORMS, Typing, parse_typing
from immunerecon.study.hla import DONOR_MARKER_FORM, parse_donor_marker
from immunerecon.study.labels import canonical_marker
from immunerecon.study.numerals import Amount, IsoDate, Number, Percent, Positive, Whole

Role = Literal[
    "draw",
    "recipient_control",
    "donor_control",
    "product",
    "single_stain",
    "unstained",
    "fmo",
]
EventKind = Literal[
    "infusion",
    "death",
    "progression",
    "response",
    "adverse_event",
    "dlt",
    "last_follow_up",
]
Response = Literal["CR", "PR", "SD", "PD", "NE"]


def _typing(value: object) -> object:
    """Read an HLA typing."""
    if not isinstance(value, str):
        return value
    try:
        return parse_typing(value)
    except HlaError as error:
        raise _refusal(str(error), accepted=FORMS) from error


def _donor_marker(value: object) -> object:
    """Read a donor marker into its canonical spelling."""
    if not isinstance(value, str) or not value:
        return value
    try:
        marker, donor_positive = parse_donor_marker(value)
    except HlaError as error:
        raise _refusal(str(error), accepted=DONOR_MARKER_FORM) from error
    return marker + ("+" if donor_positive else "-")


def _refusal(reason: str, *, accepted: str) -> PydanticCustomError:
    return PydanticCustomError("refused", "{reason}", {"reason": reason, "accepted": accepted})


class Record(BaseModel):
    """One row of a table.

    Parameters
    ----------
    annotations
        The columns that mean nothing to the package, as text.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    annotations: dict[str, str] = Field(default_factory=dict)


class Sample(Record):
    """One FCS file: a row of samples.csv.

    Parameters
    ----------
    file
        Path below the study folder, with forward slashes.
    panel
        A key of the panels in study.yaml.
    patient
        Empty for controls that belong to nobody.
    day
        Days from the first infusion; worked out from `date` where only that is given.
    date
        Of the draw.
    role
        What the tube is for.
    stain
        Marker of a ``single_stain``, or the one left out of an ``fmo``, in canonical spelling.
    batch
        Acquisition batch; empty for the file's own date and cytometer.
    beads_added, blood_volume_ul
        Counting beads in the tube, and blood stained.
    acquired_volume_ul, dilution
        Volume that a volumetric cytometer measured, and how far the blood was diluted.
    replicate
        Tells apart tubes that agree in all else.
    dataset
        Which data set of a file that holds several, from 1.
    """

    file: str
    panel: str
    patient: str = ""
    day: Number | None = None
    date: IsoDate | None = None
    role: Role = "draw"
    stain: Annotated[str, AfterValidator(canonical_marker)] = ""
    batch: str = ""
    beads_added: Positive | None = None
    blood_volume_ul: Positive | None = None
    acquired_volume_ul: Positive | None = None
    dilution: Positive | None = None
    replicate: str = ""
    dataset: Annotated[Whole, Field(ge=1)] | None = None


class Patient(Record):
    """One patient: a row of patients.csv.

    Parameters
    ----------
    patient
        Id within the study.
    dose_level
        As the protocol names it.
    nk_cells_per_kg, cd3_cells_per_kg
        Infused cells per kg of body weight.
    infusion_date
        Of the first infusion: day 0.
    age
        In years.
    sex
        As written.
    weight_kg
        Body weight.
    recipient_hla, donor_hla
        Typings; empty where there is none.
    donor_marker
        The laboratory's own choice, ``HLA-A2+`` (donor positive) or ``HLA-A2-``; mostly empty.
    """

    patient: str
    dose_level: str = ""
    nk_cells_per_kg: Amount | None = None
    cd3_cells_per_kg: Amount | None = None
    infusion_date: IsoDate | None = None
    age: Annotated[Number, Field(ge=0, le=130)] | None = None
    sex: str = ""
    weight_kg: Positive | None = None
    recipient_hla: Annotated[Typing, BeforeValidator(_typing)] = Typing()
    donor_hla: Annotated[Typing, BeforeValidator(_typing)] = Typing()
    donor_marker: Annotated[str, BeforeValidator(_donor_marker)] = ""


class BloodCount(Record):
    """One blood count: a row of blood_counts.csv.

    Parameters
    ----------
    patient, day
        Of the draw.
    wbc, alc
        Leukocytes and lymphocytes in 10^9/L, which is 1000 per µL.
    lymphocytes_percent
        Of the leukocytes.
    """

    patient: str
    day: Number
    wbc: Amount | None = None
    lymphocytes_percent: Percent | None = None
    alc: Amount | None = None


class ClinicalEvent(Record):
    """One event: a row of clinical_events.csv.

    Parameters
    ----------
    patient, day
        When it happened.
    event
        Which kind.
    term
        The adverse event's name.
    grade
        CTCAE grade.
    value
        RECIST response.
    """

    patient: str
    day: Number
    event: EventKind
    term: str = ""
    grade: Annotated[Whole, Field(ge=1, le=5)] | None = None
    value: Response | None = None


class Chimerism(Record):
    """One chimerism measurement by another method: a row of chimerism.csv.

    Parameters
    ----------
    patient, day
        Of the draw.
    population
        The cells it was measured on.
    donor_percent
        Share of donor cells.
    method
        E.g. ``STR``.
    """

    patient: str
    day: Number
    population: str
    donor_percent: Percent
    method: str = ""


class ReferenceRange(Record):
    """The range of healthy people for one population.

    Parameters
    ----------
    population
        Standard name.
    low, high
        In cells per µL.
    source
        Where the range comes from.
    """

    population: str
    low: Amount
    high: Positive
    source: str

    @model_validator(mode="after")
    def _low_below_high(self) -> "ReferenceRange":
        if self.low >= self.high:
            raise _refusal(
                f"low {self.low:g} is not below high {self.high:g}", accepted="low < high"
            )
        return self
