"""HLA typings, anti-HLA markers and KIR ligands."""

import pytest
from hypothesis import given, strategies as st

from immunerecon.errors import HlaError
from immunerecon.study.alleles import parse_typing
from immunerecon.study.antibodies import antigen_presence, hla_marker
from immunerecon.study.hla import informative_markers, parse_donor_marker
from immunerecon.study.kir import kir_ligands, kir_mismatch


def allele(text):
    """Return the only allele of a typing."""
    (only,) = parse_typing(text).alleles
    return only


@pytest.mark.parametrize(
    ("text", "antigens"),
    [
        ("A*02:01", "A2"),
        ("A*02:01:01:02L", "A2"),
        ("A*02:01:01G", "A2"),
        ("A*02:01P", "A2"),
        ("HLA-A*02", "A2"),
        ("A*02:XX", "A2"),
        ("A*02:ANGA", "A2"),
        ("a*02:01", "A2"),
        ("A2", "A2"),
        ("Aw24", "A24"),
        ("A24(9)", "A24"),
        ("A9", "A23 A24"),
        ("A10", "A25 A26 A34 A66"),
        ("A19", "A29 A30 A31 A32 A33 A74"),
        ("A28", "A68 A69"),
        ("B5", "B51 B52"),
        ("B12", "B44 B45"),
        ("B15", "B62 B63 B75 B76 B77"),
        ("B*15", "B62 B63 B71 B72 B75 B76 B77"),
        ("B*15:01", "B62"),
        ("B*15:02:01", "B75"),
        ("B*15:03", "B72"),
        ("B16", "B38 B39"),
        ("B17", "B57 B58"),
        ("B21", "B49 B50"),
        ("B22", "B54 B55 B56"),
        ("B*40:01", "B60"),
        ("B40", "B60 B61"),
        ("B*14", "B64 B65"),
        ("B70", "B71 B72"),
        ("Cw3", "C9 C10"),
        ("C*03:04", "C10"),
        ("Cw*03:03", "C9"),
        ("A*02:01/02:09", "A2"),
        ("A*23:01/A*24:02", "A23 A24"),
    ],
)
def test_typing_is_expanded_to_the_antigens_it_may_be(text, antigens):
    assert allele(text).antigens == set(antigens.split())


def test_typing_keeps_what_was_written_and_passes_class_ii_over():
    typing = parse_typing(" A*02:01;A24, B7 B*44:02 Bw4 C7 DRB1*04:05 DQ7 ")
    assert [a.name for a in typing.alleles] == ["A*02:01", "A*24", "B*07", "B*44:02", "C*07"]
    assert str(typing) == "A*02:01 A24 B7 B*44:02 C7 Bw4"
    assert parse_typing("").alleles == ()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("A*20", "no HLA allele group A*20"),
        ("B*43:01", "no HLA allele group B*43"),
        ("A99", "no HLA class I antigen 'A99'"),
        ("A*0201", "no colons"),
        ("A*-", "not an HLA allele"),
        ("02:01", "not an HLA allele"),
        ("A*02/B*07", "joins two loci"),
        ("A*02 A*03 A*11", "3 alleles at HLA-A: A*02 A*03 A*11"),
    ],
)
def test_what_is_no_typing_is_refused(text, reason):
    with pytest.raises(HlaError) as error:
        parse_typing(text)
    assert reason in str(error.value)


def test_all_faults_of_a_typing_are_told():
    with pytest.raises(HlaError, match=r"A\*20.*B\*43"):
        parse_typing("A*20 A*02 B*43")


@given(st.text(alphabet="ABCwWDR*:0123456789NLQGP/()-; HLA", max_size=30))
def test_any_text_is_read_or_refused(text):
    try:
        typing = parse_typing(text)
    except HlaError:
        return
    kir_ligands(typing)
    antigen_presence("HLA-Bw6", typing)
    assert parse_typing(str(typing)) == typing


@pytest.mark.parametrize(
    ("text", "marker"),
    [
        ("HLA-A2", "HLA-A2"),
        ("HLA A02", "HLA-A2"),
        ("A*02", "HLA-A2"),
        ("HLA-A9", "HLA-A9"),
        ("Bw4", "HLA-Bw4"),
        ("HLA-Bw44", "HLA-B44"),
        ("HLA-Cw3", "HLA-Cw3"),
        ("C3", "HLA-Cw3"),
        ("HLA-DR", ""),
        ("HLA-ABC", ""),
        ("HLA-A99", ""),
        ("CD3", ""),
    ],
)
def test_marker_names_one_antigen(text, marker):
    assert hla_marker(text) == marker


