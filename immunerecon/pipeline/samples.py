"""The results of the sample study, run once and found again."""

from immunerecon.pipeline.results import Results
from immunerecon.pipeline.run import run_study
from immunerecon.simulate.samples import cache_folder, sample_study
from immunerecon.study.folder import read_study


def sample_results(*, workers: int = 1) -> Results:
    """Return the results of the sample study, for examples and first looks.

    Parameters
    ----------
    workers
        Processes, when it is run for the first time.

    Returns
    -------
    Results
        From a folder in the user's cache, where the study is run when it is asked for the first
        time (about half a minute), and again when the package's numbers have changed.

    Examples
    --------
    >>> import immunerecon as ir
    >>> ir.sample_results().samples["status"].unique()  # doctest: +SKIP
    array(['ok'], dtype=object)
    """
    from filelock import FileLock

    folder = cache_folder() / "sample_results"
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Several notebooks may ask at once; they wait for the first.
    with FileLock(folder.with_suffix(".lock")):
        return run_study(read_study(sample_study()), folder, workers=workers)
