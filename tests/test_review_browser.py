"""Gate review in a real browser: a person drags, counts follow, a reload and a run keep it."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import urlsplit

import pytest
from browser import asked_for, chromium, click, complaints, drag, find, find_chromium, until

import immunerecon as ir
from immunerecon.gating.overrides.override_file import load_overrides
from immunerecon.report.outputs import report_data
from immunerecon.report.page import render_page
from immunerecon.review.messages import answer
from immunerecon.review.opening import Review, open_review
from immunerecon.review.server import ReviewServer

# One group: browsers beside each other starve one another on a small machine.
pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

READY = ".irr:not([aria-busy]) .irr-mini"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with chromium(tmp_path_factory.mktemp("profile")) as opened:
        yield opened


@pytest.fixture(scope="module")
def run(small_study: Path, small_results: Path) -> Review:
    return open_review(ir.read_study(small_study), ir.load_results(small_results))


@pytest.fixture
def review(run: Review, tmp_path: Path) -> Review:
    return Review(run.study, run.results, tmp_path / "overrides.yaml", run.tube)


@pytest.fixture
def url(review: Review) -> Iterator[str]:
    with ReviewServer(review) as serving:
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving.url
        serving.shutdown()
        thread.join()


def pick(page: Any, population: str) -> None:
    item = f"[role=treeitem][data-population={population}]"
    click(page, item)
    until(page, lambda: find(page, item).get_attribute("aria-selected") == "true")


def shown_counts(page: Any) -> dict[str, int]:
    """Return the counts of the tree, all of one moment."""
    told: list[tuple[str, str]] = page.execute_script(
        "return [...document.querySelectorAll('[role=treeitem]')].map("
        "item => [item.dataset.population, item.querySelector('.irr-count').textContent])"
    )
    return {name: int(text.replace(",", "")) for name, text in told}


def count(page: Any, population: str) -> int:
    return shown_counts(page)[population]


def sheet(page: Any) -> str:
    """Return which sheet of thumbnails is complete: view, population, number of tubes."""
    return find(page, ".irr").get_attribute("data-sheet") or ""


def open_tube(page: Any, url: str) -> str:
    """Open the page on the tube that it chooses, and return its file."""
    page.get(url)
    find(page, READY)
    return str(find(page, "select[aria-label=Tube]").get_attribute("value"))


def python_counts(review: Review, file: str) -> dict[str, int]:
    gates = answer(review, {"ask": "tube", "file": file}).content["gates"]
    return {gate["name"]: gate["count"] for gate in gates}


def apply(page: Any, review: Review) -> None:
    find(page, "input[aria-label=Who]").send_keys("AB")
    find(page, "input[aria-label=Why]").send_keys("CD3-dim lot")
    click(page, "button[type=submit]")
    until(page, lambda: "Written to" in find(page, "[role=status]").text)
    assert review.path.exists()


def test_a_drag_changes_counts_and_reload_and_run_keep_it(
    page: Any, url: str, review: Review, tmp_path: Path
) -> None:
    file = open_tube(page, url)
    before = shown_counts(page)
    assert before == python_counts(review, file)
    pick(page, "NK")
    drag(page, "[data-handle=whole]", 0, 120)
    until(page, lambda: count(page, "NK") != before["NK"])
    after = shown_counts(page)
    assert after["NK_CD56dim"] != before["NK_CD56dim"]
    assert after["T"] == before["T"]
    assert f"was {before['NK']:,}" in find(page, "[role=status]").text
    assert not review.path.exists()
    apply(page, review)
    assert python_counts(review, file) == after
    page.refresh()
    find(page, READY)
    click(page, f"option[value='{file}']")
    find(page, READY)
    until(page, lambda: shown_counts(page) == after)
    again = ir.run_study(review.study, tmp_path / "again", overrides=load_overrides(review.path))
    rows = again.populations[again.populations["file"] == file].set_index("population")
    assert {name: int(rows.loc[name, "count"]) for name in after} == after
    gates = again.gates.set_index(["file", "population"])["source"]
    assert gates[(file, "NK")] == "override"
    assert gates[(file, "T")] != "override"


def test_a_threshold_is_dragged_with_every_gate_on_it(page: Any, url: str, review: Review) -> None:
    file = open_tube(page, url)
    pick(page, "Live")
    before = shown_counts(page)
    handle = find(page, "[role=slider][aria-label='Viability threshold']")
    was = int(handle.get_attribute("aria-valuenow"))
    drag(page, "[role=slider]", -80, 0)
    until(page, lambda: count(page, "Live") < before["Live"])
    assert int(find(page, "[role=slider]").get_attribute("aria-valuenow")) < was - 50
    apply(page, review)
    (override,) = load_overrides(review.path)
    assert (override.threshold, override.file) == ("Viability", file)


def test_a_point_is_dragged_and_holds_for_all_tubes_of_the_patient(
    page: Any, url: str, review: Review
) -> None:
    file = open_tube(page, url)
    pick(page, "NK")
    before = shown_counts(page)
    shape = answer(review, {"ask": "tube", "file": file}).content["gates"]
    points = next(gate for gate in shape if gate["name"] == "NK")["gate"]["vertices"]
    lowest = min(range(len(points)), key=lambda i: points[i][1])
    drag(page, f"[data-handle='point {lowest}']", 0, -160)
    until(page, lambda: count(page, "NK") < before["NK"])
    after = shown_counts(page)
    click(page, "input[value=patient]")
    apply(page, review)
    (override,) = load_overrides(review.path)
    patient = review.results.samples.set_index("file").loc[file, "patient"]
    assert (override.file, override.patient, override.population) == ("", patient, "NK")
    assert (override.who, override.why) == ("AB", "CD3-dim lot")
    assert python_counts(review, file) == after


def test_the_keyboard_does_all_that_the_mouse_does(page: Any, url: str) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    open_tube(page, url)
    pick(page, "NK")
    before = shown_counts(page)
    points = len(page.find_elements("css selector", ".irr-point"))
    press = lambda *keys: ActionChains(page, duration=0).send_keys(*keys).perform()  # noqa: E731
    active = lambda: page.switch_to.active_element  # noqa: E731
    # From the chosen population by Tab to the gate, which moves as a whole, then to its points.
    press(Keys.TAB)
    assert active().get_attribute("data-handle") == "whole"
    outline = active().value_of_css_property("outline-style")
    assert outline == "solid"
    held = ActionChains(page, duration=0).key_down(Keys.SHIFT)
    for _ in range(8):  # a key that is held repeats itself, and is let go once
        held.key_down(Keys.ARROW_UP)
    held.key_up(Keys.ARROW_UP).key_up(Keys.SHIFT).perform()
    until(page, lambda: count(page, "NK") != before["NK"])
    moved = shown_counts(page)
    until(page, lambda: active().get_attribute("data-handle") == "whole")
    press(Keys.TAB)
    assert active().get_attribute("data-handle") == "point 0"
    assert "arrow keys move" in active().get_attribute("aria-label")
    press(Keys.INSERT)
    until(page, lambda: len(page.find_elements("css selector", ".irr-point")) == points + 1)
    press(Keys.DELETE)
    until(page, lambda: len(page.find_elements("css selector", ".irr-point")) == points)
    for _ in range(3):  # the point that came, the point that went, the move by arrow keys
        ActionChains(page, duration=0).key_down(Keys.CONTROL).send_keys("z").key_up(
            Keys.CONTROL
        ).perform()
        find(page, READY)
    until(page, lambda: shown_counts(page) == before)
    ActionChains(page, duration=0).key_down(Keys.CONTROL).send_keys("y").key_up(
        Keys.CONTROL
    ).perform()
    until(page, lambda: shown_counts(page) == moved)
    press(Keys.ENTER)
    until(page, lambda: active().get_attribute("aria-label") == "Who")
    assert "Say who" in find(page, "[role=alert]").text


def test_series_and_all_tubes_show_every_draw(page: Any, url: str, review: Review) -> None:
    open_tube(page, url)
    samples = review.results.samples
    for view in ("series", "all"):
        click(page, f"[data-view={view}]")
        until(page, lambda v=view: sheet(page).startswith(v))
        thumbs = page.find_elements("css selector", ".irr-thumb")
        assert all("%" in thumb.get_attribute("aria-label") for thumb in thumbs)
        files = {thumb.get_attribute("data-file") for thumb in thumbs}
        if view == "all":
            assert files == set(review.results.populations["file"])
        else:
            assert samples.set_index("file").loc[sorted(files), "patient"].nunique() == 1
    target = thumbs[-1].get_attribute("data-file")
    thumbs[-1].click()
    until(page, lambda: find(page, "select[aria-label=Tube]").get_attribute("value") == target)


def test_nothing_leaves_the_machine_and_nothing_is_refused(page: Any, url: str) -> None:
    complaints(page), asked_for(page)
    open_tube(page, url)
    click(page, "[data-view=all]")
    until(page, lambda: sheet(page).startswith("all"))
    hosts = {urlsplit(address).hostname for address in asked_for(page)}
    assert hosts <= {"127.0.0.1", None}  # None: data and blob addresses
    assert complaints(page) == []
    # A script from elsewhere is refused by the page's own policy.
    page.execute_script(
        "const s = document.createElement('script'); s.src = 'http://127.0.0.1:9/x.js';"
        "s.onerror = () => document.body.dataset.refused = 'yes'; document.head.append(s);"
    )
    until(page, lambda: page.find_elements("css selector", "body[data-refused=yes]"))
    assert any("Content Security Policy" in told for told in complaints(page))


def test_the_report_shows_the_same_gates_for_looking_only(
    page: Any, run: Review, tmp_path: Path
) -> None:
    data = report_data(run.results)
    report = tmp_path / "report.html"
    report.write_text(render_page(data, drawings=()), "utf-8")
    complaints(page), asked_for(page)
    page.get(report.as_uri())
    page.execute_script("document.querySelector('[data-review-host]').scrollIntoView()")
    find(page, READY)
    file = find(page, "select[aria-label=Tube]").get_attribute("value")
    rows = run.results.populations
    expected = rows[rows["file"] == file].set_index("population")["count"].dropna()
    assert shown_counts(page) == expected.to_dict()
    assert not page.find_elements("css selector", ".irr-handles > *, .irr-apply")
    click(page, "[data-view=all]")
    until(page, lambda: sheet(page).startswith("all"))
    assert len(page.find_elements("css selector", ".irr-thumb")) > 5
    assert {urlsplit(address).scheme for address in asked_for(page)} <= {"file", "data", "blob"}
    assert complaints(page) == []


# JupyterLab


@pytest.fixture
def lab(tmp_path: Path, review: Review) -> Iterator[str]:
    """Address of a notebook in JupyterLab that opens the review, all of it on this machine."""
    find_chromium()
    for package in ("jupyterlab", "anywidget"):
        pytest.importorskip(package, reason=f"the extra notebook ({package}) is not installed")
    code = (
        "import immunerecon as ir\n"
        f"study = ir.read_study({str(review.study.folder)!r})\n"
        f"results = ir.load_results({str(review.results.folder)!r})\n"
        f"ir.review_gates(study, results, overrides={str(review.path)!r})"
    )
    import nbformat

    folder = tmp_path / "lab"
    folder.mkdir()
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3"}
    nbformat.write(notebook, folder / "review.ipynb")
    places = {f"JUPYTER_{kind}_DIR": str(tmp_path / kind) for kind in ("CONFIG", "RUNTIME")}
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--ip=127.0.0.1",
        "--port=0", "--IdentityProvider.token=of-the-test", f"--notebook-dir={folder}",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]  # fmt: skip
    with subprocess.Popen(
        command,
        env={**os.environ, **places},
        stdout=subprocess.DEVNULL,
        stderr=(tmp_path / "lab.log").open("w"),
    ) as process:
        try:
            server = _server_of(tmp_path / "RUNTIME", process)
            yield f"{server}lab/tree/review.ipynb?token=of-the-test"
        finally:
            process.terminate()


def _server_of(runtime: Path, process: "subprocess.Popen[bytes]") -> str:
    """Return the address that the server has written down, once it has."""
    from time import monotonic, sleep

    end = monotonic() + 90
    while process.poll() is None and monotonic() < end:
        for told in runtime.glob("jpserver-*.json"):
            with suppress(ValueError):  # half written
                return str(json.loads(told.read_text())["url"])
        sleep(0.02)  # a file of another process: there is nothing to be told by
    raise AssertionError(f"JupyterLab did not start: {(runtime.parent / 'lab.log').read_text()}")


def test_a_drag_in_jupyterlab_changes_counts_and_is_written(
    page: Any, lab: str, review: Review
) -> None:
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.keys import Keys

    complaints(page), asked_for(page)
    page.get(lab)
    idle = "//*[@id='jp-main-statusbar']//*[contains(text(), '| Idle')]"
    until(page, lambda: page.find_elements("xpath", idle))
    click(page, ".jp-CodeCell .cm-content")  # the page stands before it is laid out
    find(page, ".jp-CodeCell .cm-focused")
    ActionChains(page).key_down(Keys.SHIFT).send_keys(Keys.ENTER).key_up(Keys.SHIFT).perform()
    find(page, READY)
    before = shown_counts(page)
    pick(page, "NK")
    page.execute_script("document.querySelector('.irr-stage').scrollIntoView({block: 'center'})")
    drag(page, "[data-handle=whole]", 0, 120)
    until(page, lambda: count(page, "NK") != before["NK"])
    after = shown_counts(page)
    apply(page, review)
    (override,) = load_overrides(review.path)
    assert override.population == "NK"
    assert python_counts(review, override.file) == after
    hosts = {urlsplit(address).hostname for address in asked_for(page)}
    assert hosts <= {"127.0.0.1", None}
