"""Gate review without a browser: densities, edits, counts, the file of overrides, the server."""

import http.client
import json
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

import immunerecon as ir
from immunerecon.errors import ResultsError
from immunerecon.gating.overrides.override_file import load_overrides
from immunerecon.review.densities import BINS, SPARSE, draw_density
from immunerecon.review.messages import answer
from immunerecon.review.opening import Review, open_review
from immunerecon.review.packing import pack
from immunerecon.review.places import find_study
from immunerecon.review.server import POLICY, ReviewServer


@pytest.fixture(scope="module")
def opened(small_study: Path, small_results: Path) -> Review:
    return open_review(ir.read_study(small_study), ir.load_results(small_results))


@pytest.fixture
def review(opened: Review, tmp_path: Path) -> Review:
    """A review whose overrides go to a folder of the test's own."""
    return Review(opened.study, opened.results, tmp_path / "overrides.yaml", opened.tube)


@pytest.fixture(scope="module")
def file(opened: Review) -> str:
    samples = opened.results.samples
    return str(samples.loc[(samples.panel == "lineage") & (samples.role == "draw"), "file"].iloc[0])


def asked(review: Review, **message: Any) -> dict[str, Any]:
    content = dict(answer(review, message).content)
    assert "error" not in content, content
    return content


def counts(review: Review, file: str, edits: list[dict[str, Any]]) -> dict[str, int]:
    gates = asked(review, ask="tube", file=file, edits=edits)["gates"]
    return {gate["name"]: gate["count"] for gate in gates}


NK = {
    "population": "NK",
    "gate": {"kind": "rectangle", "ranges": {"CD3": {"high": 0.45}, "CD56": {"low": 0.5}}},
}


# Densities


def test_density_shows_crowds_as_levels_and_every_other_event_as_a_point() -> None:
    rng = np.random.default_rng(0)
    x, y = (rng.normal(0.5, 0.1, 20_000).astype(np.float32) for _ in range(2))
    density = draw_density(x, y)
    edges = np.linspace(-0.05, 1.05, BINS + 1)
    counts = np.histogram2d(y, x, bins=(edges, edges))[0]
    wide = np.pad(counts, 1)
    crowd = sum(wide[i : i + BINS, j : j + BINS] for i in range(3) for j in range(3))
    alone = (counts > 0) & (crowd <= SPARSE)
    # Events on a bin's edge may fall to either side in float32.
    assert np.mean((density.levels > 0) == ((counts > 0) & ~alone)) > 0.999
    assert len(density.points) == pytest.approx(counts[alone].sum(), rel=0.01)
    assert density.most == pytest.approx(counts.max(), abs=2)
    assert density.levels.max() == 255


def test_events_beyond_the_display_and_without_a_value_do_not_break_it() -> None:
    x = np.float32([-9, 9, np.nan, np.inf, 0.5])
    density = draw_density(x, np.full(5, 0.5, np.float32))
    assert len(density.points) == 4  # all but the one without a value
    assert sorted(density.points[:, 0].tolist())[0] == 0


def test_density_of_no_events_is_empty() -> None:
    nothing = np.empty(0, np.float32)
    density = draw_density(nothing, nothing)
    assert (density.most, int(density.levels.max()), len(density.points)) == (0, 0, 0)


# Questions and answers


def test_the_tube_has_the_counts_of_the_run(review: Review, file: str) -> None:
    rows = review.results.populations
    expected = rows[rows.file == file].set_index("population")["count"].dropna().to_dict()
    assert counts(review, file, []) == {name: expected[name] for name in counts(review, file, [])}
    assert set(counts(review, file, [])) == set(expected)


