"""What goes wrong on demand, and how a repeated request is recognised."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tools.stripe_stand_in.refusals import Refusal

A_DAY = 24 * 60 * 60


class Dropped(Exception):
    """The connection breaks before the answer."""


@dataclass
class Fault:
    """An accident ordered for the next requests that match."""

    method: str
    path: str
    status: int | None = None
    times: int = 1
    after: bool = False
    hang: float = 0.0
    drop: bool = False
    code: str = ""
    over: threading.Event = field(default_factory=threading.Event)
    """Ends the hanging before its time."""

    def matches(self, method: str, path: str) -> bool:
        """Whether this request is one of those that shall go wrong."""
        return self.times > 0 and self.method in (method, "*") and path.startswith(self.path)


class Faults:
    """The accidents to come, in the order in which they were ordered."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._ordered: list[Fault] = []
        self.hanging = 0

    def order(self, fault: Fault) -> None:
        """Let the next matching requests go wrong."""
        with self._lock:
            self._ordered.append(fault)

    def clear(self) -> None:
        """Cancel all; what hangs goes on at once."""
        with self._lock:
            for fault in self._ordered:
                fault.over.set()
            self._ordered.clear()

    def take(self, method: str, path: str) -> Fault | None:
        """The accident for this request, counted off."""
        with self._lock:
            for fault in self._ordered:
                if fault.matches(method, path):
                    fault.times -= 1
                    return fault
        return None

    def hang(self, fault: Fault) -> None:
        """Let a request wait as ordered, or until all is cleared."""
        with self._lock:
            self.hanging += 1
        fault.over.wait(fault.hang)
        with self._lock:
            self.hanging -= 1


@dataclass(frozen=True)
class Answer:
    """What the API says: a status and an object."""

    status: int
    body: dict[str, Any]
    replayed: bool = False


class Idempotency:
    """Remembers the answer to each key for a day: the same question gets the same answer."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._began: dict[str, float] = {}
        self._questions: dict[str, Any] = {}
        self._answers: dict[str, Answer] = {}

    def begin(self, key: str, question: Any) -> Answer | None:
        """The stored answer, or None for the first caller, which has to `finish`."""
        with self._lock:
            if key in self._answers and self._began[key] <= self._now() - A_DAY:
                del self._questions[key], self._answers[key]
            if key not in self._questions:
                self._questions[key], self._began[key] = question, self._now()
                return None
            self._check(key, question)
            stored = self._answers[key]
            return Answer(stored.status, stored.body, replayed=True)

    def _check(self, key: str, question: Any) -> None:
        if self._questions[key] != question:
            message = (
                "Keys for idempotent requests can only be used with the same parameters they were "
                f"first used with. Attempt using a key other than '{key}'."
            )
            raise Refusal(message, type="idempotency_error")
        if key not in self._answers:
            message = f"There is currently another in-progress request using this key: {key}."
            raise Refusal(
                message, type="idempotency_error", code="idempotency_key_in_use", status=409
            )

    def finish(self, key: str, answer: Answer | None) -> None:
        """Store the answer; None if the work never began, so that the key is free again."""
        with self._lock:
            if answer is None:
                self._questions.pop(key, None)
            else:
                self._answers[key] = answer

    def forget(self) -> None:
        """Free all keys."""
        with self._lock:
            self._questions.clear()
            self._answers.clear()
