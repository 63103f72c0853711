"""An answer as bytes: words and buffers in one piece."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Reply:
    """An answer.

    Parameters
    ----------
    content
        JSON-ready.
    buffers
        Densities and points, in the order that `content` tells.
    """

    content: Mapping[str, Any]
    buffers: tuple[bytes, ...] = ()


def pack(reply: Reply) -> bytes:
    """Return a reply as bytes: length of the JSON (4 bytes, little-endian), JSON, buffers.

    Parameters
    ----------
    reply
        Its ``lengths`` tell where the buffers part.

    Examples
    --------
    >>> pack(Reply({"a": 1}, (b"xyz",)))[4:]
    b'{"a":1,"lengths":[3]}xyz'
    """
    told = {**reply.content, "lengths": [len(buffer) for buffer in reply.buffers]}
    text = json.dumps(told, separators=(",", ":"), allow_nan=False).encode()
    return b"".join((len(text).to_bytes(4, "little"), text, *reply.buffers))
