"""The shipped strategies for subsets: what they count, what they drop, where their gates lie."""

import re
from dataclasses import replace
from functools import cache

import numpy as np
import pytest

from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.gating.engine import gate_tube
from immunerecon.gating.strategy import describe_gate
from immunerecon.gating.strategy_file import load_strategy, shipped_strategies
from immunerecon.pipeline.jobs import TubeJob
from immunerecon.pipeline.scales import choose_scales
from immunerecon.pipeline.survey import survey_tube
from immunerecon.pipeline.tubes import gate_file
from immunerecon.study.labels import canonical_marker, known_markers

_SCATTER = ("FSC-A", "SSC-A")
_SPREAD, _CORRELATION = 0.03, 0.2
_NEGATIVE = 0.15

# How cells look on a display of five decades; a marker that is not named is negative.
_T = {"CD45": 0.75, "CD3": 0.6}
_CD4, _CD8 = _T | {"CD4": 0.65, "CD127": 0.5}, _T | {"CD8": 0.7}
_NAIVE = {"CD45RA": 0.7, "CCR7": 0.65, "CD27": 0.65, "CD28": 0.6}
_CM = {"CD45RO": 0.65, "CCR7": 0.58, "CD27": 0.62, "CD28": 0.6}
_EM = {"CD45RO": 0.65, "CD27": 0.62, "CD28": 0.6}
_TEMRA = {"CD45RA": 0.66, "CD57": 0.6}
_TREG = {"CD127": 0.28, "CD25": 0.55, "FoxP3": 0.5, "CD45RO": 0.6, "CCR7": 0.55}
_CO = {"CD27": 0.6, "CD28": 0.6}
_B = {"CD45": 0.75, "CD19": 0.62, "HLA-DR": 0.7, "CD45RA": 0.75}
_NK = {"CD45": 0.75, "CD45RA": 0.72}
_DIM, _BRIGHT = _NK | {"CD56": 0.5, "CD16": 0.62}, _NK | {"CD56": 0.67, "NKG2A": 0.65}
_MONO = {"CD45": 0.7, "HLA-DR": 0.6, "CD4": 0.3}
_KINDS = {
    # kind: events, side scatter, markers
    "CD4_naive": (1500, 0.06, _CD4 | _NAIVE),
    "CD4_CM": (900, 0.06, _CD4 | _CM),
    "CD4_EM": (600, 0.06, _CD4 | _EM),
    "CD4_TEMRA": (100, 0.06, _CD4 | _TEMRA),
    "Treg": (200, 0.06, _CD4 | _TREG | _CO),
    "activated CD4": (150, 0.06, _CD4 | _CM | {"CD25": 0.5}),
    "CD8_naive": (600, 0.06, _CD8 | _NAIVE),
    "CD8_CM": (200, 0.06, _CD8 | _CM),
    "CD8_EM": (500, 0.06, _CD8 | _EM),
    "CD8_TEMRA": (500, 0.06, _CD8 | _TEMRA),
    "Vd2": (180, 0.06, _T | _EM | {"TCRgd": 0.5, "TCRVd2": 0.6}),
    "Vd1": (80, 0.06, _T | _NAIVE | {"TCRgd": 0.55, "TCRVd1": 0.6}),
    "B_naive": (600, 0.06, _B | {"IgD": 0.6, "CD24": 0.45, "CD38": 0.4}),
    "B_transitional": (80, 0.06, _B | {"IgD": 0.6, "CD24": 0.58, "CD38": 0.58}),
    "B_memory_unswitched": (150, 0.06, _B | {"IgD": 0.55, "CD27": 0.5, "CD24": 0.52, "CD38": 0.25}),
    "B_memory_switched": (200, 0.06, _B | {"CD27": 0.52, "CD24": 0.52, "CD38": 0.25}),
    "B_double_negative": (60, 0.06, _B | {"CD24": 0.4, "CD38": 0.3}),
    "Plasmablasts": (60, 0.07, _B | {"CD27": 0.68, "CD38": 0.8, "CD19": 0.55}),
    "bright": (120, 0.07, _BRIGHT),
    "dim early": (400, 0.07, _DIM | {"NKG2A": 0.58}),
    "dim": (200, 0.07, _DIM),
    "dim KIR": (250, 0.07, _DIM | {"KIR": 0.6, "KIR2DL1": 0.6}),
    "dim late": (400, 0.07, _DIM | {"KIR": 0.62, "CD57": 0.65, "KIR2DL2/3": 0.6, "KIR3DL1": 0.6}),
    "classical": (850, 0.17, _MONO | {"CD14": 0.68}),
    "intermediate": (70, 0.17, _MONO | {"CD14": 0.68, "CD16": 0.48}),
    "nonclassical": (90, 0.13, _MONO | {"CD14": 0.32, "CD16": 0.58}),
    "dendritic": (60, 0.12, _MONO | {"HLA-DR": 0.68}),
    "neutrophil": (4000, 0.5, {"CD45": 0.66, "CD16": 0.72}),
}
_MARKERS = tuple(dict.fromkeys(marker for *_, looks in _KINDS.values() for marker in looks))

