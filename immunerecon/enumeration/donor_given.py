"""What a draw is held against, made ready once for all draws that share their control tubes."""

import hashlib
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from immunerecon.enumeration.donor_controls import Controls, align_controls
from immunerecon.enumeration.donor_likelihood import Mixture
from immunerecon.enumeration.donor_posterior import build_mixture
from immunerecon.enumeration.donor_results import DonorSettings
from immunerecon.enumeration.donor_shapes import smooth_shapes
from immunerecon.enumeration.donor_tubes import SIGMA, MarkerTubes

TOO_FEW = "too few parents"
_KEPT = 4  # sets of control tubes: those of a patient's populations


@dataclass(frozen=True)
class Given:
    """Control tubes and settings, equal where their content is.

    Parameters
    ----------
    settings
        What a laboratory may set.
    content
        Digest of the control tubes.
    tubes
        The tubes; the draw among them plays no part.
    """

    settings: DonorSettings
    content: str
    tubes: MarkerTubes = field(compare=False, repr=False)

    @classmethod
    def of(cls, tubes: MarkerTubes, settings: DonorSettings) -> "Given":
        """Return what a draw's tubes and settings give."""
        digest = hashlib.sha256(f"{tubes.donor_positive} {tubes.donor_known}".encode())
        for kind in (tubes.recipient, tubes.donor, tubes.blanks):
            digest.update(f"{[values.size for values in kind]}".encode())
            for values in kind:
                digest.update(np.ascontiguousarray(values).data)
        return cls(settings, digest.hexdigest(), tubes)


def too_few(tubes: MarkerTubes, settings: DonorSettings) -> str:
    """Return why a draw is too small for an estimate, empty where it is not."""
    if len(tubes.draw) < settings.min_events:
        return f"{TOO_FEW}: {len(tubes.draw)}, at least {settings.min_events} needed"
    return ""


@lru_cache(maxsize=_KEPT)
def useless(given: Given) -> str:
    """Return why the control tubes allow no estimate, empty where they do."""
    tubes = given.tubes
    if not tubes.recipient:
        return "no recipient control: no tube of the patient from before the infusion"
    own = np.concatenate(tubes.recipient)
    if np.ptp(np.quantile(own, SIGMA)) == 0:
        return "the marker shows one and the same value on the recipient control's cells"
    if tubes.donor:
        apart = np.median(np.concatenate(tubes.donor)) - np.median(own)
        if (apart > 0) != tubes.donor_positive:
            side = "brighter" if tubes.donor_positive else "dimmer"
            return f"donor cells should be {side} than the recipient's; the donor control is not"
    return ""


@lru_cache(maxsize=_KEPT)
def aligned(given: Given) -> Controls:
    """Return the control tubes on one scale; see `align_controls`."""
    return align_controls(given.tubes)


def modelled(given: Given) -> tuple[Mixture, np.random.Generator]:
    """Return the model of a draw, and the randomness that follows it.

    Parameters
    ----------
    given
        Control tubes and settings.
    """
    model, state = _modelled(given)
    rng = np.random.default_rng()
    rng.bit_generator.state = state
    return model, rng


@lru_cache(maxsize=_KEPT)
def _modelled(given: Given) -> tuple[Mixture, Any]:
    """Return the model, and the state of its generator after it was made."""
    rng = np.random.default_rng(given.settings.seed)
    controls = aligned(given)
    shapes = smooth_shapes(controls, replicates=given.settings.replicates, rng=rng)
    return build_mixture(controls, shapes), rng.bit_generator.state
