"""What a strategy file may say, and how it is refused."""

import pytest

from immunerecon.errors import StrategyError
from immunerecon.gating.strategy import describe_gate, parse_sides
from immunerecon.gating.strategy_file import load_strategy, shipped_strategies

_MINIMAL = """
name: small
version: 1.0.0
title: A small strategy
boundaries:
  CD3: {within: Cells}
populations:
  Beads: {beads: [CD3, CD19]}
  Cells: {without: Beads}
  T: {parent: Cells, gate: CD3+}
"""


def _write(folder, text):
    path = folder / "small.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_sides_keep_names_with_spaces_and_hyphens():
    sides = parse_sides("lymphoid CD45+ SSC-A- HLA-A2+")
    assert [(side.boundary, side.positive) for side in sides] == [
        ("lymphoid CD45", True),
        ("SSC-A", False),
        ("HLA-A2", True),
    ]


@pytest.mark.parametrize("text", ["", "CD3", "CD3+ CD4", "+"])
def test_sides_without_a_sign_are_refused(text):
    with pytest.raises(StrategyError, match=r"followed by \+ or -"):
        parse_sides(text)


def test_a_boundary_is_named_after_its_marker(tmp_path):
    strategy = load_strategy(_write(tmp_path, _MINIMAL))
    assert strategy.boundaries["CD3"].marker == "CD3"
    assert describe_gate(strategy.populations["T"]) == "CD3+"


@pytest.mark.parametrize(
    ("was", "becomes", "says"),
    [
        ("gate: CD3+", "gate: CD4+", "boundary 'CD4'"),
        ("parent: Cells", "parent: Lymphocytes", "'Lymphocytes', which does not stand before"),
        ("{within: Cells}", "{within: Blood}", "'Blood', not a population"),
        ("{within: Cells}", "{}", "needs `within`"),
        ("gate: CD3+", "gate: CD3+, without: Beads", "exactly one|needs one of"),
        ("title:", "titel:", "titel"),
        ("name: small", "name: [", "not valid YAML"),
    ],
)
def test_what_cannot_be_applied_is_refused_by_name(tmp_path, was, becomes, says):
    with pytest.raises(StrategyError, match=says):
        load_strategy(_write(tmp_path, _MINIMAL.replace(was, becomes)))


def test_an_unknown_strategy_is_refused_with_those_there_are():
    with pytest.raises(StrategyError, match=r"lineage"):
        load_strategy("no_such_strategy")


def test_donor_nk_is_lineage_without_the_t_cell_subsets():
    lineage, donor_nk = load_strategy("lineage"), load_strategy("donor_nk")
    dropped = set(lineage.populations) - set(donor_nk.populations)
    assert dropped == {"CD4_T", "CD8_T", "DN_T"}
    assert "HLA-Bw4" in donor_nk.donor_markers


@pytest.mark.parametrize("name", shipped_strategies())
def test_shipped_strategies_name_sources_and_cell_ontology(name):
    strategy = load_strategy(name)
    assert strategy.sources
    named = {p: rule.cell_ontology for p, rule in strategy.populations.items()}
    assert all(
        named[p].startswith("CL:")
        for p in ("T", "B", "NK", "Lymphocytes", "Monocytes")
        if p in named
    )
