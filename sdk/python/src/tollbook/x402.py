"""The wire: x402 version 2 with the scheme `session`. Headers with JSON in base64, read with distrust."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from ._money import amount, units

VERSION = 2
REQUIRED = "PAYMENT-REQUIRED"
SIGNATURE = "PAYMENT-SIGNATURE"
RESPONSE = "PAYMENT-RESPONSE"

#: Of what a server sends: a few offers of a few hundred bytes each.
_HEADER_BYTES_MAX = 64 * 1024
_TIMEOUT_SECS_MAX = 3600


class Malformed(ValueError):
    """A header that is not what it should be."""


def encode(value: Mapping[str, Any]) -> str:
    """As a header's value."""
    return base64.b64encode(json.dumps(value, separators=(",", ":")).encode()).decode()


def decode(header: str, bytes_max: int = _HEADER_BYTES_MAX) -> dict[str, Any]:
    """The object in a header."""
    if len(header) > bytes_max:
        raise Malformed("the header is too long")
    # Clients disagree about alphabet and padding; it means the same in each.
    digits = header.strip().rstrip("=").replace("-", "+").replace("_", "/")
    try:
        value = json.loads(base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True), parse_float=Decimal)
    except (binascii.Error, ValueError, RecursionError):
        raise Malformed("the header is not JSON in base64") from None
    if not isinstance(value, dict):
        raise Malformed("the header is not a JSON object")
    return value


def _text(value: Any, name: str) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise Malformed(f"{name} is not a text")
    return value


def _units(value: Any, name: str) -> int:
    try:
        return units(value)
    except ValueError as error:
        raise Malformed(f"{name}: {error}") from None


@dataclass(frozen=True)
class ShownVoucher:
    """The highest voucher that the server has; its signature is still to be checked."""

    max_claimable: int
    signature: str


@dataclass(frozen=True)
class SessionState:
    """What the server says of a session, in atomic units."""

    session_id: str
    charged: int
    held: int
    available: int
    #: The smallest voucher that suffices for this request.
    required: int
    voucher: ShownVoucher | None
    #: The key whose vouchers the session takes.
    key: str | None = None

    @classmethod
    def read(cls, value: Any) -> SessionState | None:
        """From `extra.state` of an offer; `None` when there is none."""
        if value is None:
            return None
        if not isinstance(value, dict):
            raise Malformed("the state is not an object")
        shown, voucher = value.get("voucher"), None
        if shown is not None:
            if not isinstance(shown, dict):
                raise Malformed("the voucher is not an object")
            units_signed = _units(shown.get("maxClaimable"), "maxClaimable")
            voucher = ShownVoucher(units_signed, _text(shown.get("signature"), "signature"))
        key = value.get("key")
        return cls(
            session_id=_text(value.get("sessionId"), "sessionId"),
            charged=_units(value.get("charged"), "charged"),
            held=_units(value.get("held"), "held"),
            available=_units(value.get("available"), "available"),
            required=_units(value.get("required"), "required"),
            voucher=voucher,
            key=None if key is None else _text(key, "key"),
        )


@dataclass(frozen=True)
class SessionOffer:
    """An entry of `accepts` with the scheme `session`."""

    network: str
    #: What the request costs at most, in atomic units.
    amount: int
    asset: str
    pay_to: str
    contract: str
    timeout_secs: int
    state: SessionState | None
    #: As it came, without the state: it is sent back.
    raw: Mapping[str, Any]

    @classmethod
    def read(cls, value: Mapping[str, Any]) -> SessionOffer:
        """From an entry of `accepts`."""
        extra = value.get("extra")
        if not isinstance(extra, dict):
            raise Malformed("the offer has no extra")
        secs = value.get("maxTimeoutSeconds")
        raw = {**value, "extra": {name: member for name, member in extra.items() if name != "state"}}
        return cls(
            network=_text(value.get("network"), "network"),
            amount=_units(value.get("amount"), "amount"),
            asset=_text(value.get("asset"), "asset"),
            pay_to=_text(value.get("payTo"), "payTo"),
            contract=_text(extra.get("verifyingContract"), "verifyingContract"),
            timeout_secs=min(secs, _TIMEOUT_SECS_MAX) if isinstance(secs, int) and secs > 0 else 600,
            state=SessionState.read(extra.get("state")),
            raw=raw,
        )


@dataclass(frozen=True)
class Challenge:
    """What a 402 asks for: its reason, and the offers of scheme `session`."""

    error: str
    resource: Mapping[str, Any] | None
    offers: tuple[SessionOffer, ...]

    @classmethod
    def read(cls, header: str | None) -> Challenge | None:
        """From `PAYMENT-REQUIRED`; `None` without it, or when it is of another version."""
        if header is None:
            return None
        value = decode(header)
        accepts = value.get("accepts")
        if value.get("x402Version") != VERSION or not isinstance(accepts, list):
            return None
        error, resource = value.get("error"), value.get("resource")
        offers = (entry for entry in accepts[:32] if isinstance(entry, dict) and entry.get("scheme") == "session")
        return cls(
            error=error if isinstance(error, str) else "",
            resource=resource if isinstance(resource, dict) else None,
            offers=tuple(SessionOffer.read(entry) for entry in offers),
        )


def payment(
    offer: Mapping[str, Any], session_id: str, payee: str, max_claimable: int, signature: str,
    resource: Mapping[str, Any] | None = None,
) -> str:  # fmt: skip
    """The value of `PAYMENT-SIGNATURE`."""
    payload = {
        "sessionId": session_id,
        "payee": payee,
        "maxClaimable": str(max_claimable),
        "signature": signature,
    }
    about = {} if resource is None else {"resource": resource}
    return encode({"x402Version": VERSION, **about, "accepted": offer, "payload": payload})


@dataclass(frozen=True)
class Receipt:
    """What was paid, from the headers of an answer. What the server did not say is `None`."""

    #: The charge's id, `chg_…`; while the cost is not known yet, the hold's.
    transaction: str | None
    #: In units of the currency.
    cost: Decimal | None
    currency: str | None
    #: What can still be charged.
    remaining: Decimal | None
    #: Charged on this session in all, in atomic units, rounded up.
    charged: int | None
    #: The cost is known at the end of the stream.
    pending: bool

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Receipt | None:
        """From the headers of an answer (any case); `None` when it was not paid for."""
        lower = {name.lower(): value for name, value in headers.items()}
        shown = _decoded(lower.get(RESPONSE.lower()))
        extra = shown.get("extra") if isinstance(shown.get("extra"), dict) else {}
        assert isinstance(extra, dict)
        charge, hold = lower.get("x-tollbook-charge"), lower.get("x-tollbook-hold")
        if shown.get("success") is False or (not shown and charge is None and hold is None):
            return None
        transaction = charge or hold or shown.get("transaction")
        return cls(
            transaction=transaction if isinstance(transaction, str) and transaction else None,
            cost=_decimal(lower.get("x-tollbook-cost", extra.get("cost"))),
            currency=_known(lower.get("x-tollbook-currency", extra.get("currency"))),
            remaining=_decimal(lower.get("x-tollbook-remaining", extra.get("remaining"))),
            charged=_digits(extra.get("charged")),
            pending=extra.get("pending") is True or (charge is None and hold is not None),
        )


def _decoded(header: str | None) -> dict[str, Any]:
    try:
        return decode(header) if header else {}
    except Malformed:
        return {}


def _decimal(value: Any) -> Decimal | None:
    try:
        return amount(value)
    except (TypeError, ValueError):
        return None


def _digits(value: Any) -> int | None:
    try:
        return units(value)
    except ValueError:
        return None


def _known(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
