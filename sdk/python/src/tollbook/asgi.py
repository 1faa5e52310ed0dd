"""ASGI middleware that lets only paid requests pass: verify, hold, run, capture. Needs Starlette.

All requests of an app:

    app = PaidMiddleware(app, price="0.01")                       # the same for each
    app = PaidMiddleware(app, price=lambda request: …)            # None is free

Some routes of a FastAPI app: `app.add_middleware(PaidMiddleware)`, and `Depends(paid("0.01"))` on those routes; see
`tollbook.fastapi`.

An answer below 400 is charged, any other one and an exception are not. It is read whole, charged, then sent with
what it cost in its headers. One that is a stream of events, or larger than `buffer_bytes`, is sent as it comes and
charged at its end; what its reader left behind is charged as well.
"""

from __future__ import annotations

import hashlib
import inspect
import json
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Union

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ._async.client import AsyncClient
from ._money import Money, amount
from ._wire import Retry
from .till import Payer, Payment, Refused, Till, nothing

log = logging.getLogger("tollbook")

__all__ = ["Cost", "PaidMiddleware", "PaidResponse", "Payer", "Payment", "Price", "SCOPE_KEY"]

#: Under this name the middleware is in the scope.
SCOPE_KEY = "tollbook.gate"
#: A capture or void goes on when its request is cancelled; so long at most.
_END_SECS_MAX = 30.0
#: Extensions of ASGI with which a server sends files by itself, and trailers.
_PAST_US = frozenset({"http.response.pathsend", "http.response.zerocopysend", "http.response.trailers"})


@dataclass(frozen=True)
class PaidResponse:
    """An answer that is to be paid for, for functions that say what it came to."""

    status: int
    headers: Mapping[str, str]
    #: `None` when it was streamed.
    body: bytes | None
    #: How much of its body was handed over.
    size: int


#: What a request costs at most; `None` is free.
Price = Union[Money, Callable[[Request], Union[Money, None, Awaitable[Union[Money, None]]]]]
#: What it came to.
Cost = Callable[[Request, PaidResponse], Union[Money, Awaitable[Money]]]


async def _value(result: Any) -> Any:
    return await result if inspect.isawaitable(result) else result


