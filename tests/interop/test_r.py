"""R reads the tables and the written FCS; the snippets are those of the documentation."""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from immunerecon.interop import GatedEvents, write_population
from immunerecon.pipeline.results import Results

PAGE = Path(__file__).parents[2] / "docs" / "how_to" / "r.md"
# FCS as the standard lays it out, in nothing but R itself.
READ_FCS = """
bytes <- readBin(path, "raw", file.size(path))
at <- function(from, to) as.numeric(rawToChar(bytes[(from + 1):(to + 1)]))
text <- rawToChar(bytes[(at(10, 17) + 1):(at(18, 25) + 1)])
parts <- strsplit(substring(text, 2), substr(text, 1, 1), fixed = TRUE)[[1]]
keywords <- setNames(parts[c(FALSE, TRUE)], parts[c(TRUE, FALSE)])
n <- as.integer(keywords["$TOT"]); k <- as.integer(keywords["$PAR"])
data <- bytes[(at(26, 33) + 1):(at(34, 41) + 1)]
events <- matrix(readBin(data, "numeric", n * k, size = 4, endian = "little"), n, k, byrow = TRUE)
colnames(events) <- keywords[paste0("$P", seq_len(k), "N")]
write.csv(format(events, digits = 9), out, row.names = FALSE)
"""


def run_r(code: str, **strings: Path) -> str:
    """Run R code with variables that hold paths."""
    if shutil.which("Rscript") is None:
        pytest.skip("R is not installed (Debian: apt install r-base-core)")
    told = "".join(f'{name} <- "{path}"\n' for name, path in strings.items())
    done = subprocess.run(
        ["Rscript", "--vanilla", "-e", told + code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def snippets() -> list[str]:
    return re.findall(r"```r\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)


def test_the_tables_are_the_same_in_r(results: Results, tmp_path: Path) -> None:
    code = snippets()[0]
    assert len(code.splitlines()) <= 14
    out = tmp_path / "nk.csv"
    code += 'write.csv(nk, out, row.names = FALSE, na = ""); cat(peak$cells_per_ul, sep = "\\n")'
    peaks = run_r(code, results=results.folder, out=out)
    theirs = pd.read_csv(out)
    ours = results.populations.query("population == 'NK' and role == 'draw'")
    ours = ours.sort_values(["patient", "day"], kind="stable")
    for name in ("patient", "day", "panel", "count"):
        assert list(theirs[name]) == list(ours[name]), name
    np.testing.assert_allclose(theirs["cells_per_ul"], ours["cells_per_ul"], rtol=1e-12)
    expected = ours.groupby("patient")["cells_per_ul"].max()
    np.testing.assert_allclose([float(p) for p in peaks.split()], expected, rtol=1e-5)


def test_plain_r_finds_the_events_that_were_written(lineage: GatedEvents, tmp_path: Path) -> None:
    path = write_population(tmp_path / "nk.fcs", lineage, "NK")
    out = tmp_path / "events.csv"
    run_r(READ_FCS, path=path, out=out)
    theirs = pd.read_csv(out)
    assert list(theirs) == [channel.name for channel in lineage.raw.channels]
    ours = lineage.raw.events[lineage.members("NK")]
    np.testing.assert_array_equal(theirs.to_numpy(dtype=np.float32), ours)


def test_flowcore_finds_the_events_that_were_written(lineage: GatedEvents, tmp_path: Path) -> None:
    if run_r('cat(requireNamespace("flowCore", quietly = TRUE))') != "TRUE":
        pytest.skip("R is there, its package flowCore is not")
    write_population(tmp_path / "nk.fcs", lineage, "NK")
    out = tmp_path / "events.csv"
    code = snippets()[1] + "write.csv(format(exprs(nk), digits = 9), out, row.names = FALSE)"
    run_r(f'setwd("{tmp_path}")\n{code}', out=out)
    ours = lineage.compensated.events[lineage.members("NK")]
    np.testing.assert_allclose(pd.read_csv(out).to_numpy(), ours, rtol=1e-4, atol=0.05)
