"""Which channel of a tube holds which marker."""

import re
from collections.abc import Iterable, Mapping, Sequence

from immunerecon.errors import MarkerError
from immunerecon.study.labels import known_markers, label_markers, plain
from immunerecon.study.spelling import nearest

_SCATTER = re.compile(
    r"(?P<light>fsc?|forwardscatter|ssc?|sidescatter)\d*(?:lin|log)?"
    r"(?P<signal>a|area|int|h|height|peak|w|width|tof)?(?:lin|log)?"
)
_SIGNALS = {"a": "A", "area": "A", "int": "A", "h": "H", "height": "H", "peak": "H"} | {
    "w": "W",
    "width": "W",
    "tof": "W",
}
_TIME = re.compile(r"(?:time|hdr-tm?)(?:[ (].*)?", re.IGNORECASE)
_SIGNAL_RANK = {"A": 0, "H": 2, "W": 3}


def find_markers(
    channels: Sequence[tuple[str, str]], overrides: Mapping[str, str] | None = None
) -> dict[str, str]:
    """Find the channel of every marker of a tube.

    Parameters
    ----------
    channels
        ``$PnN`` and ``$PnS`` of each channel; an empty label where there is none.
    overrides
        Marker -> ``$PnN`` where labels are missing or wrong; such a channel holds what the override
        says and nothing else.

    Returns
    -------
    dict
        Canonical marker -> ``$PnN``, also for ``FSC-A``, ``FSC-H``, ``FSC-W``, ``SSC-A``,
        ``SSC-H``, ``SSC-W`` and ``Time``. Two markers that share a channel both point to it.

    Raises
    ------
    MarkerError
        Two channels claim one marker, or an override names a channel that is not there.

    Notes
    -----
    The label decides; without one, a channel name that is itself a marker. Of the signals of one
    detector the area is preferred to the height, and that to the width. A scatter without signal
    counts as area where there is no area.

    A channel that holds CD16 and CD56 together is ``CD16+CD56`` and serves as ``CD56``; ``CD16`` is
    then not available. CD8b serves as ``CD8`` where there is no other CD8. Dyes for dead cells are
    ``Viability``. Words outside the vocabulary are markers as written, unless two detectors bear
    them.

    Examples
    --------
    >>> find_markers([("FSC-A", ""), ("FITC-A", "cd3"), ("FITC-H", "cd3"), ("PE-A", "CD16+56")])
    {'FSC-A': 'FSC-A', 'CD3': 'FITC-A', 'CD16+CD56': 'PE-A', 'CD56': 'PE-A'}
    """
    named = _read_overrides(channels, overrides or {})
    free = [(name, label) for name, label in channels if name not in named.values()]
    found = {**_find_scatter(free), **_find_time(free), **_find_stains(free, named)}
    found |= named
    if "CD8b" in found:
        found.setdefault("CD8", found["CD8b"])
    order = {name: position for position, (name, _) in enumerate(channels)}
    return dict(sorted(found.items(), key=lambda item: order[item[1]]))


def _read_overrides(
    channels: Sequence[tuple[str, str]], overrides: Mapping[str, str]
) -> dict[str, str]:
    names = [name for name, _ in channels]
    for marker, channel in overrides.items():
        if channel not in names:
            meant = nearest(channel, names)
            hint = f"; is {meant!r} meant?" if meant else ""
            raise MarkerError(
                f"study.yaml puts {marker} into channel {channel!r}, which the tube lacks{hint}",
                remedy=f"It has {', '.join(names)}",
            )
    return {
        name: channel
        for marker, channel in overrides.items()
        for name in known_markers(marker) or (marker.strip(),)
    }


def _find_scatter(channels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the channels of light scatter; linear preferred to logarithmic."""
    found: dict[str, str] = {}
    bare: dict[str, str] = {}
    for name, label in sorted(channels, key=lambda channel: "log" in channel[0].casefold()):
        match = _match_scatter(name) or _match_scatter(label)
        if match is None:
            continue
        light = "FSC" if match["light"].startswith("f") else "SSC"
        signal = _SIGNALS.get(match["signal"] or "")
        if signal:
            found.setdefault(f"{light}-{signal}", name)
        else:
            bare.setdefault(f"{light}-A", name)
    return bare | found


def _match_scatter(text: str) -> re.Match[str] | None:
    return _SCATTER.fullmatch(re.sub(r"[^a-z0-9]", "", text.casefold()))


def _find_time(channels: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Return the channel of time; one that is just called so before others."""
    candidates = [
        (text.strip().casefold() != "time", name)
        for name, label in channels
        for text in (name, label)
        if _TIME.fullmatch(text.strip())
    ]
    return {"Time": min(candidates, key=lambda c: c[0])[1]} if candidates else {}


def _find_stains(channels: Iterable[tuple[str, str]], named: Mapping[str, str]) -> dict[str, str]:
    """Return the channels of all markers that are stained, but those named by overrides."""
    claims: dict[str, list[tuple[int, str, str]]] = {}
    certain: set[str] = set()
    for name, label in channels:
        if _match_scatter(name) or _TIME.fullmatch(name.strip()):
            continue
        markers, known = _markers_of(name, label)
        certain.update(known)
        for marker in markers:
            if marker not in named:
                claims.setdefault(marker, []).append((len(markers), name, label))
    found = {}
    for marker, claim in claims.items():
        alone = [(name, label) for shares, name, label in claim if shares == min(claim)[0]]
        if len({plain(name) for name, _ in alone}) == 1:
            found[marker] = min((name for name, _ in alone), key=_signal_rank)
        elif marker in certain:
            raise _ambiguous(marker, alone)
    return found


def _markers_of(name: str, label: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the markers of one channel, and those of them that are known ones."""
    if plain(label).casefold() != plain(name).casefold() and (markers := label_markers(label)):
        return markers, known_markers(label)
    known = known_markers(name, is_label=False)
    return known, known


def _signal_rank(name: str) -> int:
    return _SIGNAL_RANK.get(name.strip()[-1:], 1) if plain(name) != name.strip() else 1


def _ambiguous(marker: str, claims: Iterable[tuple[str, str]]) -> MarkerError:
    channels = [f"{name} ({label})" if label else name for name, label in claims]
    return MarkerError(
        f"{marker} is claimed by {' and '.join(channels)}",
        remedy=f"Name one in study.yaml under the panel's markers, {marker}: CHANNEL",
    )
