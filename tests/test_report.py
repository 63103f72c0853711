"""The report says what the tables say, stands alone, and can be read by everyone."""

import base64
import hashlib
import io
import itertools
import re
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread, imsave

from immunerecon.figures.courses import Limits
from immunerecon.figures.trees import gating_tree
from immunerecon.gating.geometry.gates import Range, RectangleGate
from immunerecon.gating.pictures import GatePicture
from immunerecon.report.attention import find_attention
from immunerecon.report.cohort_tables import persistence_rows, recovery_rows
from immunerecon.report.contents import ReportData
from immunerecon.report.draw_tables import draw_rows
from immunerecon.report.drawings import draw_patient, draw_study, representative
from immunerecon.report.embedding import embed_figure
from immunerecon.report.flow import patient_flow, tube_flow
from immunerecon.report.gate_rows import gate_rows
from immunerecon.report.lean_images import lean_png
from immunerecon.report.methods import references, tell_methods
from immunerecon.report.miflowcyt import LABORATORY, checklist
from immunerecon.report.page import render_page, write_page
from immunerecon.report.thumbnails import make_thumbnail

pytestmark = pytest.mark.filterwarnings("error")  # such as a layout that failed

TWO_FLAGS = "uncompensated; low confidence in the gates of NK; time runs backwards"
NASTY = '<img src=x onerror=alert(1)>"&'


def nk_picture(count=30, parent_count=200, confidence=0.9):
    counts = np.zeros((96, 96), dtype=np.uint32)
    counts[20, 70], counts[60, 20] = count, parent_count - count
    gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    return GatePicture(
        "NK", "Lymphocytes", "CD3", "CD56", counts, gate, count, parent_count, "data", confidence
    )


def sample(file, patient, day, *, status="ok", reason="", role="draw"):
    row = {"file": file, "sha256": "ab" * 32, "patient": patient, "day": day, "panel": "lineage"}
    return row | {"role": role, "status": status, "reason": reason}


SAMPLES = pd.DataFrame(
    [
        sample("P1/day-7.fcs", "P1", -7.0),
        sample("P1/day7.fcs", "P1", 7.0, status="flagged", reason=TWO_FLAGS),
        sample("P1/day14.fcs", "P1", 14.0),
        sample("P2/day-7.fcs", "P2", -7.0, status="flagged", reason="time runs backwards"),
        sample("P2/day7.fcs", "P2", 7.0, status="failed", reason="$TOT is 200, DATA holds 100"),
        sample("P2/donor.fcs", "P2", -14.0, role="donor_control"),
    ]
)


def count_row(patient, day, population, cells, *, role="draw"):
    return {
        "file": f"{patient}/day{day:g}.fcs",
        "patient": patient,
        "day": day,
        "panel": "lineage",
        "population": population,
        "count": 120.0,
        "parent_count": 1200.0,
        "cells_per_ul": cells,
        "cells_per_ul_low": cells * 0.9,
        "cells_per_ul_high": cells * 1.1 if cells else 3.7,
        "count_method": "none" if np.isnan(cells) else "volumetric",
        "flags": "",
        "role": role,
    }


