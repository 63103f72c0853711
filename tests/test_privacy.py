"""Nobody's name, no date and no folder gets from the files into results, report or logs."""

import base64
import hashlib
import os
import re
import socket
import subprocess
import sys
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest

PRIVATE = (
    *("$OP", "$SRC", "$SMNO", "$CELLS", "$COM", "$EXP", "$INST", "$PROJ", "$FIL", "$PLATENAME"),
    *("$PLATEID", "$WELLID", "$LAST_MODIFIER", "$ORIGINALITY", "$CARRIERID", "$SPECIMEN"),
    *("$ORIGINATOR", "$FLOWRATE", "$UNSTAINEDCENTERS", "$UNICODE"),
    *("PATIENT ID", "PATIENT NAME", "PATIENTNAME", "PATIENT DOB", "SAMPLE ID", "GUID", "TUBE NAME"),
    *("EXPERIMENT NAME", "USER NAME", "EXPORT USER NAME", "CREATED BY", "COMMENT", "@SAMPLEID"),
    *(
        "SAMPLE NAME",
        "SUBJECT ID",
        "MRN",
        "BIRTHDATE",
        "PHYSICIAN",
        "WELL ID",
        "PLATE NAME",
        "FCSID",
    ),
    *("$TR", "$ABRT", "$LOST", "$GATE", "$CSMODE", "$PROTOCOL", "$BEGINDATETIME", "$ENDDATETIME"),
    *("$LAST_MODIFIED", "$PLATFORM", "TOT LABEL", "EXPORT TIME", "&1 NAME", "#SAMPLE", "FJ_$NAME"),
    *("$P4F", "$P4L", "$P4O", "$P4T", "$P4P", "$P4D", "$P4TAG", "$P4DET", "$P4TYPE", "$P4FEATURE"),
    *(
        "$P4ANALYTE",
        "$P4CALIBRATION",
        "$PK1",
        "$PKN1",
        "$G1N",
        "$G1S",
        "$R1W",
        "P4DISPLAY",
        "P4NAME",
    ),
)
OVERRIDES = """\
schema_version: 1
overrides:
  - action: move
    patient: "<img src=x onerror=alert(1)>"
    panel: lineage
    population: NK
    shift: {CD56: 0.01}
    who: AB
    when: 2026-11-25T10:00:00Z
    why: =HYPERLINK("x")<b>lot changed
"""
CANARY = "Qx7Mustermann"  # with a number after it for each keyword
PATIENT = "<img src=x onerror=alert(1)>"
DATE = "17-JAN-2031"


def with_keywords(content: bytes, keywords: dict[str, str]) -> bytes:
    """Return an FCS 3.1 file with further keywords, DATA moved behind them."""
    first, last, begin, end = (int(content[at : at + 8]) for at in (10, 18, 26, 34))
    text = content[first : last + 1].decode()
    delimiter = text[0]
    for name in ("$BEGINDATA", "$ENDDATA", *keywords):
        text = re.sub(rf"(?<=/){re.escape(name)}/[^/]*/", "", text)
    more = "".join(f"{name}{delimiter}{value}{delimiter}" for name, value in keywords.items())
    offsets = "$BEGINDATA/{:08d}/$ENDDATA/{:08d}/"
    size = first + len((text + more + offsets.format(0, 0)).encode())
    places = (size, size + end - begin)
    segment = (text + more + offsets.format(*places)).encode()
    header = f"FCS3.1    {first:>8}{size - 1:>8}{places[0]:>8}{places[1]:>8}{0:>8}{0:>8}".encode()
    return header.ljust(first) + segment + content[begin : end + 1]


@pytest.fixture(scope="module")
def spied(tiny_study: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, str]:
    """A study full of names, its results, and what the command line said."""
    import shutil

    parent = tmp_path_factory.mktemp("home_of_erika")
    study = shutil.copytree(tiny_study, parent / "study")
    planted = {name: f"{CANARY}{number}" for number, name in enumerate(PRIVATE)}
    planted |= {"$DATE": DATE, "$BTIM": "13:37:11", "$ETIM": "13:59:59", "$CYTSN": f"{CANARY}SN"}
    for path in study.glob("fcs/**/*.fcs"):
        path.write_bytes(with_keywords(path.read_bytes(), planted))
    samples = pd.read_csv(study / "samples.csv", dtype=str).drop(columns="batch")
    hostile = samples["file"].iloc[-1]
    renamed = "fcs/=HYPERLINK('x')<b>&.fcs"
    (study / hostile).rename(study / renamed)
    samples = samples.replace({"file": {hostile: renamed}})
    for name in ("samples", "patients", "blood_counts", "clinical_events", "chimerism"):
        path = study / f"{name}.csv"
        if path.exists():
            frame = samples if name == "samples" else pd.read_csv(path, dtype=str)
            frame["patient"] = frame["patient"].replace("P01", PATIENT)
            frame.to_csv(path, index=False)
    cut = study / samples["file"].iloc[0]
    cut.write_bytes(cut.read_bytes()[:-50])
    (parent / f"{CANARY}.yaml").write_text(OVERRIDES)
    said = ""
    for arguments, code in (
        (["run", str(study), "--out", "results", "--overrides", f"{CANARY}.yaml"], 3),
        (["verify", "results", "--study", str(study)], 0),
        (["export", "results", "--xlsx", "results/t.xlsx", "--docx", "results/t.docx"], 0),
    ):
        command = [sys.executable, "-m", "immunerecon.cli", *arguments]
        told = subprocess.run(command, cwd=parent, capture_output=True, text=True, check=False)
        assert told.returncode == code, told.stderr
        said += told.stdout + told.stderr
    return study, parent / "results", said


