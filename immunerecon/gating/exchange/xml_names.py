"""Names of populations as XML identifiers, and back."""

import re

# Letters that every program's parser takes; the standard has more. What looks like a code already
# must not be taken for one.
_ENCODED = re.compile(r"_(?=x[0-9A-F]{4,6}_)|[^A-Za-z0-9_.-]|^[0-9.-]")
_CODE = re.compile(r"_x([0-9A-F]{4,6})_")


def encode_name(name: str) -> str:
    """Return a name as an XML identifier, from which `decode_name` gets it back.

    Characters that an identifier cannot have become ``_xHHHH_``, their code in hexadecimal.

    Examples
    --------
    >>> encode_name("CD3+ T"), encode_name("NK_CD56dim")
    ('CD3_x002B__x0020_T', 'NK_CD56dim')
    """
    return _ENCODED.sub(lambda mark: f"_x{ord(mark[0]):04X}_", name)


def decode_name(identifier: str) -> str:
    """Return the name behind an identifier; other identifiers are names themselves.

    Examples
    --------
    >>> decode_name("CD3_x002B__x0020_T")
    'CD3+ T'
    """
    return _CODE.sub(_decoded, identifier)


def _decoded(code: re.Match[str]) -> str:
    value = int(code[1], 16)
    return chr(value) if value <= 0x10FFFF else code[0]
