"""The 402 gateway's settings: routes, prices of models, bearer keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from .._wire import given, path
from ..types import (
    GatewayKey,
    GatewayKeyPayer,
    ModelPrice,
    ModelPriceIn,
    ModelPricesSet,
    ModelRemoved,
    Page,
    RateIn,
    Route,
    RouteIn,
    RouteRemoved,
)

if TYPE_CHECKING:
    from .client import AsyncClient


class Routes:
    """What the organization sells: path patterns, upstreams, prices."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(self, route: RouteIn, *, idempotency_key: str | None = None) -> Route:
        """A new route: `path`, `upstream` and `price` at least."""
        return cast(Route, await self._client.write("POST", path("routes"), route, idempotency_key))

    async def get(self, route_id: str) -> Route:
        """One route."""
        return cast(Route, await self._client.get(path("routes", route_id)))

    async def list(self, **query: Any) -> Page[Route]:
        """A page: `limit`, `cursor`."""
        return cast("Page[Route]", await self._client.get(path("routes"), query))

    async def all(self) -> AsyncIterator[Route]:
        """All of them."""
        async for route in self._client.pages(path("routes")):
            yield route

    async def replace(self, route_id: str, route: RouteIn, *, idempotency_key: str | None = None) -> Route:
        """Sets the whole route anew. A `credential` that is left out is kept."""
        return cast(Route, await self._client.write("PUT", path("routes", route_id), route, idempotency_key))

    async def delete(self, route_id: str, *, idempotency_key: str | None = None) -> RouteRemoved:
        """Takes it away."""
        return cast(RouteRemoved, await self._client.write("DELETE", path("routes", route_id), None, idempotency_key))


class Models:
    """Prices of models, for a million tokens."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def set(self, models: Sequence[ModelPriceIn], *, idempotency_key: str | None = None) -> ModelPricesSet:
        """Sets these prices and leaves others."""
        body = {"models": list(models)}
        return cast(ModelPricesSet, await self._client.write("PUT", path("models"), body, idempotency_key))

    async def import_litellm(self, file: str | bytes, *, idempotency_key: str | None = None) -> ModelPricesSet:
        """Sets the prices of LiteLLM's price file: its text as it is, for a number in it would not survive reading."""
        content = file.encode() if isinstance(file, str) else file
        answer = await self._client.send("PUT", path("models"), content=content, idempotency_key=idempotency_key)
        return cast(ModelPricesSet, answer.data)

    async def list(self, **query: Any) -> Page[ModelPrice]:
        """A page: `limit`, `cursor`."""
        return cast("Page[ModelPrice]", await self._client.get(path("models"), query))

    async def delete(self, model: str, *, idempotency_key: str | None = None) -> ModelRemoved:
        """Takes a model off the list."""
        where = path("models", model)
        return cast(ModelRemoved, await self._client.write("DELETE", where, None, idempotency_key))


class GatewayKeys:
    """Bearer keys of payers: what an OpenAI client sends as its API key."""

    def __init__(self, client: AsyncClient) -> None:
        self._client = client

    async def create(
        self,
        *,
        customer_id: str | None = None,
        session_key_id: str | None = None,
        name: str | None = None,
        expires_at: datetime | None = None,
        rate: RateIn | None = None,
        idempotency_key: str | None = None,
    ) -> GatewayKey:
        """A key of a customer with credits, or of a managed session key.

        `secret` is shown once. It is `None` when an earlier try of this request had made the key, and its answer was
        lost: then revoke that key and make another one.
        """
        body = given(
            customer_id=customer_id, session_key_id=session_key_id, name=name, expires_at=expires_at, rate=rate
        )
        return cast(GatewayKey, await self._client.write("POST", path("gateway_keys"), body, idempotency_key))

    async def list(self, **query: Any) -> Page[GatewayKey]:
        """A page, without secrets: `limit`, `cursor`."""
        return cast("Page[GatewayKey]", await self._client.get(path("gateway_keys"), query))

    async def revoke(self, gateway_key_id: str, *, idempotency_key: str | None = None) -> GatewayKey:
        """It opens nothing any more."""
        where = path("gateway_keys", gateway_key_id, "revoke")
        return cast(GatewayKey, await self._client.write("POST", where, None, idempotency_key))

    async def lookup(self, secret: str) -> GatewayKeyPayer:
        """Whose key that is, for middleware. `NotFound` when it opens nothing."""
        where = path("gateway_keys", "lookup")
        return cast(GatewayKeyPayer, await self._client.write("POST", where, {"secret": secret}, None))
