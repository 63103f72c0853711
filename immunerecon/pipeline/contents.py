"""The content of every file, by which its records are found."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from immunerecon.cytometry.fcs import file_state
from immunerecon.errors import TubeError
from immunerecon.files import file_digest
from immunerecon.pipeline.crews import Crew, Shard, processes_of
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.records import Record, record_key
from immunerecon.pipeline.workers import run_step

Identified = tuple[dict[int, TubeJob], dict[int, str]]


def identified(jobs: Mapping[int, TubeJob], records: Path, *, workers: Crew) -> Identified:
    """Return the jobs with SHA-256 and state of their files, and why other files cannot be read.

    Parameters
    ----------
    jobs
        By position in samples.csv.
    records
        Folder of the records.
    workers
        The jobs of an array tell each other what they found, so that each file is read by one of
        them; a whole run reads every file itself.

    Raises
    ------
    UnfinishedError
        When other jobs of the array have not read their share.
    """
    if isinstance(workers, Shard):
        return _shared(jobs, records, workers)
    known: dict[int, TubeJob] = {}
    errors: dict[int, str] = {}
    # Hashing leaves the interpreter free: threads do.
    with ThreadPoolExecutor(max_workers=processes_of(workers)) as pool:
        found = {index: pool.submit(_with_content, job) for index, job in jobs.items()}
        for index, future in found.items():
            try:
                known[index] = future.result()
            except TubeError as error:
                errors[index] = str(error)
    return known, errors


def _with_content(job: TubeJob) -> TubeJob:
    """Return the job with the SHA-256 of its file, and the file's state when it was taken."""
    state = file_state(job.path)
    try:
        return replace(job, sha256=file_digest(job.path), state=state)
    except OSError as error:
        raise TubeError(f"the file cannot be read: {error.strerror}") from error


def _shared(jobs: Mapping[int, TubeJob], records: Path, shard: Shard) -> Identified:
    """Identify one share; of the others' files the state says whether they are still the same."""
    errors: dict[int, str] = {}
    stated: dict[int, TubeJob] = {}
    for index, job in jobs.items():
        try:
            stated[index] = replace(job, state=file_state(job.path))
        except TubeError as error:
            errors[index] = str(error)
    keys = {i: record_key("content", job.path.name, i, job.state) for i, job in stated.items()}
    todo = {keys[index]: job for index, job in stated.items()}
    known = {}
    for outcome in run_step(_content_to_record, todo, records, workers=shard):
        if outcome.record is None:
            errors[outcome.index] = outcome.error
        else:
            found = outcome.record.facts["sha256"]
            known[outcome.index] = replace(stated[outcome.index], sha256=found)
    # Completion order depends on the workers; everything after must not.
    return dict(sorted(known.items())), errors


def _content_to_record(job: TubeJob) -> Record:
    found = _with_content(job)
    if found.state != job.state:
        raise TubeError("the file changed while the study was being run", remedy="Run again")
    return Record({"sha256": found.sha256})
