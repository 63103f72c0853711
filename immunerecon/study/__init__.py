"""Study folder to validated tables: manifest, panels, HLA."""

from immunerecon.study.alleles import Typing, parse_typing
from immunerecon.study.folder import Study, read_study
from immunerecon.study.hla import MarkerChoice, informative_markers
from immunerecon.study.kir import kir_ligands, kir_mismatch
from immunerecon.study.panel import find_markers

__all__ = [
    "MarkerChoice",
    "Study",
    "Typing",
    "find_markers",
    "informative_markers",
    "kir_ligands",
    "kir_mismatch",
    "parse_typing",
    "read_study",
]
