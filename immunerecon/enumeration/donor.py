"""Donor cells among one draw's NK, T or B cells, with an interval, limits and a call."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from immunerecon.enumeration.donor_controls import Controls
from immunerecon.enumeration.donor_given import Given, hold_controls
from immunerecon.enumeration.donor_likelihood import GAIN, LAG, LEAK, Fit
from immunerecon.enumeration.donor_posterior import (
    bin_draw,
    fit_draw,
    posterior_interval,
    raw_fraction,
    simulate_lob,
    split_draw,
)
from immunerecon.enumeration.donor_results import Call, DonorEstimate, DonorSettings, FittedParts
from immunerecon.enumeration.donor_tubes import suppose_donor
from immunerecon.enumeration.limits import Limits, limits_above
from immunerecon.enumeration.proportions import Counted, lang_reiczigel, rogan_gladen
from immunerecon.errors import EstimationError

Floats = NDArray[np.float64]

BARS = 128  # of the figure
TOO_FEW = "too few parents"
WITH_DONOR = "mixture of recipient and donor controls"
WITHOUT_DONOR = "no donor control: background of blanks, donor cells as the draw shows them"
SHIFTED = 3.0  # a shift of so many times the tubes' usual spread is flagged


def estimate_donor_fraction(
    draw: ArrayLike,
    *,
    recipient: Sequence[ArrayLike],
    donor: Sequence[ArrayLike] = (),
    blanks: Sequence[ArrayLike] = (),
    donor_positive: bool | Sequence[bool] = True,
    settings: DonorSettings = DonorSettings(),  # noqa: B008 (frozen)
) -> DonorEstimate:
    """Estimate which fraction of a draw's NK, T or B cells are the donor's.

    Parameters
    ----------
    draw : array_like, shape (n_events,) or (n_events, n_markers)
        Values of the informative anti-HLA marker(s) on the parents, compensated, on a display
        scale (logicle, asinh, log) on which a gain is about a shift.
    recipient
        The patient's own control tubes, one array each: draws before the infusion.
    donor
        Control tubes of the donor. Without any, the donor's shape comes from the draw itself.
    blanks
        Further tubes without donor cells and with the recipient's marker status, such as the
        other patients' draws before infusion. They teach the background's shape.
    donor_positive
        Whether donor cells are the brighter ones; one value for each marker.
    settings
        What a laboratory may set.

    Returns
    -------
    DonorEstimate
        Estimate, interval, limits and call; `not_evaluable` with its reason, never a number,
        where the tubes cannot tell.

    Raises
    ------
    EstimationError
        When values are not finite or tubes differ in their number of markers.

    Notes
    -----
    The draw's whole distribution is fitted as a mixture of the controls' lightly smoothed
    shapes. The rate of the background beyond the recipient's peak, donor cells short of
    theirs, and a shift of all cells and of donor cells alone (HLA expression that changed)
    are nuisance parameters with priors learnt from the control tubes and their spread. They
    are profiled for the estimate and integrated (Laplace) for the interval, which averages
    over bootstrap replicates of the controls under Jeffreys' prior. The limit of blank is the
    95 % point of simulated blanks, in standard errors of a blank, times that of the draw's own
    background; a fraction above it is detected.

    References
    ----------
    Rogan WJ, Gladen B. Am J Epidemiol 1978;107:71. doi:10.1093/oxfordjournals.aje.a112510
    Armbruster DA, Pry T. Clin Biochem Rev 2008;29 Suppl 1:S49.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> before, graft = rng.normal(1, 0.2, 8000), rng.normal(3, 0.3, 5000)
    >>> day_7 = np.concatenate([rng.normal(1, 0.2, 4900), rng.normal(3, 0.3, 100)])
    >>> estimate = estimate_donor_fraction(day_7, recipient=[before], donor=[graft])
    >>> print(f"{estimate.call} {estimate.donor_fraction:.3f}")
    detected 0.020
    """
    held = {"recipient": recipient, "donor": donor, "blanks": blanks}
    given = hold_controls(**held, donor_positive=donor_positive, settings=settings)
    return estimate_against(given, draw)


def estimate_against(given: Given, draw: ArrayLike) -> DonorEstimate:
    """Estimate the donor's share of one of several draws that share their control tubes.

    Parameters
    ----------
    given
        From `hold_controls`.
    draw
        As in `estimate_donor_fraction`, which tells the rest.

    Raises
    ------
    EstimationError
        When values are not finite or their number of markers is not that of the controls.
    """
    values = given.tubes.on_axis(draw)
    supported, known = _prepare(given, values)
    return known if supported is None else _judge(supported, values, known=known)


def fit_donor_parts(given: Given, tube: ArrayLike) -> FittedParts | None:
    """Split a tube's distribution into recipient and donor cells for a figure, and judge nothing.

    Control tubes are shown beside the draws; neither interval nor limits of theirs are asked for.

    Parameters
    ----------
    given
        From `hold_controls`.
    tube : array_like
        Values of a control tube or draw.

    Returns
    -------
    FittedParts or None
        None where `estimate_against` would say ``not_evaluable``.

    Raises
    ------
    EstimationError
        When values are not finite or their number of markers is not that of the controls.
    """
    values = given.tubes.on_axis(tube)
    supported, _ = _prepare(given, values)
    if supported is None:
        return None
    placed = supported.controls.place(values)
    return _split(
        supported, placed, fit_draw(supported.model, bin_draw(placed, supported.model.edges))
    )


def _prepare(given: Given, draw: Floats) -> tuple[Given | None, DonorEstimate]:
    """Return what a draw is held against, None where that cannot be, and what is known by then."""
    settings = given.settings
    reason = given.useless
    if len(draw) < settings.min_events:
        reason = f"{TOO_FEW}: {len(draw)}, at least {settings.min_events} needed"
    nothing = DonorEstimate("not_evaluable", reason, len(draw), flags=given.flags)
    if nothing.reason:
        return None, nothing
    if not given.tubes.donor:
        try:
            given = replace(given, tubes=suppose_donor(given.tubes, draw))
        except EstimationError as error:
            return None, replace(nothing, reason=str(error))
    controls, donor_known = given.controls, given.tubes.donor_known
    sensitivity, specificity = _share(controls.donor_seen), _share(controls.blank_clean)
    youden = sensitivity + specificity - 1
    known = replace(
        nothing,
        sensitivity=sensitivity if donor_known else np.nan,
        specificity=specificity,
        youden=youden if donor_known else np.nan,
        method=WITH_DONOR if donor_known else WITHOUT_DONOR,
    )
    if youden < settings.min_youden:
        reason = (
            f"the marker separates the controls too poorly: Youden {youden:.2f}, "
            f"at least {settings.min_youden:.2f} needed"
        )
        return None, replace(known, reason=reason)
    return given, known


def _judge(given: Given, draw: Floats, *, known: DonorEstimate) -> DonorEstimate:
    """Fit the draw, and say what it shows."""
    controls, settings, model = given.controls, given.settings, given.model
    values = controls.place(draw)
    total = len(values)
    counts = bin_draw(values, model.edges)
    fit = fit_draw(model, counts)
    fraction = float(fit.fraction[0])
    blanks, rng = settings.simulated_blanks, given.randomness()
    lob = simulate_lob(model, total, fit, tubes=blanks, rng=rng)
    limits = limits_above(lob, total, cv=settings.cv)
    loq = max(limits.loq, float(np.exp(model.mean[LEAK])))
    low, high = posterior_interval(model, counts, fit, level=settings.level)
    gladen, gladen_low, gladen_high = _threshold_estimate(controls, values - fit.nuisance[0, GAIN])
    call, reason = _call(fraction, replace(limits, loq=loq), total)
    return replace(
        known,
        call=call,
        reason=reason,
        donor_events=fraction * total,
        donor_fraction=fraction,
        fraction_low=min(low, fraction) if fraction > lob else 0.0,
        fraction_high=max(high, fraction),
        raw_fraction=raw_fraction(fit),
        lob=limits.lob,
        lod=limits.lod,
        loq=loq,
        rogan_gladen=gladen,
        rogan_gladen_low=gladen_low,
        rogan_gladen_high=gladen_high,
        gain_shift=float(fit.nuisance[0, GAIN]),
        flags=known.flags + _shift_flags(fit, controls.gain_sd),
        parts=_split(given, values, fit),
    )


def _call(fraction: float, limits: Limits, total: int) -> tuple[Call, str]:
    """Put the estimate against its limits."""
    if fraction <= limits.lob:
        return "not_detected", (
            f"not above blank tubes; {limits.lod:.3%} ({limits.lod * total:.0f} of {total} "
            "parents) would have been detected"
        )
    if limits.loq == 1:  # where it was cut; no share of the draw is measured as well as wanted
        return "detected_below_loq", (
            f"above blank tubes; no share of so few parents ({total}) can be quantified"
        )
    if fraction < limits.loq:
        return "detected_below_loq", (
            f"above blank tubes, below the limit of quantitation of {limits.loq:.3%}"
        )
    return "detected", f"above the limit of quantitation of {limits.loq:.3%}"


def _shift_flags(fit: Fit, usual: float) -> tuple[str, ...]:
    """Say where HLA expression, or the cytometer, differs from the controls."""
    shifts = {"all cells": fit.nuisance[0, GAIN], "donor cells alone": fit.nuisance[0, LAG]}
    return tuple(
        f"{cells} lie {shift:+.1f} SD from where the controls have them: "
        "has the expression of the marker, or the cytometer, changed?"
        for cells, shift in shifts.items()
        if abs(shift) > SHIFTED * usual
    )


def _threshold_estimate(controls: Controls, values: Floats) -> tuple[float, float, float]:
    """Return the Rogan-Gladen estimate at the boundary, and its interval."""
    inside = int((values >= controls.boundary).sum())
    share = rogan_gladen(
        inside / len(values),
        sensitivity=_share(controls.donor_seen),
        specificity=_share(controls.blank_clean),
    )
    low, high = lang_reiczigel(
        (inside, len(values)), donor=controls.donor_seen, recipient=controls.blank_clean
    )
    return float(share), low, high


def _share(counted: Counted) -> float:
    return counted[0] / counted[1]


def _split(given: Given, values: Floats, fit: Fit) -> FittedParts:
    """Return observed and fitted events on even bins of the displayed scale."""
    controls, model = given.controls, given.model
    edges = controls.grid[:: len(controls.grid) // BARS]
    observed = bin_draw(values, edges[1:-1])[0]
    recipient, donor = split_draw(model, len(values), fit, edges)
    if not controls.donor_known:
        donor = np.where(edges[:-1] >= controls.boundary, np.maximum(observed - recipient, 0), 0)
    marker = controls.origin + controls.unit * (edges[1:] + edges[:-1]) / 2
    order = np.argsort(marker)
    return FittedParts(marker[order], observed[order], recipient[order], donor[order])
