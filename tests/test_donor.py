from dataclasses import replace

import numpy as np
import pytest

from immunerecon.enumeration.donor import estimate_donor_fraction
from immunerecon.enumeration.donor_results import DonorSettings
from immunerecon.enumeration.proportions import jeffreys
from immunerecon.errors import EstimationError

QUICK = DonorSettings(replicates=16, simulated_blanks=100)


def tube(rng, number, fraction=0.0, *, leak=0.002, distance=16.0, gain=0.0):
    """Recipient cells at 0 with some background, donor cells at `distance`."""
    donor = rng.binomial(number, fraction)
    leaked = rng.binomial(number - donor, leak)
    values = [
        rng.normal(0, 1, number - donor - leaked),
        distance / 2 + rng.exponential(distance / 3, leaked),
        rng.normal(distance, 1.2, donor),
    ]
    return np.concatenate(values) + gain


def controls(rng, number=8_000, tubes=6, **shape):
    return {
        "recipient": [tube(rng, number, **shape) for _ in range(2)],
        "donor": [tube(rng, number, 1.0, **shape)],
        "blanks": [tube(rng, number, gain=gain, **shape) for gain in rng.normal(0, 0.2, tubes)],
        "settings": QUICK,
    }


@pytest.fixture(scope="module")
def known():
    return controls(np.random.default_rng(1))


@pytest.mark.parametrize("fraction", [0.005, 0.1, 0.6, 0.98])
def test_fraction_is_found(known, fraction):
    draw = tube(np.random.default_rng(2), 10_000, fraction)
    estimate = estimate_donor_fraction(draw, **known)
    sd = np.sqrt(fraction * (1 - fraction) / 10_000)
    assert estimate.call == "detected"
    assert estimate.donor_fraction == pytest.approx(fraction, abs=3 * sd)
    assert estimate.fraction_low < fraction < estimate.fraction_high
    assert estimate.fraction_high - estimate.fraction_low < 2 * 2.6 * sd
    assert estimate.donor_events == pytest.approx(10_000 * estimate.donor_fraction)
    assert estimate.rogan_gladen == pytest.approx(fraction, abs=5 * sd)


def test_dimmer_donor_cells_are_the_mirror_image(known):
    draw = tube(np.random.default_rng(3), 3_000, 0.02)
    mirrored = {
        kind: [-values for values in known[kind]] for kind in ("recipient", "donor", "blanks")
    }
    bright = estimate_donor_fraction(draw, **known)
    dim = estimate_donor_fraction(-draw, donor_positive=False, settings=QUICK, **mirrored)
    assert dim.donor_fraction == pytest.approx(bright.donor_fraction, rel=1e-6)
    assert dim.fraction_high == pytest.approx(bright.fraction_high, rel=1e-6)


def test_the_display_scale_does_not_matter(known):
    draw = tube(np.random.default_rng(4), 3_000, 0.02)
    scaled = {
        kind: [0.3 + 0.05 * values for values in known[kind]]
        for kind in known
        if kind != "settings"
    }
    plain = estimate_donor_fraction(draw, **known)
    other = estimate_donor_fraction(0.3 + 0.05 * draw, settings=QUICK, **scaled)
    assert other.donor_fraction == pytest.approx(plain.donor_fraction, rel=1e-4)
    assert other.lob == pytest.approx(plain.lob, rel=1e-3)


def test_same_input_same_bits(known):
    draw = tube(np.random.default_rng(5), 2_000, 0.01)
    first, second = (estimate_donor_fraction(draw, **known) for _ in range(2))
    assert replace(first, parts=None) == replace(second, parts=None)


def test_a_blank_is_not_detected_and_says_what_would_have_been(known):
    estimate = estimate_donor_fraction(tube(np.random.default_rng(6), 10_000), **known)
    assert estimate.call == "not_detected"
    assert estimate.fraction_low == 0 < estimate.fraction_high
    assert f"{estimate.lod:.3%}" in estimate.reason
    assert 0 < estimate.lob < estimate.lod < estimate.loq
    assert estimate.loq >= 0.001  # never below the leak