POPULATIONS = pd.DataFrame(
    [
        count_row("P1", -7.0, "NK", 250.0),
        count_row("P1", 7.0, "NK", 0.0),
        count_row("P1", 14.0, "NK", 1234.4),
        count_row("P1", 14.0, "T", np.nan),
        count_row("P1", 0.0, "NK", 99_999.0, role="product"),
        count_row("P2", -7.0, "NK", 200.0),
    ]
)
DONORS = pd.DataFrame(
    {
        "file": ["P1/day7.fcs", "P1/day14.fcs", "P1/day14.fcs"],
        "patient": "P1",
        "day": [7.0, 14.0, 14.0],
        "population": ["NK", "NK", "T"],
        "marker": "HLA-A2+",
        "donor_fraction": [np.nan, 0.4166, 0.0],
        "fraction_low": [np.nan, 0.38, 0.0],
        "fraction_high": [np.nan, 0.45, 0.004],
        "lod": [np.nan, 0.002, 0.0031],
        "call": ["not_evaluable", "detected", "not_detected"],
        "reason": ["12 parents, at least 50 needed", "", ""],
    }
)
DISTRIBUTIONS = pd.DataFrame(
    {
        "patient": "P1",
        "population": "NK",
        "file": "P1/day14.fcs",
        "day": 14.0,
        "tube": "draw",
        "marker": "HLA-A2+",
        "value": [0.2, 0.3, 0.7, 0.8],
        "observed": [50.0, 9, 1, 40],
        "recipient": [50.0, 9, 0, 0],
        "donor": [0.0, 0, 1, 40],
    }
)
PERSISTENCE = pd.DataFrame(
    {
        "patient": "P1",
        "population": "NK",
        "measure": ["fraction", "cells_per_ul"],
        "course": 1,
        "c_max": [0.4166, 514.3],
        "t_max": 14.0,
        "half_life": np.nan,
        "t_last_detected": 14.0,
        "t_first_undetected": np.nan,
        "persistence_status": "persisting",
        "reason": "half_life: 1 draw after the peak, 3 are needed",
    }
)
RECOVERY = pd.DataFrame(
    {
        "patient": ["P1", "P2"],
        "population": "NK",
        "threshold": 100.0,
        "status": ["recovered", "not_evaluable"],
        "time_low": [7.0, np.nan],
        "time_high": [14.0, np.nan],
    }
)
COHORT = pd.DataFrame(
    {
        "group": "all",
        "population": "NK",
        "threshold": 100.0,
        "time": [0.0, 14.0],
        "cumulative_incidence": [0.0, 1.0],
        "low": np.nan,
        "high": np.nan,
        "at_risk": [1, 1],
    }
)
RUN = {
    "versions": {"immunerecon": "0.1.0", "python": "3.11.7", "numpy": "2.4.6"},
    "strategies": {"lineage": "1.0.0"},
    "parameters": {"recovery_thresholds": {"NK": [100.0]}, "confirm_recovery": 2},
    "inputs": {"P1/day-7.fcs": "ab" * 32},
    "ended": "2026-03-01T10:00:00+00:00",
}


def study(**changes):
    pictures = {
        "P1/day-7.fcs": (nk_picture(),),
        "P1/day7.fcs": (nk_picture(confidence=0.2),),
        "P1/day14.fcs": (nk_picture(150),),
        "P2/day-7.fcs": (nk_picture(confidence=0.4),),
    }
    gates = pd.DataFrame(
        {
            "file": file,
            "population": p.population,
            "parent": p.parent,
            "parameters": "{}",
            "confidence": p.confidence,
            "source": source,
        }
        for (file, gates), source in zip(
            pictures.items(), ("model", "model", "borrowed", "data"), strict=True
        )
        for p in gates
    )
    patients = pd.DataFrame(
        {"patient": ["P1", "P2"], "dose_level": ["2", ""], "nk_cells_per_kg": [3e7, np.nan]}
    )
    told = {
        "study": "NK-MEL",
        "samples": SAMPLES,
        "populations": POPULATIONS,
        "gates": gates,
        "donor_cells": DONORS,
        "donor_distributions": DISTRIBUTIONS,
        "persistence": PERSISTENCE,
        "recovery": RECOVERY,
        "cohort_recovery": COHORT,
        "patients": patients,
        "clinical_events": pd.DataFrame(
            {"patient": ["P1", "P1"], "day": [0.0, 60.0], "event": ["infusion", "death"]}
        ),
        "pictures": lambda file: pictures.get(file, ()),
        "scales": lambda file: {},
        "limits": Limits({"NK": (100.0,)}, {"NK": (61.0, 607.0)}),
        "run": RUN,
    }
    return ReportData(**(told | changes))


class Page(HTMLParser):
    """Tags with attributes in order, and the text of each element that was closed."""

    VOID = frozenset({"meta", "img", "br", "link", "image", "polygon"})

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.tags, self.open, self.texts = [], [], []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self.open.append((tag, []))

    def handle_startendtag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        opened, text = self.open.pop()
        assert opened == tag, f"</{tag}> closes <{opened}>"
        self.texts.append((tag, " ".join("".join(text).split())))

    def handle_data(self, data):
        for _, text in self.open:
            text.append(data)

    def all(self, tag):
        return [attrs for name, attrs in self.tags if name == tag]

    def text(self, tag):
        return [text for name, text in self.texts if name == tag]


