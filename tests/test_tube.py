"""The tube: names, values, selection."""

import numpy as np
import pytest

from immunerecon.cytometry.tube import Channel, Tube
from immunerecon.errors import MarkerError

CHANNELS = (Channel("FSC-A", "", 262144), Channel("FITC-A", "CD3 <FITC>", 262144))
TUBE = Tube(np.asfortranarray([[1, 2], [3, 4], [5, 6]], dtype=np.float32), CHANNELS)


@pytest.mark.parametrize(
    "name",
    [
        "FSC-A",
        "SSC-B-H",
        "FS Lin",
        "FS INT LIN",
        "SS Log",
        "FSC",
        "ssc-w",
        "Side Scatter",
        "FSC1-A",
    ],
)
def test_scatter(name: str) -> None:
    assert Channel(name, "", 1).is_scatter


@pytest.mark.parametrize("name", ["FITC-A", "FSCN1", "SSEA-4", "FL1 Log", "Time", "CD3"])
def test_no_scatter(name: str) -> None:
    assert not Channel(name, "", 1).is_scatter


def test_time() -> None:
    names = ("Time", "TIME", "HDR-T", "Time MSW", "Computed Time", "FSC-A")
    assert [Channel(name, "", 1).is_time for name in names] == [True] * 3 + [False] * 3


def test_values_are_views_and_unknown_channels_are_named() -> None:
    assert TUBE.values("FITC-A").tolist() == [2, 4, 6]
    assert np.shares_memory(TUBE.values("FITC-A"), TUBE.events)
    with pytest.raises(MarkerError, match=r"no channel 'PE-A'. It has FSC-A, FITC-A"):
        TUBE.values("PE-A")


def test_selection_keeps_the_rest() -> None:
    chosen = TUBE.flagged("odd").select(np.array([True, False, True]))
    assert chosen.events.tolist() == [[1, 2], [5, 6]]
    assert chosen.events.flags.f_contiguous
    assert not chosen.events.flags.writeable
    assert chosen.flags == ("odd",)
    assert chosen.n_events == 2
    assert TUBE.n_events == 3
    assert TUBE.flags == ()


def test_html_is_escaped() -> None:
    html = TUBE._repr_html_()
    assert "CD3 &lt;FITC&gt;" in html
    assert "Tube of 3 events, 2 channels, uncompensated" in html
