"""The small synthetic trial that ships with the source: found there, or simulated again."""

import os
import sys
import tempfile
from pathlib import Path

from immunerecon.simulate.conditions import Conditions
from immunerecon.simulate.folder import simulate_trial

SAMPLE_CONDITIONS = Conditions(draw_days=(-7, 0, 3, 7, 14, 28, 60, 90, 180, 365), missed_draws=0.08)
_SAMPLE = "sample_data"
_CHECKOUT = Path(__file__).parents[2] / _SAMPLE
_VERSION = 1  # of the sample: raised whenever its bytes change


def simulate_sample(folder: Path) -> Path:
    """Write the sample study: three patients, about ten draws each, two tubes a draw.

    Parameters
    ----------
    folder
        Where to; it is made, and must be empty if it is there.

    Returns
    -------
    Path
        `folder`, with the same bytes as ``sample_data`` in the source.

    Raises
    ------
    ResultsError
        When the folder is not empty.
    """
    return simulate_trial(folder, patients=3, seed=2009, events=7000, conditions=SAMPLE_CONDITIONS)


def sample_study() -> Path:
    """Return the folder of the sample study.

    Returns
    -------
    Path
        ``sample_data`` of the source checkout, if this is one; otherwise a folder in the user's
        cache, simulated when it is asked for the first time (a few seconds).

    Examples
    --------
    >>> (sample_study() / "study.yaml").is_file()
    True
    """
    if (_CHECKOUT / "study.yaml").is_file():
        return _CHECKOUT
    cached = cache_folder() / f"{_SAMPLE}-{_VERSION}" / _SAMPLE
    if not cached.is_dir():
        cached.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cached.parent) as workshop:
            finished = simulate_sample(Path(workshop) / _SAMPLE)
            _move_into_place(finished, cached)
    return cached


def _move_into_place(finished: Path, cached: Path) -> None:
    """Put a complete folder where it is looked for, unless another process was faster."""
    try:
        finished.rename(cached)
    except OSError:
        if not cached.is_dir():
            raise


def cache_folder() -> Path:
    """Return the folder that the operating system gives to caches."""
    if sys.platform == "win32":
        base = Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local"))
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Caches"
    else:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return base / "immunerecon"
