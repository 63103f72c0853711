"""Records of finished work, one file each, found by what went into it."""

import hashlib
import io
import json
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from immunerecon.files import write_atomically

Array = NDArray[Any]
_FACTS, _ARRAYS = "facts", "arrays"
# What a missing, cut or changed archive raises, whichever of its bytes it is.
_DAMAGED = (
    *(OSError, ValueError, KeyError, EOFError, RuntimeError),
    *(zipfile.BadZipFile, zlib.error, struct.error),
)


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

    def all_facts(self) -> Mapping[str, Any]:
        """Return the facts in memory, of which many are then asked for."""
        kept = self.facts
        return _told(kept.path)[_FACTS] if isinstance(kept, StoredFacts) else kept


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


@dataclass(frozen=True, eq=False)
class StoredFacts(Mapping[str, Any]):
    """The facts of a kept record, read when they are asked for; the last few stay in memory.

    Parameters
    ----------
    path
        File of the record.
    """

    path: Path

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401 - whatever JSON holds
        return _told(self.path)[_FACTS][name]

    def __iter__(self) -> Iterator[str]:
        return iter(_told(self.path)[_FACTS])

    def __len__(self) -> int:
        return len(_told(self.path)[_FACTS])


@dataclass(frozen=True)
class StoredArrays(Mapping[str, Array]):
    """The arrays of a kept record, each read when it is asked for.

    A study of ten thousand tubes has more of them than fit into memory.

    Parameters
    ----------
    path
        File of the record.
    names
        Of the arrays.
    """

    path: Path
    names: tuple[str, ...]

    def __getitem__(self, name: str) -> Array:
        return self.read((name,))[0]

    def read(self, names: Sequence[str]) -> list[Array]:
        """Return several arrays, opening the record once."""
        if unknown := set(names) - set(self.names):
            raise KeyError(*sorted(unknown))
        with zipfile.ZipFile(self.path) as archive:
            return [_read_member(archive, f"_{name}") for name in names]

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def read_arrays(arrays: Mapping[str, Array], names: Sequence[str]) -> list[Array]:
    """Return several arrays of a record, kept or not, opening its file once."""
    return arrays.read(names) if isinstance(arrays, StoredArrays) else [arrays[n] for n in names]


def save_record(folder: Path, key: str, record: Record) -> Record:
    """Keep a record; the same record gives the same bytes.

    Parameters
    ----------
    folder, key
        Where, and under which name.
    record
        What to keep.

    Returns
    -------
    Record
        The same, on disk.
    """
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        # The names of the arrays stand there too, so that none can be lost unnoticed.
        told = json.dumps(
            {_FACTS: dict(record.facts), _ARRAYS: list(record.arrays)}, sort_keys=True
        )
        _write_member(archive, _FACTS, np.frombuffer(told.encode(), dtype=np.uint8))
        for name, array in record.arrays.items():
            _write_member(archive, f"_{name}", array)
    path = write_atomically(_place(folder, key), stream.getvalue())
    return Record(StoredFacts(path), StoredArrays(path, tuple(record.arrays)))


def load_record(folder: Path, key: str) -> Record | None:
    """Return a record, None where there is none or it is damaged (it is then made again)."""
    path = _place(folder, key)
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.testzip() is not None:
                return None
            arrays = tuple(json.loads(_read_member(archive, _FACTS).tobytes())[_ARRAYS])
            names = {f"{name}.npy" for name in (_FACTS, *(f"_{name}" for name in arrays))}
            if names != set(archive.namelist()):
                return None
    except _DAMAGED:
        return None
    return Record(StoredFacts(path), StoredArrays(path, arrays))


def _told(path: Path) -> Any:  # noqa: ANN401 - whatever JSON holds
    """Return facts and names of arrays of a record."""
    state = path.stat()
    return _parsed(path, state.st_mtime_ns, state.st_ino)


@lru_cache(maxsize=16)
def _parsed(path: Path, *_: int) -> Any:  # noqa: ANN401 - whatever JSON holds
    with zipfile.ZipFile(path) as archive:
        return json.loads(_read_member(archive, _FACTS).tobytes())


def _write_member(archive: zipfile.ZipFile, name: str, array: Array) -> None:
    """Write one array as NumPy does, measured values as they are: they hardly get smaller."""
    content = io.BytesIO()
    np.lib.format.write_array(content, np.asanyarray(array), allow_pickle=False)
    packed = zipfile.ZIP_STORED if array.dtype.kind == "f" else zipfile.ZIP_DEFLATED
    # Without a date of its own, a member has the same bytes on every day.
    place = zipfile.ZipInfo(f"{name}.npy")
    archive.writestr(place, content.getvalue(), packed, compresslevel=1)


def _read_member(archive: zipfile.ZipFile, name: str) -> Array:
    with archive.open(f"{name}.npy") as member:
        array: Array = np.lib.format.read_array(member, allow_pickle=False)
    return array


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
        for attribute in fields(value):
            update(attribute.name.encode())
            _feed(getattr(value, attribute.name), update)
    elif isinstance(value, Mapping):
        for key in sorted(value):
            update(str(key).encode())
            _feed(value[key], update)
    elif isinstance(value, tuple | list):
        update(f"{len(value)}".encode())
        for part in value:
            _feed(part, update)
    else:
        update(repr(value).encode())