@pytest.fixture(scope="module")
def html():
    return render_page(study())


@pytest.fixture(scope="module")
def page(html):
    return Page(html)


# The page


def test_page_is_well_formed_and_names_its_language(page):
    assert page.open == []
    assert page.all("html") == [{"lang": "en"}]
    assert page.text("title") == ["NK-MEL: immune reconstitution"]


def test_page_needs_nothing_from_elsewhere(html, page):
    assert not page.all("link")
    kinds = [attrs.get("type") for attrs in page.all("script")]
    assert kinds == ["application/json", "module"]
    assert not [attrs for attrs in page.all("script") if "src" in attrs]
    sources = [a["src"] for a in page.all("img")] + [a["href"] for a in page.all("image")]
    assert sources and all(source.startswith("data:image/") for source in sources)
    assert all(attrs["href"].startswith("#") for attrs in page.all("a"))
    assert not re.search(r"url\(|@import", html)


@pytest.mark.malformed(77)
def test_policy_allows_this_style_and_script_and_nothing_else(html, page):
    policy = next(a["content"] for a in page.all("meta") if a.get("http-equiv"))
    for tag, rule in (("style", "style-src"), ('script type="module"', "script-src")):
        (text,) = re.search(f"<{tag}>(.*?)</{tag.split()[0]}>", html, re.S).groups()
        digest = base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    assert "unsafe" not in policy and "http" not in policy
    assert policy.startswith("default-src 'none'; img-src data:;")
    # Inline style attributes would be blocked by this policy, and silently lost.
    assert not [attrs for _, attrs in page.tags if "style" in attrs]


def test_headings_descend_one_level_at_a_time(page):
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1 and levels.count(1) == 1
    assert all(deep - shallow <= 1 for shallow, deep in itertools.pairwise(levels))


def test_every_picture_has_a_text_and_every_table_a_caption(page):
    assert all(len(attrs["alt"]) > 20 for attrs in page.all("img"))
    assert all(attrs["role"] == "img" and attrs["aria-label"] for attrs in page.all("svg"))
    assert len(page.all("table")) == len(page.text("caption")) > 4
    assert all("scope" in attrs for attrs in page.all("th"))


def test_links_lead_somewhere_and_ids_are_unique(page):
    ids = Counter(attrs["id"] for _, attrs in page.tags if "id" in attrs)
    assert max(ids.values()) == 1
    wanted = {attrs["href"][1:] for attrs in page.all("a")}
    wanted |= {attrs["aria-labelledby"] for attrs in page.all("section")}
    assert wanted <= set(ids)


@pytest.mark.malformed(77)
def test_names_from_the_study_are_escaped():
    samples = SAMPLES.assign(patient=NASTY, reason=NASTY, file=NASTY, panel=NASTY)
    patients = pd.DataFrame({"patient": [NASTY], "dose_level": [NASTY]})
    populations = POPULATIONS.assign(patient=NASTY)
    donors = DONORS.assign(patient=NASTY, reason=NASTY)
    html = render_page(
        study(
            study=NASTY,
            samples=samples,
            patients=patients,
            populations=populations,
            donor_cells=donors,
            run=RUN | {"inputs": {NASTY: NASTY}},
        )
    )
    assert NASTY not in html and "<img src=x" not in html
    page = Page(html)
    assert page.text("h1") == [NASTY]
    assert not [attrs for _, attrs in page.tags if "onerror" in attrs]


def test_page_is_written_whole_and_the_same_every_time(tmp_path, html):
    path = write_page(tmp_path / "report.html", study())
    assert path.read_text("utf-8") == html
    assert [p.name for p in tmp_path.iterdir()] == ["report.html"]


def test_study_without_draws_donors_or_counts_still_has_a_report():
    nothing = study(
        populations=POPULATIONS.iloc[:0],
        gates=study().gates.iloc[:0],
        donor_cells=DONORS.iloc[:0],
        donor_distributions=DISTRIBUTIONS.iloc[:0],
        persistence=PERSISTENCE.iloc[:0],
        recovery=RECOVERY.iloc[:0],
        cohort_recovery=COHORT.iloc[:0],
        clinical_events=study().clinical_events.iloc[:0],
        samples=SAMPLES.assign(status="failed"),
        pictures=lambda file: (),
    )
    page = Page(render_page(nothing))
    assert "No population could be followed" in " ".join(page.text("p"))
    assert "Failed: 6 without numbers" in page.text("h3")


