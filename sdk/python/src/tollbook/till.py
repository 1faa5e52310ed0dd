"""The provider's side, apart from any web framework: who pays, the hold before, the capture after, and the 402.

Everything is decided by the ledger, over its API. Whatever keeps it from answering ends in 503: nothing is delivered
that was not paid for.
"""

from __future__ import annotations

import hashlib
import logging
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from time import monotonic
from typing import Any

import anyio

from . import x402
from ._async.client import AsyncClient
from ._money import Money, amount, atomic_down, atomic_up, text, units
from ._wire import new_idempotency_key, path
from .errors import ApiError, NotFound, TollbookError
from .networks import Network, network
from .signing import same_address

log = logging.getLogger("tollbook")

_BEARER = re.compile(r"bearer +(tbk_[\x21-\x7e]{1,124}) *", re.IGNORECASE)
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_HEADER_BYTES_MAX = 8 * 1024
_SHOP_SECS = 60.0
_KEPT_MAX = 10_000
_TIMEOUT_SECS = 600
_VISIBLE_DETAIL = "pay with one of the ways that are offered, or with a gateway key"

#: What the ledger says of a voucher or a session, and what a client is told.
_OF_VOUCHERS = {
    "voucher_required": "voucher_too_low",
    "voucher_too_low": "voucher_too_low",
    "voucher_above_deposit": "voucher_above_deposit",
    "insufficient_deposit": "insufficient_deposit",
    "period_limit_exceeded": "period_limit_reached",
}
_CANNOT_PAY = frozenset(
    "insufficient_funds quota_exceeded voucher_malformed voucher_wrong_signer voucher_wrong_session "
    "voucher_wrong_payee voucher_high_s voucher_not_taken session_pending session_frozen session_revoked "
    "session_expired session_closed session_not_yet_valid claim_set_aside".split()
)