def contents(results: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file of the results, archives and compressed streams unpacked."""
    for path in sorted(results.rglob("*")):
        if not path.is_file():
            continue
        name, content = path.relative_to(results).as_posix(), path.read_bytes()
        yield name, content
        if path.suffix in (".npz", ".xlsx", ".docx"):
            with zipfile.ZipFile(path) as archive:
                for member in archive.namelist():
                    yield f"{name}:{member}", archive.read(member)
        elif path.suffix == ".parquet":
            yield f"{name}:text", pd.read_parquet(path).to_csv().encode()
        elif path.suffix == ".pdf":
            for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, flags=re.DOTALL):
                try:
                    yield f"{name}:stream", zlib.decompress(stream)
                except zlib.error:
                    continue


def test_the_planted_names_are_in_the_files(spied: tuple[Path, Path, str]) -> None:
    study, results, _ = spied
    content = sorted(study.glob("fcs/**/*.fcs"))[-1].read_bytes().decode("latin-1")
    for number, name in enumerate(PRIVATE):
        assert f"{name}/{CANARY}{number}/" in content
    samples = pd.read_csv(results / "samples.csv")
    assert (samples["status"] == "failed").sum() == 1
    assert len(pd.read_csv(results / "donor_cells.csv")) > 0


def test_no_name_date_or_place_is_in_any_result(spied: tuple[Path, Path, str]) -> None:
    study, results, said = spied
    secrets = [CANARY, DATE, "13:37:11", str(study.parent), "home_of_erika"]
    secrets += [study.parent.parent.name, str(Path.home()), socket.gethostname()]
    secrets += [
        os.environ.get("USER", CANARY),
        str(Path(sys.prefix)),
        str(Path(__file__).parents[1]),
    ]
    secrets = [secret for secret in secrets if len(secret) > 4]  # "root" is a word of its own
    n_files, names = 0, {path.name for path in results.iterdir()}
    for name, content in contents(results):
        n_files += 1
        for secret in secrets:
            assert secret.encode() not in content, f"{secret} in {name}"
    assert n_files > 100
    assert {"run.json", "audit.jsonl", "SHA256SUMS", "report.html", "t.xlsx", "t.docx"} <= names
    for secret in secrets[:5]:
        assert secret not in said


def test_a_date_alone_tells_batches_apart_by_a_label(spied: tuple[Path, Path, str]) -> None:
    _, results, _ = spied
    batches = pd.read_csv(results / "samples.csv")["batch"].dropna().unique()
    assert len(batches) == 1
    assert re.fullmatch(r"LSRFortessa [0-9a-f]{8}", batches[0])


@pytest.mark.malformed(77)
def test_a_hostile_patient_and_file_are_text_in_the_report(spied: tuple[Path, Path, str]) -> None:
    _, results, _ = spied
    html = (results / "report.html").read_text("utf-8")
    assert PATIENT not in html
    assert "&lt;img src=x" in html
    assert "<b>&" not in html
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert "default-src 'none'" in policy[1].replace("&#39;", "'")
    scripts = re.findall(r"<script([^>]*)>(.*?)</script>", html, flags=re.DOTALL)
    assert [kind for kind, _ in scripts] == [
        ' type="application/json" id="review-data"',
        ' type="module"',
    ]
    assert "<" not in scripts[0][1]  # no name of the study ends the block
    digest = base64.b64encode(hashlib.sha256(scripts[1][1].encode()).digest()).decode()
    rules = policy[1].replace("&#39;", "'").split("; ")
    assert [rule for rule in rules if "script" in rule] == [f"script-src 'sha256-{digest}'"]
    assert html.lower().count("<script") == 2
    for path in results.rglob("*.svg"):
        assert "<img" not in path.read_text("utf-8"), path.name


@pytest.mark.malformed(76)
def test_no_cell_of_any_table_is_a_formula(spied: tuple[Path, Path, str]) -> None:
    _, results, _ = spied
    n_text = 0
    for path in results.rglob("*.csv"):
        frame = pd.read_csv(path, dtype=str, keep_default_na=False)
        for cell in frame.to_numpy().ravel():
            number = re.fullmatch(r"[-+]?[\d.]+(e[-+]?\d+)?|-?inf", cell)
            assert number or not cell.startswith(("=", "+", "-", "@", "\t")), (path.name, cell)
            n_text += not number
    assert n_text > 100
    files = pd.read_csv(results / "samples.csv")["file"]
    assert files.str.contains("HYPERLINK").any()


@pytest.mark.malformed(76)
def test_no_cell_of_the_workbook_is_a_formula(spied: tuple[Path, Path, str]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    _, results, _ = spied
    book = openpyxl.load_workbook(results / "t.xlsx")
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    texts = [cell.value for cell in cells if isinstance(cell.value, str)]
    assert not [cell.value for cell in cells if cell.data_type == "f"]
    assert not [text for text in texts if text.startswith(("=", "+", "@", "\t"))]
    assert any("HYPERLINK" in text for text in texts)


@pytest.mark.malformed(78)
def test_no_escape_sequence_reaches_the_log(spied: tuple[Path, Path, str]) -> None:
    _, _, said = spied
    assert "Failed:" in said
    assert "\x1b" not in said