def test_twelve_patients_of_fourteen_draws_stay_under_15_mb():
    counts = np.random.default_rng(0).poisson(1.0, (96, 96)).astype(np.uint32)
    gate = RectangleGate({"CD3": Range(high=0.5), "CD56": Range(low=0.4)})
    dense = GatePicture("NK", "T", "CD3", "CD56", counts, gate, 4000, 9216, "data", 0.9)
    panels = [replace(dense, parent=f"parent {number}") for number in range(11)]
    tree = embed_figure(gating_tree(panels), "png", alt="", caption="")
    courses = embed_figure(draw_patient(study(), "P1").figure, "svg", alt="", caption="")
    thumbnails = 12 * 14 * 2 * len(make_thumbnail([dense]).image)
    assert thumbnails + 12 * (len(tree.source) + 2 * len(courses.source)) < 15_000_000


# What needs a person


def test_failed_files_come_first_with_their_reason(page):
    headings = page.text("h3")
    assert headings[0] == "Failed: 1 without numbers"
    first = page.text("td")[:6]
    assert first == ["P2/day7.fcs", "P2", "7", "lineage", "draw", "$TOT is 200, DATA holds 100"]


def test_flags_are_grouped_by_reason_and_gates_by_population():
    attention = find_attention(study())
    assert attention.n_flagged == 2
    assert [(flag.reason, [tube.file for tube in flag.tubes]) for flag in attention.flags] == [
        ("time runs backwards", ["P1/day7.fcs", "P2/day-7.fcs"]),
        ("uncompensated", ["P1/day7.fcs"]),
    ]
    (gate,) = attention.gates
    assert (gate.population, gate.lowest, gate.gated) == ("NK", 0.2, 4)
    assert [tube.file for tube in gate.tubes] == ["P1/day7.fcs", "P2/day-7.fcs"]


def test_flags_that_differ_in_their_numbers_are_one():
    clogs = ["clog: 520 events left out, 7.6 to 11.8 s", "clog: 78 events left out, 6 to 11.2 s"]
    spills = "spillover shows: CD16 into CD8 5.2 %"
    reasons = [clogs[0], f"{clogs[1]}; {spills}", "", "", "", ""]
    flagged = SAMPLES.assign(status=["flagged"] * 2 + ["ok"] * 4, reason=reasons)
    first, second, *_ = find_attention(study(samples=flagged)).flags
    assert first.reason == "clog: … events left out, … to … s"
    assert [tube.reason for tube in first.tubes] == clogs
    assert (second.reason, [tube.reason for tube in second.tubes]) == (spills, [""])
    page = render_page(study(samples=flagged))
    assert f"{clogs[0]}; P1 day 7 lineage: {clogs[1]}" in page


def test_nothing_to_look_at_is_said():
    clean = study(
        samples=SAMPLES.assign(status="ok", reason=""), gates=study().gates.assign(confidence=1.0)
    )
    assert "Nothing: every file was read" in " ".join(Page(render_page(clean)).text("p"))


# Numbers


def test_flow_counts_patients_and_tubes():
    assert [(step.number, step.lost) for step in patient_flow(study())] == [
        (2, ()),
        (1, ("not: P2",)),  # its only draw after infusion failed
        (1, ()),
        (1, ()),
    ]
    files, read, sound = tube_flow(study())
    assert (files.number, files.lost) == (6, ("5 draws", "1 donor control"))
    assert (read.number, read.lost) == (5, ("1 failed",))
    assert (sound.number, sound.lost) == (3, ("2 flagged",))


def test_draw_table_tells_counts_limits_and_calls():
    before, day_7, day_14 = draw_rows(study(), "P1")
    nk = 5
    assert (before.counts[nk].value, before.counts[nk].interval) == ("250", "225–275")
    assert (day_7.counts[nk].value, day_7.counts[nk].interval) == ("0", "0–3.70")
    assert day_14.counts[nk].value == "1,234"
    assert day_14.counts[1].value == "–"  # T cells have no count that day
    assert [cell.value for cell in day_7.donors] == ["–", "–", "–"]
    assert [cell.value for cell in day_14.donors] == ["41.7", "< 0.31", "–"]
    assert (before.method, day_14.method) == ("volumetric", "volumetric")


