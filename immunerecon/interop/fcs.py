"""Populations as FCS files of their own, for FlowJo, flowCore and whatever reads FCS 3.1."""

from pathlib import Path, PurePosixPath

import pandas as pd

from immunerecon.cytometry.fcs_writing import write_fcs
from immunerecon.interop.gated import GatedEvents, each_gated_events
from immunerecon.pipeline.results import Results
from immunerecon.study.folder import Study


def write_population(
    path: Path | str, events: GatedEvents, population: str = "", *, compensated: bool = False
) -> Path:
    """Write the events of one population as an FCS 3.1 file.

    Parameters
    ----------
    path
        File to write.
    events
        The gated tube, from `gated_events`.
    population
        Name; an empty one means all clean events.
    compensated
        Whether to write compensated values. Else the values are those that were measured, and
        the spillover that was used goes along as ``$SPILLOVER``.

    Returns
    -------
    Path
        The file written. It has all channels of the tube under their own names and labels, and
        says in ``IMMUNERECON_POPULATION``, ``IMMUNERECON_VALUES`` (``raw`` or ``compensated``)
        and ``IMMUNERECON_SOURCE_SHA256`` what it is.

    Raises
    ------
    MarkerError
        When the tube has no such population.
    FcsError
        When a channel's name cannot be written.

    Notes
    -----
    A compensated file has no ``$SPILLOVER``, so that no program compensates it again.

    Examples
    --------
    >>> import immunerecon as ir
    >>> study = ir.read_study(ir.sample_study())
    >>> results = ir.run_study(study, "results")  # doctest: +SKIP
    >>> tube = gated_events(study, results, study.samples[0].file)  # doctest: +SKIP
    >>> write_population("nk.fcs", tube, "NK")  # doctest: +SKIP
    """
    tube = (events.compensated if compensated else events.raw).select(events.members(population))
    keywords = {
        "IMMUNERECON_POPULATION": population or "clean events",
        "IMMUNERECON_VALUES": "compensated" if compensated else "raw",
        "IMMUNERECON_SOURCE_SHA256": tube.sha256,
    }
    keywords = {name: value for name, value in keywords.items() if value}
    spillover = None if compensated else events.spillover
    return write_fcs(Path(path), tube, spillover=spillover, keywords=keywords)


def write_populations(
    study: Study,
    results: Results,
    folder: Path | str,
    *,
    population: str,
    compensated: bool = False,
) -> pd.DataFrame:
    """Write one population of every gated tube of a run, each as an FCS 3.1 file.

    Parameters
    ----------
    study, results
        The study and what `run_study` made of it.
    folder
        Where the files go; each is named after its tube and the population.
    population, compensated
        As for `write_population`.

    Returns
    -------
    DataFrame
        One row a gated tube: ``file``, ``written`` (name in `folder`, empty where none was),
        ``n_events``, ``reason`` (why none was written).
    """
    rows = []
    for events in each_gated_events(study, results):
        file = str(events.facts["file"])
        name, reason = "", ""
        n_events: int | None = None
        if population in ("", *events.gated.members):
            stem = PurePosixPath(file).with_suffix("").as_posix().replace("/", "__")
            name = f"{stem}__{population or 'clean'}.fcs"
            write_population(Path(folder) / name, events, population, compensated=compensated)
            n_events = events.gated.count(population)
        else:
            why = events.gated.dropped.get(population, "the strategy has none of this name")
            reason = f"no {population}: {why}"
        rows.append((file, name, n_events, reason))
    frame = pd.DataFrame(rows, columns=["file", "written", "n_events", "reason"])
    return frame.astype({"n_events": "Int64"})
