"""Panels of a draft: files with the same markers, and the strategy that fits them best."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from immunerecon.gating.strategy_file import load_strategy, shipped_strategies
from immunerecon.study.antibodies import hla_marker

_PHYSICAL = ("FSC", "SSC", "Time")
_USUAL, _DONOR = "lineage", "donor_nk"


def draft_panels(markers: Sequence[frozenset[str]]) -> dict[frozenset[str], str]:
    """Return a name for each set of markers, the commonest first.

    Parameters
    ----------
    markers
        Of each file.
    """
    names: dict[frozenset[str], str] = {}
    bases: list[str] = []
    for one in sorted(set(markers), key=lambda one: (-markers.count(one), sorted(one))):
        base = best_strategy(one)
        bases.append(base)
        number = bases.count(base)
        names[one] = base if number == 1 else f"{base}_tube{number}"
    return names


def best_strategy(markers: frozenset[str]) -> str:
    """Return the shipped strategy that looks at most of some markers.

    Parameters
    ----------
    markers
        Of a panel, scatter and time among them or not.

    Examples
    --------
    >>> best_strategy(frozenset({"CD45", "CD3", "CD4", "CD8", "CD19", "CD56", "CD16"}))
    'lineage'
    >>> best_strategy(frozenset({"CD45", "CD3", "CD4", "CD25", "CD127"}))
    'treg'
    """
    stains = frozenset(m for m in markers if not m.startswith(_PHYSICAL))
    if any(map(hla_marker, stains)):
        return _DONOR
    others = [name for name in shipped_strategies() if name not in (_USUAL, _DONOR)]
    # The first of several that see as much: a plain panel is not a special one.
    return max((_USUAL, *others), key=lambda name: len(stains & set(load_strategy(name).markers())))


def draft_settings(folder: Path, panels: Mapping[frozenset[str], str]) -> str:
    """Return a study.yaml.

    Parameters
    ----------
    folder
        Its name becomes the study's.
    panels
        Of `draft_panels`.
    """
    lines = [f"name: {folder.resolve().name}", "panels:"]
    for markers, panel in panels.items():
        stains = [m for m in sorted(markers) if not m.startswith(_PHYSICAL)]
        lines += [
            f"  {panel}:  # {', '.join(stains) or 'no known marker: name channels under markers'}",
            f"    strategy: {best_strategy(markers)}",
        ]
    return "\n".join(lines) + "\n"
