"""Programs that come with an extra of this package."""

from importlib import import_module
from types import ModuleType


def require(module: str, *, extra: str) -> ModuleType:
    """Import another program, or say how it is installed.

    Parameters
    ----------
    module
        Its import name.
    extra
        The extra of this package that brings it.

    Raises
    ------
    ModuleNotFoundError
        When it is not installed.

    Examples
    --------
    >>> require("json", extra="anndata").__name__
    'json'
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        if error.name != module.partition(".")[0]:
            raise
        raise ModuleNotFoundError(
            f"{module} is not installed: pip install 'immunerecon[{extra}]'", name=module
        ) from error
