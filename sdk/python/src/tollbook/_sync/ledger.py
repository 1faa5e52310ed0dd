# Generated from _async/ledger.py by tools/unasync.py: change that one.
"""The ledger: the organization, customers with their credits, meters, charges, holds."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, cast

from .._money import Money, text
from .._wire import given, path
from ..types import (
    Batch,
    Charge,
    CreditGrant,
    Customer,
    Hold,
    HoldState,
    Meter,
    Organization,
    Page,
    Quota,
    UsageIn,
    VoucherIn,
)

if TYPE_CHECKING:
    from .client import Client


def _cost(amount: Money | None, meter: str | None, quantity: Money | None, usage: Sequence[UsageIn] | None) -> Any:
    return given(
        amount=None if amount is None else text(amount),
        meter=meter,
        quantity=None if quantity is None else text(quantity),
        usage=None if usage is None else list(usage),
    )


class OrganizationOf:
    """The organization of the API key."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def get(self) -> Organization:
        """Its name, its currency, who is paid."""
        return cast(Organization, self._client.get(path("organization")))

    def set_payee(self, payee: str, *, idempotency_key: str | None = None) -> Organization:
        """The address that is paid. Session keys that were drawn up before keep theirs."""
        where = path("organization", "payee")
        return cast(Organization, self._client.write("PUT", where, {"payee": payee}, idempotency_key))


class Customers:
    """Who pays."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        *,
        external_id: str | None = None,
        name: str | None = None,
        email: str | None = None,
        currency: str | None = None,
        postpaid_limit: Money | None = None,
        idempotency_key: str | None = None,
    ) -> Customer:
        """A customer with its account. Those who pay with session keys need one in USDC."""
        body = given(
            external_id=external_id, name=name, email=email, currency=currency,
            postpaid_limit=None if postpaid_limit is None else text(postpaid_limit),
        )  # fmt: skip
        return cast(Customer, self._client.write("POST", path("customers"), body, idempotency_key))

    def get(self, customer_id: str, *, min_position: str | None = None) -> Customer:
        """A customer with its account, as the log has it."""
        query = {"min_position": min_position}
        return cast(Customer, self._client.get(path("customers", customer_id), query))

    def list(self, **query: Any) -> Page[Customer]:
        """A page: `external_id`, `limit`, `cursor`, `min_position`."""
        return cast("Page[Customer]", self._client.get(path("customers"), query))

    def grant_credits(
        self,
        customer_id: str,
        amount: Money,
        *,
        currency: str | None = None,
        expires_at: datetime | None = None,
        priority: int | None = None,
        idempotency_key: str | None = None,
    ) -> CreditGrant:
        """Gives credits."""
        body = given(amount=text(amount), currency=currency, expires_at=expires_at, priority=priority)
        where = path("customers", customer_id, "credits")
        return cast(CreditGrant, self._client.write("POST", where, body, idempotency_key))

    def set_postpaid_limit(
        self, customer_id: str, amount: Money, *, currency: str | None = None, idempotency_key: str | None = None
    ) -> Customer:
        """What may be owed at most."""
        body = given(amount=text(amount), currency=currency)
        where = path("customers", customer_id, "postpaid_limit")
        return cast(Customer, self._client.write("PUT", where, body, idempotency_key))

    def set_quota(
        self,
        customer_id: str,
        meter: str,
        limit: Money,
        period: Literal["hour", "day", "month", "total"],
        *,
        included: bool | None = None,
        overage: Literal["block", "charge"] | None = None,
        idempotency_key: str | None = None,
    ) -> Quota:
        """How much of a meter in each period, or how much of it for free."""
        body = given(limit=text(limit), period=period, included=included, overage=overage)
        where = path("customers", customer_id, "quotas", meter)
        return cast(Quota, self._client.write("PUT", where, body, idempotency_key))


class Meters:
    """The price list."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def set(
        self,
        code: str,
        unit: str,
        unit_price: Money,
        *,
        currency: str | None = None,
        idempotency_key: str | None = None,
    ) -> Meter:
        """Sets a price: each time a new version."""
        body = given(unit=unit, unit_price=text(unit_price), currency=currency)
        return cast(Meter, self._client.write("PUT", path("meters", code), body, idempotency_key))

    def get(self, code: str) -> Meter:
        """One price."""
        return cast(Meter, self._client.get(path("meters", code)))

    def list(self, **query: Any) -> Page[Meter]:
        """A page: `limit`, `cursor`."""
        return cast("Page[Meter]", self._client.get(path("meters"), query))


