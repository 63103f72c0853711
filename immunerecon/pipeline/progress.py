"""Progress of long work: a bar on a terminal or in a notebook, plain lines elsewhere."""

import sys
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
_LINES = 10  # plain lines for one piece of work


def track(work: Iterable[T], total: int, description: str) -> Iterator[T]:
    """Yield from `work` and show how far it is.

    Parameters
    ----------
    work
        Whatever takes its time.
    total
        How many items it has.
    description
        What is being done.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if console.is_terminal or console.is_jupyter:
        from rich.progress import track as bar

        yield from bar(work, description, total=total, console=console, transient=True)
        return
    step = max(1, -(-total // _LINES))
    for done, item in enumerate(work, 1):
        yield item
        if done % step == 0 or done == total:
            print(f"{description}: {done} of {total}", file=sys.stderr, flush=True)  # noqa: T201 - plain progress is this function's job