def test_product_is_no_draw():
    assert "99,999" not in {cell.value for row in draw_rows(study(), "P1") for cell in row.counts}


def test_missing_donor_numbers_are_explained(page):
    assert any(
        text == "Donor NK not evaluable on day 7: 12 parents, at least 50 needed."
        for text in page.text("p")
    )


def test_recovery_table_counts_patients():
    (row,) = recovery_rows(study())
    assert (row.population, row.threshold, row.numbers) == ("NK", "100", (1, 0, 0, 0, 1))
    assert (row.earliest, row.latest) == ("14", "14")


def test_persistence_table_joins_share_and_count():
    (row,) = persistence_rows(study())
    assert (row.patient, row.status) == ("P1", "persisting")
    assert (row.peak_percent, row.peak_day, row.peak_cells) == ("41.7", "14", "514")
    assert (row.half_life, row.first_undetected) == ("–", "–")
    assert row.reason.startswith("half_life")


def test_second_infusion_has_its_own_row():
    twice = pd.concat([PERSISTENCE, PERSISTENCE.assign(course=2)])
    rows = persistence_rows(study(persistence=twice))
    assert [row.patient for row in rows] == ["P1", "P1, infusion 2"]


def test_patient_facts_hold_dose_and_events_but_no_person(page):
    facts = next(text for text in page.text("p") if "dose level" in text)
    assert (
        facts == "dose level 2 · 3 × 10⁷ NK cells per kg · 3 draws · infused on day 0 · "
        "death on day 60"
    )


def fixed_gates():
    return study().gates.assign(source="fixed")


ACQUIRED = {
    "panel": "lineage",
    "n_files": 5,
    "cytometer": "FACSCanto",
    "software": "",
    "compensation": "keyword",
    "markers": {
        "CD3": {"channel": "FITC-A", "label": "CD3 FITC", "voltage": "450, 460"},
        "FSC-A": {"channel": "FSC-A", "label": "", "voltage": "300"},
    },
}


def test_checklist_has_every_item_of_the_standard_in_order():
    numbers = [item.number for item in checklist(study())]
    assert numbers == [f"1.{n}" for n in range(1, 9)] + [
        *("2.1", "2.2", "2.3", "2.4", "3.1", "3.2", "3.3", "4.1", "4.2", "4.3", "4.4")
    ]


def test_checklist_tells_what_the_data_tell():
    run = RUN | {"acquisition": [ACQUIRED, ACQUIRED | {"n_files": 1, "compensation": ""}]}
    told = {item.number: " ".join(item.told) for item in checklist(study(run=run))}
    assert told["1.3"].startswith("Day from infusion: 3 time points, day −7 to 14.")
    assert "1 of 6 files could not be used; 2 of 6 files are flagged" in told["1.8"]
    assert "Controls: 1 donor control." in told["1.8"]
    assert "CD3 (CD3 FITC, FITC-A)" in told["2.4"] and "FSC" not in told["2.4"]
    assert told["3.2"] == "The files name FACSCanto."
    assert "FITC-A 450, 460; FSC-A 300" in told["3.3"]
    assert told["4.2"] == "5 files by the spillover matrix in the file. 1 file not compensated."


def test_checklist_leaves_to_the_laboratory_what_the_data_cannot_tell():
    found = {item.number: item for item in checklist(study())}
    for number in ("1.1", "1.2", "1.4", "1.5", "1.7", "3.1", "3.2"):
        assert not found[number].told and found[number].missing == LABORATORY, number
    assert "lysis" in found["2.3"].missing and not found["2.3"].told


def test_checklist_stands_in_the_page(page):
    assert "MIFlowCyt checklist" in page.text("h3")
    assert any("To be filled in by the laboratory" in text for text in page.text("td"))