class Refused(Exception):
    """The request is not carried out: what the client is told."""

    def __init__(
        self,
        status: int,
        code: str,
        detail: str,
        *,
        retry_after: int | None = None,
        state: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(f"{status} {code}: {detail}")
        self.status, self.code, self.detail = status, code, detail
        self.retry_after, self.state = retry_after, state
        self.headers = dict(headers or {})
        #: With a 402, the ways to pay; put in by `Till.challenge`.
        self.body: dict[str, Any] = {}


def closed(error: Exception) -> Refused:
    """Nobody knows now: fail closed."""
    log.error("the ledger does not answer as it should: %s", error)
    detail = "the payment cannot be decided now: send the same request again, with the same Idempotency-Key"
    return Refused(503, "unavailable", detail, retry_after=1)


@dataclass(frozen=True)
class Payer:
    """Who pays: one of both."""

    customer_id: str | None = None
    session_key_id: str | None = None
    #: What came with it, as the API takes it.
    voucher: Mapping[str, str] | None = None

    @property
    def id(self) -> str:
        """Of the customer or the session key."""
        return self.session_key_id or self.customer_id or ""


@dataclass
class Payment:
    """A request that can be paid for: its hold is placed. A handler may say what it came to."""

    payer: Payer
    hold_id: str
    #: What is held: the most that it can cost.
    held: Decimal
    currency: str
    #: The provider's own cost function, if there is one, decides later.
    _cost: Decimal | None = None
    #: Ended by a capture or a void.
    is_over: bool = field(default=False, repr=False)

    @property
    def cost(self) -> Decimal | None:
        """What it came to, as far as a handler has said so."""
        return self._cost

    def charge(self, cost: Money) -> None:
        """Says what it came to: at most what is held. Zero is free."""
        cost = amount(cost)
        if cost > self.held:
            raise ValueError(f"{cost} is more than the {self.held} that are held")
        self._cost = cost


@dataclass(frozen=True)
class _Shop:
    organization_id: str
    payee: str | None
    read_at: float


class Till:
    """Asks the ledger on behalf of the middleware."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        chain: Network | str | int | None = None,
        contract: str | None = None,
        token: str | None = None,
        currencies: tuple[str, ...] = ("USDC", "USD"),
        key_secs: float = 5.0,
    ) -> None:
        """Without `chain`, `contract` and `token` those of the environment: TOLLBOOK_NETWORK, TOLLBOOK_CONTRACT,
        TOLLBOOK_USDC. Without a contract there are no vouchers, only gateway keys.

        The same figures hold in each of `currencies`. What was found out about a gateway key is believed for
        `key_secs`: that late may a revoked one be refused.
        """
        self._client = client
        chain = chain if chain is not None else os.environ.get("TOLLBOOK_NETWORK") or "local"
        self._network = chain if isinstance(chain, Network) else network(chain)
        self._contract = contract or os.environ.get("TOLLBOOK_CONTRACT")
        self._token = token or os.environ.get("TOLLBOOK_USDC") or self._network.usdc
        self._currencies = currencies
        self._key_secs = key_secs
        self._shop: _Shop | None = None
        self._shop_lock: anyio.Lock | None = None
        # What is kept is bounded, and the oldest goes first.
        self._keys: dict[str, tuple[float, Payer]] = {}
        self._sessions: dict[str, str] = {}
        self._vouchers: dict[str, tuple[int, str]] = {}

    # --- the ways to pay

    async def shop(self) -> _Shop:
        """The organization; asked for again after a minute."""
        shop = self._shop
        if shop is not None and monotonic() - shop.read_at < _SHOP_SECS:
            return shop
        self._shop_lock = self._shop_lock or anyio.Lock()
        async with self._shop_lock:
            if self._shop is shop:
                try:
                    organization = await self._client.organization.get()
                except TollbookError as error:
                    raise closed(error) from error
                self._shop = _Shop(organization["id"], organization["payee"], monotonic())
        assert self._shop is not None
        return self._shop

    def _offer(self, shop: _Shop, price: Decimal, state: Mapping[str, Any] | None) -> dict[str, Any] | None:
        if self._contract is None or self._token is None or shop.payee is None or "USDC" not in self._currencies:
            return None
        extra: dict[str, Any] = {
            "name": "SessionKeyValidator",
            "version": "1",
            "verifyingContract": self._contract,
            "organization": shop.organization_id,
        }
        if state is not None:
            extra["state"] = dict(state)
        return {
            "scheme": "session",
            "network": self._network.caip2,
            "amount": str(atomic_up(price)),
            "asset": self._token,
            "payTo": shop.payee,
            "maxTimeoutSeconds": _TIMEOUT_SECS,
            "extra": extra,
        }

    async def challenge(
        self, refused: Refused, price: Decimal, resource: Mapping[str, Any], *, has_paid: bool
    ) -> Refused:
        """A refusal with 402, and the ways to pay; to a payment that is not taken also a receipt that says so."""
        offer = self._offer(await self.shop(), price, refused.state)
        accepts = [] if offer is None else [offer]
        required = {"x402Version": 2, "error": refused.code, "resource": dict(resource), "accepts": accepts}
        refused.headers[x402.REQUIRED] = x402.encode(required)
        refused.body = required
        if has_paid:
            network = self._network.caip2
            receipt = {"success": False, "errorReason": refused.code, "transaction": "", "network": network}
            refused.headers[x402.RESPONSE] = x402.encode(receipt)
        return refused

    # --- who pays

    async def payer(self, headers: Mapping[str, list[str]], price: Decimal) -> Payer:
        """From the request's headers (names in lower case). Raises `Refused`."""
        authorizations = headers.get("authorization", [])
        keys = [found[1] for found in map(_BEARER.fullmatch, authorizations) if found]
        payments = headers.get("payment-signature", [])
        if len(keys) + len(payments) + len(headers.get("x-payment", [])) > 1 or (keys and len(authorizations) > 1):
            raise Refused(400, "ambiguous_payment", "send one payment header, or one gateway key, and not both")
        if keys:
            return await self._of_key(keys[0])
        if payments:
            return await self._of_payment(payments[0], price)
        if "x-payment" in headers:
            raise Refused(402, "invalid_x402_version", "this takes version 2 of x402: PAYMENT-SIGNATURE")
        raise Refused(402, "payment_required", _VISIBLE_DETAIL)

    async def _of_key(self, secret: str) -> Payer:
        digest = hashlib.sha256(secret.encode()).hexdigest()
        known = self._keys.get(digest)
        if known is not None and monotonic() - known[0] < self._key_secs:
            return known[1]
        try:
            found: Mapping[str, Any] = await self._client.gateway_keys.lookup(secret)
        except NotFound:
            self._keys.pop(digest, None)
            raise Refused(
                401,
                "unauthenticated",
                "this gateway key is unknown, has expired or was revoked",
                headers={"www-authenticate": "Bearer"},
            ) from None
        except TollbookError as error:
            raise closed(error) from error
        payer = Payer(customer_id=found.get("customer_id"), session_key_id=found.get("session_key_id"))
        if not payer.id:
            raise closed(ValueError("the lookup of a gateway key names no payer"))
        _keep(self._keys, digest, (monotonic(), payer))
        return payer

    async def _of_payment(self, header: str, price: Decimal) -> Payer:
        shop = await self.shop()
        offer = self._offer(shop, price, None)
        try:
            payment = x402.decode(header, _HEADER_BYTES_MAX)
        except x402.Malformed as error:
            raise Refused(402, "invalid_payload", str(error)) from None
        if payment.get("x402Version") != x402.VERSION:
            raise Refused(402, "invalid_x402_version", "this takes version 2 of x402")
        accepted, payload = payment.get("accepted"), payment.get("payload")
        if not isinstance(accepted, dict) or not isinstance(payload, dict):
            raise Refused(402, "invalid_payload", "accepted and payload must be objects")
        if offer is None or accepted.get("scheme") != "session":
            raise Refused(402, "unsupported_scheme", "this is paid with the scheme session, or with a gateway key")
        if accepted.get("network") != offer["network"]:
            raise Refused(402, "invalid_network", f"pay on {offer['network']}")
        for name in ("asset", "payTo"):
            if not isinstance(accepted.get(name), str) or not same_address(accepted[name], offer[name]):
                raise Refused(402, "invalid_payment_requirements", f"{name} must be {offer[name]}")
        return await self._of_voucher(payload, shop)

    async def _of_voucher(self, payload: Mapping[str, Any], shop: _Shop) -> Payer:
        parts = {name: payload.get(name) for name in ("sessionId", "payee", "maxClaimable", "signature")}
        if not all(isinstance(part, str) for part in parts.values()):
            raise Refused(402, "invalid_payload", f"the payload needs {', '.join(parts)}, as texts")
        session_id, payee, digits, signature = (str(part) for part in parts.values())
        if not same_address(payee, shop.payee or ""):
            raise Refused(402, "invalid_payment_requirements", f"the voucher must pay {shop.payee}")
        if re.fullmatch(r"0x[0-9a-fA-F]{64}", session_id) is None:
            raise Refused(402, "invalid_payload", "sessionId is 0x and 64 hexadecimal digits")
        try:
            units(digits)
        except ValueError as error:
            raise Refused(402, "voucher_malformed", f"maxClaimable: {error}") from None
        voucher = {"max_claimable": digits, "signature": signature, "session_id": session_id.lower(), "payee": payee}
        return Payer(session_key_id=await self._session_key(session_id.lower()), voucher=voucher)

    async def _session_key(self, session_id: str) -> str:
        known = self._sessions.get(session_id)
        if known is not None:
            return known
        try:
            found = (await self._client.session_keys.list(session_id=session_id))["data"]
        except TollbookError as error:
            raise closed(error) from error
        for session_key in found:
            ours = self._contract is not None and same_address(session_key["chain"]["contract"], self._contract)
            if ours and session_key["chain"]["id"] == self._network.chain_id:
                _keep(self._sessions, session_id, session_key["id"])
                return session_key["id"]
        raise Refused(402, "session_not_found", "the ledger knows no such session")

    # --- hold, capture, void

    async def place(
        self, payer: Payer, price: Decimal, *, ttl_secs: int, idempotency_key: str | None, digest: str | None
    ) -> Payment:
        """Holds the price. `digest` tells requests with the same idempotency key apart. Raises `Refused`."""
        body: dict[str, Any] = {"amount": text(price), "ttl_secs": ttl_secs}
        body.update({"session_key_id" if payer.session_key_id else "customer_id": payer.id})
        if payer.voucher is not None:
            body["voucher"] = dict(payer.voucher)
        key = new_idempotency_key()
        if idempotency_key is not None:
            if _KEY.fullmatch(idempotency_key) is None:
                detail = "Idempotency-Key is 1 to 255 visible ASCII characters"
                raise Refused(400, "invalid_idempotency_key", detail)
            key = "paid-" + hashlib.sha256(f"{payer.id}\n{idempotency_key}".encode()).hexdigest()
            body["metadata"] = {"request": digest or ""}
        try:
            answer = await self._client.send("POST", path("holds"), body=body, idempotency_key=key)
        except ApiError as error:
            raise await self._of_ledger(error, payer, price) from error
        except TollbookError as error:
            raise closed(error) from error
        hold = answer.data
        if answer.replayed and answer.attempts == 1:
            raise await self._repeated(payer, hold)
        payment = Payment(payer, hold["id"], Decimal(hold["held"]), hold["currency"])
        if payment.currency not in self._currencies:
            await self.void(payment)
            raise Refused(402, "currency_not_accepted", f"this is sold in {' and '.join(self._currencies)}")
        self._remember(payer)
        return payment

    async def capture(self, payment: Payment, cost: Decimal | None = None) -> dict[str, str]:
        """Charges `cost` (all that is held when left out; zero voids) and gives the headers that say so.

        Raises `Refused`, a 503, when it is not certain that it was charged.
        """
        payment.is_over = True
        if cost is not None and cost > payment.held:
            log.error("a cost of %s is more than the %s that are held: that much is charged", cost, payment.held)
            cost = None
        if cost is not None and cost == 0:
            await self._void(payment)
            return nothing(payment)
        try:
            charge = await self._client.holds.capture(
                payment.hold_id,
                amount=payment.held if cost is None else cost,
                idempotency_key=f"capture-{payment.hold_id}",
            )
        except TollbookError as error:
            raise closed(error) from error
        money: Mapping[str, Any] = charge["session"] or charge["account"] or {}
        headers = {
            "x-tollbook-cost": charge["amount"],
            "x-tollbook-currency": charge["currency"],
            "x-tollbook-remaining": money.get("available", "0"),
            "x-tollbook-charge": charge["id"],
        }
        extra = {
            "charge_id": charge["id"],
            "cost": charge["amount"],
            "currency": charge["currency"],
            "remaining": money.get("available", "0"),
        }
        return headers | self._receipt(payment, charge["id"], Decimal(charge["amount"]), extra, money.get("charged"))

    def pending(self, payment: Payment) -> dict[str, str]:
        """The headers of an answer whose cost is not known yet."""
        headers = {"x-tollbook-currency": payment.currency, "x-tollbook-hold": payment.hold_id}
        return headers | self._receipt(payment, payment.hold_id, None, {"pending": True}, None)

    async def void(self, payment: Payment) -> None:
        """Gives the hold back. When that fails it ends by itself in its time: nothing is charged."""
        if not payment.is_over:
            payment.is_over = True
            await self._void(payment)

    async def _void(self, payment: Payment) -> None:
        try:
            await self._client.holds.void(payment.hold_id, idempotency_key=f"void-{payment.hold_id}")
        except TollbookError as error:
            log.warning("the hold %s was not voided and will expire: %s", payment.hold_id, error)

    def _receipt(
        self, payment: Payment, transaction: str, cost: Decimal | None, extra: dict[str, Any], charged: str | None
    ) -> dict[str, str]:
        voucher = payment.payer.voucher
        if voucher is None:
            return {}
        extra["sessionId"] = voucher["session_id"]
        if charged is not None:
            extra["charged"] = str(atomic_up(charged))
        receipt = {"success": True, "transaction": transaction, "network": self._network.caip2, "extra": extra}
        if cost is not None:
            receipt["amount"] = str(atomic_up(cost))
        return {x402.RESPONSE: x402.encode(receipt)}

    # --- refusals

    async def _of_ledger(self, error: ApiError, payer: Payer, price: Decimal) -> Refused:
        code = _OF_VOUCHERS.get(error.code)
        if code is not None:
            if payer.voucher is None or payer.session_key_id is None:
                return Refused(402, code, error.detail)
            state = await self._state(payer, payer.session_key_id, error, price)
            return Refused(402, code, error.detail, state=state)
        if error.code in _CANNOT_PAY:
            return Refused(402, error.code, error.detail)
        if error.code == "session_key_not_found":
            return Refused(402, "session_not_found", error.detail)
        if error.code == "key_rotating":
            return Refused(409, error.code, error.detail)
        if error.code == "idempotency_key_reused":
            return Refused(422, error.code, "this Idempotency-Key came before with another request")
        return closed(error)

    async def _state(self, payer: Payer, session_key_id: str, error: ApiError, price: Decimal) -> dict[str, Any]:
        try:
            session = await self._client.session_keys.get(session_key_id)
        except TollbookError as failed:
            raise closed(failed) from failed
        charged, held = Decimal(session["charged"]), Decimal(session["held"])
        needed = error.problem.get("needed_atomic")
        required = str(needed) if needed is not None else str(atomic_up(charged + held + price))
        return {
            "sessionId": payer.voucher["session_id"] if payer.voucher else session["session_id"],
            "key": session["key"],
            "charged": str(atomic_up(charged)),
            "held": str(atomic_up(held)),
            "available": str(atomic_down(max(Decimal(session["available"]), Decimal(0)))),
            "required": required,
            "voucher": await self._stored(session_key_id, session.get("voucher")),
        }

    async def _stored(self, session_key_id: str, voucher: Mapping[str, Any] | None) -> dict[str, str] | None:
        """The highest voucher, with which a client can tell that it signed before."""
        if voucher is None:
            return None
        if voucher.get("former_until"):  # by a key that was replaced: no proof for the present one
            self._vouchers.pop(session_key_id, None)
            return None
        digits, signature = str(voucher["max_claimable_atomic"]), voucher.get("signature")
        if isinstance(signature, str):
            return {"maxClaimable": digits, "signature": signature}
        # An API that does not show the signature: the highest that was taken here is a proof as well, or else the
        # one that paid for the last charge.
        known = self._vouchers.get(session_key_id) or await self._charged_with(session_key_id)
        return None if known is None else {"maxClaimable": str(known[0]), "signature": known[1]}

    async def _charged_with(self, session_key_id: str) -> tuple[int, str] | None:
        try:
            for charge in (await self._client.charges.list(session_key_id=session_key_id, limit=1))["data"]:
                for step in (await self._client.charges.explain(charge["id"]))["steps"]:
                    data = step["data"]
                    if step["step"] == "voucher" and isinstance(data.get("signature"), str):
                        return atomic_up(data["max_claimable"]), data["signature"]
        except (TollbookError, KeyError, TypeError, ValueError) as error:
            log.warning("no voucher of %s can be shown: %s", session_key_id, error)
        return None

    def _remember(self, payer: Payer) -> None:
        if payer.voucher is None or payer.session_key_id is None:
            return
        signed = int(payer.voucher["max_claimable"])
        known = self._vouchers.get(payer.session_key_id)
        if known is None or signed > known[0]:
            _keep(self._vouchers, payer.session_key_id, (signed, payer.voucher["signature"]))

    async def _repeated(self, payer: Payer, hold: Mapping[str, Any]) -> Refused:
        """The same idempotency key came before: never a second charge, and bodies are not kept."""
        try:
            state = await self._client.holds.get(hold["id"], min_position=hold["position"])
            session = await self._client.session_keys.get(payer.session_key_id) if payer.session_key_id else None
        except TollbookError as error:
            return closed(error)
        if state["status"] == "open":
            detail = "this request is being carried out"
            return Refused(409, "request_in_progress", detail, retry_after=1)
        if state["status"] != "captured":
            return Refused(409, "idempotency_key_spent", "nothing was charged: send it with a new Idempotency-Key")
        cost = Decimal(state["captured"])
        headers = {"x-tollbook-cost": text(cost), "x-tollbook-currency": state["currency"]}
        extra = {"cost": text(cost), "currency": state["currency"]}
        payment = Payment(payer, hold["id"], cost, state["currency"])
        headers |= self._receipt(payment, hold["id"], cost, extra, session["charged"] if session else None)
        return Refused(409, "answer_not_kept", "this was paid and answered before", headers=headers)


def nothing(payment: Payment) -> dict[str, str]:
    """The headers of an answer that cost nothing."""
    return {"x-tollbook-cost": "0", "x-tollbook-currency": payment.currency}


def _keep(kept: dict[str, Any], key: str, value: Any) -> None:
    kept.pop(key, None)
    while len(kept) >= _KEPT_MAX:
        del kept[next(iter(kept))]
    kept[key] = value
