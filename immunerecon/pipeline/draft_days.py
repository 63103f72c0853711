"""When each patient was infused, as far as the files of a draft tell."""

from collections import Counter
from collections.abc import Sequence
from datetime import date, timedelta

from immunerecon.pipeline.draft_rows import DraftRow


def infusion_dates(rows: Sequence[DraftRow]) -> dict[str, tuple[str, str]]:
    """Guess the infusion dates of the patients whose draws have dates but no days.

    Parameters
    ----------
    rows
        Of all files.

    Returns
    -------
    dict of tuple
        Patient -> ISO date and what it stands on: the draws whose names tell their day (the date
        that most of them give), else the acquisition of the product.
    """
    wanted = dict.fromkeys(row.guess.patient for row in rows if row.needs_date and row.date)
    found = {}
    for patient in wanted:
        own = [row for row in rows if row.guess.patient == patient and row.date]
        if guess := _from_days(own) or _from_product(own):
            found[patient] = guess
    return found


def _from_days(own: Sequence[DraftRow]) -> tuple[str, str] | None:
    counted = Counter(
        date.fromisoformat(row.date) - timedelta(days=row.guess.day)
        for row in own
        if row.guess.role == "draw" and row.guess.day is not None
    )
    if not counted:
        return None
    day, tubes = counted.most_common(1)[0]
    return day.isoformat(), f"$DATE less the day in the name, {tubes} of {counted.total()} draws"


def _from_product(own: Sequence[DraftRow]) -> tuple[str, str] | None:
    dates = sorted(row.date for row in own if row.guess.role == "product")
    return (dates[0], "the product was acquired on this day") if dates else None
