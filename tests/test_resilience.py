"""Whatever stops a run, the next call ends with the same bytes as a run that nothing stopped."""

import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest
from typer.testing import CliRunner

from immunerecon.cli import app
from immunerecon.errors import ResultsError
from immunerecon.files import write_atomically
from immunerecon.pipeline.crews import Shard
from immunerecon.pipeline.locks import locked, shard_locked
from immunerecon.pipeline.results import load_results
from immunerecon.pipeline.run import run_shard, run_study
from immunerecon.pipeline.verification import verify_results
from immunerecon.study.folder import read_study

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def kills() -> ModuleType:
    """The benchmark that kills runs."""
    place = importlib.util.spec_from_file_location("kills", ROOT / "benchmarks" / "resilience.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules["kills"] = module  # its dataclass looks itself up
    place.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def whole(tiny_results: Path) -> Path:
    """Results of a run that nothing stopped."""
    return tiny_results


def n_records(step: str, number: int) -> Callable[[Path], bool]:
    """Return whether so many records of a step are there."""
    return lambda out: len(list(out.glob(f"records/{step}-*.npz"))) >= number


@pytest.mark.malformed(81)
@pytest.mark.skipif(not Path("/proc/self/task").exists(), reason="finds workers in /proc")
@pytest.mark.parametrize(("victim", "step", "number"), [("run", "gate", 1), ("worker", "gate", 2)])
def test_kill_9_costs_no_byte(
    kills: ModuleType,
    tiny_study: Path,
    whole: Path,
    tmp_path: Path,
    victim: str,
    step: str,
    number: int,
) -> None:
    out, ready = tmp_path / "out", n_records(step, number)
    found, code = kills.disturbed(tiny_study, out, victim=victim, ready=ready)
    assert found >= number
    assert code == 0
    assert kills.differences(out, kills.outcome_of(whole)) == ()
    assert not [path for path in out.rglob("*") if path.name.endswith((".part", ".begun"))]
    assert verify_results(out, study=tiny_study).differences == ()


def test_damaged_records_are_made_again(
    kills: ModuleType, tiny_study: Path, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    records = sorted(out.glob("records/*-*.npz"))
    for number, path in enumerate(records):
        content = path.read_bytes()
        middle = len(content) // 2
        flipped = content[:middle] + bytes([content[middle] ^ 255]) + content[middle + 1 :]
        path.write_bytes((b"", content[:middle], flipped)[number % 3])
    (out / "populations.csv").unlink()
    results = run_study(read_study(tiny_study), out)
    assert not results.resumed
    assert kills.differences(out, kills.outcome_of(whole)) == ()


def test_a_table_that_was_changed_is_written_again_and_the_trail_tells_it(
    kills: ModuleType, tiny_study: Path, whole: Path, tmp_path: Path
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "samples.csv").write_text("file\n")
    run_study(read_study(tiny_study), out)
    assert kills.differences(out, kills.outcome_of(whole)) == ()
    events = [json.loads(line)["event"] for line in (out / "audit.jsonl").open()]
    assert events == ["run started", "run finished"] * 2


class Disk:
    """Stands in for the file system: full after so many files."""

    def __init__(self, room: int) -> None:
        self.room = room

    def fsync(self, handle: int) -> None:
        """Take room for one file."""
        self.room -= 1
        if self.room < 0:
            raise OSError(28, "No space left on device")


@pytest.mark.malformed(79)
@pytest.mark.parametrize("room", [0, 5, 16])
def test_a_full_disk_leaves_nothing_half_written(
    kills: ModuleType,
    tiny_study: Path,
    whole: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    room: int,
) -> None:
    out = tmp_path / "out"
    shutil.copytree(whole / "records", out / "records")
    for path in sorted(out.glob("records/*-*.npz"))[:4]:
        path.unlink()
    with monkeypatch.context() as patched:
        patched.setattr("os.fsync", Disk(room).fsync)
        result = CliRunner().invoke(app, ["run", str(tiny_study), "--out", str(out)])
    assert result.exit_code == 1
    assert "No space left on device" in result.output
    assert "Traceback" not in result.output
    assert not list(out.rglob("*.part"))
    with pytest.raises(ResultsError, match="no finished run"):
        load_results(out)
    run_study(read_study(tiny_study), out)
    assert kills.differences(out, kills.outcome_of(whole)) == ()


@pytest.mark.malformed(79)
def test_a_file_that_grows_past_a_limit_of_the_system_is_not_left_behind(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    write_atomically(tmp_path / "table.csv", b"old")
    code = (
        "import resource, signal, sys; from pathlib import Path; "
        "from immunerecon.files import write_atomically; "
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000)); "
        "write_atomically(Path(sys.argv[1]), bytes(5000))"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "table.csv")]
    told = subprocess.run(command, capture_output=True, text=True, check=False)
    assert told.returncode != 0
    assert "File too large" in told.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["table.csv"]
    assert (tmp_path / "table.csv").read_bytes() == b"old"


