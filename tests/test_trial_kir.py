"""KIR-ligand mismatch of every pair of a trial."""

from immunerecon.study.alleles import parse_typing
from immunerecon.trial.kir_ligands import kir_mismatch_table

PATIENT = "A*01:01 A*02:01 B*07:02 B*08:01 C*07:01 C*07:02"


def test_both_directions_of_every_pair() -> None:
    donor = "A*01:01 A*24:02 B*08:01 B*44:02 C*05:01 C*05:01"
    pairs = [
        ("P1", parse_typing(PATIENT), parse_typing(donor)),
        ("P2", parse_typing(donor), parse_typing(PATIENT)),
    ]
    table = kir_mismatch_table(pairs).set_index(["patient", "ligand"])
    directions = table[["graft_versus_host", "host_versus_graft"]]
    assert directions.loc["P1"].to_numpy().tolist() == [
        ["no", "yes"],  # C1
        ["yes", "no"],  # C2
        ["yes", "no"],  # Bw4
        ["no", "no"],  # A3/A11
    ]
    swapped = directions.loc["P2"].to_numpy()[:, ::-1].tolist()
    assert swapped == directions.loc["P1"].to_numpy().tolist()
    assert (table["reason"] == "").all()


def test_an_ambiguous_typing_is_said_to_be_and_the_usual_answer_stands_beside() -> None:
    """HD12 of the published nine gives to a patient without C2: C*16 may hold it, rarely."""
    donor = "A*02:01 A*02:01 B*41:01 B*44:02 C*07:01 C*16"
    table = kir_mismatch_table([("P1", parse_typing(PATIENT), parse_typing(donor))])
    c2 = table.set_index("ligand").loc["C2"]
    assert c2["graft_versus_host"] == "ambiguous"
    assert c2["usual_graft_versus_host"] == "no"
    assert c2["reason"] == "donor: cannot tell, C*16 may or may not carry C2"


def test_no_typing_leaves_all_open_and_no_pair_gives_no_row() -> None:
    table = kir_mismatch_table([("P1", parse_typing(""), parse_typing(""))])
    assert set(table["graft_versus_host"]) == set(table["usual_host_versus_graft"]) == {"ambiguous"}
    assert table["reason"].str.contains("0 of 2 alleles known").all()
    assert kir_mismatch_table([]).empty


def test_typings_do_not_leave_the_study() -> None:
    donor = "A*01:01 A*24:02 B*08:01 B*44:02 C*05:01 C*05:01"
    table = kir_mismatch_table([("P1", parse_typing(PATIENT), parse_typing(donor))])
    assert "*" not in table.to_csv()
