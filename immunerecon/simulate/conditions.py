"""Under which conditions a synthetic trial is run: everyday ones, and each stress by its name."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

DRAW_DAYS = (-7, 0, 1, 3, 7, 14, 21, 28, 42, 60, 90, 180, 365, 730)


@dataclass(frozen=True)
class Conditions:
    """Conditions of a synthetic trial; the defaults are those of an ordinary year in a laboratory.

    Parameters
    ----------
    draw_days
        Scheduled draws, in days from the infusion.
    missed_draws : 0-1
        Chance that a draw after day 0 is missed.
    gain_drift
        Largest relative change of a detector's gain between acquisition batches
        (0.6: gains lie between 1/1.6 and 1.6 of the nominal ones).
    cd3_lot_factor
        Brightness of CD3 after the lot change, relative to before (0.1: ten times dimmer).
    second_cytometer
        Whether another cytometer, with other channel names, takes over during the trial.
    batches_labelled
        Whether samples.csv names the batch and the files say their date.
    dead : 0-0.9
        Dead cells among the single cells.
    doublets : 0-0.9
        Doublets among the events that are cells.
    clogs : 0-1
        Chance that a tube has a clog: hardly any events for a while, with dimmed signals around.
    spillover : 0-1
        Coefficient of the worst pair of detectors; the others keep their proportion to it.
    compensation_error
        Relative error (standard deviation) of each recorded spillover coefficient.
    continuum : 0-1
        How far NK maturation (CD56bright CD16- to CD56dim CD16+) and CD56 on T cells are a
        continuum: 0 well apart, 1 touching.
    tails
        Heaviness and skew of all intensity distributions; 0 is log-normal.
    activation
        Strength of the IL-2 activation (CD56 up, CD16 down, larger cells); 1 is usual.
    nadir_lymphocytes
        Lowest and highest number of lymphocytes in 100,000 events for the draws on days 1 to 10;
        without it they follow from the course of each population.
    single_stains
        Whether the first batch comes with single stains, unstained and FMO tubes.

    Raises
    ------
    ValueError
        When a share is out of its range.

    Examples
    --------
    >>> Conditions(dead=0.25).dead
    0.25
    """

    draw_days: tuple[int, ...] = DRAW_DAYS
    missed_draws: float = 0.06
    gain_drift: float = 0.08
    cd3_lot_factor: float = 1.0
    second_cytometer: bool = False
    batches_labelled: bool = True
    dead: float = 0.04
    doublets: float = 0.03
    clogs: float = 0.03
    spillover: float = 0.15
    compensation_error: float = 0.01
    continuum: float = 0.3
    tails: float = 0.1
    activation: float = 1.0
    nadir_lymphocytes: tuple[float, float] | None = None
    single_stains: bool = False

    def __post_init__(self) -> None:
        for name in ("missed_draws", "dead", "doublets", "clogs", "spillover", "continuum"):
            value, top = getattr(self, name), 0.9 if name in {"dead", "doublets"} else 1.0
            if not 0 <= value <= top:
                raise ValueError(f"{name} is {value}; it must lie between 0 and {top:g}")


EVERYDAY = Conditions()
PRESETS: Mapping[str, Conditions] = MappingProxyType(
    {
        "everyday": EVERYDAY,
        "gain_drift": Conditions(gain_drift=0.6),
        "cd3_lot": Conditions(cd3_lot_factor=0.1),
        "second_cytometer": Conditions(second_cytometer=True),
        "unlabelled": Conditions(gain_drift=0.6, batches_labelled=False),
        "dead": Conditions(dead=0.25),
        "doublets": Conditions(doublets=0.08),
        "clogs": Conditions(clogs=0.5),
        "spillover": Conditions(spillover=0.35),
        "continuum": Conditions(continuum=1.0),
        "tails": Conditions(tails=0.5),
        "activation": Conditions(activation=2.0),
        "nadir": Conditions(nadir_lymphocytes=(5.0, 500.0)),
        "single_stains": Conditions(single_stains=True),
        "harsh": Conditions(
            gain_drift=0.4,
            batches_labelled=False,
            dead=0.15,
            doublets=0.06,
            clogs=0.3,
            spillover=0.3,
            continuum=0.6,
            tails=0.3,
            activation=1.5,
        ),
    }
)