class PaidMiddleware:
    """See the module."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        price: Price | None = None,
        cost: Cost | None = None,
        client: AsyncClient | None = None,
        till: Till | None = None,
        ttl_secs: int = 600,
        body_bytes_max: int = 1 << 20,
        buffer_bytes: int = 1 << 20,
    ) -> None:
        """`price` is for all requests; without one, routes ask for themselves. `cost` says what it came to.

        The ledger is that of `client`, or of TOLLBOOK_URL and TOLLBOOK_API_KEY. `ttl_secs` is how long a handler may
        take. Bodies of more than `body_bytes_max` are refused where they are read here: with `price`, and with an
        `Idempotency-Key`.
        """
        self._app = app
        self._price, self._cost = price, cost
        self._owns_client = client is None and till is None
        self._client, self._till = client, till
        self._ttl_secs, self._body_bytes_max, self._buffer_bytes = ttl_secs, body_bytes_max, buffer_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._closing(send))
        elif scope["type"] == "http":
            await self._http(scope, receive, send)
        elif self._price is not None:
            await send({"type": "websocket.close", "code": 1008})  # nobody could pay for it
        else:
            await self._app(scope, receive, send)

    def _closing(self, send: Send) -> Send:
        async def sending(message: Message) -> None:
            if message["type"].startswith("lifespan.shutdown.") and self._owns_client and self._client is not None:
                await self._client.aclose()
            await send(message)

        return sending

    def _open(self) -> Till:
        if self._till is None:
            self._client = self._client or AsyncClient(timeout_secs=10.0, retry=Retry(attempts=3))
            self._till = Till(self._client)
        return self._till

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = _Body(receive, self._body_bytes_max)
        gate = Gate(self._open(), scope, body, self._ttl_secs)
        answer = _Answer(gate, send, self._buffer_bytes)
        try:
            if self._price is not None:
                try:
                    await body.read()
                    await gate.require(Request(scope, body.again()), self._price, self._cost)
                except Refused as refused:
                    await _refuse(refused, send)
                    return
            await self._app({**scope, SCOPE_KEY: gate, "extensions": _extensions(scope)}, body, answer)
            await answer.left()
        except anyio.get_cancelled_exc_class():
            answer.is_deaf = True  # some servers cancel a request whose client has left
            raise
        finally:
            with anyio.CancelScope(shield=True), anyio.move_on_after(_END_SECS_MAX):
                await answer.failed()


class Gate:
    """One request's way through: it asks for payment, once, and ends the hold, once."""

    def __init__(self, till: Till, scope: Scope, body: _Body, ttl_secs: int) -> None:
        self.till = till
        self._scope, self._body, self._ttl_secs = scope, body, ttl_secs
        self._is_asked = False
        self._request: Request | None = None
        self._cost: Cost | None = None
        self.payment: Payment | None = None
        self.refused: Refused | None = None

    async def require(self, request: Request, price: Price, cost: Cost | None) -> Payment | None:
        """Holds the price; `None` when it is free. Raises `Refused`."""
        if self._is_asked:
            raise RuntimeError("a request is paid once: two prices were asked of this one")
        self._is_asked = True
        self._request, self._cost = request, cost
        asked = await _value(price(request)) if callable(price) else price
        worst = None if asked is None else amount(asked)
        if not worst:
            return None
        try:
            self.payment = await self._hold(worst)
        except Refused as refused:
            if refused.status == 402:
                resource = {"url": str(request.url), "description": "", "mimeType": ""}
                try:
                    has_paid = "payment-signature" in request.headers
                    refused = await self.till.challenge(refused, worst, resource, has_paid=has_paid)
                except Refused as failed:
                    refused = failed
            self.refused = refused
            raise refused from None
        return self.payment

    async def _hold(self, price: Decimal) -> Payment:
        headers: dict[str, list[str]] = {}
        for name, value in self._scope["headers"]:
            headers.setdefault(name.decode("latin-1").lower(), []).append(value.decode("latin-1"))
        payer = await self.till.payer(headers, price)
        keys, digest = headers.get("idempotency-key", []), None
        if len(keys) > 1:
            raise Refused(400, "invalid_idempotency_key", "send one Idempotency-Key")
        if keys:
            digest = await self._digest()
        return await self.till.place(
            payer, price, ttl_secs=self._ttl_secs, idempotency_key=keys[0] if keys else None, digest=digest
        )

    async def _digest(self) -> str:
        scope = self._scope
        target = (scope.get("raw_path") or scope["path"].encode()) + b"?" + scope.get("query_string", b"")
        sha = hashlib.sha256(scope["method"].encode() + b"\n" + target + b"\n")
        sha.update(await self._body.read())
        return sha.hexdigest()

    async def capture(self, response: PaidResponse) -> dict[str, str]:
        """Charges what it came to, and gives the headers that say so. Raises `Refused`, or what `cost` raises."""
        payment = self.payment
        if payment is None or payment.is_over:
            return {}
        came_to = payment.cost
        if came_to is None and self._cost is not None and self._request is not None:
            came_to = amount(await _value(self._cost(self._request, response)))
        headers: dict[str, str] = {}
        with anyio.CancelScope(shield=True):
            headers = await self.till.capture(payment, came_to)
        return headers

    async def void(self) -> dict[str, str]:
        """Gives it back."""
        payment = self.payment
        if payment is None:
            return {}
        await self.till.void(payment)
        return nothing(payment)

    @property
    def is_measured(self) -> bool:
        """Whether it costs what was delivered, and not a fixed price."""
        return self._cost is not None or (self.payment is not None and self.payment.cost is not None)


