"""Numbers and names as a reader expects them."""

import math
from collections.abc import Mapping

DASH = "–"
MINUS = "−"
_RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def tell_cells(value: float) -> str:
    """Return cells per µL in three digits, a dash where there is no number.

    Examples
    --------
    >>> tell_cells(1234.4), tell_cells(87.66), tell_cells(0.123), tell_cells(0)
    ('1,234', '87.7', '0.12', '0')
    """
    if not math.isfinite(value):
        return DASH if math.isnan(value) else "∞"
    if value == 0:
        return "0"
    digits = min(max(0, 2 - math.floor(math.log10(value))), 2)
    return f"{value:,.{digits}f}"


def tell_percent(fraction: float) -> str:
    """Return a fraction (0-1) in percent, in two digits below 10 %.

    Examples
    --------
    >>> tell_percent(0.4166), tell_percent(0.0123), tell_percent(0.00042), tell_percent(0)
    ('41.7', '1.2', '0.042', '0')
    """
    if math.isnan(fraction):
        return DASH
    percent = 100 * fraction
    if percent == 0:
        return "0"
    digits = 1 - math.floor(math.log10(percent)) if percent < 10 else 1
    return f"{percent:.{min(digits, 4)}f}"


def tell_day(day: float) -> str:
    """Return a day as a number with a proper minus, a dash where there is none.

    Examples
    --------
    >>> tell_day(-7.0), tell_day(2.5), tell_day(math.inf)
    ('−7', '2.5', '∞')
    """
    if math.isnan(day):
        return DASH
    return "∞" if math.isinf(day) else f"{day:,g}".replace("-", MINUS)


def tell_power(value: float) -> str:
    """Return a large number as a power of ten.

    Examples
    --------
    >>> tell_power(2.16e7), tell_power(1e4)
    ('2.2 × 10⁷', '1 × 10⁴')
    """
    digits, _, power = f"{value:.1e}".partition("e")
    return f"{digits.removesuffix('.0')} × 10{str(int(power)).translate(_RAISED)}"


def tell_population(name: str) -> str:
    """Return a population's name without the underscore.

    Examples
    --------
    >>> tell_population("CD4_T")
    'CD4 T'
    """
    return name.replace("_", " ")


def tell_count(number: int, noun: str, *, many: str = "") -> str:
    """Return a number with its noun.

    Examples
    --------
    >>> tell_count(1, "draw"), tell_count(1200, "draw"), tell_count(2, "study", many="studies")
    ('1 draw', '1,200 draws', '2 studies')
    """
    return f"{number:,} {noun if number == 1 else many or noun + 's'}"


def tell_setting(value: object) -> str:
    """Return a setting of study.yaml as a reader would write it.

    Examples
    --------
    >>> tell_setting({"NK": [100.0], "B": [25.0, 50.0]}), tell_setting(""), tell_setting(1)
    ('NK: 100; B: 25, 50', '–', '1')
    """
    if isinstance(value, Mapping):
        return "; ".join(f"{key}: {tell_setting(inner)}" for key, inner in value.items()) or DASH
    if isinstance(value, list | tuple):
        return ", ".join(tell_setting(inner) for inner in value) or DASH
    if isinstance(value, float):
        return f"{value:g}"
    return DASH if value is None or value == "" else str(value)
