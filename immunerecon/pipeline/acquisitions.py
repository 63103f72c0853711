"""How the tubes of a study were acquired, as far as their files say it."""

from collections.abc import Mapping
from typing import Any

from immunerecon.pipeline.records import Record
from immunerecon.study.folder import Study


def acquisition_facts(study: Study, surveys: Mapping[int, Record]) -> list[dict[str, Any]]:
    """Return how many tubes of each panel were acquired and compensated in the same way.

    Parameters
    ----------
    study
        The study.
    surveys
        The first look at each file that could be read, by position in samples.csv.

    Returns
    -------
    list of dict
        ``panel``, ``n_files``, ``cytometer``, ``software``, ``compensation`` (where the spillover
        came from, empty for uncompensated tubes) and ``markers``: channel, label and voltage (the
        voltages of all tubes, where they differ) of each; ordered by panel and number of tubes.
    """
    groups: dict[object, list[Mapping[str, Any]]] = {}
    for index, survey in surveys.items():
        told = survey.facts["acquisition"]
        stains = sorted((m, d["channel"], d["label"]) for m, d in told["detectors"].items())
        names = (told["cytometer"], told["software"], told["compensation"])
        groups.setdefault((study.samples[index].panel, *names, *stains), []).append(
            {**told, "panel": study.samples[index].panel}
        )
    facts = [
        {
            "panel": group[0]["panel"],
            "n_files": len(group),
            **{name: group[0][name] for name in ("cytometer", "software", "compensation")},
            "markers": {
                marker: {**told, "voltage": _voltages(marker, group)}
                for marker, told in group[0]["detectors"].items()
            },
        }
        for group in groups.values()
    ]
    places = {panel: place for place, panel in enumerate(study.settings.panels)}
    return sorted(facts, key=lambda one: (places[one["panel"]], -one["n_files"], str(one)))


def _voltages(marker: str, group: list[Mapping[str, Any]]) -> str:
    found = {told["detectors"][marker]["voltage"] for told in group} - {""}
    return ", ".join(sorted(found, key=lambda text: (len(text), text)))
