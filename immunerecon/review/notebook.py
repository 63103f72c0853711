"""The review as a notebook opens it."""

from pathlib import Path
from typing import TYPE_CHECKING

from immunerecon.errors import ResultsError
from immunerecon.pipeline.results import Results
from immunerecon.review.opening import open_review
from immunerecon.study.folder import Study

if TYPE_CHECKING:
    from immunerecon.review.widget import ReviewWidget


def review_gates(
    study: Study, results: Results, *, overrides: Path | str | None = None
) -> "ReviewWidget":
    """Look at the gates of a run in a notebook, and move them.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    overrides
        File that overrides are read from and written to; beside the results folder, by its name
        and ``_overrides.yaml``, when left out. Give it to the next run.

    Returns
    -------
    ReviewWidget
        Shows itself as the last line of a cell.

    Raises
    ------
    ResultsError
        When the results are of another study, or the extra ``notebook`` is not installed.

    Examples
    --------
    >>> import immunerecon as ir
    >>> study = ir.read_study("my_study")  # doctest: +SKIP
    >>> ir.review_gates(study, ir.load_results("my_results"))  # doctest: +SKIP
    """
    try:
        from immunerecon.review.widget import ReviewWidget
    except ModuleNotFoundError as error:
        raise ResultsError(
            'the review in a notebook needs the extra notebook: pip install "immunerecon[notebook]"'
            " (or on the command line: immunerecon review)"
        ) from error
    return ReviewWidget(open_review(study, results, overrides=overrides))