_DIM_NK = ("dim early", "dim", "dim KIR", "dim late")
_HOLDS = {
    "t_memory": {
        **{f"CD4_{subset}": (f"CD4_{subset}",) for subset in ("naive", "TEMRA")},
        "CD4_CM": ("CD4_CM", "Treg", "activated CD4"),
        "CD4_EM": ("CD4_EM",),
        **{f"CD8_{subset}": (f"CD8_{subset}",) for subset in ("naive", "CM", "EM", "TEMRA")},
        "CD4_CD27neg_CD28neg": ("CD4_TEMRA",),
        "CD8_CD27neg_CD28neg": ("CD8_TEMRA",),
        "CD4_CD57pos": ("CD4_TEMRA",),
        "CD8_CD57pos": ("CD8_TEMRA",),
    },
    "treg": {"Treg": ("Treg",), "Treg_FoxP3": ("Treg",)},
    "gamma_delta": {"GD_T": ("Vd1", "Vd2"), "Vd1_T": ("Vd1",), "Vd2_T": ("Vd2",)},
    "b_subsets": {
        "B_naive": ("B_naive", "B_transitional"),
        **{
            subset: (subset,)
            for subset in (
                "B_transitional",
                "B_memory_unswitched",
                "B_memory_switched",
                "B_double_negative",
                "Plasmablasts",
            )
        },
    },
    "nk_maturation": {
        "NK_CD56bright": ("bright",),
        "NK_CD56dim": _DIM_NK,
        "NK_CD56bright_NKG2A": ("bright",),
        "NK_CD56dim_NKG2A": ("dim early",),
        "NK_CD56dim_KIR": ("dim KIR", "dim late"),
        "NK_CD56dim_KIR2DL1": ("dim KIR",),
        "NK_CD56dim_KIR2DL2_3": ("dim late",),
        "NK_CD56dim_KIR3DL1": ("dim late",),
        "NK_CD56dim_CD57": ("dim late",),
        "NK_CD56dim_early": ("dim early",),
        "NK_CD56dim_late": ("dim late",),
    },
    "monocytes": {
        "Myeloid": ("classical", "intermediate", "nonclassical", "dendritic"),
        "Monocytes_CD14_CD16": ("classical", "intermediate", "nonclassical"),
        "Monocytes_classical": ("classical",),
        "Monocytes_intermediate": ("intermediate",),
        "Monocytes_nonclassical": ("nonclassical",),
    },
}
# Subsets that healthy cells hardly show.
_EMPTY = {"NK_CD56bright_KIR", "NK_CD56bright_CD57"}
_NAMES = tuple(_HOLDS)


