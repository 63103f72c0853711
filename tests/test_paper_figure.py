"""The figure of a paper: its panels, its width, its words, and what it refuses."""

import io
from pathlib import Path

import pytest

from immunerecon.figures.paper import paper_data, paper_figure
from immunerecon.pipeline.results import load_results
from immunerecon.report.drawings import draw_study
from immunerecon.report.outputs import report_data


def test_it_has_the_panels_of_a_paper_at_two_columns_width(small_results: Path) -> None:
    results = load_results(small_results)
    figure = paper_figure(results, patient="P01", curves=[("NK", 100.0), ("CD4_T", 50.0)])
    assert figure.get_figwidth() * 25.4 == pytest.approx(183)
    letters = [text.get_text() for place in _places(figure) for text in place.texts]
    assert [letter for letter in letters if letter in "abcde"] == list("abcde")
    titles = [ax.get_title("left") for ax in figure.axes]
    assert "Day \N{MINUS SIGN}7" in titles
    assert any(title.startswith("CD4 T") for title in titles)


def test_it_is_the_same_bytes_when_drawn_again(small_results: Path) -> None:
    drawn = []
    for _ in range(2):
        stream = io.BytesIO()
        paper_figure(load_results(small_results), patient="P02").savefig(stream, format="png")
        drawn.append(stream.getvalue())
    assert drawn[0] == drawn[1]


def test_its_source_data_are_the_rows_of_each_panel(small_results: Path) -> None:
    results = load_results(small_results)
    data = paper_data(results, patient="P01", curves=[("NK", 100.0)])
    panels = dict(iter(data.groupby("panel_letter")))
    assert list(panels) == list("abcde")
    own = results.populations[results.populations["patient"] == "P01"]
    nk = own[(own["population"] == "NK") & (own["role"] == "draw")].set_index("file")["count"]
    shown = panels["b"].set_index("file")["count"]
    assert (shown == nk.loc[shown.index]).all()
    assert set(panels["c"]["population"]) == {"NK", "T", "B"}
    assert set(panels["d"]["patient"]) == {"P01"}
    assert set(panels["e"]["threshold"]) == {100.0}


def test_it_is_drawn_with_the_other_figures_of_a_run(small_results: Path) -> None:
    drawn = {d.name: d for d in draw_study(report_data(load_results(small_results)))}
    assert drawn["paper"].figure.get_figwidth() * 25.4 == pytest.approx(183)
    assert set(drawn["paper"].data["panel_letter"]) == set("abcde")


def test_a_patient_without_draws_is_refused_with_those_there_are(small_results: Path) -> None:
    with pytest.raises(ValueError, match="P01, P02"):
        paper_figure(load_results(small_results), patient="P99")


@pytest.mark.parametrize("curves", [[("T", 200.0)], [("NK", 100.0), ("B", 25.0), ("B", 50.0)]])
def test_a_curve_that_is_not_there_is_refused_with_those_that_are(
    small_results: Path, curves: list[tuple[str, float]]
) -> None:
    with pytest.raises(ValueError, match=r"two at the most, of .*\('NK', 100\)"):
        paper_figure(load_results(small_results), patient="P01", curves=curves)


def _places(figure):
    yield figure
    for place in figure.subfigs:
        yield from _places(place)
