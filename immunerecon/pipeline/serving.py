"""What a process of `Processes` runs: it answers what it is asked until nobody asks any more."""

import os
import pickle
import sys
import traceback
from typing import BinaryIO

import immunerecon.pipeline.survey
import immunerecon.pipeline.tubes  # noqa: F401 - imported while files are hashed, not with the first tube


def serve() -> None:
    """Read functions with their arguments, and write what they return or raise."""
    questions = sys.stdin.buffer
    with os.fdopen(os.dup(sys.stdout.fileno()), "wb") as answers:
        # What a step prints must not be taken for an answer.
        os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
        sys.stdout = sys.stderr
        try:
            while True:
                _answer(pickle.load(questions), answers)  # noqa: S301 - from the run that started this
        except (EOFError, BrokenPipeError):
            return  # the run has ended, or was killed


def _answer(packed: bytes, answers: BinaryIO) -> None:
    try:
        function, arguments = pickle.loads(packed)  # noqa: S301 - from the run that started this
        answer = pickle.dumps((function(*arguments), None))
    except Exception as error:  # the run decides what becomes of it
        error.add_note(traceback.format_exc())
        answer = pickle.dumps((None, error))
    pickle.dump(answer, answers)
    answers.flush()