def test_an_edit_counts_events_and_moves_nothing_else(review: Review, file: str) -> None:
    before, after = counts(review, file, []), counts(review, file, [NK])
    tube = review.tube(file)
    parent = asked(review, ask="tube", file=file, edits=[])["gates"]
    assert next(g["parent"] for g in parent if g["name"] == "NK") == "Lymphocytes"
    from immunerecon.review.tubes import gated_with

    rows = gated_with(tube, ()).members["Lymphocytes"]
    inside = (tube.columns["CD3"][rows] < 0.45) & (tube.columns["CD56"][rows] >= 0.5)
    # The bound goes through linear units and back, which an event in a few thousands may notice.
    assert after["NK"] == pytest.approx(int(inside.sum()), abs=1)
    assert after["NK"] != before["NK"]
    below = {"NK", "NK_CD56bright", "NK_CD56dim"}
    assert {n: c for n, c in after.items() if n not in below} == {
        n: c for n, c in before.items() if n not in below
    }
    assert after["NK_CD56bright"] + after["NK_CD56dim"] <= after["NK"]


def test_what_is_applied_is_written_and_stays(review: Review, file: str) -> None:
    preview = counts(review, file, [NK])
    message = {"ask": "apply", "file": file, "edits": [NK], "who": "AB", "why": "dim lot"}
    told = asked(review, **message, scope="file")
    assert [o["population"] for o in told["overrides"]] == ["NK"]
    assert told["changed"] == [file]
    (override,) = load_overrides(review.path)
    assert (override.file, override.who, override.why) == (file, "AB", "dim lot")
    assert counts(review, file, []) == preview
    again = asked(review, ask="withdraw", override=told["overrides"][0])
    assert again["overrides"] == [] and again["changed"] == []
    assert counts(review, file, []) != preview


def test_a_patients_override_moves_all_tubes_of_the_patient_and_panel(
    review: Review, file: str
) -> None:
    samples = review.results.samples.set_index("file")
    asked(review, ask="apply", file=file, edits=[NK], scope="file", who="AB", why="first try")
    moved = {**NK, "gate": {**NK["gate"], "ranges": {"CD3": {"high": 0.5}, "CD56": {"low": 0.4}}}}
    preview = counts(review, file, [moved])
    told = asked(
        review, ask="apply", file=file, edits=[moved], scope="patient", who="AB", why="all draws"
    )
    # The tube had an override of its own, which would beat the patient's.
    assert counts(review, file, []) == preview
    tubes = samples.loc[told["changed"]]
    assert set(tubes["panel"]) == {"lineage"}
    assert set(tubes["patient"]) == {samples.loc[file, "patient"]}
    other = next(name for name in told["changed"] if name != file)
    thumbnail = answer(review, {"ask": "fresh", "population": "NK", "file": other})
    assert thumbnail.content["thumbnails"][0]["source"] == "override"
    assert thumbnail.content["thumbnails"][0]["count"] == counts(review, other, [])["NK"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"who": " "}, "say who"),
        ({"scope": "study"}, "no scope 'study'"),
        ({"edits": [{"population": "NK"}]}, "moves nothing"),
        ({"edits": [{**NK, "population": "nobody"}]}, "not gated"),
        ({"edits": [{"threshold": "CD99", "value": 0.5}]}, "no boundary 'CD99'"),
        ({"file": "none.fcs"}, "none.fcs was not gated"),
        ({"ask": "format disk"}, "not a message"),
    ],
)
def test_what_cannot_be_applied_is_told_and_not_written(
    review: Review, file: str, change: dict[str, Any], told: str
) -> None:
    message = {"ask": "apply", "file": file, "edits": [NK], "scope": "file", "who": "A", "why": "b"}
    assert told in answer(review, {**message, **change}).content["error"]
    assert not review.path.exists()


def test_thumbnails_are_those_of_the_run(review: Review, file: str) -> None:
    reply = answer(review, {"ask": "thumbnails", "population": "NK", "files": [file]})
    (told,) = reply.content["thumbnails"]
    assert told["count"] == counts(review, file, [])["NK"]
    assert len(reply.buffers[0]) == 96 * 96


