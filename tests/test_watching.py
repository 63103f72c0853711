"""Tubes are gated as they arrive, each once, and the tables are those of one run at the end."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from threading import Event, Thread

import pandas as pd
import pytest
from typer.testing import CliRunner

from immunerecon.cli import app
from immunerecon.pipeline.tables import COLUMNS
from immunerecon.pipeline.verification import verify_results
from immunerecon.pipeline.watching import watch_study


@pytest.fixture
def arriving(tiny_study: Path, tmp_path: Path) -> Path:
    """The study without its FCS files."""
    folder = tmp_path / tiny_study.name
    shutil.copytree(tiny_study, folder, ignore=shutil.ignore_patterns("*.fcs"))
    return folder


def files_of(study: Path) -> list[str]:
    return sorted(path.relative_to(study).as_posix() for path in study.glob("fcs/**/*.fcs"))


def copy_slowly(source: Path, target: Path, *, pieces: int = 6) -> None:
    """Copy a file as a slow network does: in pieces, with pauses."""
    target.parent.mkdir(parents=True, exist_ok=True)
    content = source.read_bytes()
    step = -(-len(content) // pieces)
    with target.open("wb") as stream:
        for start in range(0, len(content), step):
            stream.write(content[start : start + step])
            stream.flush()
            time.sleep(0.02)


def test_tubes_that_arrive_slowly_end_as_in_one_run(
    tiny_study: Path, tiny_results: Path, arriving: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"

    def deliver() -> None:
        for file in files_of(tiny_study):
            copy_slowly(tiny_study / file, arriving / file)

    courier = Thread(target=deliver)
    courier.start()
    lines = list(watch_study(arriving, out, interval=0.05, until=Event(), complete=True))
    courier.join()
    gated = [line for line in lines if line.startswith("Gated")]
    assert gated[-1].startswith(f"Gated: {len(files_of(tiny_study))} files")
    for name in COLUMNS:
        for kind in ("csv", "parquet"):
            mine, other = (folder / f"{name}.{kind}" for folder in (out, tiny_results))
            assert mine.read_bytes() == other.read_bytes(), name
    assert not pd.read_csv(out / "samples.csv")["file"].duplicated().any()
    assert verify_results(out, study=arriving).differences == ()


def test_a_file_is_waited_for_until_it_can_be_read(
    tiny_study: Path, arriving: Path, tmp_path: Path
) -> None:
    whole, cut, *_ = files_of(tiny_study)
    for file in (whole, cut):
        (arriving / file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_study / whole, arriving / whole)
    (arriving / cut).write_bytes((tiny_study / cut).read_bytes()[:-40])
    shutil.copy(tiny_study / whole, arriving / "fcs" / "unnamed.fcs")
    stop, lines = Event(), []
    for line in watch_study(arriving, tmp_path / "out", interval=0.01, until=stop):
        lines.append(line)
        if line.startswith("Gated: 1 file"):
            assert list(pd.read_csv(tmp_path / "out" / "samples.csv")["file"]) == [whole]
            shutil.copy(tiny_study / cut, arriving / cut)
        if line.startswith("Gated: 2 files"):
            stop.set()
    assert lines[-1] == "Stopped; tables are whole"
    assert lines.count("No row of samples.csv names fcs/unnamed.fcs") == 1
    waiting = [line for line in lines if line.startswith("Waiting")]
    assert len(waiting) == 1
    assert cut in waiting[0]
    assert "cut short" in waiting[0]
    assert set(pd.read_csv(tmp_path / "out" / "samples.csv")["file"]) == {whole, cut}


def test_a_study_that_is_being_written_is_waited_for(
    tiny_study: Path, arriving: Path, tmp_path: Path
) -> None:
    rows = (arriving / "samples.csv").read_text()
    (arriving / "samples.csv").write_text(rows.replace(",lineage,", ",linage,"))
    file = files_of(tiny_study)[0]
    (arriving / file).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(tiny_study / file, arriving / file)
    stop, lines = Event(), []
    for line in watch_study(arriving, tmp_path / "out", interval=0.01, until=stop):
        lines.append(line)
        if line.startswith("Waiting for a study"):
            assert "'linage' is not in study.yaml" in line
            (arriving / "samples.csv").write_text(rows)
        if line.startswith("Gated"):
            stop.set()
    assert any(line.startswith("Gated: 1 file") for line in lines)


def test_ctrl_c_ends_with_whole_tables(tiny_study: Path, arriving: Path, tmp_path: Path) -> None:
    for file in files_of(tiny_study)[:2]:
        (arriving / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tiny_study / file, arriving / file)
    code = (
        "import sys; from immunerecon.pipeline.watching import stopped_by_signals, watch_study\n"
        "with stopped_by_signals() as stop:\n"
        "    for line in watch_study(*sys.argv[1:], interval=0.05, until=stop):\n"
        "        print(line, flush=True)\n"
    )
    command = [sys.executable, "-c", code, str(arriving), str(tmp_path / "out")]
    watch = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert watch.stdout is not None
    assert watch.stderr is not None
    for line in watch.stderr:  # in the midst of gating
        if line.startswith("Gating"):
            os.kill(watch.pid, signal.SIGINT)
            break
    said = watch.stdout.read()
    assert watch.wait() == 0
    assert said.endswith("Stopped; tables are whole\n")
    assert verify_results(tmp_path / "out").differences == ()
    assert len(pd.read_csv(tmp_path / "out" / "samples.csv")) == 2


def test_the_command_explains_itself() -> None:
    result = CliRunner().invoke(app, ["watch", "--help"])
    assert result.exit_code == 0
    assert "Ctrl+C" in result.output
