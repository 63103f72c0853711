"""Processes of this machine that work for one run, each on one thing at a time.

They are plain children that read questions from a pipe: they never see the caller's script, which
so needs no guard, and they end with the run, however it ends, as nothing is left to read then.
"""

import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.spawn import get_executable
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import Any, Self

_PROGRAM = (
    "import sys; sys.path[:] = sys.argv[1:]; "
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

    def ask(self, function: Callable[..., Any], arguments: Sequence[object]) -> Any:  # noqa: ANN401 - whatever the function returns
        question, answer = self._running.stdin, self._running.stdout
        assert question is not None  # both are pipes
        assert answer is not None
        packed = pickle.dumps((function, arguments))
        try:
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
        self._threads = ThreadPoolExecutor(n)  # each waits for the answer of one process
        self._idle: SimpleQueue[_Process | None] = SimpleQueue()
        self._started: set[_Process] = set()
        for _ in range(n):
            self._idle.put(None)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in tuple(self._started):
            process.end()

    def start(self) -> None:
        """Start all at once: they get ready while the run does something else."""
        for _ in range(self.n):
            self._idle.put(self._idle.get() or self._new())

    def ask(self, function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever the function returns
        """Let one process apply a function to arguments, and wait for the result.

        Parameters
        ----------
        function
            Importable by name.
        arguments
            Of the function.

        Raises
        ------
        DiedError
            When the process dies meanwhile.
        """
        process = self._idle.get() or self._new()
        try:
            result = process.ask(function, arguments)
        except DiedError:
            self._started.discard(process)
            self._idle.put(None)
            raise
        except BaseException:
            self._idle.put(process)
            raise
        self._idle.put(process)
        return result

    def _new(self) -> _Process:
        process = _Process()
        self._started.add(process)
        return process

    def each(
        self, function: Callable[..., Any], things: Sequence[Sequence[object]]
    ) -> Iterator[tuple[int, "Future[Any]"]]:
        """Apply a function to the arguments of each thing, side by side.

        Parameters
        ----------
        function
            Importable by name.
        things
            Arguments of the function, for each thing.

        Yields
        ------
        position : int
            Of the thing.
        answer : Future
            Done; its `result` raises what the function raised, or `DiedError`.
        """
        done: SimpleQueue[Future[Any]] = SimpleQueue()
        positions = {}
        for position, arguments in enumerate(things):
            future = self._threads.submit(self.ask, function, *arguments)
            positions[future] = position
            future.add_done_callback(done.put)
        while positions:
            with suppress(Empty):
                future = done.get(timeout=_HEARD_SECONDS)
                yield positions.pop(future), future
