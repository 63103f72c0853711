"""Records of finished work, one file each, found by what went into it."""

import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.files import write_atomically

Array = NDArray[Any]


@dataclass(frozen=True)
class Record:
    """What one step made of one tube.

    Parameters
    ----------
    facts
        JSON-ready values.
    arrays
        Arrays by name.
    """

    facts: Mapping[str, Any]
    arrays: Mapping[str, Array] = field(default_factory=dict)


def record_key(step: str, *inputs: object) -> str:
    """Return the name of a record: a digest of the step and all that went into it.

    Parameters
    ----------
    step
        What was done.
    inputs
        JSON-ready values: content hashes, configuration, code version.

    Examples
    --------
    >>> record_key("gate", {"a": 1, "b": 2}) == record_key("gate", {"b": 2, "a": 1})
    True
    """
    text = json.dumps([step, *inputs], sort_keys=True, separators=(",", ":"))
    return f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:32]}"


def save_record(folder: Path, key: str, record: Record) -> None:
    """Keep a record; the same record gives the same bytes."""
    facts = np.frombuffer(json.dumps(record.facts, sort_keys=True).encode(), dtype=np.uint8)
    stream = io.BytesIO()
    named: dict[str, Any] = {f"_{name}": array for name, array in record.arrays.items()}
    np.savez_compressed(stream, facts=facts, **named)
    write_atomically(_place(folder, key), stream.getvalue())


def load_record(folder: Path, key: str) -> Record | None:
    """Return a record, None where there is none or it is damaged (it is then made again)."""
    try:
        with np.load(_place(folder, key), allow_pickle=False) as archive:
            facts = json.loads(archive["facts"].tobytes())
            arrays = {name[1:]: archive[name] for name in archive.files if name[0] == "_"}
    except (FileNotFoundError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    return Record(facts, arrays)


def _place(folder: Path, key: str) -> Path:
    return folder / f"{key}.npz"


def value_digest(value: object) -> str:
    """Return a digest of a nested frozen value, arrays and all."""
    digest = hashlib.sha256()
    _feed(value, digest.update)
    return digest.hexdigest()


def _feed(value: object, update: Callable[[bytes], None]) -> None:
    """Feed a nested frozen value to a digest, arrays as their bytes."""
    if isinstance(value, np.ndarray):
        update(f"{value.dtype}{value.shape}".encode())
        update(np.ascontiguousarray(value).tobytes())
    elif is_dataclass(value) and not isinstance(value, type):
        for part in fields(value):
            update(part.name.encode())
            _feed(getattr(value, part.name), update)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            update(str(key).encode())
            _feed(value[key], update)
    else:
        update(repr(value).encode())