def test_limit_of_blank_follows_the_draws_own_background(known):
    rng = np.random.default_rng(20)
    clean, usual, dirty = (
        estimate_donor_fraction(tube(rng, 10_000, leak=leak), **known)
        for leak in (0.0005, 0.002, 0.008)
    )
    assert 0 < clean.lob < dirty.lob and usual.lob < dirty.lob / 1.5
    # A draw with donor cells shows its background beside them: they do not raise the limit.
    for fraction in (0.001, 0.01, 0.5):
        with_donor = estimate_donor_fraction(tube(rng, 10_000, fraction), **known)
        assert with_donor.lob < dirty.lob / 1.5


def test_limit_of_blank_is_what_a_known_background_allows():
    """Background and donor's peak known, the least SD of a blank is that of their densities."""
    rng = np.random.default_rng(22)
    known = controls(rng, number=40_000, tubes=12, leak=0.01)
    x = np.linspace(8, 24, 801)
    donor = np.exp(-(((x - 16) / 1.2) ** 2) / 2) / 1.2 / np.sqrt(2 * np.pi)
    background = 0.01 * np.exp(-(x - 8) / (16 / 3)) / (16 / 3)
    least = (10_000 * np.sum(donor**2 / background) * (x[1] - x[0])) ** -0.5
    limits = [estimate_donor_fraction(tube(rng, 10_000, leak=0.01), **known).lob for _ in range(4)]
    assert 1.0 < np.mean(limits) / (1.645 * least) < 1.5


def test_background_that_begins_before_the_boundary_is_not_taken_for_donor_cells():
    """Three times the usual background, most of it close to the recipient's peak."""
    rng = np.random.default_rng(21)

    def blank(leak):
        smear = 7 + rng.exponential(2.5, rng.binomial(10_000, leak))
        return np.concatenate([rng.normal(0, 1, 10_000 - len(smear)), smear])

    known = {
        "recipient": [blank(0.02), blank(0.03)],
        "donor": [rng.normal(16, 1.2, 8_000)],
        "blanks": [blank(leak) for leak in rng.uniform(0.01, 0.05, 10)],
        "settings": QUICK,
    }
    estimates = [estimate_donor_fraction(blank(0.08), **known) for _ in range(4)]
    assert [estimate.call for estimate in estimates].count("not_detected") >= 3
    assert max(estimate.donor_fraction for estimate in estimates) < 0.002


def test_less_than_background_points_below_zero():
    rng = np.random.default_rng(7)
    known = controls(rng, leak=0.03)
    estimate = estimate_donor_fraction(tube(rng, 10_000, leak=0.005), **known)
    assert estimate.donor_fraction == 0 and estimate.raw_fraction < 0
    assert estimate.rogan_gladen < 0 and estimate.rogan_gladen_low == 0


def test_between_detection_and_quantitation(known):
    draw = np.concatenate([tube(np.random.default_rng(8), 10_000), [16.0] * 18])
    estimate = estimate_donor_fraction(draw, **known)
    assert estimate.call == "detected_below_loq"
    assert estimate.lob < estimate.donor_fraction < estimate.loq
    assert estimate.fraction_low > 0


def test_without_background_the_interval_is_jeffreys():
    rng = np.random.default_rng(9)
    known = controls(rng, number=50_000, leak=0.0)
    draw = np.concatenate([rng.normal(0, 1, 4_993), rng.normal(16, 1.2, 7)])
    estimate = estimate_donor_fraction(draw, **known)
    low, high = jeffreys(7, 5_000)
    assert estimate.donor_fraction == pytest.approx(7 / 5_000, rel=0.02)
    assert estimate.fraction_low == pytest.approx(low, rel=0.05)
    assert estimate.fraction_high == pytest.approx(high, rel=0.05)


