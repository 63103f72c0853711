"""What a draw is held against, made ready once for all draws that share their control tubes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from immunerecon.enumeration.donor_controls import Controls, align_controls
from immunerecon.enumeration.donor_likelihood import Mixture
from immunerecon.enumeration.donor_posterior import build_mixture
from immunerecon.enumeration.donor_results import DonorSettings
from immunerecon.enumeration.donor_shapes import smooth_shapes
from immunerecon.enumeration.donor_tubes import ControlTubes, collect_controls


@dataclass(frozen=True, eq=False)
class Given:
    """Control tubes and settings, and what follows from them, found when it is asked for.

    Parameters
    ----------
    tubes
        Control tubes.
    settings
        What a laboratory may set.
    flags
        What a person should know of the tubes.
    """

    tubes: ControlTubes
    settings: DonorSettings
    flags: tuple[str, ...] = ()

    @cached_property
    def useless(self) -> str:
        """Why the control tubes allow no estimate, empty where they do."""
        tubes = self.tubes
        if not tubes.recipient:
            return "no recipient control: no tube of the patient from before the infusion"
        origin, sd = tubes.recipient_peak
        if sd == 0:
            return "the marker shows one and the same value on the recipient control's cells"
        if tubes.donor and (tubes.donor_median - origin > 0) != tubes.donor_positive:
            side = "brighter" if tubes.donor_positive else "dimmer"
            return f"donor cells should be {side} than the recipient's; the donor control is not"
        return ""

    @cached_property
    def controls(self) -> Controls:
        """The control tubes on one scale; see `align_controls`."""
        return align_controls(self.tubes)

    @property
    def model(self) -> Mixture:
        """The model of a draw."""
        return self._modelled[0]

    def randomness(self) -> np.random.Generator:
        """Return the randomness that follows the model's, the same for each draw."""
        rng = np.random.default_rng()
        rng.bit_generator.state = self._modelled[1]
        return rng

    @cached_property
    def _modelled(self) -> tuple[Mixture, Any]:
        """The model, and the state of its generator after it was made."""
        rng = np.random.default_rng(self.settings.seed)
        shapes = smooth_shapes(self.controls, replicates=self.settings.replicates, rng=rng)
        return build_mixture(self.controls, shapes), rng.bit_generator.state


def hold_controls(
    *,
    recipient: Sequence[ArrayLike],
    donor: Sequence[ArrayLike],
    blanks: Sequence[ArrayLike],
    donor_positive: bool | Sequence[bool],
    settings: DonorSettings,
) -> Given:
    """Make ready what the draws of a patient are held against.

    Parameters
    ----------
    recipient, donor, blanks, donor_positive, settings
        As in `estimate_donor_fraction`.

    Raises
    ------
    EstimationError
        When values are not finite or tubes differ in their number of markers.
    """
    tubes = collect_controls(
        recipient=recipient, donor=donor, blanks=blanks, donor_positive=donor_positive
    )
    least, kept, flags = settings.min_control_events, [], []
    for kind, group in (
        ("recipient control", tubes.recipient),
        ("donor control", tubes.donor),
        ("blank", tubes.blanks),
    ):
        # Too few parents would not show where their peak lies.
        kept.append(tuple(values for values in group if len(values) >= least))
        if number := len(group) - len(kept[-1]):
            flags.append(f"{number} {kind} tube(s) left out: fewer than {least} parents")
    own, given, others = kept
    tubes = replace(tubes, recipient=own, donor=given, blanks=others)
    return Given(tubes, settings, tuple(flags))