class _Log:
    """Five decades over the display."""

    def apply(self, values):
        return (np.log10(np.maximum(values, 1e-3)) / 5).astype(np.float32)

    def inverse(self, display):
        return np.float32(10) ** (5 * np.asarray(display, dtype=np.float32))


class _Linear:
    """Scatter on the display as it is."""

    def apply(self, values):
        return np.asarray(values, dtype=np.float32)

    inverse = apply


@cache
def _tube(without=(), seed=0):
    """Return a tube of all kinds, stained with all markers but some."""
    rng = np.random.default_rng(seed)
    covariance = _SPREAD**2 * (
        _CORRELATION + (1 - _CORRELATION) * np.eye(len(_MARKERS), dtype=np.float64)
    )
    rows = []
    for n, side, looks in _KINDS.values():
        means = [looks.get(marker, _NEGATIVE) for marker in _MARKERS]
        stains = rng.multivariate_normal(means, covariance, n, method="cholesky")
        scatter = rng.normal([0.3, side], [0.03, 0.1 * side], (n, 2))
        rows.append(np.column_stack([scatter, _Log().inverse(stains)]))
    kept = [column for column, marker in enumerate(_MARKERS) if marker not in without]
    events = np.concatenate(rows)[:, [0, 1, *(column + 2 for column in kept)]]
    names = (*_SCATTER, *(_MARKERS[column] for column in kept))
    return Tube(
        np.asfortranarray(events, dtype=np.float32), tuple(Channel(n, "", 1.0) for n in names)
    )


def _gate(name, without=()):
    tube = _tube(tuple(without))
    markers = {channel.name: channel.name for channel in tube.channels}
    scales = {marker: _Linear() if marker in _SCATTER else _Log() for marker in markers}
    return gate_tube(tube, load_strategy(name), markers=markers, scales=scales)


def _own(name):
    """Return the populations that a strategy adds to lineage."""
    return set(load_strategy(name).populations) - set(load_strategy("lineage").populations)


def _optional(name):
    strategy = load_strategy(name)
    return [m for m in strategy.markers() if m in _MARKERS and m not in strategy.required]


@pytest.mark.parametrize("name", shipped_strategies())
def test_markers_are_spelled_as_labels_are_read(name):
    for marker in load_strategy(name).markers():
        assert canonical_marker(marker) == marker
        assert known_markers(marker) or re.fullmatch(r"[FS]SC-[AHW]", marker), marker


@pytest.mark.parametrize("name", shipped_strategies())
def test_ontology_identifiers_have_their_form_and_sources_are_named(name):
    strategy = load_strategy(name)
    assert strategy.name == name
    assert any("doi:10." in source or "PMC" in source for source in strategy.sources)
    for rule in strategy.populations.values():
        assert re.fullmatch(r"(CL:\d{7})?", rule.cell_ontology)


@pytest.mark.parametrize("name", _NAMES)
def test_every_population_is_reached_on_a_full_panel(name):
    gated = _gate(name)
    assert set(gated.dropped) <= {"Beads", "Cells", "Singlets", "Live"}
    assert {p for p in _own(name) - _EMPTY if gated.count(p) == 0} == set()


@pytest.mark.parametrize(
    ("name", "population", "kinds"),
    [(name, p, kinds) for name, subsets in _HOLDS.items() for p, kinds in subsets.items()],
)
def test_subsets_are_counted_within_five_percent(name, population, kinds):
    truth = sum(_KINDS[kind][0] for kind in kinds)
    assert _gate(name).count(population) == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize(
    ("name", "marker"), [(name, marker) for name in _NAMES for marker in _optional(name)]
)
def test_a_marker_that_the_panel_lacks_drops_what_needs_it_and_nothing_else(name, marker):
    strategy, gated = load_strategy(name), _gate(name, without=(marker,))
    for population, rule in strategy.populations.items():
        assert (population in gated.dropped) != (population in gated.members), population
        if population in gated.members and rule.gate:
            assert marker not in gated.gate_of(population).gate.dimensions
    needed = {
        population
        for population, rule in strategy.populations.items()
        if rule.gate
        and all(
            marker in {strategy.boundaries[s.boundary].marker for s in sides} for sides in rule.gate
        )
    }
    own = _own(name)
    complements = {p for p in own if strategy.populations[p].without in needed}
    assert set(gated.dropped) & own == (needed | complements) & own