def test_tables_that_are_being_written_over_are_no_results(
    tiny_study: Path, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = shutil.copytree(whole, tmp_path / "out")
    (out / "persistence.parquet").unlink()

    def stopped(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("immunerecon.pipeline.run.write_table", stopped)
    with pytest.raises(KeyboardInterrupt):
        run_study(read_study(tiny_study), out)
    with pytest.raises(ResultsError, match="no finished run"):
        load_results(out)


def test_shards_end_with_the_bytes_of_one_run(
    kills: ModuleType, tiny_study: Path, whole: Path, tmp_path: Path
) -> None:
    out, study = tmp_path / "out", read_study(tiny_study)
    told = ""
    for _ in range(8):  # more often than there are steps
        for number in (1, 2, 3):
            told = run_shard(study, out, Shard(number, of=3))
        if "all tubes are done" in told:
            break
    assert "Run once without --shard" in told
    n_before = len(list(out.glob("records/*.npz")))
    run_study(study, out)
    assert len(list(out.glob("records/*.npz"))) == n_before
    assert kills.differences(out, kills.outcome_of(whole)) == ()


def test_a_last_call_does_what_no_shard_has_done(
    kills: ModuleType, tiny_study: Path, whole: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    command = ["run", str(tiny_study), "--out", str(out), "--shard", "2/3"]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    assert "other jobs have" in result.output
    run_study(read_study(tiny_study), out)
    assert kills.differences(out, kills.outcome_of(whole)) == ()


def test_shards_and_whole_runs_keep_out_of_each_others_way(
    tiny_study: Path, tmp_path: Path
) -> None:
    out, first, second = tmp_path / "out", Shard(1, of=2), Shard(2, of=2)
    with shard_locked(out, tiny_study, first), shard_locked(out, tiny_study, second):
        with (
            pytest.raises(ResultsError, match="shard 1/2 is working"),
            shard_locked(out, tiny_study, first),
        ):
            raise AssertionError("two jobs on one share")
        with pytest.raises(ResultsError, match="another run"), locked(out, tiny_study):
            raise AssertionError("a whole run beside shards")
    with (
        locked(out, tiny_study),
        pytest.raises(ResultsError, match="whole run is working"),
        shard_locked(out, tiny_study, first),
    ):
        raise AssertionError("a shard beside a whole run")


def test_a_dask_cluster_ends_with_the_bytes_of_one_run_when_a_worker_is_killed(
    kills: ModuleType, tiny_study: Path, whole: Path, tmp_path: Path
) -> None:
    distributed = pytest.importorskip("distributed")
    import os
    import signal
    import threading

    out, killed = tmp_path / "out", threading.Event()
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs="CRITICAL"
    ) as cluster:

        def kill_one() -> None:
            while not killed.wait(0.002):
                if n_records("gate", 1)(out):
                    os.kill(cluster.workers[0].pid, signal.SIGKILL)
                    return

        killer = threading.Thread(target=kill_one)
        killer.start()
        results = run_study(read_study(tiny_study), out, scheduler=cluster.scheduler_address)
        hit = not killed.is_set() and not killer.is_alive()
        killed.set()
        killer.join()
    assert hit
    assert results.complete
    assert kills.differences(out, kills.outcome_of(whole)) == ()
