"""What real odd files give: read with which flags, or refused with which reason, a line each.

Run as ``python benchmarks/odd_files.py FOLDER`` on any folder of FCS files.
"""

import argparse
import tracemalloc
from pathlib import Path

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.errors import FcsError


def answer(path: Path) -> str:
    """Return what reading a file gives."""
    try:
        tube = read_fcs(path)
    except FcsError as error:
        return f"refused: {error}"
    size = f"{tube.n_events:,} events x {len(tube.channels)}"
    return f"read: {tube.keywords['FCSVERSION']}, {size}" + "".join(f"; {f}" for f in tube.flags)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    paths = sorted(path for path in parser.parse_args().folder.rglob("*") if path.is_file())
    for path in paths:
        tracemalloc.start()
        told = answer(path)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        bound = 4 * path.stat().st_size + 64_000_000
        print(f"{path.name}: {told}" + ("" if peak <= bound else f" !! {peak:,} bytes"))


if __name__ == "__main__":
    main()
