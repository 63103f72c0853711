"""A review: a study, what a run made of it, and the file that overrides are written to."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from immunerecon.errors import ResultsError
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.overrides.override_file import load_overrides
from immunerecon.pipeline.results import Results
from immunerecon.pipeline.tube_overrides import overrides_beside, overrides_of_run
from immunerecon.review.tubes import ReviewTube, tube_opener
from immunerecon.study.folder import Study


@dataclass(frozen=True)
class Review:
    """What a person reviews.

    Parameters
    ----------
    study, results
        The study and what a run made of it.
    path
        The file that overrides are read from and written to.
    tube
        Opens a file of the run.
    """

    study: Study
    results: Results
    path: Path
    tube: Callable[[str], ReviewTube]

    def overrides(self) -> tuple[Override, ...]:
        """Return the overrides that the file holds now; without a file, those of the run."""
        if self.path.exists():
            return load_overrides(self.path)
        return overrides_of_run(self.results.run)


def open_review(study: Study, results: Results, *, overrides: Path | str | None = None) -> Review:
    """Open a run for review.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    overrides
        File that overrides are read from and written to; beside the results folder, by its name
        and ``_overrides.yaml``, when left out.

    Returns
    -------
    Review

    Raises
    ------
    ResultsError
        When the results are of another study.
    """
    unknown = set(results.run["inputs"]) - {sample.file for sample in study.samples}
    if unknown:
        raise ResultsError(
            f"{results.folder.name} was made of {len(unknown)} files that {study.folder.name} does "
            f"not have, such as {min(unknown)}: name the study that was run"
        )
    path = Path(overrides) if overrides else overrides_beside(results.folder)
    return Review(study, results, path, tube_opener(study, results))