class _Body:
    """The request's body, which can be read ahead and is then read again."""

    def __init__(self, receive: Receive, bytes_max: int) -> None:
        self._receive, self._bytes_max = receive, bytes_max
        self._all: bytes | None = None
        self._ahead: deque[Message] = deque()
        self._seen = hashlib.sha256()
        self._passed = 0
        self._is_whole = False

    async def __call__(self) -> Message:
        """What the app reads."""
        if self._ahead:
            return self._ahead.popleft()
        return await self._next()

    async def _next(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._seen.update(message.get("body", b""))
            self._passed += len(message.get("body", b""))
            self._is_whole = not message.get("more_body", False)
        return message

    async def read(self) -> bytes:
        """Reads what has not come yet, and gives a digest of the whole. Raises `Refused` when it is too much."""
        while not self._is_whole:
            message = await self._next()
            self._ahead.append(message)
            if self._passed > self._bytes_max:
                raise Refused(413, "body_too_large", f"a body has at most {self._bytes_max} bytes")
            if message["type"] == "http.disconnect":
                raise Refused(400, "invalid_request", "the request was not sent to its end")
        return self._seen.digest()

    def again(self) -> Receive:
        """For one reader more: what was read ahead."""
        messages = deque(self._ahead)

        async def receive() -> Message:
            return messages.popleft() if messages else {"type": "http.disconnect"}

        return receive


class _Answer:
    """What the app sends, on its way to the client."""

    def __init__(self, gate: Gate, send: Send, buffer_bytes: int) -> None:
        self._gate, self._send, self._buffer_bytes = gate, send, buffer_bytes
        self._start: MutableMapping[str, Any] = {}
        self._chunks: list[bytes] = []
        self._size = 0
        self._mode = "before"  # → buffering → done, or → streaming → done, or → passing
        #: Its reader has left.
        self.is_deaf = False

    async def __call__(self, message: Message) -> None:
        """ASGI `send`."""
        if self._mode == "passing":
            await self._send(message)
        elif message["type"] == "http.response.start":
            await self._begin(message)
        elif message["type"] == "http.response.body" and self._mode in ("buffering", "streaming"):
            await self._add(message)
        elif message["type"] != "http.response.body":
            await self._send(message)

    async def _begin(self, message: Message) -> None:
        gate = self._gate
        if gate.refused is not None:
            self._mode = "done"
            await _refuse(gate.refused, self._send)
        elif gate.payment is None:
            self._mode = "passing"
            await self._send(message)
        elif message["status"] >= 400:
            self._mode = "passing"
            await self._send(_with(message, await gate.void()))
        else:
            self._start, self._chunks, self._size, self._mode = message, [], 0, "buffering"

    async def _add(self, message: Message) -> None:
        chunk, more = message.get("body", b""), message.get("more_body", False)
        if self._mode == "buffering":
            self._chunks.append(chunk)
            self._size += len(chunk)
            if not more:
                await self._finish_buffered()
            elif self._size > self._buffer_bytes or self._is_event_stream():
                self._mode = "streaming"
                assert self._gate.payment is not None
                await self._hand_over(_with(self._start, self._gate.till.pending(self._gate.payment)))
                await self._hand_over({"type": "http.response.body", "body": b"".join(self._chunks), "more_body": True})
                self._chunks = []
            return
        self._size += len(chunk)
        if more:
            await self._hand_over(message)
            return
        self._mode = "done"
        # Charged before its reader knows that it is complete.
        await self._capture_streamed()
        await self._hand_over(message)

    async def _finish_buffered(self) -> None:
        body = b"".join(self._chunks)
        response = PaidResponse(self._start["status"], _headers(self._start), body, len(body))
        try:
            headers = await self._gate.capture(response)
        except Refused as refused:
            self._mode = "done"
            await _refuse(refused, self._send)
            return
        self._mode = "done"
        await self._send(_with(self._start, headers))
        await self._send({"type": "http.response.body", "body": body})

    async def _capture_streamed(self) -> None:
        response = PaidResponse(self._start["status"], _headers(self._start), None, self._size)
        try:
            await self._gate.capture(response)
        except Refused as refused:
            log.error("a stream was delivered, and it is not certain that it was charged: %s", refused)
        except Exception:
            log.exception("a stream was delivered and is not charged: its cost could not be told")

    async def _hand_over(self, message: Message) -> None:
        try:
            await self._send(message)
        except BaseException:
            self.is_deaf = True
            raise

    def _is_event_stream(self) -> bool:
        return _headers(self._start).get("content-type", "").startswith("text/event-stream")

    async def left(self) -> None:
        """The app returned. A stream without an end: its reader has left."""
        if self._mode == "streaming":
            self._mode = "done"
            await self._capture_streamed()

    async def failed(self) -> None:
        """Whatever is still open when all is over: the app failed, or its reader left."""
        if self._mode == "streaming" and (self.is_deaf or self._gate.is_measured):
            self._mode = "done"
            await self._capture_streamed()
        await self._gate.void()


def _extensions(scope: Scope) -> dict[str, Any]:
    """Those that do not send a body past us."""
    return {name: value for name, value in (scope.get("extensions") or {}).items() if name not in _PAST_US}


def _headers(start: Mapping[str, Any]) -> dict[str, str]:
    return {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in start.get("headers", [])}


def _with(start: Mapping[str, Any], added: Mapping[str, str]) -> Message:
    headers = [*start.get("headers", []), *((name.lower().encode(), value.encode()) for name, value in added.items())]
    return {**start, "headers": headers}


async def _refuse(refused: Refused, send: Send) -> None:
    body: dict[str, Any] = {
        "type": "about:blank",
        "title": _TITLES.get(refused.status, "Error"),
        "status": refused.status,
        "code": refused.code,
        "detail": refused.detail,
        **refused.body,
    }
    headers = {"content-type": "application/problem+json" if not refused.body else "application/json"}
    if refused.retry_after is not None:
        body["retry_after"] = refused.retry_after
        headers["retry-after"] = str(refused.retry_after)
    content = json.dumps(body, separators=(",", ":")).encode()
    headers["content-length"] = str(len(content))
    start: Message = {"type": "http.response.start", "status": refused.status, "headers": []}
    await send(_with(start, {**headers, **refused.headers}))
    await send({"type": "http.response.body", "body": content})


_TITLES = {
    400: "Bad Request",
    401: "Unauthorized",
    402: "Payment Required",
    409: "Conflict",
    413: "Content Too Large",
    422: "Unprocessable Content",
    503: "Service Unavailable",
}
