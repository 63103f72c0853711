"""Speed and memory on large tubes, beside the limit and FlowKit, with the bars: one table.

python benchmarks/throughput.py                          # makes 40 tubes of 500,000 events first
python benchmarks/throughput.py --folder DIR --flowkit /path/to/python/with/flowkit/and/numba

The limit is what the bytes cost at least: `np.fromfile`, one float32 product, the logicle scale by
a table on the pattern of the bits, one pass of comparisons, all in NumPy; where numba is installed,
a second limit has the last two compiled. Ratios are told to each. Everything runs on the same
files, each part in a process of its own; seconds are those of the processor, of several rounds the
least, so that another program on the machine distorts them little.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from large_study import FIRST_FILES, write_large_file, write_large_study

HERE = Path(__file__).parent
TUBES, MORE_TUBES = 20, 40
Row = tuple[str, str, str, str]
Told = Mapping[str, float]


def part(name: str, *arguments: object, python: str = sys.executable, repeat: int = 1) -> Told:
    """Run a part in a process of its own; of several rounds, return that of least seconds."""
    script = HERE / ("flowkit_gates.py" if name == "flowkit" else "throughput_parts.py")
    call = [python, str(script), *([] if name == "flowkit" else [name]), *map(str, arguments)]
    # One thread each, whatever the machine: workers are processes.
    one = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    rounds = []
    for _ in range(repeat):
        done = subprocess.run(call, env=os.environ | one, check=True, stdout=subprocess.PIPE)
        rounds.append(json.loads(done.stdout.splitlines()[-1]))
    return min(rounds, key=lambda told: told["cpu"])


def ratio_row(name: str, seconds: float, limits: Sequence[float], bar: float = np.inf) -> Row:
    """Return a row that holds seconds against each limit."""
    ratios = [seconds / limit for limit in limits]
    beside = " / ".join(f"{ratio:.1f}" for ratio in ratios)
    told = " / ".join("met" if ratio <= bar else "MISSED" for ratio in ratios)
    bars = f"<= {bar:g} x  {told}" if np.isfinite(bar) else ""
    return name, f"{seconds:.2f} s", f"{beside} x limit", bars


def verdict(value: float, bar: float, told: str, *, least: bool = False) -> str:
    """Return the bar, and whether it is met."""
    return f"{told}  {'met' if (value >= bar if least else value <= bar) else 'MISSED'}"


def gating_rows(files: Sequence[Path], flowkit: str) -> tuple[list[Row], list[float], float]:
    """Return the rows of fixed gates, and the seconds of the limits and of FlowKit."""
    pythons = [sys.executable, *filter(None, [flowkit])]  # of which one may have numba
    told = [part("limit", *files, python=python, repeat=3) for python in pythons]
    by_kind = {one["how"]: one["cpu"] for one in told}
    limits = list(by_kind.values())
    fixed = part("fixed", *files, repeat=3)
    rows = [
        *((f"limit ({how})", f"{cpu:.2f} s", f"{len(files)} tubes", "")
          for how, cpu in by_kind.items()),
        ratio_row("fixed gates", fixed["cpu"], limits, 2),
    ]  # fmt: skip
    if not flowkit:
        return rows, limits, float("nan")
    theirs = part("flowkit", *files, python=flowkit)
    other = sum(
        fixed["counts"][file][gate] != count
        for file, counts in theirs["counts"].items()
        for gate, count in counts.items()
    )
    n_counts = sum(map(len, theirs["counts"].values()))
    rows += [
        ratio_row("FlowKit's Session", theirs["cpu"], limits),
        ("  its peak memory", f"{theirs['memory_mb']:.0f} MB", "", ""),
        ("  other counts than ours", f"{other} of {n_counts}", "", verdict(other, 0, "0")),
    ]
    return rows, limits, theirs["cpu"]


def full_rows(folder: Path, limits: Sequence[float], theirs: float, largest_mb: float) -> list[Row]:
    """Return the rows of the full automatic run."""
    out = folder / "out"
    runs = {
        (tubes, workers): part("full", folder / f"{tubes}_tubes", out, workers, repeat=2)
        for tubes, workers in ((TUBES, 1), (MORE_TUBES, 1), (TUBES, 2))
    }
    one, more, two = runs.values()
    each = [limit / TUBES for limit in limits]
    further = (more["cpu"] - one["cpu"]) / (MORE_TUBES - TUBES)
    memory = 4 * largest_mb + 300
    rows = [
        ratio_row(f"full run, {TUBES} tubes", one["cpu"], limits, 10),
        ratio_row("  each further tube", further, each, 6),
        *((f"  of it {name}", f"{one[name]:.2f} s", "", "") for name in PARTS),
        ("  peak memory", f"{one['memory_mb']:.0f} MB", "",
         verdict(one["memory_mb"], memory, f"<= {memory:.0f} MB")),
        (f"  peak memory, {MORE_TUBES} tubes", f"{more['memory_mb']:.0f} MB", "",
         verdict(more["memory_mb"], memory, f"<= {memory:.0f} MB")),
        ("  two workers, by the clock", f"{two['clock']:.1f} s",
         f"{one['clock'] / two['clock']:.2f} x as fast",
         verdict(one["clock"] / two["clock"], 1.7, ">= 1.7 x", least=True)),
    ]  # fmt: skip
    if theirs == theirs:
        faster = theirs / one["cpu"]
        told = verdict(faster, 2, ">= 2 x", least=True)
        rows.append(("  against FlowKit's fixed gates", "", f"{faster:.1f} x as fast", told))
    return rows


PARTS = ("first pass", "together", "second pass", "donors", "tables")


def start_rows() -> list[Row]:
    """Return the rows of starting up, warm."""
    rows = []
    for name, arguments, bar in (
        ("import immunerecon", ("-c", "import immunerecon"), 0.5),
        ("immunerecon --help", ("-m", "immunerecon.cli", "--help"), 0.7),
    ):
        told = part("start", *arguments, repeat=5)
        rows.append((name, f"{told['cpu']:.2f} s", "", verdict(told["cpu"], bar, f"< {bar} s")))
    return rows


def show(rows: Sequence[Row]) -> None:
    """Print the table."""
    heads = ("what", "measured", "beside", "bar")
    widths = [max(len(row[column]) for row in [heads, *rows]) for column in range(4)]
    for row in [heads, *rows]:
        print(
            "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        )


def measure(folder: Path, events: int, flowkit: str) -> None:
    """Make the files, measure, print."""
    write_large_study(folder / f"{MORE_TUBES}_tubes", tubes=MORE_TUBES, events=events)
    few = folder / f"{TUBES}_tubes"
    write_large_study(few, tubes=TUBES, events=events, like=folder / f"{MORE_TUBES}_tubes")
    files = sorted(few.glob("fcs/*.fcs"))
    part("gates", *files)
    rows, limits, theirs = gating_rows(files, flowkit)
    rows += full_rows(folder, limits, theirs, files[0].stat().st_size / 1e6)
    large = write_large_file(folder / "large.fcs", files[:FIRST_FILES])
    told = part("fixed", large)
    size = large.stat().st_size / 64e6
    rows.append((f"file of {size:.1f} million events, read, compensated, gated",
                 f"{told['memory_mb']:.0f} MB", f"{told['cpu']:.1f} s",
                 verdict(told["memory_mb"], 2000, "<= 2000 MB")))  # fmt: skip
    show(rows + start_rows())


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, help="where the files are kept for a next time")
    parser.add_argument("--events", type=int, default=500_000, help="in a tube")
    parser.add_argument("--flowkit", default="", help="a Python with FlowKit and numba")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = options.folder or Path(place)
        folder.mkdir(parents=True, exist_ok=True)
        measure(folder.resolve(), options.events, options.flowkit)


if __name__ == "__main__":
    main()
