"""Which tubes are stained: two a draw, and the controls."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType

from immunerecon.simulate.biology import Blood, draw_blood
from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.haplotypes import ANTIBODIES, doses
from immunerecon.simulate.instrument import PANELS
from immunerecon.simulate.specimens import Specimen, healthy_pbmc, nk_product, whole_blood
from immunerecon.simulate.trial import FIRST_INFUSION, Patient, chance

STAINED_BLOOD_UL = 50.0
DILUTION = 20.0  # of the blood in volumetric tubes
CONTROL_DAY = -14

_ROLES = ("draw", "recipient_control", "donor_control", "product")
_FMO: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"lineage": ("CD56", "CD16"), "donor_nk": ANTIBODIES}
)


@dataclass(frozen=True)
class Order:
    """One tube to be stained and acquired.

    Parameters
    ----------
    file
        Path in the study folder.
    patient, day, panel, role, stain
        As in samples.csv; `patient` empty and `day` None for controls that belong to nobody.
    acquired
        Calendar date.
    specimen
        What goes into the tube.
    place
        Numbers that tell the tube in the trial, for its source of chance.
    hla_doses
        Antibody -> gene copies on the recipient's and on the donor's cells.
    blood
        The draw, when it is one.
    beads_added
        Counting beads in the tube; 0 without.
    volumetric
        Whether the cytometer measured the acquired volume.
    """

    file: str
    patient: str
    day: int | None
    panel: str
    role: str
    acquired: date
    specimen: Specimen
    place: tuple[int, ...]
    hla_doses: Mapping[str, tuple[float, float]]
    stain: str = ""
    blood: Blood | None = None
    beads_added: int = 0
    volumetric: bool = False

    @property
    def omitted(self) -> frozenset[str]:
        """Markers of the panel that are not stained in this tube."""
        panel = frozenset(PANELS[self.panel])
        if self.role == "single_stain":
            return panel - {self.stain}
        if self.role == "unstained":
            return panel
        return frozenset({self.stain}) & panel


def order_tubes(patient: Patient, conditions: Conditions) -> Iterator[Order]:
    """Yield the tubes of one patient: controls and product, then two for each draw.

    Parameters
    ----------
    patient
        Whose tubes.
    conditions
        Of the trial.

    Yields
    ------
    Order
        In the order of acquisition within each day.

    Examples
    --------
    >>> from immunerecon.simulate.trial import enrol
    >>> patient = enrol(1, seed=0, conditions=Conditions(draw_days=(-7,)))
    >>> for order in order_tubes(patient, Conditions()):
    ...     print(order.role, order.panel)
    donor_control donor_nk
    product lineage
    draw lineage
    draw donor_nk
    """
    yield _order(patient, CONTROL_DAY, "donor_nk", "donor_control", healthy_pbmc(donor=True))
    if patient.number % 3 == 0:
        control = healthy_pbmc(donor=False)
        yield _order(patient, CONTROL_DAY, "donor_nk", "recipient_control", control)
    product = nk_product(patient.cd3_cells_per_kg / patient.nk_cells_per_kg)
    yield _order(patient, 0, "lineage", "product", product)
    for day in patient.days:
        yield from _order_draw(patient, day, conditions)


def order_controls() -> Iterator[Order]:
    """Yield single stains, an unstained tube and FMO tubes for both panels of the first batch.

    Yields
    ------
    Order
        Mononuclear cells of a person who has every HLA antigen.
    """
    everything = dict.fromkeys(ANTIBODIES, (1.0, 1.0))
    for panel_number, (panel, markers) in enumerate(PANELS.items()):
        tubes = [("single_stain", marker) for marker in markers]
        tubes += [("unstained", "")] + [("fmo", marker) for marker in _FMO[panel]]
        for tube_number, (role, stain) in enumerate(tubes):
            name = "_".join(filter(None, (panel, role, stain)))
            yield Order(
                file=f"fcs/controls/{name}.fcs",
                patient="",
                day=None,
                panel=panel,
                role=role,
                acquired=FIRST_INFUSION,
                specimen=healthy_pbmc(donor=False),
                place=(0, panel_number, tube_number),
                hla_doses=everything,
                stain=stain,
            )


def _order_draw(patient: Patient, day: int, conditions: Conditions) -> Iterator[Order]:
    """Yield the two tubes of a draw; cells are counted in the lineage tube."""
    blood = draw_blood(patient, day, conditions=conditions)
    beads, volumetric = 0, patient.counting == "volumetric"
    if not volumetric:
        beads = 48_000 + int(chance(patient.seed, "bead_lot", patient.number).integers(6000))
    counted = whole_blood(blood, beads_per_ul=beads / STAINED_BLOOD_UL)
    lineage = _order(patient, day, "lineage", "draw", counted)
    yield replace(lineage, blood=blood, beads_added=beads, volumetric=volumetric)
    yield replace(_order(patient, day, "donor_nk", "draw", whole_blood(blood)), blood=blood)


def _order(patient: Patient, day: int, panel: str, role: str, specimen: Specimen) -> Order:
    """Return a patient's tube with name, date and place in the trial."""
    what = panel if role == "draw" else f"{role}_{panel}"
    pair = patient.pair
    return Order(
        file=f"fcs/{patient.id}/{patient.id}_day{day:03d}_{what}.fcs",
        patient=patient.id,
        day=day,
        panel=panel,
        role=role,
        acquired=patient.date_of(day),
        specimen=specimen,
        place=(patient.number, day + 1000, tuple(PANELS).index(panel), _ROLES.index(role)),
        hla_doses={
            antibody: (doses(pair.recipient, antibody), doses(pair.donor, antibody))
            for antibody in ANTIBODIES
        },
    )
