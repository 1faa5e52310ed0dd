"""What can go wrong. Everything is a `TollbookError`; what the API answered is an `ApiError`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class TollbookError(Exception):
    """Of all errors of this package."""


class ApiError(TollbookError):
    """The API answered with a problem. `code` is for programs: docs/api.md lists them."""

    def __init__(self, status: int, code: str, detail: str, problem: Mapping[str, Any]) -> None:
        super().__init__(f"{status} {code}: {detail}" if detail else f"{status} {code}")
        self.status = status
        self.code = code
        self.detail = detail
        #: All members of the problem: `param`, `remaining`, `needed_atomic` and so on.
        self.problem = problem

    @property
    def request_id(self) -> str | None:
        """Under this id the operator's log has it."""
        value = self.problem.get("request_id")
        return value if isinstance(value, str) else None

    @property
    def param(self) -> str | None:
        """The part of the request that it is about."""
        value = self.problem.get("param")
        return value if isinstance(value, str) else None


class BadRequest(ApiError):
    """400: the request cannot be understood."""


class Unauthenticated(ApiError):
    """401: no API key, or one that opens nothing."""


class PaymentRequired(ApiError):
    """402: it cannot be paid."""


class NotFound(ApiError):
    """404: there is none, or it is another organization's."""


class Conflict(ApiError):
    """409: the state forbids it."""


class Unprocessable(ApiError):
    """422: a rule forbids it, or the idempotency key was used for another request."""


class Unavailable(ApiError):
    """503, also after all repetitions: the outcome may be unknown. Repeat with the same idempotency key."""


class NotReached(TollbookError):
    """No answer, also after all repetitions: the outcome is unknown. Repeat with the same idempotency key."""

    def __init__(self, message: str, idempotency_key: str | None) -> None:
        super().__init__(message)
        self.idempotency_key = idempotency_key


class PaymentRefused(TollbookError):
    """This client does not pay that. `code` says why, for programs."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail


class RefusedToSign(TollbookError):
    """What an owner is to sign is not what was asked for."""


class SessionNotActive(TollbookError):
    """A session key did not become active, or is over."""


_BY_STATUS: dict[int, type[ApiError]] = {
    400: BadRequest,
    401: Unauthenticated,
    402: PaymentRequired,
    404: NotFound,
    409: Conflict,
    422: Unprocessable,
    503: Unavailable,
}


def api_error(status: int, problem: Mapping[str, Any]) -> ApiError:
    """The error for this status. `problem` is the body as far as it is an object."""
    code, detail = problem.get("code"), problem.get("detail")
    kind = _BY_STATUS.get(status, ApiError)
    return kind(
        status,
        code if isinstance(code, str) else f"http_{status}",
        detail if isinstance(detail, str) else "",
        problem,
    )
