"""The accepted word that a mistyped one was meant to be."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(word: str, accepted: Iterable[str]) -> str:
    """Return the accepted word closest to a mistyped one.

    Parameters
    ----------
    word
        What was written.
    accepted
        What would be accepted.

    Returns
    -------
    str
        Empty when nothing is close. Case, spaces and hyphens do not count.

    Examples
    --------
    >>> nearest("Blood volume uL", ["file", "blood_volume_ul"])
    'blood_volume_ul'
    >>> nearest("colour", ["file", "blood_volume_ul"])
    ''
    """
    plain = {_plain(candidate): candidate for candidate in accepted}
    matches = get_close_matches(_plain(word), plain, n=1, cutoff=0.75)
    return plain[matches[0]] if matches else ""


def _plain(word: str) -> str:
    return word.strip().casefold().replace(" ", "_").replace("-", "_")
