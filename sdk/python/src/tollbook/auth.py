"""Pays 402s with vouchers, as the `auth` of an httpx client:

    client = httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.05"))

A request is sent as it is. When it is answered with 402 and an offer that fits the session, it is sent again with a
voucher. How much is signed, and what of the server is believed, is decided in `spending`.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Generator, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Union, cast

import anyio
import httpx

from . import x402
from ._money import Money, atomic
from ._wire import new_idempotency_key, retry_after
from .session import Session
from .signing import same_address
from .spending import Ticket, Voucher
from .x402 import Challenge, Receipt, SessionOffer

log = logging.getLogger("tollbook")

#: 402s of one request that are answered with a voucher: the first, and corrections of it.
_PAYMENTS_MAX = 4
#: 409 and 503 with `Retry-After`: the outcome is not known yet, and the same request may be sent again.
_WAITS_MAX = 5
_WAIT_SECS_MAX = 10.0
_REMEMBERED_MAX = 256
#: What a 402 says when an earlier voucher was overtaken by other requests.
_TOO_LOW = frozenset({"voucher_too_low", "voucher_required"})


@dataclass(frozen=True)
class _Pause:
    secs: float


_Steps = Generator[Union[httpx.Request, _Pause], httpx.Response, None]


class SessionAuth(httpx.Auth):
    """Pays with vouchers of a session. One object serves any number of clients, threads and tasks."""

    requires_request_body = True  # so that it can be sent again

    def __init__(
        self,
        session: Session,
        *,
        max_amount_per_request: Money,
        hosts: Collection[str] | None = None,
        remember_offers: bool = True,
        keep_authorization: bool = False,
        on_receipt: Callable[[Receipt], None] | None = None,
    ) -> None:
        """`max_amount_per_request` is in USDC: no request is paid that may cost more.

        `hosts` ("gateway.example.com", "127.0.0.1:8402") are those that are paid, anybody who names this session's
        payee when left out. A path that was paid before is paid at once when `remember_offers`. An `Authorization`
        header is taken off unless `keep_authorization`: a gateway takes a voucher or a bearer key, not both.
        """
        self._session = session
        self._amount_max = atomic(max_amount_per_request)
        self._hosts = None if hosts is None else frozenset(host.lower() for host in hosts)
        self._keep_authorization = keep_authorization
        self._on_receipt = on_receipt
        self._remembered: dict[tuple[str, str], SessionOffer] | None = {} if remember_offers else None
        self._lock = threading.Lock()

    # --- for httpx

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """For `httpx.Client`."""
        request.read()
        steps = self._steps(request)
        try:
            step = next(steps)
            while True:
                if isinstance(step, _Pause):
                    time.sleep(step.secs)
                    step = next(steps)
                else:
                    step = steps.send((yield step))
        except StopIteration:
            return
        finally:
            steps.close()

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """For `httpx.AsyncClient`."""
        await request.aread()
        steps = self._steps(request)
        try:
            step = next(steps)
            while True:
                if isinstance(step, _Pause):
                    await anyio.sleep(step.secs)
                    step = next(steps)
                else:
                    step = steps.send((yield step))
        except StopIteration:
            return
        finally:
            steps.close()

    # --- one request

    def _steps(self, request: httpx.Request) -> _Steps:
        if not self._concerns(request):
            yield request
            return
        if not self._keep_authorization:
            request.headers.pop("authorization", None)
        paying = _Paying(self._session, self._amount_max)
        try:
            yield from self._pay(request, paying)
        finally:
            paying.close()

    def _pay(self, request: httpx.Request, paying: _Paying) -> _Steps:
        offer, waits = self._recall(request), 0
        if offer is not None and offer.amount <= self._amount_max:
            paying.put(request, offer, None)
        while True:
            response = yield request
            if response.status_code == 402:
                challenge = self._challenge(response)
                offer = self._fitting(challenge)
                if challenge is None or offer is None or not paying.may_answer(offer, challenge.error):
                    self._forget(request)
                    return
                paying.put(request, offer, challenge)
            elif self._is_worth_waiting(response, paying) and waits < _WAITS_MAX:
                waits += 1
                yield _Pause(min(retry_after(response) or 1.0, _WAIT_SECS_MAX))
            else:
                self._done(request, response, paying)
                return

    def _concerns(self, request: httpx.Request) -> bool:
        url = request.url
        host = url.host if url.port is None else f"{url.host}:{url.port}"
        return self._hosts is None or host.lower() in self._hosts

    def _is_worth_waiting(self, response: httpx.Response, paying: _Paying) -> bool:
        # What says its cost is an answer: the upstream's own 503 costs nothing, and is the caller's to see.
        if paying.voucher is None or "x-tollbook-cost" in response.headers:
            return False
        return response.status_code in (409, 503) and retry_after(response) is not None

    def _challenge(self, response: httpx.Response) -> Challenge | None:
        try:
            return Challenge.read(response.headers.get(x402.REQUIRED))
        except x402.Malformed as error:
            log.warning("the 402 of %s cannot be read: %s", response.request.url.host, error)
            return None

    def _fitting(self, challenge: Challenge | None) -> SessionOffer | None:
        ours = self._session
        for offer in challenge.offers if challenge else ():
            if (
                offer.network == f"eip155:{ours.chain_id}"
                and same_address(offer.asset, ours.token)
                and same_address(offer.pay_to, ours.payee)
                and same_address(offer.contract, ours.contract)
            ):
                return offer
        return None

    def _done(self, request: httpx.Request, response: httpx.Response, paying: _Paying) -> None:
        receipt = Receipt.of(response.headers) if paying.voucher is not None else None
        if receipt is None or paying.offer is None:
            return
        self._remember(request, paying.offer)
        paying.settle(response, receipt)
        if self._on_receipt is not None:
            self._on_receipt(receipt)

    # --- offers that were taken before

    def _key(self, request: httpx.Request) -> tuple[str, str]:
        return request.method, str(request.url.copy_with(query=None, fragment=None))

    def _recall(self, request: httpx.Request) -> SessionOffer | None:
        with self._lock:
            return self._remembered.get(self._key(request)) if self._remembered is not None else None

    def _remember(self, request: httpx.Request, offer: SessionOffer) -> None:
        with self._lock:
            if self._remembered is not None:
                while len(self._remembered) >= _REMEMBERED_MAX:
                    del self._remembered[next(iter(self._remembered))]
                self._remembered[self._key(request)] = replace(offer, state=None)

    def _forget(self, request: httpx.Request) -> None:
        with self._lock:
            if self._remembered is not None:
                self._remembered.pop(self._key(request), None)


class _Paying:
    """The payments of one request."""

    def __init__(self, session: Session, amount_max: int) -> None:
        self._session, self._amount_max = session, amount_max
        self._ticket: Ticket | None = None
        self._payments = 0
        self._is_settled = False
        self.offer: SessionOffer | None = None
        self.voucher: Voucher | None = None

    def may_answer(self, offer: SessionOffer, error: str) -> bool:
        """Whether another voucher can make a difference to this offer."""
        state = self._state(offer)
        if state is not None and state.key is not None and not same_address(state.key, self._session.key.address):
            return False  # vouchers of another key are taken: none of ours, however high
        if self._payments >= _PAYMENTS_MAX:
            return False
        if self.voucher is None or self.offer is None or offer.amount > self.offer.amount:
            return True
        sent = self.voucher.max_claimable
        if state is None:
            return False
        # Else it is money in escrow that lacks, or time, or a status that forbids it.
        return error in _TOO_LOW or state.required > sent or sent > state.charged + state.held + state.available

    def _state(self, offer: SessionOffer) -> x402.SessionState | None:
        state = offer.state
        return state if state is not None and state.session_id.lower() == self._session.session_id.lower() else None

    def put(self, request: httpx.Request, offer: SessionOffer, challenge: Challenge | None) -> None:
        """Puts a voucher for this offer on the request. `PaymentRefused` when that is not to be signed."""
        spending = self._session.spending
        if self._ticket is None:
            self._ticket = spending.begin()
        state = self._state(offer)
        if state is not None:
            voucher = spending.correct(self._ticket, offer.amount, self._amount_max, state)
        else:
            voucher = spending.promise(self._ticket, offer.amount, self._amount_max)
        self._payments += 1
        self.offer, self.voucher = offer, voucher
        ours, resource = self._session, challenge.resource if challenge else None
        header = x402.payment(
            offer.raw, ours.session_id, ours.payee, voucher.max_claimable, voucher.signature, resource
        )
        request.headers[x402.SIGNATURE] = header
        if "idempotency-key" not in request.headers:
            request.headers["idempotency-key"] = new_idempotency_key()

    def settle(self, response: httpx.Response, receipt: Receipt) -> None:
        """It was paid, or will be at the end of its stream."""
        if self._ticket is None or self.voucher is None or self.offer is None:
            return
        self._is_settled = True
        spending, ticket = self._session.spending, self._ticket
        if not receipt.pending:
            spending.accepted(ticket, self.voucher, receipt.charged)
            return
        spending.pending(ticket, self.voucher, receipt.charged, self.offer.timeout_secs)
        ended = partial(spending.ended, ticket)
        stream: Any = response.stream
        if isinstance(stream, httpx.SyncByteStream):
            response.stream = _Watched(stream, ended)
        else:
            response.stream = _AsyncWatched(cast(httpx.AsyncByteStream, stream), ended)

    def close(self) -> None:
        """Nothing more will come."""
        if self._ticket is not None and not self._is_settled:
            self._session.spending.dropped(self._ticket)


class _Watched(httpx.SyncByteStream):
    """An answer's body that tells when it was closed."""

    def __init__(self, stream: httpx.SyncByteStream, ended: Callable[[], None]) -> None:
        self._stream, self._ended = stream, ended

    def __iter__(self) -> Iterator[bytes]:
        yield from self._stream

    def close(self) -> None:
        try:
            self._stream.close()
        finally:
            self._ended()


class _AsyncWatched(httpx.AsyncByteStream):
    """The same for `httpx.AsyncClient`."""

    def __init__(self, stream: httpx.AsyncByteStream, ended: Callable[[], None]) -> None:
        self._stream, self._ended = stream, ended

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._stream:
            yield chunk

    async def aclose(self) -> None:
        try:
            await self._stream.aclose()
        finally:
            self._ended()