def test_an_unusual_share_stands_out(review: Review) -> None:
    results = review.results
    rows = results.populations.copy()
    nk = rows.index[(rows.population == "NK") & (rows.panel == "lineage")]
    rows.loc[nk, ["count", "parent_count"]] = [200, 1000]
    rows.loc[nk[: len(nk) // 2], "count"] = 210
    rows.loc[nk[0], "count"] = 900
    from dataclasses import replace

    from immunerecon.review.catalogue import find_oddities

    found = find_oddities(replace(results, populations=rows), "NK")
    odd = {name for name, told in found.items() if abs(told["share"]) >= 3.5}
    lineage = set(rows.loc[nk, "file"])
    assert odd & lineage == {rows.loc[nk[0], "file"]}


def test_results_of_another_study_are_refused(opened: Review, tmp_path: Path) -> None:
    from dataclasses import replace

    other = replace(opened.study, samples=opened.study.samples[:1])
    with pytest.raises(ResultsError, match="name the study that was run"):
        open_review(other, opened.results)


def test_the_study_is_found_beside_the_results_by_its_name(
    small_study: Path, opened: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(small_study.parent)
    assert find_study(opened.results) == small_study.resolve()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ResultsError, match="immunerecon review STUDY"):
        find_study(opened.results)


# The server


@pytest.fixture
def server(review: Review) -> Iterator[ReviewServer]:
    with ReviewServer(review) as serving:
        thread = Thread(target=serving.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serving
        serving.shutdown()
        thread.join()


def sent(
    server: ReviewServer, method: str, path: str, body: bytes | None = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=10)
    connection.request(method, path, body, {k.replace("_", "-"): v for k, v in headers.items()})
    response = connection.getresponse()
    content = response.read()
    connection.close()
    return response.status, dict(response.headers), content


def test_the_page_is_served_behind_its_token_with_a_strict_policy(server: ReviewServer) -> None:
    assert server.server_address[0] == "127.0.0.1"
    for name in ("", "review.js", "review.css"):
        status, headers, content = sent(server, "GET", f"/{server.token}/{name}")
        assert status == 200 and content
        assert headers["Content-Security-Policy"] == POLICY
        assert "unsafe" not in POLICY and "http" not in POLICY
        assert b"https://" not in content and b"http://" not in content
    for path in ("/", "/review.js", "/wrong/", f"/{server.token}/../../etc/passwd"):
        assert sent(server, "GET", path)[0] == 404


def test_only_the_page_itself_may_ask(server: ReviewServer) -> None:
    path, body = f"/{server.token}/ask", json.dumps({"ask": "open"}).encode()
    host = server.address
    good = {"Content_Type": "application/json", "Host": host, "Origin": f"http://{host}"}
    status, _, content = sent(server, "POST", path, body, **good)
    assert status == 200
    length = int.from_bytes(content[:4], "little")
    assert json.loads(content[4 : 4 + length])["lengths"] == []
    refused = [
        ({**good, "Origin": "http://evil.example"}, 403),
        ({key: good[key] for key in ("Content_Type", "Host")}, 403),
        ({**good, "Host": "evil.example"}, 403),
        ({**good, "Content_Type": "text/plain"}, 404),
    ]
    for headers, expected in refused:
        assert sent(server, "POST", path, body, **headers)[0] == expected
    assert sent(server, "POST", path, b"{", **good)[0] == 400
    assert sent(server, "POST", "/wrong/ask", body, **good)[0] == 404


def test_buffers_follow_the_words(review: Review, file: str) -> None:
    panels = [["Lymphocytes", "CD3", "CD56"], ["", "FSC-A", "SSC-A"]]
    reply = answer(review, {"ask": "densities", "file": file, "edits": [], "panels": panels})
    packed = pack(reply)
    length = int.from_bytes(packed[:4], "little")
    lengths = json.loads(packed[4 : 4 + length])["lengths"]
    assert lengths[0] == lengths[2] == BINS * BINS
    assert len(packed) == 4 + length + sum(lengths)
