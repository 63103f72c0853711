"""When a tube ran through the cytometer: how long, and with which others."""

import hashlib
import math
import re
from collections.abc import Mapping

from immunerecon.cytometry.tube import Tube

_SECONDS_A_DAY = 86_400
_CLOCK = re.compile(r"(\d{1,2}):(\d{2}):(\d{2})")


def acquisition_seconds(tube: Tube) -> float:
    """Return how long the acquisition of a tube took.

    Parameters
    ----------
    tube
        As it was read, before any event is dropped.

    Returns
    -------
    float
        From the first to the last event where the file has a time channel and its unit, else from
        ``$BTIM`` to ``$ETIM``, else NaN.

    References
    ----------
    Spidlen et al. 2010, Cytometry A 77A:97, doi:10.1002/cyto.a.20825 (``$TIMESTEP``, ``$BTIM``).

    Examples
    --------
    >>> import numpy as np
    >>> clock = {"$BTIM": "23:59:30", "$ETIM": "00:01:00.50"}
    >>> acquisition_seconds(Tube(np.empty((0, 0), np.float32), (), clock))
    90.0
    """
    if tube.n_events and "$TIMESTEP" in tube.keywords:
        for channel in tube.channels:
            if channel.is_time:
                times = tube.values(channel.name)
                return round(float(times.max()) - float(times.min()), 3)
    begin, end = (_CLOCK.match(tube.keywords.get(k, "").strip()) for k in ("$BTIM", "$ETIM"))
    if begin is None or end is None:
        return math.nan
    (begin_second, end_second) = (
        sum(int(part) * unit for part, unit in zip(clock.groups(), (3600, 60, 1), strict=True))
        for clock in (begin, end)
    )
    return float((end_second - begin_second) % _SECONDS_A_DAY)


def acquisition_batch(keywords: Mapping[str, str]) -> str:
    """Return a label that the tubes of one day and cytometer share.

    Parameters
    ----------
    keywords
        Of the tube.

    Returns
    -------
    str
        The cytometer and a digest of date and cytometer, because dates of draws do not belong into
        results; empty where the file has no date.

    Examples
    --------
    >>> acquisition_batch({"$DATE": "01-APR-2026", "$CYT": "LSRFortessa"})
    'LSRFortessa ecc74f65'
    >>> acquisition_batch({"$CYT": "LSRFortessa"})
    ''
    """
    date, cytometer = keywords.get("$DATE", ""), keywords.get("$CYT", "")
    if not date:
        return ""
    digest = hashlib.sha256(f"{date}|{cytometer}".encode()).hexdigest()[:8]
    return f"{cytometer} {digest}".strip()
