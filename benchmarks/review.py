"""Gate review in a browser: time to the first picture, and from an edit to its new counts.

    python benchmarks/review.py STUDY RESULTS [TIMES]

Opens the page of a run in headless Chromium, opens its largest tube again and again, moves a gate
of it, and prints medians. Bars for 300,000 events: picture within 1 s, counts within 100 ms. The
page's server runs in a process of its own, as it does for a person. On a machine with other work
to do, look at what the processor worked and at the least numbers.
"""

import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from browser import chromium, find, until

import immunerecon as ir
from immunerecon.review.messages import answer
from immunerecon.review.opening import open_review

READY = ".irr:not([aria-busy]) .irr-mini"


def main(study: str, results: str, times: int = 15) -> None:
    """Measure without and with a browser."""
    samples = ir.load_results(results).samples.sort_values("n_events_clean")
    file, events = samples[["file", "n_events_clean"]].dropna().iloc[-1]
    print(f"{file}: {events:,} clean events, {times} times, median (least - most)")
    _without_browser(study, results, file, times)
    _with_browser(study, results, file, times)


def _without_browser(study: str, results: str, file: str, times: int) -> None:
    opened = open_review(ir.read_study(study), ir.load_results(results))
    gates = answer(opened, {"ask": "tube", "file": file}).content["gates"]
    gate = next(g for g in gates if g["name"] == "Leukocytes")
    panel = [gate["parent"], gate["x"], gate["y"]]
    first, edits, first_work, edit_work = [], [], [], []
    for number in range(times):
        fresh = open_review(opened.study, opened.results)
        start, work = time.perf_counter(), time.thread_time()
        answer(fresh, {"ask": "tube", "file": file})
        answer(fresh, {"ask": "densities", "file": file, "panels": [panel]})
        first.append(time.perf_counter() - start)
        first_work.append(time.thread_time() - work)
        shifted = {"population": "Leukocytes", "gate": _shifted(gate["gate"], 0.002 * number)}
        start, work = time.perf_counter(), time.thread_time()
        answer(opened, {"ask": "tube", "file": file, "edits": [shifted]})
        edits.append(time.perf_counter() - start)
        edit_work.append(time.thread_time() - work)
    _tell("Python: file to tree, counts and first density", first, 1.0)
    _tell("  of which the processor worked", first_work, 1.0)
    _tell("Python: edit of Leukocytes to all counts", edits, 0.1)
    _tell("  of which the processor worked", edit_work, 0.1)


def _shifted(gate: dict[str, Any], by: float) -> dict[str, Any]:
    if gate["kind"] == "polygon":
        corners = np.asarray(gate["vertices"]) + by
        return {**gate, "vertices": corners.tolist()}
    ranges = {
        name: {end: place + by for end, place in bounds.items()}
        for name, bounds in gate["ranges"].items()
    }
    return {**gate, "ranges": ranges}


def _with_browser(study: str, results: str, file: str, times: int) -> None:
    with tempfile.TemporaryDirectory() as place:
        command = [
            sys.executable, "-u", "-m", "immunerecon.cli", "review", study, results,
            "--no-browser", "--overrides", f"{place}/overrides.yaml",
        ]  # fmt: skip
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            url = server.stdout.readline().split(": ", 1)[1].strip()
            try:
                with chromium(Path(place) / "profile") as page:
                    _in_the_page(page, url, file, times)
            finally:
                server.terminate()


def _in_the_page(page: Any, url: str, file: str, times: int) -> None:
    page.get(url)
    find(page, READY)
    page.set_script_timeout(600)
    opened = page.execute_async_script(_OPEN, file, times)
    _tell("browser: choosing the tube to its picture, read from disk", opened[:1], 1.0)
    _tell("browser: the same, with the tube in memory", opened[1:], 1.0)
    moves = page.execute_async_script(_MOVE, times)
    _tell("browser: letting a gate go to its new counts on the page", moves, 0.1)
    until(page, lambda: page.find_elements("css selector", READY))
    told = page.execute_script(_PAINT)
    print(f"browser: {json.dumps(told)}")


# In the page's own words: the review stands on its root element.
_OPEN = """
const [file, times, done] = arguments;
const review = document.querySelector('.irr').review;
(async () => {
  const seconds = [];
  for (let i = 0; i < times; i += 1) {
    const start = performance.now();
    const shown = review.openTube(file);
    await review.pictured;
    seconds.push((performance.now() - start) / 1000);
    await shown;
  }
  done(seconds);
})();
"""
_MOVE = """
const [times, done] = arguments;
const review = document.querySelector('.irr').review;
(async () => {
  review.pick('Leukocytes');
  const seconds = [];
  for (let i = 0; i < times; i += 1) {
    const gate = JSON.parse(JSON.stringify(review.gate().gate));
    if (gate.kind === 'polygon') gate.vertices = gate.vertices.map(([x, y]) => [x + 0.002, y]);
    else for (const bounds of Object.values(gate.ranges))
      for (const end in bounds) bounds[end] += 0.002;
    const start = performance.now();
    const whole = review.commit({ population: 'Leukocytes', gate });
    await review.counted;
    seconds.push((performance.now() - start) / 1000);
    await whole;
  }
  done(seconds);
})();
"""
_PAINT = """
const paint = performance.getEntriesByName('first-contentful-paint')[0];
return { 'first contentful paint of the page, ms': Math.round(paint.startTime) };
"""


def _tell(what: str, seconds: list[float], bar: float) -> None:
    milliseconds = [1000 * value for value in seconds]
    print(
        f"{what}: {statistics.median(milliseconds):.0f} ms "
        f"({min(milliseconds):.0f} - {max(milliseconds):.0f}); bar {1000 * bar:.0f} ms"
    )


if __name__ == "__main__":
    main(*sys.argv[1:3], *(int(number) for number in sys.argv[3:4]))
