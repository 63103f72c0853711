"""Processes of this machine that work for one run, each on one thing at a time.

They are plain children that read questions from a pipe: they never see the caller's script, which
so needs no guard, and they end with the run, however it ends, as nothing is left to read then.
"""

import pickle
import subprocess
import sys
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.spawn import get_executable
from queue import Empty, SimpleQueue
from threading import Lock, Thread
from typing import Any, Self

# Ctrl+C reaches all processes; the run says what then happens.
_PROGRAM = (
    "import signal, sys; signal.signal(signal.SIGINT, signal.SIG_IGN); sys.path[:] = sys.argv[1:]; "
    "from immunerecon.pipeline.serving import serve; serve()"
)
_HEARD_SECONDS = 0.5  # Windows hears Ctrl+C only between waits


class DiedError(Exception):
    """The process died while it worked (killed, or out of memory)."""


class _Process:
    """One process, which is asked one thing at a time."""

    def __init__(self) -> None:
        self._running = subprocess.Popen(
            [get_executable(), "-c", _PROGRAM, *sys.path],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._lock = Lock()

    def ask(self, function: Callable[..., Any], arguments: Sequence[object]) -> Any:  # noqa: ANN401 - whatever the function returns
        question, answer = self._running.stdin, self._running.stdout
        assert question is not None  # both are pipes
        assert answer is not None
        packed = pickle.dumps((function, arguments))
        try:
            with self._lock:
                # Packed twice: what cannot be unpacked does not break the stream.
                pickle.dump(packed, question)
                question.flush()
                told = pickle.load(answer)  # noqa: S301 - from a process of this run
        except (EOFError, OSError, pickle.UnpicklingError):
            self.end()
            raise DiedError from None
        result, error = pickle.loads(told)  # noqa: S301 - from a process of this run
        if error is not None:
            raise error
        return result

    def end(self) -> None:
        """Kill the process; one that is idle has nothing to lose."""
        self._running.kill()
        self._running.wait()
        for stream in (self._running.stdin, self._running.stdout):
            if stream is not None:
                with suppress(OSError):  # what was still to be written
                    stream.close()


@dataclass(frozen=True)
class Answer:
    """What a function returned, or what it raised."""

    value: Any = None
    error: BaseException | None = None

    def result(self) -> Any:  # noqa: ANN401 - whatever the function returns
        """Return the value, or raise the error."""
        if self.error is not None:
            raise self.error
        return self.value


class Processes:
    """Processes that are started when they are needed, and end with the context.

    Parameters
    ----------
    n
        How many.

    Examples
    --------
    >>> with Processes(2) as processes:
    ...     processes.ask(max, 3, 4)
    4
    """

    def __init__(self, n: int) -> None:
        self.n = n
        self._at: list[_Process | None] = [None] * n
        self._ended = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._ended = True
        for process in self._at:
            if process is not None:
                process.end()

    def start(self) -> None:
        """Start all at once: they get ready while the run does something else."""
        self._at = [process or _Process() for process in self._at]

    def ask(self, function: Callable[..., Any], *arguments: object, place: int = 0) -> Any:  # noqa: ANN401 - whatever the function returns
        """Let one process apply a function to arguments, and wait for the result.

        Parameters
        ----------
        function
            Importable by name.
        arguments
            Of the function.
        place
            Which process.

        Raises
        ------
        DiedError
            When the process dies meanwhile; the next question starts another.
        """
        process = self._at[place] = self._at[place] or _Process()
        try:
            return process.ask(function, arguments)
        except DiedError:
            self._at[place] = None
            raise

    def each(
        self, function: Callable[..., Any], things: Sequence[Sequence[object]]
    ) -> Iterator[tuple[int, Answer]]:
        """Apply a function to the arguments of each thing, side by side; the work begins at once.

        Parameters
        ----------
        function
            Importable by name.
        things
            Arguments of the function, for each thing. Neighbours, which often have something in
            common that is then found once, go to the same process as far as that keeps all busy.

        Returns
        -------
        iterator of (int, Answer)
            Position of a thing and its answer, in order of completion.
        """
        done: SimpleQueue[tuple[int, Answer]] = SimpleQueue()
        size = -(-len(things) // self.n)
        left = [deque(range(i * size, min((i + 1) * size, len(things)))) for i in range(self.n)]

        def work_off(place: int) -> None:
            while not self._ended and (position := _next_of(left, place)) is not None:
                try:
                    answer = Answer(self.ask(function, *things[position], place=place))
                except BaseException as error:
                    answer = Answer(error=error)
                done.put((position, answer))

        for place in range(min(self.n, len(things))):
            Thread(target=work_off, args=(place,), daemon=True).start()
        return _taken(done, len(things))


def _next_of(left: Sequence[deque[int]], place: int) -> int | None:
    """Take the first that is left of one's own, else the last of whoever has most left."""
    with suppress(IndexError):
        return left[place].popleft()
    for other in sorted(left, key=len, reverse=True):
        with suppress(IndexError):
            return other.pop()
    return None


def _taken(done: SimpleQueue[tuple[int, Answer]], n: int) -> Iterator[tuple[int, Answer]]:
    while n:
        with suppress(Empty):
            found = done.get(timeout=_HEARD_SECONDS)
            n -= 1
            yield found
