"""A plate of FlowCytometryTools as a study folder, so that the whole pipeline can run on it."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from immunerecon.cytometry.fcs_writing import write_fcs
from immunerecon.errors import Problem, StudyError
from immunerecon.files import write_atomically
from immunerecon.interop.flowcytometrytools.measurements import from_measurement
from immunerecon.study.folder import Study, read_study


def plate_to_study(
    plate: Any, folder: Path | str, *, wells: pd.DataFrame, panels: Mapping[str, Any]
) -> Study:
    """Write a plate as a study folder.

    Parameters
    ----------
    plate
        An ``FCPlate`` or ``FCCollection``.
    folder
        Where the study is made; it may not hold one already.
    wells
        One row a measurement: its key in column ``well``, and the columns of samples.csv except
        ``file``: at least ``panel``, and ``patient`` and ``day`` for draws.
    panels
        As in study.yaml, such as ``{"lineage": {"strategy": "lineage"}}``.

    Returns
    -------
    Study
        Read back and validated. A measurement as its file has it is copied byte for byte; one
        that was transformed, gated or made by hand is written anew, as it is now.

    Raises
    ------
    StudyError
        When the folder holds a study, `wells` has no column ``well``, names a well twice or one
        that the plate lacks, leaves out one that it has, or the study is not valid.
    """
    folder = Path(folder)
    problems = list(_problems(plate, folder, wells))
    if problems:
        raise StudyError(problems)
    rows = wells.assign(file=[f"fcs/{well}.fcs" for well in wells["well"]]).drop(columns="well")
    for well, file in zip(wells["well"], rows["file"], strict=True):
        _write(plate[well], folder / file)
    table = rows[["file", *(name for name in rows if name != "file")]].to_csv(index=False)
    write_atomically(folder / "samples.csv", table.encode())
    # JSON is YAML too.
    settings = json.dumps({"name": folder.name, "panels": dict(panels)}, indent=2) + "\n"
    write_atomically(folder / "study.yaml", settings.encode())
    return read_study(folder)


def _problems(plate: Any, folder: Path, wells: pd.DataFrame) -> list[Problem]:
    """Return all that stands in the way of a study."""
    there = [name for name in ("study.yaml", "samples.csv") if (folder / name).exists()]
    found = [Problem(name, "is there already", accepted="a folder without it") for name in there]
    known = sorted(str(key) for key in plate)
    if "well" not in wells:
        return [*found, Problem("wells", "has no column of this name", column="well")]
    listed = [str(well) for well in wells["well"]]
    for row, well in enumerate(listed, start=2):
        wrong = "is not on the plate" if well not in known else "stands there twice"
        if well not in known or well in listed[: row - 2]:
            told = f"one of {', '.join(known)}"
            found.append(Problem("wells", f"{well!r} {wrong}", row, "well", told))
    left_out = [well for well in known if well not in listed]
    if left_out:
        what = f"{', '.join(left_out)} of the plate are left out"
        found.append(Problem("wells", what, column="well", accepted="a row a measurement"))
    return found


def _write(measurement: Any, path: Path) -> None:
    untouched = measurement._data is None and not (measurement.queue or measurement.history)
    if untouched and measurement.datafile:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(measurement.datafile, path)
    else:
        write_fcs(path, from_measurement(measurement))