def test_intervals_cover_and_blanks_stay_blank():
    rng = np.random.default_rng(10)
    covered, found = [], []
    for _ in range(8):
        known = controls(rng, number=4_000)
        for fraction in (0.0, 0.002, 0.05, 0.5):
            draw = tube(rng, 2_000, fraction, gain=rng.normal(0, 0.2))
            estimate = estimate_donor_fraction(draw, **known)
            covered.append(estimate.fraction_low <= fraction <= estimate.fraction_high)
            found.append(estimate.call != "not_detected")
    assert np.mean(covered) > 0.87
    assert np.mean(found[0::4]) <= 0.25 and np.mean(found[2::4]) == 1


@pytest.mark.parametrize("gain", [-0.4, 1.5])
def test_gain_is_followed_and_a_large_one_flagged(known, gain):
    draw = tube(np.random.default_rng(11), 5_000, 0.05, gain=gain)
    estimate = estimate_donor_fraction(draw, **known)
    assert estimate.gain_shift == pytest.approx(gain, abs=0.1)
    assert estimate.donor_fraction == pytest.approx(0.05, abs=0.009)
    assert any("all cells" in flag for flag in estimate.flags) == (abs(gain) > 1)


def test_donor_cells_that_brighten_are_counted_and_flagged(known):
    rng = np.random.default_rng(12)
    draw = np.concatenate([tube(rng, 4_500), rng.normal(17.5, 1.2, 500)])
    estimate = estimate_donor_fraction(draw, **known)
    assert estimate.donor_fraction == pytest.approx(0.1, abs=0.013)
    assert any("donor cells alone" in flag for flag in estimate.flags)


@pytest.mark.parametrize(("recipient", "donor"), [(0.0, -1.8), (2.0, 0.0), (1.0, -1.8)])
@pytest.mark.parametrize("fraction", [0.02, 0.3])
def test_hla_that_changed_after_the_infusion_is_followed_and_flagged(
    known, recipient, donor, fraction
):
    """A two-fold change is one of about 1.8 SD of a peak with a CV of 40 %."""
    rng = np.random.default_rng(22)
    given = round(3_000 * fraction)
    draw = np.concatenate([tube(rng, 3_000 - given, gain=recipient), rng.normal(16, 1.2, given)])
    draw[-given:] += donor
    estimate = estimate_donor_fraction(draw, **known)
    sd = np.sqrt(fraction / 3_000)
    assert estimate.donor_fraction == pytest.approx(fraction, abs=3 * sd)
    assert estimate.fraction_low < fraction < estimate.fraction_high
    assert any("expression" in flag for flag in estimate.flags)


def test_nine_donor_cells_among_ten_say_something(known):
    draw = np.concatenate([[0.3], np.linspace(14, 18, 9)])
    estimate = estimate_donor_fraction(draw, **known)
    low, high = jeffreys(9, 10)
    assert estimate.call == "detected_below_loq"
    assert estimate.donor_fraction == pytest.approx(0.9, abs=0.01)
    assert (estimate.fraction_low, estimate.fraction_high) == pytest.approx((low, high), abs=0.02)
    # What would take 25 donor cells is not quantified by 10, be they all.
    every = estimate_donor_fraction(np.linspace(14, 18, 10), **known)
    assert every.donor_fraction > 0.98 and every.loq == 1.0
    assert every.call == "detected_below_loq" and "so few parents (10)" in every.reason
    nothing = estimate_donor_fraction(draw[:1].repeat(10) + np.linspace(-1, 1, 10), **known)
    assert nothing.call == "not_detected" and nothing.lod == pytest.approx(0.3, abs=0.01)
    assert "(3 of 10 parents) would have been detected" in nothing.reason


