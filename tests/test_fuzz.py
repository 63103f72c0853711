"""Any bytes are read or refused by the package's own errors, in bounded memory and time.

Files are made here and read in a process of their own, whose address space is limited and which is
killed when it hangs; memory is also counted allocation by allocation.
"""

import importlib.util
import subprocess
import sys
import tempfile
import tracemalloc
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import HealthCheck, example, given, settings, strategies as st

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import FcsError, StudyError
from immunerecon.study.folder import read_study

YAML = "panels: {nk: {strategy: lineage}}\n"
SPARE_BYTES = 64_000_000
HANG_SECONDS = 240  # a process that starts on a busy machine takes a while
SETTINGS = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def module_of(name: str) -> ModuleType:
    """Return another test module, for the files that it builds."""
    place = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert place is not None
    assert place.loader is not None
    module = importlib.util.module_from_spec(place)
    sys.modules[name] = module  # its dataclass looks itself up
    place.loader.exec_module(module)
    return module


FILES = module_of("test_fcs_malformed")
NUMBERS = st.sampled_from(
    ["", "0", "1", "-1", "3", "7", "12", "512", "4000000000", "9" * 30, "1e9", "NaN", "x", " 4"]
)
KEYWORDS = st.sampled_from(
    [
        *("$PAR", "$TOT", "$MODE", "$DATATYPE", "$BYTEORD", "$NEXTDATA", "$BEGINDATA", "$ENDDATA"),
        *("$BEGINSTEXT", "$ENDSTEXT", "$TIMESTEP", "$VOL", "$P1B", "$P2B", "$P1R", "$P2E", "$P1N"),
        *("$P3G", "$P2DATATYPE", "$SPILLOVER", "$DATE", "$BTIM", "$UNICODE"),
    ]
)
EDITS = st.dictionaries(KEYWORDS, NUMBERS | st.text(max_size=12), max_size=5)


def peak_of_reading(path: Path) -> int:
    """Return the most bytes that were allocated while a file was read or refused."""
    tracemalloc.start()
    try:
        tube = read_fcs(path)
        assert tube.events.shape == (tube.n_events, len(tube.channels))
    except FcsError:
        pass
    finally:
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    return peak


@SETTINGS
@given(edits=EDITS, header=st.dictionaries(st.sampled_from([10, 18, 26, 34, 42, 50]), NUMBERS))
@example(edits={"$TOT": "4000000000"}, header={})
@example(edits={"$PAR": "512", "$TOT": "9" * 30}, header={})
@example(edits={"$P1B": "4000000000"}, header={26: "0", 34: "0"})
def test_any_keyword_is_read_or_refused_in_little_memory(
    edits: dict[str, str], header: dict[int, str], tmp_path: Path
) -> None:
    cut = {at: text[:8] for at, text in header.items()}
    encoding = {"encoding": "utf-8", "header": cut}
    text = {name: value.replace("{", "").replace("}", "") for name, value in edits.items()}
    path = tmp_path / "tube.fcs"
    path.write_bytes(FILES.fcs(text, **encoding))
    assert peak_of_reading(path) <= 4 * path.stat().st_size + SPARE_BYTES


@SETTINGS
@given(
    yaml=st.text(alphabet="panels: {}[]&*!\n-'\"#lineage|>%@\t\\0x1_", max_size=120),
    samples=st.binary(max_size=200)
    | st.text(alphabet="file,patient;day\n\"panel0.fcs/\\\t'=", max_size=200).map(str.encode),
)
@example(yaml="panels: {nk: {strategy: lineage}}\n", samples=b"file,panel\n../../etc/passwd,nk\n")
@example(yaml="panels: {nk: {strategy: lineage}}\n", samples=b"file,panel\n\x00.fcs,nk\n")
@example(
    yaml="panels: {nk: {strategy: lineage}}\n", samples=b"file,panel\n" + b"a/" * 3000 + b",nk"
)
@example(yaml="{" * 100, samples=b"")
def test_any_study_folder_is_read_or_refused(yaml: str, samples: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "study.yaml").write_text(yaml, encoding="utf-8")
        (Path(folder) / "samples.csv").write_bytes(samples)
        tracemalloc.start()
        try:
            read_study(folder)
        except StudyError as error:
            assert error.problems
        finally:
            _, peak = tracemalloc.get_traced_memory()
            tracemalloc.stop()
        assert peak <= 4 * (len(yaml) + len(samples)) + SPARE_BYTES


READ_ALL = """
import resource, sys
from pathlib import Path
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import FcsError
used = int(next(l for l in open("/proc/self/status") if l.startswith("VmSize")).split()[1]) * 1024
for path in sorted(Path(sys.argv[1]).glob("*.fcs")):
    # The limit counts the map of the file, its copy and the stacks of threads.
    limit = used + 4 * path.stat().st_size + 64_000_000
    resource.setrlimit(resource.RLIMIT_AS, (limit, resource.RLIM_INFINITY))
    try:
        tube = read_fcs(path)
        print(path.name, "read", tube.n_events)
    except FcsError as error:
        print(path.name, "refused", error.reason)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="limits memory as Linux does")
def test_no_file_takes_more_memory_than_the_system_grants_or_hangs(tmp_path: Path) -> None:
    known = [case.content for case in (*FILES.REFUSED, *FILES.READ)]
    whole = FILES.fcs({"$TOT": "400000"}, data=FILES.ROWS.tobytes() * 100_000)
    contents = [*known, whole, whole[: len(whole) // 2], whole + whole, bytes(20_000_000)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number:03d}.fcs").write_bytes(content)
    told = subprocess.run(
        [sys.executable, "-c", READ_ALL, str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    answers = [line.split()[1] for line in told.stdout.splitlines()]
    assert len(answers) == len(contents)
    wanted = ["refused"] * len(FILES.REFUSED) + ["read"] * len(FILES.READ)
    assert answers[: len(wanted)] == wanted
    assert answers[len(wanted)] == "read"
