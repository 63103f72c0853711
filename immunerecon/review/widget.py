"""The review in a Jupyter notebook."""

from importlib.resources import files
from typing import Any

import anywidget

from immunerecon.review.messages import answer
from immunerecon.review.opening import Review

_WEB = files("immunerecon.review") / "web"


class ReviewWidget(anywidget.AnyWidget):
    """The review as a widget.

    Parameters
    ----------
    review
        From `open_review`.
    """

    _esm = (_WEB / "review.js").read_text("utf-8")
    _css = (_WEB / "review.css").read_text("utf-8")

    def __init__(self, review: Review) -> None:
        super().__init__()
        self._review = review
        self.on_msg(self._asked)

    def _asked(self, _: Any, content: dict[str, Any], __: Any) -> None:  # noqa: ANN401 - traitlets
        reply = answer(self._review, content["message"])
        self.send({"id": content["id"], "reply": dict(reply.content)}, list(reply.buffers))