def test_parts_add_up(known):
    draw = tube(np.random.default_rng(13), 4_000, 0.3)
    estimate = estimate_donor_fraction(draw, **known)
    parts = estimate.parts
    assert parts.observed.sum() == 4_000
    assert parts.donor.sum() == pytest.approx(estimate.donor_events)
    assert (parts.recipient + parts.donor).sum() == pytest.approx(4_000)
    assert np.all(np.diff(parts.marker) > 0)
    assert parts.marker[np.argmax(parts.donor)] == pytest.approx(16, abs=0.5)


def test_no_donor_control_still_counts_what_lies_beyond_blanks(known):
    alone = {**known, "donor": []}
    draw = tube(np.random.default_rng(14), 5_000, 0.1)
    estimate = estimate_donor_fraction(draw, **alone)
    assert estimate.donor_fraction == pytest.approx(0.1, abs=0.013)
    assert "no donor control" in estimate.method
    assert np.isnan(estimate.sensitivity) and np.isnan(estimate.youden)
    assert estimate.parts.donor.sum() == pytest.approx(500, abs=60)
    assert estimate_donor_fraction(known["blanks"][0], **alone).call == "not_detected"


def test_two_weak_markers_together_inform():
    rng = np.random.default_rng(15)

    def cells(number, fraction):
        donor = rng.random(number) < fraction
        centre = np.where(donor[:, None], [2.8, -2.8], [0.0, 0.0])
        return centre + rng.standard_normal((number, 2))

    recipient, donor, draw = cells(8_000, 0), cells(8_000, 1), cells(5_000, 0.2)
    first = estimate_donor_fraction(
        draw[:, 0], recipient=[recipient[:, 0]], donor=[donor[:, 0]], settings=QUICK
    )
    both = estimate_donor_fraction(
        draw,
        recipient=[recipient],
        donor=[donor],
        donor_positive=[True, False],
        settings=QUICK,
    )
    assert first.call == "not_evaluable" and "Youden 0.8" in first.reason
    assert both.call == "detected"
    assert both.donor_fraction == pytest.approx(0.2, abs=0.02)


def refused(draw, **changes):
    estimate = estimate_donor_fraction(draw, **changes)
    assert estimate.call == "not_evaluable"
    numbers = (estimate.donor_fraction, estimate.fraction_low, estimate.lod, estimate.donor_events)
    assert np.isnan(numbers).all() and estimate.parts is None
    return estimate.reason


def test_what_cannot_be_told_is_not_a_number(known):
    draw = tube(np.random.default_rng(16), 1_000, 0.1)
    assert refused(draw[:9], **known) == "too few parents: 9, at least 10 needed"
    assert "no recipient control" in refused(draw, **{**known, "recipient": []})
    assert "should be dimmer" in refused(draw, donor_positive=False, **known)
    same = {**known, "recipient": [np.ones(500)]}
    assert "one and the same value" in refused(draw, **same)
    near = tube(np.random.default_rng(17), 8_000, 1.0, distance=2.0)
    assert "Youden" in refused(draw, **{**known, "donor": [near]})
    crowd = np.concatenate([draw[:900], np.random.default_rng(18).normal(4, 1, 300)])
    assert "overlap" in refused(crowd, **{**known, "donor": []})


def test_small_controls_are_left_out_and_named(known):
    more = {**known, "blanks": [*known["blanks"], np.zeros(3)]}
    draw = tube(np.random.default_rng(19), 1_000, 0.1)
    estimate = estimate_donor_fraction(draw, **more)
    assert estimate.flags == ("1 blank tube(s) left out: fewer than 50 parents",)
    plain = estimate_donor_fraction(draw, **known)
    assert estimate.donor_fraction == plain.donor_fraction


@pytest.mark.parametrize(
    ("spoilt", "message"),
    [(np.array([1.0, np.nan] * 50), "not finite"), (np.ones((100, 2)), "number of anti-HLA")],
)
def test_values_that_are_none_are_an_error(known, spoilt, message):
    with pytest.raises(EstimationError, match=message):
        estimate_donor_fraction(spoilt, **known)
