"""What the page asks and Python answers; the same over HTTP and in a notebook."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from filelock import FileLock

from immunerecon.errors import ImmunereconError, ResultsError, StrategyError
from immunerecon.gating.overrides.override import Override
from immunerecon.gating.overrides.override_file import write_overrides
from immunerecon.review.catalogue import find_changed, find_oddities, list_populations, list_tubes
from immunerecon.review.densities import BINS, draw_density
from immunerecon.review.edits import to_overrides
from immunerecon.review.opening import Review
from immunerecon.review.packing import Reply
from immunerecon.review.telling import tell_axes, tell_boundaries, tell_gates
from immunerecon.review.thumbnails import find_picture, fresh_picture, tell_thumbnail
from immunerecon.review.tubes import ReviewTube, counted, gated_with, moved_by

Message = Mapping[str, Any]


def answer(review: Review, message: Message) -> Reply:
    """Answer one message of the page.

    Parameters
    ----------
    review
        What is reviewed.
    message
        ``ask`` names the question, the rest is what it is about:

        - ``open``: tubes, populations and overrides;
        - ``tube`` (`file`, `edits`): the gating tree with exact counts, axes and boundaries;
        - ``densities`` (`file`, `edits`, `panels`): events of parents on two dimensions;
        - ``thumbnails`` (`population`, `files`): the gate in many tubes, as the run left it;
        - ``fresh`` (`population`, `file`): the same of one tube, with the overrides of now;
        - ``oddities`` (`population`): how unusual each tube's share is;
        - ``apply`` (`file`, `edits`, `scope`, `who`, `why`): writes overrides;
        - ``withdraw`` (`override`): takes one back.

    Returns
    -------
    Reply
        With ``error`` in place of an answer where the question cannot be answered; what was
        written before stays.
    """
    try:
        return _ANSWERS[message["ask"]](review, message)
    except ImmunereconError as error:
        return Reply({"error": str(error)})
    except (KeyError, TypeError, ValueError) as error:
        return Reply({"error": f"not a message of this page: {type(error).__name__} {error}"})


def _open(review: Review, _: Message) -> Reply:
    return Reply(
        {
            "study": str(review.results.run["study"]),
            "tubes": list_tubes(review.results),
            "populations": list_populations(review.results),
            **_tell_written(review, review.overrides()),
        }
    )


def _tube(review: Review, message: Message) -> Reply:
    tube = review.tube(message["file"])
    placed = moved_by(tube, _overrides(review, tube, message))
    gated = counted(tube, placed)
    return Reply(
        {
            "file": tube.file,
            "events": gated.n_events,
            "gates": tell_gates(gated),
            "boundaries": tell_boundaries(placed),
            "axes": tell_axes(tube.scales, gated.columns),
            "dropped": dict(gated.dropped),
            "flags": list(gated.flags),
        }
    )


def _densities(review: Review, message: Message) -> Reply:
    tube = review.tube(message["file"])
    gated = gated_with(tube, _overrides(review, tube, message))
    told, buffers = [], []
    for parent, x, y in message["panels"]:
        density = draw_density(gated.values(parent, x), gated.values(parent, y))
        told.append({"parent": parent, "x": x, "y": y, "side": BINS, "most": density.most})
        buffers += [density.levels.tobytes(), density.points.tobytes()]
    return Reply({"panels": told}, tuple(buffers))


def _thumbnails(review: Review, message: Message) -> Reply:
    told, buffers = [], []
    for file in message["files"]:
        picture = find_picture(review.results.pictures(file), message["population"])
        if picture is not None:
            words, levels = tell_thumbnail(file, picture)
            told.append(words)
            buffers.append(levels)
    return Reply({"thumbnails": told}, tuple(buffers))


def _fresh(review: Review, message: Message) -> Reply:
    tube = review.tube(message["file"])
    picture = fresh_picture(gated_with(tube, review.overrides()), message["population"])
    if picture is None:
        return Reply({"thumbnails": []})
    words, levels = tell_thumbnail(tube.file, picture)
    return Reply({"thumbnails": [words]}, (levels,))


def _oddities(review: Review, message: Message) -> Reply:
    return Reply({"oddities": find_oddities(review.results, message["population"])})


def _apply(review: Review, message: Message) -> Reply:
    who, why = str(message["who"]).strip(), str(message["why"]).strip()
    if not who or not why:
        raise ResultsError("say who moves the gate, and why: both go into the record of the run")
    tube = review.tube(message["file"])
    new = to_overrides(tube, message["edits"], scope=message["scope"], who=who, why=why)
    _require_applied(tube, new)
    return _write(review, lambda found: (*found, *new, *_own_again(tube, found, new)))


def _require_applied(tube: ReviewTube, new: Sequence[Override]) -> None:
    """Refuse what cannot be applied in the tube that the person looks at."""
    told = set(moved_by(tube, new).flags) - set(tube.placed.flags)
    if told:
        raise StrategyError("; ".join(sorted(told)))


def _own_again(
    tube: ReviewTube, found: Sequence[Override], new: Sequence[Override]
) -> tuple[Override, ...]:
    """Return what is new for the tube alone, where an older override of its own would beat it."""
    own = {(o.target_kind, o.target) for o in found if o.scope == ("file", tube.file)}
    return tuple(
        replace(override, file=tube.file, patient="", batch="", panel="")
        for override in new
        if override.scope[0] != "file" and (override.target_kind, override.target) in own
    )


def _withdraw(review: Review, message: Message) -> Reply:
    """Take back the override that the page shows; by its content, the file may have changed."""

    def without(found: tuple[Override, ...]) -> tuple[Override, ...]:
        kept = tuple(
            override
            for override, told in zip(found, _tell_overrides(found), strict=True)
            if told != message["override"]
        )
        if len(kept) == len(found):
            raise ResultsError(f"{review.path.name} does not hold this override any more")
        return kept

    return _write(review, without)


def _write(review: Review, change: Callable[[tuple[Override, ...]], tuple[Override, ...]]) -> Reply:
    with FileLock(review.path.with_name(f".{review.path.name}.lock")):
        overrides = change(review.overrides())
        write_overrides(review.path, overrides)
    return Reply(_tell_written(review, overrides))


def _overrides(review: Review, tube: ReviewTube, message: Message) -> tuple[Override, ...]:
    """Return what is written, then what the person has just moved."""
    return (*review.overrides(), *to_overrides(tube, message.get("edits", ())))


def _tell_written(review: Review, overrides: Sequence[Override]) -> dict[str, Any]:
    """Tell what is written, and which tubes the run has counted with other gates."""
    return {
        "overrides": _tell_overrides(overrides),
        "writes": review.path.name,
        "changed": find_changed(review.results, overrides),
    }


def _tell_overrides(overrides: Sequence[Override]) -> list[dict[str, Any]]:
    return [override.facts() for override in overrides]


_ANSWERS: Mapping[str, Callable[[Review, Message], Reply]] = {
    "open": _open,
    "tube": _tube,
    "densities": _densities,
    "thumbnails": _thumbnails,
    "fresh": _fresh,
    "oddities": _oddities,
    "apply": _apply,
    "withdraw": _withdraw,
}
