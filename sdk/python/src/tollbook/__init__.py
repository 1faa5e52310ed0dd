"""Tollbook for Python: the API's client, vouchers, an httpx auth that pays 402s, ASGI middleware that asks for them.

The middleware is in `tollbook.asgi` and `tollbook.fastapi`, which need Starlette and FastAPI.
"""

from ._async.client import AsyncClient
from ._sync.client import Client
from ._wire import Retry
from .auth import SessionAuth
from .errors import (
    ApiError,
    BadRequest,
    Conflict,
    NotFound,
    NotReached,
    PaymentRefused,
    PaymentRequired,
    RefusedToSign,
    SessionNotActive,
    TollbookError,
    Unauthenticated,
    Unavailable,
    Unprocessable,
)
from .session import Asked, Deployment, Session, sign_deposit, sign_grant, sign_open, sign_rotation
from .signing import new_key
from .x402 import Receipt

__all__ = [
    "ApiError",
    "Asked",
    "AsyncClient",
    "BadRequest",
    "Client",
    "Conflict",
    "Deployment",
    "NotFound",
    "NotReached",
    "PaymentRefused",
    "PaymentRequired",
    "Receipt",
    "RefusedToSign",
    "Retry",
    "Session",
    "SessionAuth",
    "SessionNotActive",
    "TollbookError",
    "Unauthenticated",
    "Unavailable",
    "Unprocessable",
    "new_key",
    "sign_deposit",
    "sign_grant",
    "sign_open",
    "sign_rotation",
]
