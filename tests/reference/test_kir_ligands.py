"""KIR ligands of alleles (IPD-IMGT/HLA residues) and of published people."""

import csv
from pathlib import Path

import pytest

from immunerecon.study.alleles import parse_typing
from immunerecon.study.kir import allele_ligand, kir_ligands

# IPD-IMGT/HLA 3.58.0, residues 77-83.
LIGANDS = {
    "C*01:02": "C1",
    "C*03:04": "C1",
    "C*04:01": "C2",
    "C*05:01": "C2",
    "C*06:02": "C2",
    "C*07:07": "C2",
    "C*12:02": "C1",
    "C*12:04": "C2",
    "C*15:02": "C2",
    "C*15:07": "C1",
    "C*16:01": "C1",
    "C*16:02": "C2",
    "B*07:02": "none",
    "B*46:01": "C1",
    "B*73:01": "C1",
    "B*13:01": "Bw4-80T",
    "B*27:05": "Bw4-80T",
    "B*27:02": "Bw4-80I",
    "B*27:08": "none",
    "B*38:01": "Bw4-80I",
    "B*38:02": "Bw4-80T",
    "B*40:13": "Bw4-80I",
    "B*08:02": "Bw4-80T",
    "B*15:17": "Bw4-80I",
    "B*44:02": "Bw4-80T",
    "B*44:09": "none",
    "B*51:01": "Bw4-80I",
    "A*24:02": "Bw4-80I",
    "A*24:04": "none",
    "A*23:01": "Bw4-80I",
    "A*25:01": "Bw4-80I",
    "A*32:01": "Bw4-80I",
    "A*03:01": "A3/A11",
    "A*11:01": "A3/A11",
    "C*12": "unknown",
    "C*15": "unknown",
    "C*16": "unknown",
    "C*03": "C1",
    "Cw3": "C1",
    "B*15": "unknown",
    "B*27": "Bw4",
    "B12": "unknown",
    "B16": "unknown",
    "B17": "Bw4-80I",
    "A9": "Bw4-80I",
}


@pytest.mark.parametrize("text", LIGANDS)
def test_ligand_of_an_allele(text):
    assert allele_ligand(*parse_typing(text).alleles).ligand == LIGANDS[text]


@pytest.mark.parametrize(
    ("text", "protection"),
    [
        ("A*24:02", "strong"),
        ("A*32:01", "strong"),
        ("A*23:01", "weak"),
        ("A*25:01", "weak"),
        ("B*13:01", "none"),
        ("B*13:02", "none"),
        ("B*51:01", ""),
    ],
)
def test_how_well_bw4_protects(text, protection):
    assert allele_ligand(*parse_typing(text).alleles).protection == protection


def published_people():
    """Rows of the published table."""
    path = Path(__file__).with_name("kir_ligands_besser_2013.csv")
    lines = path.read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


def find(person, ligand, *, usual):
    """Whether a person has a ligand."""
    written = " ".join(
        f"{locus.upper()}{number}" for locus in "abc" for number in person[f"hla_{locus}"].split()
    )
    return getattr(kir_ligands(parse_typing(written), usual=usual), ligand)


# Typed to one field, these hold both kinds of alleles.
AMBIGUOUS = {
    ("Mel008", "bw4_b"): "B15 B15 may or may not carry Bw4",
    ("HD07", "c2"): "C12 may or may not carry C2",
    ("HD12", "c2"): "C16 may or may not carry C2",
}


@pytest.mark.parametrize("person", published_people(), ids=lambda person: person["person"])
@pytest.mark.parametrize("ligand", ["a3_a11", "bw4_b", "c1", "c2"])
def test_ligands_of_published_people(person, ligand):
    published = person[ligand] == "yes"
    assert find(person, ligand, usual=True).present is published
    sure = find(person, ligand, usual=False)
    if reason := AMBIGUOUS.get((person["person"], ligand)):
        assert sure.present is None and sure.reason == reason
    else:
        assert sure.present is published
