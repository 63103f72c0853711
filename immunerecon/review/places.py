"""Where the study of a results folder is: results hold no paths, so it is sought beside them."""

from pathlib import Path

from immunerecon.errors import ResultsError, StudyError
from immunerecon.pipeline.results import Results
from immunerecon.study.settings import FILE, read_settings


def find_study(results: Results) -> Path:
    """Return the study folder of a run, where it lies beside the results or in this folder.

    Parameters
    ----------
    results
        Of a run.

    Returns
    -------
    Path
        The one folder whose study.yaml bears the study's name.

    Raises
    ------
    ResultsError
        When there is none, or more than one.
    """
    name = str(results.run["study"])
    beside = results.folder.resolve().parent
    here = Path.cwd().resolve()
    candidates = {beside, *_folders(beside), here, *_folders(here)}
    found = sorted(folder for folder in candidates if _is_study(folder, name))
    if len(found) == 1:
        return found[0]
    told = ", ".join(folder.name for folder in found) or "no folder"
    raise ResultsError(
        f"{results.folder.name} was made of the study {name!r}, and {told} beside it bears that "
        f"name: name the study folder too, as in immunerecon review STUDY {results.folder.name}"
    )


def _folders(parent: Path) -> list[Path]:
    return [path for path in parent.iterdir() if path.is_dir()]


def _is_study(folder: Path, name: str) -> bool:
    if not (folder / FILE).is_file():
        return False
    try:
        return read_settings(folder).name == name
    except StudyError:
        return False