@pytest.mark.parametrize(
    ("name", "lacking", "subset"),
    [
        ("t_memory", "CD4", "CD4_naive"),
        ("t_memory", "CD8", "CD8_TEMRA"),
        ("treg", "CD4", "Treg"),
        ("b_subsets", "CD19", "B_naive"),
        ("nk_maturation", "CD56", "NK_CD56dim_CD57"),
    ],
)
def test_a_subset_is_never_counted_among_other_cells_than_its_parent(name, lacking, subset):
    gated = _gate(name, without=(lacking,))
    assert lacking in gated.dropped[subset]


@pytest.mark.parametrize(
    ("name", "without", "population", "kinds"),
    [
        ("t_memory", ("CD45RA",), "CD8_TEMRA", ("CD8_TEMRA",)),
        ("t_memory", ("CD45RO", "CD27"), "CD4_naive", ("CD4_naive",)),
        ("b_subsets", ("CD38",), "B_memory_switched", ("B_memory_switched", "Plasmablasts")),
        ("b_subsets", ("IgD",), "Plasmablasts", ("Plasmablasts",)),
        ("gamma_delta", ("TCRgd",), "Vd2_T", ("Vd2",)),
        ("nk_maturation", ("KIR",), "NK_CD56dim_late", ("dim late",)),
        ("monocytes", ("HLA-DR",), "Monocytes_classical", ("classical",)),
        ("monocytes", ("CD56",), "Monocytes_nonclassical", ("nonclassical",)),
    ],
)
def test_other_markers_stand_in_where_the_strategy_has_them(name, without, population, kinds):
    truth = sum(_KINDS[kind][0] for kind in kinds)
    assert _gate(name, without=without).count(population) == pytest.approx(truth, rel=0.05)


@pytest.mark.parametrize(
    ("name", "population", "words"),
    [
        ("t_memory", "CD4_naive", "CD45RA+ CCR7+ CD4+, or CD45RO- CCR7+ CD4+"),
        ("t_memory", "CD8_TEMRA", "CD45RA+ CCR7- CD8+, or CD45RO- CCR7- CD8+"),
        ("treg", "Treg", "CD127- high CD25+ CD4+"),
        ("gamma_delta", "Vd2_T", "TCRVd2+ TCRgd+, or TCRVd2+"),
        ("b_subsets", "B_naive", "IgD+ CD27- CD19+"),
        (
            "b_subsets",
            "Plasmablasts",
            "CD27+ plasmablast CD38+ IgD- CD19+, or CD27+ plasmablast CD38+ CD19+",
        ),
        ("nk_maturation", "NK_CD56dim_late", "NKG2A- CD57+ KIR+ CD56+, or NKG2A- CD57+ CD56+"),
        ("monocytes", "Monocytes_intermediate", "CD14+ monocyte CD16+"),
        ("monocytes", "Monocytes_CD14_CD16", "without Myeloid_CD14neg_CD16neg"),
    ],
)
def test_a_gate_reads_as_an_immunologist_writes_it(name, population, words):
    assert describe_gate(load_strategy(name).populations[population]) == words


def _gate_real(path, name):
    job = TubeJob(index=0, path=path, strategy=load_strategy(name))
    return gate_file(replace(job, scales=choose_scales([survey_tube(job)]))).tube


def _percent(gated, population):
    return 100 * gated.count(population) / gated.count(gated.gate_of(population).parent)