def test_each_gate_is_told_with_the_share_inside():
    populations = POPULATIONS.assign(
        percent_of_parent=[10.0, 2.0, 30.0, np.nan, 99.0, 20.0], parent="Lymphocytes"
    )
    populations["file"] = [
        *("P1/day-7.fcs", "P1/day7.fcs", "P1/day14.fcs", "x", "product.fcs", "P2/day-7.fcs")
    ]
    (row,) = gate_rows(
        study(
            populations=populations,
            gates=study().gates.assign(kind="polygon", dimension_x="CD3", dimension_y="CD56"),
        )
    )
    assert (row.population, row.parent, row.shape) == ("NK", "Lymphocytes", "polygon CD3 × CD56")
    assert (row.tubes, row.lowest, row.median, row.highest) == (4, "2.0", "15.0", "30.0")
    assert row.placed_by == "data 1, borrowed 1, model 2"


def test_pictures_become_smaller_and_keep_their_colours():
    rows = np.zeros((40, 40, 4))
    rows[:20] = (0.0, 0.45, 0.7, 1.0)
    stream = io.BytesIO()
    imsave(stream, rows)
    found = imread(io.BytesIO(lean_png(stream.getvalue())))[..., :3]
    assert np.abs(found[:20] - (0.0, 0.45, 0.7)).max() < 0.01
    assert (found[20:] == 1).all()  # what was transparent is white


def test_methods_follow_the_study():
    told = " ".join(tell_methods(study()))
    assert "immunerecon 0.1.0" in told and "lineage 1.0.0" in told
    assert "the first of 2 consecutive draws" in told and "NK: 100 cells per µL" in told
    assert "the model, which counts event by event where no gate can stand for it (2 of 4" in told
    assert "share a mixture model of their kinds of cells" in told
    assert "mixture model" not in tell_methods(study(gates=fixed_gates()))[0]
    cited = {int(n) for n in re.findall(r"\[(\d+)\]", told)}
    assert cited == set(range(1, len(references()) + 1))
    assert "anti-HLA" in told
    assert "anti-HLA" not in " ".join(tell_methods(study(donor_cells=DONORS.iloc[:0])))


# Pictures


def test_thumbnail_outlines_the_gate_in_pixels():
    thumbnail = make_thumbnail([nk_picture(count=30, parent_count=200)])
    corners = [tuple(map(float, pair.split(","))) for pair in thumbnail.outline.split()]
    right, top = (0.5 + 0.05) / 1.1 * 96, 96 - (0.4 + 0.05) / 1.1 * 96
    assert sorted({x for x, _ in corners}) == pytest.approx([0.0, right], abs=0.05)
    assert sorted({y for _, y in corners}) == pytest.approx([0.0, top], abs=0.05)
    assert (thumbnail.share, thumbnail.doubtful) == ("15.0 %", False)


def test_thumbnail_shows_the_density_upright():
    encoded = make_thumbnail([nk_picture()]).image.removeprefix("data:image/png;base64,")
    pixels = imread(io.BytesIO(base64.b64decode(encoded)), format="png")
    # Bin (x 20, y 70) counts from the lower left, pixels from the upper left.
    assert np.argwhere(pixels[..., 3]).tolist() == [[95 - 70, 20], [95 - 20, 60]]


def test_doubtful_gates_are_told_to_a_screen_reader(page):
    labels = [attrs["aria-label"] for attrs in page.all("svg")]
    assert "NK on CD3 and CD56, 15.0 % of Lymphocytes, low confidence" in labels


def test_representative_draw_is_the_first_without_a_flag():
    draws = study().draws
    assert representative(draws[draws["patient"] == "P1"]) == "P1/day-7.fcs"
    assert representative(draws[draws["patient"] == "P2"]) == "P2/day-7.fcs"


def test_study_is_drawn_with_its_source_data():
    drawings = {drawing.name: drawing for drawing in draw_study(study())}
    assert list(drawings) == [
        "paper",
        "courses_P1",
        "ridges_P1",
        "courses_P2",
        "recovery",
        "swimmer",
        "gating_lineage",
        "tubes_lineage",
    ]
    assert set(drawings["swimmer"].data["patient"]) == {"P1", "P2"}
    assert set(drawings["courses_P1"].data["patient"]) == {"P1"}
    assert drawings["gating_lineage"].data["file"].tolist() == ["P1/day-7.fcs"]
    assert len(drawings["tubes_lineage"].data) == 5
