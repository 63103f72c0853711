"""Which markers a channel's label names, in whatever way a laboratory wrote it."""

import re
import unicodedata

from immunerecon.study.antibodies import hla_marker

# Canonical names; a label matches whatever its case, spaces, hyphens and points.
_NAMES = (
    "CCR2 CCR4 CCR5 CCR6 CCR7 CCR9 CXCR3 CXCR5 CTLA4 DNAM1 Eomes FoxP3 GranzymeB GZMB HLA-ABC "
    "HLA-DP HLA-DQ HLA-DR HLA-E HLA-G ICOS IFNg IgD IgG IgM IL-2 KIR KIR2DL1 KIR2DL2 KIR2DL3 "
    "KIR2DL2/3 KIR3DL1 KIR3DL2 Ki67 KLRG1 LAG3 Lineage NKG2A NKG2C NKG2D NKp30 NKp44 NKp46 OX40 "
    "PD1 PDL1 Perforin Tbet TCRab TCRgd TCRVa7.2 TCRVd1 TCRVd2 TIGIT TIM3 TNFa"
)
_ALIASES = {
    "CD158": "KIR",
    "CD158a": "KIR2DL1",
    "CD158b": "KIR2DL2/3",
    "CD158b1": "KIR2DL2/3",
    "CD158b2": "KIR2DL2/3",
    "CD158e": "KIR3DL1",
    "CD158e1": "KIR3DL1",
    "CD159a": "NKG2A",
    "CD159c": "NKG2C",
    "CD183": "CXCR3",
    "CD185": "CXCR5",
    "CD194": "CCR4",
    "CD195": "CCR5",
    "CD196": "CCR6",
    "CD197": "CCR7",
    "CD279": "PD1",
    "pan KIR": "KIR",
    "KIR mix": "KIR",
    "KIR2DL2/L3": "KIR2DL2/3",
    "gdTCR": "TCRgd",
    "TCRyd": "TCRgd",
    "TCR gamma delta": "TCRgd",
    "TCR g/d": "TCRgd",
    "TCRa/b": "TCRab",
    "TCR alpha beta": "TCRab",
    "TCR Va7": "TCRVa7.2",
    "Va7.2": "TCRVa7.2",
    "Vd1": "TCRVd1",
    "Vd2": "TCRVd2",
    "Lin": "Lineage",
    "Lin1": "Lineage",
    "HLA class I": "HLA-ABC",
    "Ki-67": "Ki67",
}
_SUBUNITS = {"CD3e": "CD3", "CD8a": "CD8", "CD8ab": "CD8", "CD16a": "CD16"}
_UNUSED = frozenset({"empty", "blank", "none", "unused", "na", "nil", "af", "autofluorescence"})

_GREEK = str.maketrans({"α": "a", "β": "b", "γ": "g", "δ": "d", "ε": "e"})
_SIGNAL = re.compile(r"(?<=[^\s_.-])[\s_.-]*(?:(?<=[\s_.-])[AHW]|Area|Height|Width)$")
_MASS_TAG = re.compile(r"^\d{2,3}[A-Z][a-z]?[\s_-]|[\s_-]\d{2,3}[A-Z][a-z]$")
_EXPLICIT_VIABILITY = re.compile(
    r"(?<![a-z])(?:l\s?[/_]\s?d|ld|live[\s/_-]*(?:dead)?|dead(?:\s?cells)?|via(?:bility|ble|dye)?|vivid"
    r"|viobility|zombie|ghost(?:\s?dye)?|fv[ds]\d*|amine|fixable)(?![a-z])",
    re.IGNORECASE,
)
_VIABILITY_DYE = re.compile(
    r"(?<![a-z0-9])(?:7[\s-]?aad|pi|propidium(?:\s?iodide)?|dapi|sytox|draq7|cisplatin)(?![a-z0-9])",
    re.IGNORECASE,
)
_HLA = re.compile(
    r"(?<![a-z])(?:HLA[\s_-]*(?:[ABC]w?\*?\d{1,2}|ABC|D[RQP]|[EG])|Bw[46])(?![a-z0-9*])",
    re.IGNORECASE,
)
_CD8B = re.compile(r"(?<![a-z])CD[\s-]?8[\s_-]?b(?:eta)?(?![a-z])", re.IGNORECASE)
_CD = re.compile(
    r"(?<![a-z])CD[\s_-]?(?P<number>\d{1,3})"
    r"(?P<suffix>R[ABO]|\.\d|(?:ab|[a-z]\d?)(?![a-z0-9]))?(?!\d)"
    r"(?P<more>(?:\s?[+/&]\s?\d{1,3}(?![\d/]))*)",
    re.IGNORECASE,
)
_HIGHEST_CD = 371
_FLUOROCHROME = re.compile(
    r"(?<![a-z0-9])(?:"
    r"PE[\s-]?(?:Cy|Vio|Dazzle|CF|Fire|eFluor|AF|Alexa\s?Fluor)[\s-]?[\d.-]*|PE[\s-]?T(?:exas\s?)?R(?:ed)?"
    r"|PerCP(?:[\s-]?(?:Cy|Vio|eFluor|eF|Fire)[\s-]?[\d.-]*)?|P[PE]"
    r"|APC(?:[\s-]?(?:Cy|H|R|A|Vio|Fire|eFluor|e|AF|Alexa\s?Fluor)[\s-]?\d+)?|FITC|ECD|PC[57](?:\.5)?"
    r"|(?:Alexa(?:\s?Fluor)?|AF|Ax|BV|BUV|BB|BYG|RB|RY|SB|SBB|SBV|SBUV|QD|Qdot|cFluor\s?[A-Z]+|CF|e|eF"
    r"|eFluor|R|V|Vio|VioBright|StarBright\s?[A-Z]+)[\s-]?\d{3}"
    r"|(?:Spark|NovaFluor)[\s-]?[A-Z]+[\s-]?\d{3}"
    r"|Pac(?:ific)?[\s-]?(?:Blue|Orange)|Krome[\s-]?Orange|KO|PB|PO|VioBlue|VioGreen|AmCyan|Texas\s?Red"
    r"|Cy\d(?:\.\d)?|\d{3}/\d{2,3}(?:@\S*)?"
    r"|FL\s?\d+(?:\s?(?:INT|PEAK|TOF))?(?:\s?(?:LIN|LOG)[AHW]?)?"
    r")(?![a-z0-9])",
    re.IGNORECASE,
)
_DETECTOR = re.compile(r"(?:UV|V|B|YG|Y|G|R|IR)\d{1,2}", re.IGNORECASE)


