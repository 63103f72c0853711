"""The figure of a paper: its panels, its width, its words, and what it refuses."""

import io
from pathlib import Path

import pytest

from immunerecon.figures.paper import paper_data, paper_figure
from immunerecon.pipeline.results import load_results


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


def test_its_source_data_are_the_patients_draws(small_results: Path) -> None:
    results = load_results(small_results)
    data = paper_data(results, patient="P01")
    assert set(data["patient"]) == {"P01"}
    assert set(data["role"]) == {"draw"}
    assert data["day"].is_monotonic_increasing


def test_a_patient_without_draws_is_refused_with_those_there_are(small_results: Path) -> None:
    with pytest.raises(ValueError, match="P01, P02"):
        paper_figure(load_results(small_results), patient="P99")


def _places(figure):
    yield figure
    for place in figure.subfigs:
        yield from _places(place)