@pytest.mark.parametrize(
    ("marker", "typing", "present"),
    [
        ("HLA-A2", "A*02:01 A*24:02", True),
        ("HLA-A2", "A*02:01", True),
        ("HLA-A2", "A*01:01 A*24:02 B*07:02 B*08:01", False),
        ("HLA-A2", "A*24:02", None),  # the other allele is not known
        ("HLA-A2", "B*07:02", None),
        ("HLA-A24", "A9 A2", None),
        ("HLA-A9", "A9 A2", True),
        ("HLA-A9", "A*24:02 A*02:01", True),
        ("HLA-A9", "A*02:01 A*03:01", False),
        ("HLA-A23", "A*24:02 A*02:01", False),
        ("HLA-A28", "A*68:01 A*03:01", True),
        ("HLA-B15", "B*15:03 B*07:02", False),  # B72 is a split of B70
        ("HLA-B70", "B*15:03 B*07:02", True),
        ("HLA-B15", "B*15 B*07:02", None),
        ("HLA-B62", "B15 B7", None),
        ("HLA-A24", "A*24:09N A*03:01", False),
        ("HLA-A2", "A*02:01:01:02L A*03:01", None),
        ("HLA-B44", "B*44:02:01:02S B*08:01", False),
        ("HLA-A2", "A*24:02 A*33:03 B*58:01 B*07:02", None),  # some anti-A2 bind B17
        ("HLA-A2", "A*69:01 A*33:03", None),
        ("HLA-B57", "A*02:01 A*24:02 B*07:02 B*08:01", None),
        ("HLA-A3", "A*11:01 A*24:02", None),
        ("HLA-A11", "A*03:01 A*24:02", None),
        ("HLA-B7", "B*27:05 B*08:01", None),
        ("HLA-B7", "B*07:02 B*27:05", True),
        ("HLA-Bw4", "A*23:01 A*02:01 B*07:02 B*08:01", True),
        ("HLA-Bw4", "A*25:01 A*02:01 B*07:02 B*08:01", True),
        ("HLA-Bw4", "A*32:01 A*02:01 B*07:02 B*08:01", True),
        ("HLA-Bw4", "A*24:02 A*02:01 B*07:02 B*08:01", True),
        ("HLA-Bw4", "A*24:04 A*02:01 B*07:02 B*08:01", False),
        ("HLA-Bw4", "A*01:01 A*02:01 B*51:01 B*08:01", True),
        ("HLA-Bw4", "A*01:01 A*02:01 B*27:08 B*44:09", False),
        ("HLA-Bw4", "A*01:01 A*02:01 B*15 B*07:02", None),
        ("HLA-Bw4", "A*01:01 A*02:01 B*15:01 B*07:02", False),
        ("HLA-Bw4", "A*01:01 A*02:01 B*15:13 B*07:02", True),
        ("HLA-Bw4", "B*07:02 B*08:01", None),  # HLA-A may carry it
        ("HLA-Bw4", "B7 B8 Bw4", True),
        ("HLA-Bw4", "A1 A2 B7 B8 Bw4", None),  # contradicts itself
        ("HLA-Bw6", "B*07:02 B*51:01", True),
        ("HLA-Bw6", "B*51:01 B*52:01", False),
        ("HLA-Bw6", "B*46:01 B*51:01", None),
        ("HLA-Bw6", "B12 B51", None),
    ],
)
def test_antibody_sees_antigen(marker, typing, present):
    assert antigen_presence(marker, parse_typing(typing)).present is present


def choose(recipient, donor, *markers, donor_marker=""):
    """Choose markers for two typings."""
    return informative_markers(
        parse_typing(recipient), parse_typing(donor), markers, donor_marker=donor_marker
    )


RECIPIENT = "A*24:02 A*33:03 B*07:02 B*44:03 C*07:02 C*14:03"
DONOR = "A*02:01 A*33:03 B*44:03 B*54:01 C*01:02 C*14:03"


def test_markers_are_informative_in_both_directions_and_used_together():
    choice = choose(RECIPIENT, DONOR, "CD3", "HLA-A2", "HLA-A24", "HLA-A33", "HLA-B8", "HLA-DR")
    assert [(m.marker, m.donor_positive) for m in choice.informative] == [
        ("HLA-A2", True),
        ("HLA-A24", False),
    ]
    assert choice.informative[0].reason == (
        "donor carries it (A*02:01), recipient does not (A*24:02 A*33:03)"
    )
    reasons = dict(choice.rejected)
    assert "donor (A*33:03) and recipient (A*33:03) both carry it" in reasons["HLA-A33"]
    assert "neither donor" in reasons["HLA-B8"]
    assert "not an antibody against one HLA class I antigen" in reasons["HLA-DR"]
    assert "CD3" not in reasons


def test_bw4_of_hla_a_makes_anti_bw4_uninformative():
    recipient = "A*24:02 A*02:01 B*07:02 B*08:01"
    donor = "A*02:01 A*03:01 B*08:01 B*51:01"
    assert choose(recipient, donor, "HLA-Bw4").informative == ()
    other = "A*24:04 A*02:01 B*07:02 B*08:01"
    (found,) = choose(other, donor, "HLA-Bw4").informative
    assert found.donor_positive


