"""Everything that immunerecon raises on purpose, in one tree.

::

    ImmunereconError
    ├── StudyError            the study as a whole is wrong: stops before any work (exit code 2)
    ├── TubeError             one file cannot be used: it is `failed`, the run goes on (exit code 3)
    │   ├── FcsError          the file is not the FCS that it says it is
    │   ├── CompensationError the spillover matrix cannot be used on this tube
    │   └── MarkerError       a marker that the strategy needs is missing or ambiguous
    ├── HlaError              an HLA typing that cannot be read, or contradicts the donor marker
    ├── StrategyError         a gating strategy (YAML) or gate that cannot be applied by anyone
    ├── EstimationError       a statistic that these data do not identify
    └── ResultsError          a results folder that is locked, foreign or damaged
"""

from collections.abc import Sequence
from dataclasses import dataclass


class ImmunereconError(Exception):
    """Base of all errors that the package raises on purpose."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with a study, where it stands, and what would be accepted.

    Parameters
    ----------
    file
        File name relative to the study folder.
    message
        What was found and what is wrong with it.
    row
        Line of the file as a spreadsheet numbers it (the header is row 1), if there is one.
    column
        Column or key, if there is one.
    accepted
        The values or form that would be accepted.
    """

    file: str
    message: str
    row: int | None = None
    column: str | None = None
    accepted: str | None = None

    def __str__(self) -> str:
        place = self.file
        if self.row is not None:
            place += f", row {self.row}"
        if self.column is not None:
            place += f", column {self.column}"
        accepted = f" (accepted: {self.accepted})" if self.accepted else ""
        return f"{place}: {self.message}{accepted}"


class StudyError(ImmunereconError):
    """The study as a whole is wrong; all problems are told at once.

    Parameters
    ----------
    problems
        Every problem found, in file order.
    """

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class TubeError(ImmunereconError):
    """One file cannot be used; the others go on.

    Parameters
    ----------
    reason
        What is wrong, in words that a lab scientist understands.
    remedy
        What to do about it.
    """

    def __init__(self, reason: str, *, remedy: str = "") -> None:
        self.reason = reason
        self.remedy = remedy
        super().__init__(f"{reason}. {remedy}" if remedy else reason)


class FcsError(TubeError):
    """The file is not a valid FCS file.

    Parameters
    ----------
    reason, remedy
        As in `TubeError`.
    keyword
        The FCS keyword at fault, e.g. ``$TOT``.
    offset
        Byte of the file at which the fault lies.
    """

    def __init__(
        self, reason: str, *, remedy: str = "", keyword: str = "", offset: int | None = None
    ) -> None:
        self.keyword = keyword
        self.offset = offset
        place = keyword + (f" at byte {offset}" if offset is not None else "")
        super().__init__(f"{place.strip()}: {reason}" if place else reason, remedy=remedy)


class CompensationError(TubeError):
    """The spillover matrix cannot be used on this tube."""


class MarkerError(TubeError):
    """A marker that is needed is missing from the tube, or found twice."""


class HlaError(ImmunereconError):
    """An HLA typing or anti-HLA marker that cannot be read, or two that contradict each other."""


class StrategyError(ImmunereconError):
    """A gating strategy or gate that cannot be applied; names the file, population and key."""


class EstimationError(ImmunereconError):
    """A statistic that the data at hand do not identify; says what would be needed."""


class ResultsError(ImmunereconError):
    """A results folder that is in use, was written by something else, or is damaged."""
