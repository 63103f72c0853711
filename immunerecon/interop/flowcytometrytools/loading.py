"""Importing FlowCytometryTools 0.5.1, which asks the standard library for names that are gone."""

import collections
import collections.abc
import inspect
import sys
from collections import namedtuple
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import ModuleType
from typing import Any

import numpy as np

from immunerecon.interop.extras import require

NAME = "FlowCytometryTools"
_MOVED = ("Iterable", "Mapping", "MutableMapping")  # from collections to collections.abc
# What inspect.getargspec returned, before Python 3.11 dropped it.
_ArgSpec = namedtuple("_ArgSpec", ("args", "varargs", "keywords", "defaults"))


def load() -> ModuleType:
    """Import FlowCytometryTools, on Python 3.11 and later too.

    Returns
    -------
    module
        The real package. It keeps working afterwards (its plots and queued gates ask for the
        missing names again), and `collections` and `inspect` are for everybody else as they were.

    Raises
    ------
    ModuleNotFoundError
        Without the extra ``flowcytometrytools``.
    ImportError
        Beside NumPy 2 or later.

    Examples
    --------
    >>> fct = load()  # doctest: +SKIP
    >>> sample = fct.FCMeasurement("A3", datafile=fct.test_data_file)  # doctest: +SKIP
    """
    try:
        with _names_restored():
            package = require(NAME, extra="flowcytometrytools")
    except ImportError as error:
        if error.name == NAME:
            raise
        raise ImportError(
            f"{NAME} cannot be imported beside NumPy {np.__version__} ({error}); it needs NumPy "
            "below 2: pip install 'immunerecon[flowcytometrytools]' into an environment of its own"
        ) from error
    for name, module in tuple(sys.modules.items()):
        if name.startswith(f"{NAME}.") and module is not None:
            if getattr(module, "collections", None) is collections:
                moved = {old: getattr(collections.abc, old) for old in _MOVED}
                vars(module)["collections"] = _with_names(collections, moved)
            if getattr(module, "inspect", None) is inspect:
                vars(module)["inspect"] = _with_names(inspect, {"getargspec": _getargspec})
    return package


@contextmanager
def _names_restored() -> Iterator[None]:
    """Give `collections` its old names for as long as an import takes."""
    missing = [name for name in _MOVED if not hasattr(collections, name)]
    for name in missing:
        setattr(collections, name, getattr(collections.abc, name))
    try:
        yield
    finally:
        for name in missing:
            delattr(collections, name)


def _with_names(module: ModuleType, names: Mapping[str, object]) -> ModuleType:
    """Return a module as it is, with further names."""
    seen = ModuleType(module.__name__, module.__doc__)
    vars(seen).update(vars(module))
    vars(seen).update(names)
    return seen


def _getargspec(function: Any) -> tuple[Any, ...]:
    spec = inspect.getfullargspec(function)
    return _ArgSpec(spec.args, spec.varargs, spec.varkw, spec.defaults)