@pytest.mark.parametrize(
    ("recipient", "reason"),
    [
        ("A9 A33", "recipient: A9 may or may not carry HLA-A24"),
        ("A*33:03", "recipient: HLA-A: 1 of 2 alleles known"),
        ("", "recipient: HLA-A: 0 of 2 alleles known"),
    ],
)
def test_open_typing_is_rejected_with_the_reason(recipient, reason):
    choice = choose(recipient, "A*24:02 A*33:03", "HLA-A24")
    assert choice.informative == ()
    assert choice.why_rejected == f"HLA-A24: cannot tell, because {reason}"


def test_cross_reactive_antibody_is_rejected_unless_the_laboratory_vouches_for_it():
    recipient = "A*24:02 A*33:03 B*07:02 B*58:01"
    assert "also bind B*58:01" in choose(recipient, DONOR, "HLA-A2").why_rejected
    (found,) = choose(recipient, DONOR, "HLA-A2", donor_marker="HLA-A2+").informative
    assert found.donor_positive


def test_stated_donor_marker_is_the_only_one_used():
    choice = choose(RECIPIENT, DONOR, "HLA-A2", "HLA-A24", donor_marker="HLA-A24-")
    assert [(m.marker, m.donor_positive) for m in choice.informative] == [("HLA-A24", False)]
    assert choice.rejected == (("HLA-A2", "HLA-A24- is stated instead"),)


def test_stated_donor_marker_stands_without_typings():
    (found,) = choose("", "", "HLA-A2", donor_marker="HLA-A2-").informative
    assert not found.donor_positive
    assert choose("", "", "HLA-B7", donor_marker="HLA-A2-").informative == ()


@pytest.mark.parametrize("donor_marker", ["HLA-A2-", "HLA-A24+", "HLA-B8+", "HLA-A33+"])
def test_donor_marker_that_contradicts_a_typing_is_refused(donor_marker):
    with pytest.raises(HlaError, match="contradicts the typing"):
        choose(RECIPIENT, DONOR, "HLA-A2", donor_marker=donor_marker)


def test_panel_without_anti_hla_marker_says_so():
    assert choose(RECIPIENT, DONOR, "CD3").why_rejected == "the panel has no anti-HLA marker"


@pytest.mark.parametrize("text", ["HLA-A2", "HLA-DR+", "+", "", "A2 positive"])
def test_donor_marker_of_another_form_is_refused(text):
    with pytest.raises(HlaError, match="accepted: HLA-A2"):
        parse_donor_marker(text)


def test_bw4_of_hla_a_counts_beside_that_of_hla_b():
    ligands = kir_ligands(parse_typing("A32 A33 B14 B39 C8 C12"))  # HD07
    assert (ligands.bw4.present, ligands.bw4_b.present) == (True, False)


def test_c1_of_hla_b_counts():
    ligands = kir_ligands(parse_typing("B*46:01 B*07:02 C*04:01 C*05:01"))
    assert ligands.c1.present
    assert ligands.c1.reason == "B*46:01"
    assert kir_ligands(parse_typing("C*04:01 C*05:01")).c1.present is None


def test_null_allele_is_no_ligand():
    ligands = kir_ligands(parse_typing("B*07:02 B*08:01 C*04:09N C*07:02"))
    assert ligands.c2.present is False


def test_mismatch_is_told_in_both_directions():
    recipient = "A*01:01 A*02:01 B*07:02 B*08:01 C*07:01 C*07:02"
    donor = "A*01:01 A*24:02 B*08:01 B*44:02 C*05:01 C*05:01"
    found = {m.ligand: m for m in kir_mismatch(parse_typing(recipient), parse_typing(donor))}
    assert list(found) == ["C1", "C2", "Bw4", "A3/A11"]
    directions = {k: (m.graft_versus_host, m.host_versus_graft) for k, m in found.items()}
    assert directions == {
        "C1": (False, True),
        "C2": (True, False),
        "Bw4": (True, False),
        "A3/A11": (False, False),
    }
    assert found["Bw4"].receptor == "KIR3DL1"
    assert found["Bw4"].reason.startswith("donor: A*24:02 B*44:02; recipient: none (")


@pytest.mark.parametrize(
    ("recipient", "donor", "graft_versus_host", "host_versus_graft"),
    [
        ("C*12 C*04:01", "C*12:02 C*07:02", None, False),
        ("C*07:02 C*08:01", "C*12 C*04:01", False, None),
        ("", "C*05:01 C*05:01", False, None),
    ],
)
def test_open_typing_leaves_only_that_direction_open(
    recipient, donor, graft_versus_host, host_versus_graft
):
    background = " B*07:02 B*08:01"
    c1 = kir_mismatch(parse_typing(recipient + background), parse_typing(donor + background))[0]
    assert (c1.graft_versus_host, c1.host_versus_graft) == (graft_versus_host, host_versus_graft)