def _key(text: str) -> str:
    return re.sub(r"[^a-z0-9]", "", text.casefold())


_VOCABULARY = {_key(name): name for name in _NAMES.split()} | {
    _key(alias): name for alias, name in _ALIASES.items()
}


def plain(text: str) -> str:
    """Return a label or channel name without its signal (``-A``, ``.H``, ``Width``).

    Examples
    --------
    >>> plain("CD3 FITC-A"), plain("FSC-H"), plain("CD16+56")
    ('CD3 FITC', 'FSC', 'CD16+56')
    """
    return _SIGNAL.sub("", unicodedata.normalize("NFKC", text).translate(_GREEK).strip())


def known_markers(text: str, *, is_label: bool = True) -> tuple[str, ...]:
    """Return the markers of the vocabulary that a text names.

    Parameters
    ----------
    text
        A label or channel name.
    is_label
        Whether a person wrote it to say what was stained. Only then count a bare viability dye
        (``PI``) and a bare HLA antigen (``B7``), which are names of detectors as well.

    Returns
    -------
    tuple of str
        ``CD16+CD56`` and ``CD56`` where one channel holds both; empty for none.

    Examples
    --------
    >>> known_markers("BV785 - CD3"), known_markers("VIVID / CD14"), known_markers("CD16+56")
    (('CD3',), ('Viability', 'CD14'), ('CD16+CD56', 'CD56'))
    """
    text = _MASS_TAG.sub("", plain(text))
    found: list[str] = []
    if _EXPLICIT_VIABILITY.search(text) or (is_label and _VIABILITY_DYE.search(text)):
        found.append("Viability")
    found += [_hla_name(match[0]) for match in _HLA.finditer(text)]
    found += _cd_markers(text)
    if not found:
        word = _word(text)
        name = _VOCABULARY.get(_key(word)) or (hla_marker(word) if is_label else "")
        found += [name] if name else []
    return tuple(dict.fromkeys(found))


def label_markers(label: str) -> tuple[str, ...]:
    """Return the markers that a label names, the label's own word where it is no known one.

    Parameters
    ----------
    label
        ``$PnS``.

    Examples
    --------
    >>> label_markers("A2 PE"), label_markers("Tetramer-PE"), label_markers("PE-Cy7-A")
    (('HLA-A2',), ('Tetramer',), ())
    """
    known = known_markers(label)
    if known:
        return known
    word = _word(_MASS_TAG.sub("", plain(label)))
    unused = word.casefold() in _UNUSED or _DETECTOR.fullmatch(word)
    return (word,) if re.search(r"[a-z]", word, re.IGNORECASE) and not unused else ()


def _word(text: str) -> str:
    """Return what is left of a text without fluorochromes and detectors."""
    return _FLUOROCHROME.sub("", text).strip(" -_;,/|")


def canonical_marker(text: str) -> str:
    """Return the canonical spelling of one marker.

    Parameters
    ----------
    text
        As a person wrote it, e.g. in study.yaml or as the stain of a control.

    Examples
    --------
    >>> canonical_marker("cd3"), canonical_marker("HLA A2"), canonical_marker("FSC-A")
    ('CD3', 'HLA-A2', 'FSC-A')
    """
    known = known_markers(text)
    return known[0] if known else text.strip()


def _hla_name(text: str) -> str:
    """Return the canonical name of an anti-HLA antibody."""
    return hla_marker(text.replace("_", "-")) or _VOCABULARY[_key(text)]


def _cd_markers(text: str) -> list[str]:
    """Return the CD markers of a text; CD16 and CD56 in one channel count as CD56."""
    if _CD8B.search(text):
        return ["CD8b"]
    found: list[str] = []
    for match in _CD.finditer(text):
        if int(match["number"]) <= _HIGHEST_CD:
            found.append(_cd_name(match["number"], match["suffix"] or ""))
        more = map(int, re.findall(r"\d+", match["more"]))
        found += [f"CD{number}" for number in more if number <= _HIGHEST_CD]
    if set(found) == {"CD16", "CD56"}:
        return ["CD16+CD56", "CD56"]
    return found


def _cd_name(number: str, suffix: str) -> str:
    upper = suffix.upper()
    letter = upper if upper in {"RA", "RB", "RO"} or int(number) == 62 else suffix.lower()
    name = f"CD{int(number)}{letter}"
    return _ALIASES.get(name, _SUBUNITS.get(name, name))
