"""Session keys: drawing up, registering and funding, stopping; and the settlements that pay for what they charged."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal, cast

import anyio
from eth_account.signers.base import BaseAccount

from .._money import Money, amount, text
from .._wire import given, path
from ..errors import SessionNotActive
from ..session import Asked, Deployment, Session, sign_open
from ..signing import new_key, same_address
from ..types import AuthorizationIn, Batch, KeyRotation, OwnerSignatureIn, Page, SessionKey, Settlement, TypedData

if TYPE_CHECKING:
    from .client import AsyncClient

_POLL_SECS = 0.25


class SessionKeys:
    """Keys that an owner allows, once, to pay one payee within limits."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self,
        *,
        customer_id: str,
        owner: str,
        limit: Money,
        valid_until: datetime,
        key: str | None = None,
        period_limit: Money | None = None,
        period_secs: int | None = None,
        valid_after: datetime | None = None,
        settle_grace_secs: int | None = None,
        withdraw_delay_secs: int | None = None,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Draws one up, with the typed data that the owner signs.

        `key` is the address of the client's own key; without one Tollbook makes a key and keeps it.
        """
        body = given(
            customer_id=customer_id, owner=owner, custody="self" if key else "managed", key=key, limit=text(limit),
            period_limit=None if period_limit is None else text(period_limit), period_secs=period_secs,
            valid_after=valid_after, valid_until=valid_until.replace(microsecond=0),
            settle_grace_secs=settle_grace_secs, withdraw_delay_secs=withdraw_delay_secs,
        )  # fmt: skip
        return cast(SessionKey, await self._client.write("POST", path("session_keys"), body, idempotency_key))

    async def batch(self, session_keys: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None) -> Batch:
        """Draws up to 100 up, each as the API takes one (with `custody`); each succeeds or fails by itself."""
        body = {"session_keys": list(session_keys)}
        return cast(Batch, await self._client.write("POST", path("session_keys", "batch"), body, idempotency_key))

    async def get(self, session_key_id: str, *, min_position: str | None = None) -> SessionKey:
        """As the log has it now."""
        query = {"min_position": min_position}
        return cast(SessionKey, await self._client.get(path("session_keys", session_key_id), query))

    async def list(self, **query: Any) -> Page[SessionKey]:
        """A page: `customer_id`, `status`, `session_id` (the contract's), `limit`, `cursor`, `min_position`."""
        return cast("Page[SessionKey]", await self._client.get(path("session_keys"), query))

    async def all(self, **query: Any) -> AsyncIterator[SessionKey]:
        """All of them."""
        async for session_key in self._client.pages(path("session_keys"), query):
            yield session_key

    async def typed_data(
        self,
        session_key_id: str,
        action: Literal[
            "grant", "open", "deposit", "freeze", "unfreeze", "revoke", "rotate_key", "withdraw", "voucher"
        ],
        **query: Any,
    ) -> TypedData:
        """What is to be signed: `amount`, `index`, `deadline`, `charge`, `key`, as the action needs."""
        query = {name: text(value) if name in ("amount", "charge") else value for name, value in query.items()}
        where = path("session_keys", session_key_id, "typed_data")
        return cast(TypedData, await self._client.get(where, {"action": action, **query}))

    async def register(
        self,
        session_key_id: str,
        *,
        authorization: AuthorizationIn | None = None,
        signature: str | None = None,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Registers it: with money (`authorization`, of `open`) or without (`signature`, of `grant`)."""
        body = given(authorization=authorization, signature=signature)
        return await self._act(session_key_id, "register", body, idempotency_key)

    async def deposit(
        self, session_key_id: str, authorization: AuthorizationIn, *, idempotency_key: str | None = None
    ) -> SessionKey:
        """Adds money to one that is registered."""
        return await self._act(session_key_id, "deposits", {"authorization": authorization}, idempotency_key)

    async def freeze(
        self,
        session_key_id: str,
        owner_signature: OwnerSignatureIn | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Nothing more is charged, for now: by the organization, or by the owner with its signature."""
        return await self._act(session_key_id, "freeze", given(owner_signature=owner_signature), idempotency_key)

    async def unfreeze(
        self,
        session_key_id: str,
        owner_signature: OwnerSignatureIn | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Lifts the freeze of whoever asks."""
        return await self._act(session_key_id, "unfreeze", given(owner_signature=owner_signature), idempotency_key)

    async def revoke(
        self,
        session_key_id: str,
        owner_signature: OwnerSignatureIn | None = None,
        *,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Nothing more is charged, ever."""
        return await self._act(session_key_id, "revoke", given(owner_signature=owner_signature), idempotency_key)

    async def freeze_many(
        self,
        session_key_ids: Sequence[str] | None = None,
        *,
        customer_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Freezes up to 100, or all of a customer, by the organization; each succeeds or fails by itself."""
        return await self._many("freeze", session_key_ids, customer_id, idempotency_key)

    async def unfreeze_many(
        self,
        session_key_ids: Sequence[str] | None = None,
        *,
        customer_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Lifts the organization's freeze of up to 100, or of all of a customer."""
        return await self._many("unfreeze", session_key_ids, customer_id, idempotency_key)

    async def revoke_many(
        self,
        session_key_ids: Sequence[str] | None = None,
        *,
        customer_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> Batch:
        """Ends up to 100, or all of a customer, for good."""
        return await self._many("revoke", session_key_ids, customer_id, idempotency_key)

    async def prepare_rotation(
        self, session_key_id: str, key: str | None = None, *, idempotency_key: str | None = None
    ) -> KeyRotation:
        """Another key: what the owner signs, see `session.sign_rotation`.

        `key` is the address of the client's new one; of a managed session key Tollbook makes it.
        """
        where = path("session_keys", session_key_id, "rotation")
        return cast(KeyRotation, await self._client.write("POST", where, given(key=key), idempotency_key))

    async def rotate(
        self,
        session_key_id: str,
        key: str,
        owner_signature: OwnerSignatureIn,
        *,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """Sends it to the chain. When that is final the new key signs: `wait_until_rotated`."""
        body = {"key": key, "owner_signature": owner_signature}
        return await self._act(session_key_id, "rotate", body, idempotency_key)

    async def wait_until_rotated(self, session_key_id: str, key: str, *, timeout_secs: float = 120.0) -> SessionKey:
        """Waits until the session's key is this one for good, which takes as long as the chain takes to be final."""
        deadline = monotonic() + timeout_secs
        while True:
            state = await self.get(session_key_id)
            if same_address(state["key"], key):
                return state
            if state["status"] in ("revoked", "closed"):
                raise SessionNotActive(f"the session key {session_key_id} is {state['status']}")
            if monotonic() >= deadline:
                why = await self._relay_failure(state)
                raise SessionNotActive(
                    f"the session key {session_key_id} still has the key {state['key']} after {timeout_secs:.0f} s{why}"
                )
            await anyio.sleep(_POLL_SECS)

    async def withdraw(
        self,
        session_key_id: str,
        owner_signature: OwnerSignatureIn,
        *,
        amount: Money | None = None,
        idempotency_key: str | None = None,
    ) -> SessionKey:
        """The owner asks for money back; all there is when no amount is said."""
        body = {**given(amount=None if amount is None else text(amount)), "owner_signature": owner_signature}
        return await self._act(session_key_id, "withdrawals", body, idempotency_key)

    async def open(
        self,
        owner: BaseAccount,
        *,
        customer_id: str,
        limit: Money,
        valid_until: datetime,
        key: BaseAccount | None = None,
        deployment: Deployment | None = None,
        timeout_secs: float = 120.0,
    ) -> Session:
        """All of it, where API key and owner are in one place: makes a key, has the session drawn up, checks it,
        signs as owner, registers and funds it with its limit, waits until it can be charged.

        On chains that are not local, `deployment` says which contract and token the owner trusts. Else the provider
        calls `create`, `register` and `wait_until_active`, and the owner `session.sign_open`.
        """
        key = key or new_key()
        valid_until = valid_until.replace(microsecond=0)
        drawn_up = await self.create(
            customer_id=customer_id, owner=owner.address, limit=limit, valid_until=valid_until, key=key.address
        )
        asked = Asked(owner.address, key.address, limit, valid_until)
        await self.register(drawn_up["id"], authorization=sign_open(owner, drawn_up, asked, deployment))
        active = await self.wait_until_active(drawn_up["id"], funded=limit, timeout_secs=timeout_secs)
        return Session.of(active, key)

    async def wait_until_active(
        self, session_key_id: str, *, funded: Money | None = None, timeout_secs: float = 120.0
    ) -> SessionKey:
        """Waits until it can be charged; with `funded`, until so much of its deposits is final."""
        wanted = Decimal(0) if funded is None else amount(funded)
        deadline = monotonic() + timeout_secs
        while True:
            state = await self.get(session_key_id)
            if state["status"] == "active" and Decimal(state["deposited"]) >= wanted:
                return state
            if state["status"] in ("revoked", "expired", "closed"):
                raise SessionNotActive(f"the session key {session_key_id} is {state['status']}")
            if monotonic() >= deadline:
                why = await self._relay_failure(state)
                raise SessionNotActive(
                    f"the session key {session_key_id} is {state['status']} with {state['deposited']} deposited "
                    f"after {timeout_secs:.0f} s{why}"
                )
            await anyio.sleep(_POLL_SECS)

    async def _relay_failure(self, state: SessionKey) -> str:
        query = {"session_key_id": state["id"], "category": "session_key", "type": "relay_failed"}
        failures = (await self._client.get(path("events"), query))["data"]
        return f": {failures[-1]['payload'].get('reason')}" if failures else ""

    async def _many(
        self,
        action: str,
        session_key_ids: Sequence[str] | None,
        customer_id: str | None,
        idempotency_key: str | None,
    ) -> Batch:
        if isinstance(session_key_ids, str):
            raise TypeError("session_key_ids is a list of ids")
        ids = None if session_key_ids is None else list(session_key_ids)
        body = given(session_key_ids=ids, customer_id=customer_id)
        return cast(Batch, await self._client.write("POST", path("session_keys", action), body, idempotency_key))

    async def _act(self, session_key_id: str, action: str, body: Any, idempotency_key: str | None) -> SessionKey:
        where = path("session_keys", session_key_id, action)
        return cast(SessionKey, await self._client.write("POST", where, body or None, idempotency_key))


class Settlements:
    """Batches of claims, each one transaction."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(self, *, payee: str | None = None, idempotency_key: str | None = None) -> Settlement:
        """Settles now."""
        body = given(payee=payee) or None
        return cast(Settlement, await self._client.write("POST", path("settlements"), body, idempotency_key))

    async def get(self, settlement_id: str, *, min_position: str | None = None) -> Settlement:
        """One, with its claims."""
        query = {"min_position": min_position}
        return cast(Settlement, await self._client.get(path("settlements", settlement_id), query))

    async def list(self, **query: Any) -> Page[Settlement]:
        """A page, newest first: `status`, `limit`, `cursor`."""
        return cast("Page[Settlement]", await self._client.get(path("settlements"), query))
