"""Which anti-HLA antibody of a panel tells donor from recipient cells, and in which direction."""

from collections.abc import Iterable
from dataclasses import dataclass

from immunerecon.errors import HlaError
from immunerecon.study.alleles import Presence, Typing
from immunerecon.study.antibodies import antigen_presence, hla_marker

DONOR_MARKER_FORM = "HLA-A2+ (donor positive) or HLA-A2- (donor negative)"


@dataclass(frozen=True)
class InformativeMarker:
    """A marker that tells donor from recipient cells.

    Parameters
    ----------
    marker
        Canonical name, e.g. ``HLA-A2``.
    donor_positive
        True when donor cells are stained and the recipient's are not; False for the reverse.
    reason
        The alleles behind it.
    """

    marker: str
    donor_positive: bool
    reason: str


@dataclass(frozen=True)
class MarkerChoice:
    """The anti-HLA markers of a panel for one patient.

    Parameters
    ----------
    informative
        Those that tell donor from recipient cells; used together when there are several.
    rejected
        The others, each with the reason.
    """

    informative: tuple[InformativeMarker, ...]
    rejected: tuple[tuple[str, str], ...]

    @property
    def why_rejected(self) -> str:
        """Why the other markers are of no use, in one line."""
        reasons = "; ".join(f"{marker}: {reason}" for marker, reason in self.rejected)
        return reasons or "the panel has no anti-HLA marker"


def informative_markers(
    recipient: Typing,
    donor: Typing,
    panel_markers: Iterable[str],
    *,
    donor_marker: str = "",
) -> MarkerChoice:
    """Choose the markers that tell donor from recipient cells.

    Parameters
    ----------
    recipient, donor
        Their typings; empty where there is none.
    panel_markers
        Canonical markers of the panel; those that do not begin with ``HLA-`` are passed over.
    donor_marker
        The laboratory's own choice, ``HLA-A2+`` (donor positive, recipient negative) or the
        reverse, ``HLA-A2-``. It then is the only marker used.

    Returns
    -------
    MarkerChoice
        Without informative markers donor cells cannot be evaluated on this panel.

    Raises
    ------
    HlaError
        `donor_marker` cannot be read or contradicts a typing.

    Notes
    -----
    A marker is informative when the typings prove it present on exactly one side. Where a typing
    leaves the answer open the marker is rejected with the reason, and `donor_marker` can decide.

    References
    ----------
    Metes DM, et al. Clin Diagn Lab Immunol 2003;10:1109-1114. PMC2964126

    Examples
    --------
    >>> from immunerecon.study.alleles import parse_typing
    >>> recipient = parse_typing("A*24:02 A*33:03 B*07:02 B*44:03")
    >>> donor = parse_typing("A*02:01 A*33:03 B*44:03 B*54:01")
    >>> choice = informative_markers(recipient, donor, ["CD3", "HLA-A2", "HLA-A24", "HLA-Bw4"])
    >>> [(found.marker, found.donor_positive) for found in choice.informative]
    [('HLA-A2', True), ('HLA-A24', False)]
    >>> choice.rejected
    (('HLA-Bw4', 'donor (B*44:03) and recipient (A*24:02 B*44:03) both carry it'),)
    """
    markers = [marker for marker in panel_markers if marker.startswith("HLA-")]
    if donor_marker:
        return _stated(recipient, donor, markers, donor_marker)
    informative: list[InformativeMarker] = []
    rejected: list[tuple[str, str]] = []
    for marker in markers:
        if not hla_marker(marker):
            rejected.append((marker, "is not an antibody against one HLA class I antigen"))
            continue
        ours, theirs = antigen_presence(marker, donor), antigen_presence(marker, recipient)
        if ours.present is None or theirs.present is None:
            rejected.append((marker, _open(ours, theirs)))
        elif ours.present == theirs.present:
            rejected.append((marker, _same(ours, theirs)))
        else:
            reason = _difference(ours, theirs)
            informative.append(InformativeMarker(marker, ours.present, reason))
    return MarkerChoice(tuple(informative), tuple(rejected))


def parse_donor_marker(text: str) -> tuple[str, bool]:
    """Read a donor marker such as ``HLA-A2+``.

    Parameters
    ----------
    text
        Marker and sign.

    Returns
    -------
    marker : str
        Canonical name.
    donor_positive : bool
        Whether donor cells carry it.

    Raises
    ------
    HlaError
        Not of that form.

    Examples
    --------
    >>> parse_donor_marker("HLA A2 -")
    ('HLA-A2', False)
    """
    marker = hla_marker(text.strip()[:-1])
    if not marker or text.strip()[-1] not in "+-":
        raise HlaError(f"{text!r} is not a donor marker; accepted: {DONOR_MARKER_FORM}")
    return marker, text.strip()[-1] == "+"


def _stated(
    recipient: Typing, donor: Typing, markers: list[str], donor_marker: str
) -> MarkerChoice:
    """Follow the laboratory's choice unless a typing proves it wrong."""
    chosen, donor_positive = parse_donor_marker(donor_marker)
    for typing, person, expected in (
        (donor, "donor", donor_positive),
        (recipient, "recipient", not donor_positive),
    ):
        found = antigen_presence(chosen, typing)
        if found.present is (not expected):
            carried = "carries" if found.present else "does not carry"
            raise HlaError(
                f"{donor_marker} contradicts the typing: the {person} {carried} {chosen} "
                f"({found.reason})"
            )
    reason = f"{donor_marker} is stated"
    return MarkerChoice(
        tuple(InformativeMarker(m, donor_positive, reason) for m in markers if m == chosen),
        tuple((m, f"{donor_marker} is stated instead") for m in markers if m != chosen),
    )


def _open(donor: Presence, recipient: Presence) -> str:
    parts = [
        f"{person}: {found.reason}"
        for person, found in (("donor", donor), ("recipient", recipient))
        if found.present is None
    ]
    return "cannot tell, because " + "; ".join(parts)


def _same(donor: Presence, recipient: Presence) -> str:
    if donor.present:
        return f"donor ({donor.reason}) and recipient ({recipient.reason}) both carry it"
    return f"neither donor ({donor.reason}) nor recipient ({recipient.reason}) carries it"


def _difference(donor: Presence, recipient: Presence) -> str:
    if donor.present:
        return f"donor carries it ({donor.reason}), recipient does not ({recipient.reason})"
    return f"recipient carries it ({recipient.reason}), donor does not ({donor.reason})"
