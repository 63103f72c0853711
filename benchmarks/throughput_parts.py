"""The parts that `throughput.py` measures, each run in a process of its own; prints JSON."""

import json
import resource
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from fixed_gates import (
    SCATTER,
    STAINS,
    fixed_dimensions,
    fixed_gates,
    fixed_scales,
    logicle_table,
)
from threadpoolctl import threadpool_limits

from immunerecon.cytometry.compensation import compensate, spillover_from_keyword
from immunerecon.cytometry.fcs import read_fcs
from immunerecon.gating.exchange.gating_ml import gating_ml
from immunerecon.gating.geometry.dimensions import FILE, Events, spectrum_of
from immunerecon.gating.placed_gates import PlacedGates, apply_gates

COLUMNS = 16
FIRST_STAIN = len(SCATTER)


def seconds() -> float:
    """Return the processor's seconds of this process and its ended children."""
    times = [resource.getrusage(kind) for kind in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(used.ru_utime + used.ru_stime for used in times)


def memory_mb() -> float:
    """Return the peak memory of the largest of this process and its ended children."""
    kinds = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return max(resource.getrusage(kind).ru_maxrss for kind in kinds) / 1024


@contextmanager
def told(facts: dict[str, Any]) -> Iterator[None]:
    """Print the facts with what the work between took."""
    cpu, clock = seconds(), time.perf_counter()
    with threadpool_limits(1):
        yield
    took = {"cpu": seconds() - cpu, "clock": time.perf_counter() - clock}
    print(json.dumps({**took, "memory_mb": memory_mb(), **facts}))


def gates(*files: str) -> None:
    """Write the gates beside each file as Gating-ML, with the spillover that the file brings."""
    with told({}):
        for file in files:
            spillover = spillover_from_keyword(read_fcs(Path(file), sha256="not asked"))
            assert spillover is not None
            document = gating_ml(
                fixed_gates(),
                dimensions=fixed_dimensions(),
                matrices={FILE: spectrum_of(spillover)},
            )
            Path(file).with_suffix(".xml").write_bytes(document)


def limit(*files: str) -> None:
    """Do the least that can be done with the bytes."""
    finish, how = _finisher()
    unmixing = np.eye(COLUMNS, dtype=np.float32)
    with told({"how": how}):
        for file in files:
            size = Path(file).stat().st_size
            n_events = size // (4 * COLUMNS)
            begin = size - n_events * 4 * COLUMNS
            values = np.fromfile(file, dtype=np.float32, offset=begin).reshape(-1, COLUMNS)
            finish(values @ unmixing)


def _finisher() -> tuple[Callable[[np.ndarray], object], str]:
    """Return the pass of scales and comparisons, compiled where that can be."""
    offsets, slopes = logicle_table()
    low, high = np.float32(0.3), np.float32(0.8)

    def by_numpy(values: np.ndarray) -> object:
        counts = []
        for column in np.ascontiguousarray(values.T)[FIRST_STAIN : FIRST_STAIN + len(STAINS)]:
            segments = (column.view(np.uint32) >> 16).astype(np.intp)
            display = slopes.take(segments) * column + offsets.take(segments)
            counts.append(np.count_nonzero((display >= low) & (display < high)))
        return counts

    try:
        import numba
    except ImportError:
        return by_numpy, "NumPy"

    @numba.njit
    def compiled(values, bits, offsets, slopes, low, high, counts):
        for row in range(values.shape[0]):
            for place in range(counts.size):
                segment = bits[row, FIRST_STAIN + place] >> 16
                display = slopes[segment] * values[row, FIRST_STAIN + place] + offsets[segment]
                counts[place] += (display >= low) & (display < high)

    def by_numba(values: np.ndarray) -> object:
        counts = np.zeros(len(STAINS), dtype=np.int64)
        compiled(values, values.view(np.uint32), offsets, slopes, low, high, counts)
        return counts

    by_numba(np.ones((1, COLUMNS), dtype=np.float32))
    return by_numba, "numba"


def fixed(*files: str) -> None:
    """Read, compensate, transform and gate; a file's hash is known from before."""
    scales, placed = fixed_scales(), PlacedGates(fixed_gates())
    counts: dict[str, dict[str, int]] = {}
    with told({"counts": counts}):
        for file in files:
            raw = read_fcs(Path(file), sha256="not asked")
            spillover = spillover_from_keyword(raw)
            assert spillover is not None
            tube = compensate(raw, spillover)
            columns = {name: scale.apply(tube.values(name)) for name, scale in scales.items()}
            # As a run does: events next to an edge are placed in full precision.
            exact = Events(raw, fixed_dimensions(), {FILE: spectrum_of(spillover)})
            gated = apply_gates(placed, columns, exact)
            counts[file] = {gate.population: gated.count(gate.population) for gate in gated.gates}


def full(study: str, out: str, workers: str) -> None:
    """Run a study as the command line does, without figures and report."""
    from immunerecon.pipeline import run, stages, tabulation
    from immunerecon.study.folder import read_study

    shutil.rmtree(out, ignore_errors=True)
    content = read_study(Path(study))
    parts = dict.fromkeys(("first pass", "together", "second pass", "donors", "tables"), 0.0)
    facts: dict[str, Any] = {}
    _time(stages, "prepare_tubes", parts, "first pass")
    _time(stages, "place_tubes", parts, "together")
    _time(run, "run_stages", parts, "second pass")
    _time(tabulation, "begin_donors", parts, "donors")
    _time(tabulation, "finish_donors", parts, "donors")
    with told(facts):
        begun = seconds()
        run.run_study(content, Path(out), workers=int(workers))
        parts["tables"] = seconds() - begun - parts["second pass"] - parts["donors"]
        parts["second pass"] -= parts["first pass"]
        parts["first pass"] -= parts["together"]
        facts |= parts


def _time(module: Any, name: str, parts: dict[str, float], part: str) -> None:
    """Add up the seconds of a function of a module under the name of a part."""
    function = getattr(module, name)

    def timed(*args: Any, **kwargs: Any) -> object:
        begun = seconds()
        result = function(*args, **kwargs)
        parts[part] += seconds() - begun
        return result

    setattr(module, name, timed)


def start(*arguments: str) -> None:
    """Start a Python with these arguments."""
    with told({}):
        subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.PIPE)


def main(name: str, arguments: Sequence[str]) -> None:
    """Run one part."""
    {"gates": gates, "limit": limit, "fixed": fixed, "full": full, "start": start}[name](*arguments)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
