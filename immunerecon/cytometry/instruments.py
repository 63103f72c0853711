"""What a file says of the instrument that measured it."""

from collections.abc import Mapping

from immunerecon.cytometry.tube import Tube


def instrument_of(tube: Tube) -> dict[str, str]:
    """Return the cytometer and its software as the file names them, empty where it does not.

    Parameters
    ----------
    tube
        As it was read.

    Examples
    --------
    >>> import numpy as np
    >>> tube = Tube(np.empty((0, 0), np.float32), (), {"$CYT": "LSRFortessa"})
    >>> instrument_of(tube)
    {'cytometer': 'LSRFortessa', 'software': ''}
    """
    told = tube.keywords
    software = told.get("CREATOR") or told.get("SOFTWARE") or ""
    return {"cytometer": told.get("$CYT", "").strip(), "software": software.strip()}


def detectors_of(tube: Tube, markers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return channel, label and voltage of each marker.

    Parameters
    ----------
    tube
        As it was read.
    markers
        The channel of each marker.

    Returns
    -------
    dict
        By marker: ``channel``, ``label`` (``$PnS``) and ``voltage`` (``$PnV``, empty where the file
        has none).

    Examples
    --------
    >>> import numpy as np
    >>> from immunerecon.cytometry.tube import Channel
    >>> channels = (Channel("FITC-A", "CD3 FITC", 1e5),)
    >>> tube = Tube(np.empty((0, 1), np.float32), channels, {"$P1V": "450"})
    >>> detectors_of(tube, {"CD3": "FITC-A"})
    {'CD3': {'channel': 'FITC-A', 'label': 'CD3 FITC', 'voltage': '450'}}
    """
    places = {channel.name: place for place, channel in enumerate(tube.channels)}
    return {
        marker: {
            "channel": name,
            "label": tube.channels[places[name]].label,
            "voltage": tube.keywords.get(f"$P{places[name] + 1}V", ""),
        }
        for marker, name in markers.items()
    }
