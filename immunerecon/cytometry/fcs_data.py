"""DATA of one FCS data set: bytes to linear float32 columns."""

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from immunerecon.cytometry.fcs_layout import Layout
from immunerecon.cytometry.fcs_parameters import Parameter
from immunerecon.cytometry.fcs_text import Bytes

Columns = NDArray[np.float32]

# Rows that fit into the cache while they are turned into columns.
BLOCK_ROWS = 4096
_PLAIN = {("I", 8): "u1", ("I", 16): "u2", ("I", 32): "u4", ("I", 64): "u8"} | {
    ("F", 32): "f4",
    ("D", 64): "f8",
}


def read_columns(
    content: Bytes, layout: Layout, parameters: Sequence[Parameter], time_step: float
) -> Columns:
    """Read the events as linear values.

    Parameters
    ----------
    content : ndarray of uint8
        The data set, from its first byte.
    layout, parameters
        Where the events lie and what each column is.
    time_step
        Seconds of one unit of the time channel.

    Returns
    -------
    ndarray of float32, shape (n_channels, n_events)
        Each channel contiguous.

    Notes
    -----
    Integer columns keep the bits below ``$PnR`` (rounded up to a power of two). A logarithmic
    value x becomes zero * 10^(decades * x / reach), a linear one is divided by its gain, and
    time is multiplied by the time step, as FCS 3.1 defines them.

    References
    ----------
    Spidlen et al. 2010, Cytometry A 77A:97, doi:10.1002/cyto.a.20825.
    """
    data = content[layout.begin : layout.begin + layout.n_bytes]
    columns = np.empty((len(parameters), layout.n_events), dtype=np.float32)
    # A double beyond float32 becomes infinite; such events are counted with the other ones.
    with np.errstate(over="ignore", invalid="ignore"):
        if layout.packed and any(parameter.bits % 8 for parameter in parameters):
            _unpack_bits(data, layout, parameters, columns)
        elif len({(parameter.kind, parameter.bits) for parameter in parameters}) == 1 and (
            (parameters[0].kind, parameters[0].bits) in _PLAIN
        ):
            _transpose(data, layout, parameters, columns)
        else:
            _unpack_fields(data, layout, parameters, columns)
        for column, parameter in zip(columns, parameters, strict=True):
            _linearise(column, parameter, time_step)
    return columns


def _transpose(
    data: Bytes, layout: Layout, parameters: Sequence[Parameter], columns: Columns
) -> None:
    """Fill the columns from rows of one plain type, block by block."""
    kind = ("<", ">")[layout.big_endian] + _PLAIN[parameters[0].kind, parameters[0].bits]
    rows = data.view(kind).reshape(layout.n_events, len(parameters))
    masks = None
    if parameters[0].kind == "I" and any(p.mask != (1 << p.bits) - 1 for p in parameters):
        masks = np.array([parameter.mask for parameter in parameters], dtype=kind[1:])
    for start in range(0, layout.n_events, BLOCK_ROWS):
        block = rows[start : start + BLOCK_ROWS]
        columns[:, start : start + BLOCK_ROWS] = (block if masks is None else block & masks).T


def _unpack_fields(
    data: Bytes, layout: Layout, parameters: Sequence[Parameter], columns: Columns
) -> None:
    """Fill the columns from rows of different types, each value in whole bytes."""
    rows = data.reshape(layout.n_events, -1)
    begin = 0
    for column, parameter in zip(columns, parameters, strict=True):
        width = math.ceil(parameter.bits / 8)
        field = rows[:, begin : begin + width]
        begin += width
        plain = _PLAIN.get((parameter.kind, 8 * width))
        if plain is None:
            # Odd widths such as 24 bits are filled up with zeros to 64.
            raw = np.zeros((layout.n_events, 8), dtype=np.uint8)
            raw[:, :width] = field[:, ::-1] if layout.big_endian else field
            values = raw.view("<u8")[:, 0]
        else:
            values = np.ascontiguousarray(field).view(("<", ">")[layout.big_endian] + plain)[:, 0]
        column[:] = values & values.dtype.type(parameter.mask) if parameter.kind == "I" else values


def _unpack_bits(
    data: Bytes, layout: Layout, parameters: Sequence[Parameter], columns: Columns
) -> None:
    """Fill the columns from one stream of bits without gaps.

    Big endian streams fill each byte from its highest bit, little endian ones from its lowest.
    """
    padded = np.concatenate([data, np.zeros(9, dtype=np.uint8)])
    row_bits = sum(parameter.bits for parameter in parameters)
    first = 0
    for column, parameter in zip(columns, parameters, strict=True):
        start = np.arange(layout.n_events, dtype=np.int64) * row_bits + first
        first += parameter.bits
        shift = (start & 7).astype(np.uint64)
        n_bytes = (parameter.bits + 14) // 8
        raw = np.zeros((layout.n_events, 8), dtype=np.uint8)
        for k in range(min(n_bytes, 8)):
            raw[:, k] = padded[(start >> 3) + k]
        if layout.big_endian:
            values = (raw.view(">u8")[:, 0].astype(np.uint64) << shift) >> np.uint64(
                64 - parameter.bits
            )
        else:
            values = raw.view("<u8")[:, 0] >> shift
        column[:] = values & np.uint64(parameter.mask)


def _linearise(column: NDArray[np.float32], parameter: Parameter, time_step: float) -> None:
    """Turn one column of stored values into linear ones, in place."""
    if parameter.is_time:
        if time_step != 1.0:
            column *= np.float32(time_step)
    elif parameter.decades:
        exponent = parameter.decades / parameter.reach * column.astype(np.float64)
        column[:] = parameter.zero * 10.0**exponent
    elif parameter.gain != 1.0:
        column /= np.float32(parameter.gain)