class Charges:
    """What was charged."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(
        self,
        *,
        customer_id: str | None = None,
        session_key_id: str | None = None,
        amount: Money | None = None,
        meter: str | None = None,
        quantity: Money | None = None,
        usage: Sequence[UsageIn] | None = None,
        voucher: VoucherIn | None = None,
        currency: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Charge:
        """Charges an amount, a quantity of a meter, or several. `PaymentRequired` when it cannot be paid."""
        body = {
            **given(customer_id=customer_id, session_key_id=session_key_id, voucher=voucher, currency=currency),
            **_cost(amount, meter, quantity, usage),
            **given(description=description, metadata=metadata),
        }
        return cast(Charge, self._client.write("POST", path("charges"), body, idempotency_key))

    def batch(self, charges: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None) -> Batch:
        """Up to 1,000 charges; each succeeds or fails by itself."""
        body = {"charges": list(charges)}
        return cast(Batch, self._client.write("POST", path("charges", "batch"), body, idempotency_key))

    def get(self, charge_id: str) -> Charge:
        """One charge."""
        return cast(Charge, self._client.get(path("charges", charge_id)))

    def list(self, **query: Any) -> Page[Charge]:
        """A page, newest first: `customer_id` or `session_key_id`, `limit`, `cursor`, `min_position`."""
        return cast("Page[Charge]", self._client.get(path("charges"), query))

    def all(self, **query: Any) -> Iterator[Charge]:
        """All of a customer's account or of a session key, newest first."""
        for charge in self._client.pages(path("charges"), query):
            yield charge

    def explain(self, charge_id: str) -> dict[str, Any]:
        """Why it is what it is: its causes, step by step."""
        return cast("dict[str, Any]", self._client.get(path("charges", charge_id, "explain")))


class Holds:
    """Money that is reserved before the cost is known."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def place(
        self,
        *,
        customer_id: str | None = None,
        session_key_id: str | None = None,
        amount: Money | None = None,
        meter: str | None = None,
        quantity: Money | None = None,
        usage: Sequence[UsageIn] | None = None,
        ttl_secs: int | None = None,
        voucher: VoucherIn | None = None,
        currency: str | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Reserves what it may cost at most. `PaymentRequired` when that is not there."""
        body = {
            **given(customer_id=customer_id, session_key_id=session_key_id, voucher=voucher, currency=currency),
            **_cost(amount, meter, quantity, usage),
            **given(ttl_secs=ttl_secs, description=description, metadata=metadata),
        }
        return cast(Hold, self._client.write("POST", path("holds"), body, idempotency_key))

    def capture(
        self,
        hold_id: str,
        *,
        amount: Money | None = None,
        meter: str | None = None,
        quantity: Money | None = None,
        usage: Sequence[UsageIn] | None = None,
        final_capture: bool | None = None,
        description: str | None = None,
        metadata: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Charge:
        """Charges what it came to, all of it when nothing is said, and gives the rest back."""
        body = {
            **_cost(amount, meter, quantity, usage),
            **given(final_capture=final_capture, description=description, metadata=metadata),
        }
        where = path("holds", hold_id, "capture")
        return cast(Charge, self._client.write("POST", where, body, idempotency_key))

    def extend(
        self,
        hold_id: str,
        *,
        amount: Money | None = None,
        ttl_secs: int | None = None,
        voucher: VoucherIn | None = None,
        idempotency_key: str | None = None,
    ) -> Hold:
        """Reserves more, or for longer."""
        body = {**_cost(amount, None, None, None), **given(ttl_secs=ttl_secs, voucher=voucher)}
        where = path("holds", hold_id, "extend")
        return cast(Hold, self._client.write("POST", where, body, idempotency_key))

    def void(self, hold_id: str, *, idempotency_key: str | None = None) -> Hold:
        """Gives all of it back."""
        where = path("holds", hold_id, "void")
        return cast(Hold, self._client.write("POST", where, None, idempotency_key))

    def get(self, hold_id: str, *, min_position: str | None = None) -> HoldState:
        """As it is now, also when it has ended."""
        return cast(HoldState, self._client.get(path("holds", hold_id), {"min_position": min_position}))

    def list(self, **query: Any) -> Page[HoldState]:
        """A page of open ones: `customer_id` or `session_key_id`, `limit`, `cursor`, `min_position`."""
        return cast("Page[HoldState]", self._client.get(path("holds"), query))
