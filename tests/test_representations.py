"""What a terminal and a notebook show of each object: short, safe, and where to go on."""

from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest

from immunerecon.cytometry.fcs import read_fcs
from immunerecon.gating.strategy_file import load_strategy
from immunerecon.pipeline.results import Results, load_results
from immunerecon.pipeline.run import regate
from immunerecon.study.folder import Study, read_study

NASTY = "<img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.seen.add(tag)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags(html: str) -> set[str]:
    parser = Tags()
    parser.feed(html)
    parser.close()
    assert parser.open == []
    return parser.seen


@pytest.fixture(scope="module")
def study(tiny_study: Path) -> Study:
    return read_study(tiny_study)


@pytest.fixture(scope="module")
def results(tiny_results: Path) -> Results:
    return load_results(tiny_results)


def test_a_terminal_shows_each_in_one_short_line(study: Study, results: Results) -> None:
    tube = read_fcs(study.path_of(study.samples[-1]))
    for shown in (study, results, tube, load_strategy("lineage")):
        assert len(repr(shown)) < 120
        assert "\n" not in repr(shown)
    assert f"{len(study.samples)} files of 1 patients" in repr(study)
    assert f"{tube.n_events:,} events" in repr(tube)


def test_results_lead_to_their_tables_and_to_what_needs_a_person(results: Results) -> None:
    samples = results.samples.assign(status="flagged", reason=NASTY)
    samples.loc[samples.index[-1], "status"] = "failed"
    many = replace(results, samples=samples.loc[samples.index.repeat(4)])
    html = many._repr_html_()
    assert "img" not in tags(html)
    assert f"<code>.donor_cells</code></td><td>{len(results.donor_cells):,} rows" in html
    assert html.index("<td>failed</td>") < html.index("<td>flagged</td>")
    assert f"and {len(many.samples) - 10} more" in html


def test_a_gated_tube_shows_its_counts(study: Study, results: Results) -> None:
    file = str(results.populations["file"].iloc[-1])
    gated = regate(study, results, file)
    assert repr(gated).startswith(f"<GatedTube of {gated.n_events:,} events, ")
    html = gated._repr_html_()
    assert tags(html) == {"table", "tr", "th", "td"}
    assert f"<td>NK</td><td>Lymphocytes</td><td>{gated.count('NK'):,}</td>" in html


def test_a_study_shows_its_draws_and_its_names_harmlessly(study: Study) -> None:
    settings = study.settings.model_copy(update={"name": NASTY})
    html = replace(study, settings=settings)._repr_html_()
    assert "img" not in tags(html)
    assert "<th>P01</th>" in html