@pytest.mark.real_data
def test_real_gamma_delta_t_cells_are_the_cloud_apart(real_data):
    """A minor part of the T cells of adults (Fonseca 2020, doi:10.3390/cells9030729)."""
    gated = _gate_real(real_data / "t_panels_ungated/omip021/Donor1.fcs", "gamma_delta")
    assert 1 < _percent(gated, "GD_T") < 10
    assert gated.gate_of("GD_T").confidence > 0.9


@pytest.mark.real_data
def test_real_memory_subsets_differ_between_cd4_and_cd8_as_published(real_data):
    """TEMRA are a part of CD8, hardly of CD4 (Sallusto 1999, doi:10.1038/44385)."""
    gated = _gate_real(real_data / "t_panels_ungated/omip021/Donor1.fcs", "t_memory")
    subsets = ("naive", "CM", "EM", "TEMRA")
    cd4, cd8 = ([_percent(gated, f"{lineage}_{s}") for s in subsets] for lineage in ("CD4", "CD8"))
    assert sum(cd4) == pytest.approx(100) and sum(cd8) == pytest.approx(100)
    assert cd4[3] < 5 < 10 < cd8[3]
    assert cd4[0] + cd4[1] > 60 > 40 > cd8[0] + cd8[1]
    assert _percent(gated, "CD8_CD27neg_CD28neg") > 2 * _percent(gated, "CD4_CD27neg_CD28neg")


@pytest.mark.real_data
def test_real_cd4_cells_of_a_small_tube_are_naive_and_central_memory(real_data):
    folder = real_data / "t_panels_ungated/immport_SDY736"
    gated = _gate_real(folder / "Ki67ccr7_Hs60025C200907134.583112.fcs", "t_memory")
    assert 40 < _percent(gated, "CD4_naive") < 65
    assert 30 < _percent(gated, "CD4_CM") < 50
    assert _percent(gated, "CD4_TEMRA") < 2
    assert gated.dropped["CD4_CD27neg_CD28neg"] == "the panel has no CD27"


@pytest.mark.real_data
def test_real_regulatory_cells_are_told_from_activated_ones(real_data):
    """Some 6 % of CD4 in adults (Seddiki 2006, doi:10.1084/jem.20060468), fewer than 20 here."""
    path = real_data / "nk_panels_ungated/luciernaga_aurora/INF071_Ctrl_Tetramer.fcs"
    gated = _gate_real(path, "treg")
    bounds = gated.gate_of("Treg").gate.ranges
    # In the picture the bulk lies at CD25 0.2; regulatory cells at CD25 0.5 and CD127 0.2,
    # activated ones at CD25 0.5 and CD127 0.43.
    assert 0.3 < bounds["CD25"].low < 0.42
    assert 0.24 < bounds["CD127"].high < 0.35
    assert 1 < _percent(gated, "Treg") < 8


@pytest.mark.real_data
def test_real_monocytes_are_mostly_classical(real_data):
    """Classical ones prevail, as the gates of the nomenclature show them (see the sources)."""
    folder = real_data / "nk_panels_ungated/immport_SDY420_cytof"
    gated = _gate_real(folder / "11059_cells_found.573523.fcs", "monocytes")
    assert 75 < _percent(gated, "Monocytes_classical") < 95
    assert _percent(gated, "Monocytes_intermediate") < 15
    assert _percent(gated, "Monocytes_nonclassical") < 15


@pytest.mark.real_data
def test_real_b_cells_of_a_mass_cytometer_fall_into_four_quadrants(real_data):
    """Naive are 70-80 % from school age on (Duchamp 2014, doi:10.1002/iid3.26)."""
    folder = real_data / "nk_panels_ungated/immport_SDY420_cytof"
    gated = _gate_real(folder / "11445_cells_found.573686.fcs", "b_subsets")
    assert 55 < _percent(gated, "B_naive") < 85
    assert 5 < _percent(gated, "B_memory_switched") < 25
