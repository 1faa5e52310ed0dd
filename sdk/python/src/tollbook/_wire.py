"""What both clients have in common: how requests are written, answers read, and when to try again."""

from __future__ import annotations

import json
import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any
from urllib.parse import quote

import httpx

from ._money import text
from .errors import ApiError, api_error

#: 429 as well: nothing happened, and the answer says when to come back.
_AGAIN = frozenset({429, 503})


@dataclass(frozen=True)
class Retry:
    """How often and how long. Requests that write are repeated with the same idempotency key."""

    #: Tries in all.
    attempts: int = 5
    #: The first pause, in seconds; each later one is twice as long.
    pause_secs: float = 0.25
    #: No pause is longer.
    pause_secs_max: float = 8.0

    def pause(self, attempt: int, retry_after: float | None) -> float:
        """Seconds to wait after this try (from 1). Never shorter than the server asks for, within the limit."""
        backoff = self.pause_secs * 2.0 ** (attempt - 1) * random.uniform(0.75, 1.25)
        return min(max(backoff, retry_after or 0.0), self.pause_secs_max)


@dataclass(frozen=True)
class Answer:
    """An answer that is no error."""

    data: Any
    status: int
    #: The request was executed before, under the same idempotency key.
    replayed: bool
    #: How often this call sent it.
    attempts: int = 1


def new_idempotency_key() -> str:
    """At random: 122 bits."""
    return f"py-{uuid.uuid4()}"


def path(*segments: str) -> str:
    """A path of the API from its segments."""
    return "/v1/" + "/".join(quote(segment, safe="") for segment in segments)


def given(**fields: Any) -> dict[str, Any]:
    """Those that were given: `None` is left out."""
    return {name: value for name, value in fields.items() if value is not None}


def written(value: Any) -> Any:
    """As JSON has it: amounts as texts, times as RFC 3339 in UTC. A float is refused."""
    if value is None or isinstance(value, (str, bool, int)):
        return value
    if isinstance(value, Decimal):
        return text(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise ValueError("a time needs a time zone, for example datetime.now(timezone.utc)")
        return value.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): written(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [written(item) for item in value]
    raise TypeError(f"{type(value).__name__} cannot be sent: amounts are str, int or Decimal")


def body(value: Any) -> bytes:
    """A body to send."""
    return json.dumps(written(value), separators=(",", ":")).encode()


def query(parameters: Mapping[str, Any] | None) -> dict[str, str]:
    """Parameters to send; `None` is left out."""
    sent = {name: written(value) for name, value in (parameters or {}).items() if value is not None}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in sent.items()}


def read(response: httpx.Response) -> Any:
    """A body that came. Numbers with a point become decimals, never floats."""
    return json.loads(response.content, parse_float=Decimal) if response.content else None


def answer(response: httpx.Response, attempts: int) -> Answer:
    """The answer, or the error that it is."""
    if response.is_success:
        replayed = response.headers.get("idempotent-replayed") == "true"
        return Answer(read(response), response.status_code, replayed, attempts)
    raise error(response)


def error(response: httpx.Response) -> ApiError:
    """The error that an answer is; also one that is no problem, of a proxy for example."""
    try:
        problem = read(response)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {}
    problem.setdefault("request_id", response.headers.get("x-request-id"))
    return api_error(response.status_code, problem)


def is_worth_another_try(response: httpx.Response) -> bool:
    """Whether the same request may succeed a little later."""
    return response.status_code in _AGAIN


def retry_after(response: httpx.Response) -> float | None:
    """Seconds, when the server says so in seconds."""
    value = response.headers.get("retry-after", "")
    return float(value) if value.isascii() and value.isdigit() and len(value) < 6 else None
