# Generated from _async/client.py by tools/unasync.py: change that one.
"""The connection to the API: sends requests, repeats them when that is safe, tells errors apart."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any

import time
import httpx

from .. import _wire
from .._wire import Answer, Retry
from ..errors import NotReached
from .gateway import GatewayKeys, Models, Routes
from .ledger import Charges, Customers, Holds, Meters, OrganizationOf
from .sessions import SessionKeys, Settlements


class Client:
    """The API of one organization. Close it, or use it in a `with` statement.

    `api_key` and `base_url` are TOLLBOOK_API_KEY and TOLLBOOK_URL when left out. Each request that writes gets an
    `Idempotency-Key`, and is repeated with the same one after a 503 or a broken connection: it happens once.
    """

    def __init__(
        self,
        api_key: str | None = None,
        base_url: str | None = None,
        *,
        timeout_secs: float = 35.0,
        retry: Retry = Retry(),
        http_client: httpx.Client | None = None,
    ) -> None:
        api_key = api_key or os.environ.get("TOLLBOOK_API_KEY")
        base_url = base_url or os.environ.get("TOLLBOOK_URL")
        if not api_key or not base_url:
            raise ValueError("give api_key and base_url, or set TOLLBOOK_API_KEY and TOLLBOOK_URL")
        self._base_url = base_url.rstrip("/")
        self._headers = {"authorization": f"Bearer {api_key}"}
        self._timeout_secs = timeout_secs
        self._retry = retry
        self._owns_http = http_client is None
        self._http = http_client or httpx.Client()

        self.organization = OrganizationOf(self)
        self.customers = Customers(self)
        self.meters = Meters(self)
        self.charges = Charges(self)
        self.holds = Holds(self)
        self.session_keys = SessionKeys(self)
        self.settlements = Settlements(self)
        self.routes = Routes(self)
        self.models = Models(self)
        self.gateway_keys = GatewayKeys(self)

    def send(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        content: bytes | None = None,
        query: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
    ) -> Answer:
        """Any request of the API, for what has no method of its own: a body, or JSON as it is (`content`).

        Raises `ApiError` or `NotReached`.
        """
        headers = dict(self._headers)
        if method != "GET":
            idempotency_key = idempotency_key or _wire.new_idempotency_key()
            headers["idempotency-key"] = idempotency_key
        if body is not None:
            content = _wire.body(body)
        if content is not None:
            headers["content-type"] = "application/json"
        attempt = 1
        while True:
            try:
                response = self._http.request(
                    method,
                    self._base_url + path,
                    params=_wire.query(query),
                    content=content,
                    headers=headers,
                    timeout=self._timeout_secs,
                )
            except httpx.TransportError as error:
                if attempt >= self._retry.attempts:
                    raise NotReached(f"{method} {path}: {error!r}", idempotency_key) from error
                pause = self._retry.pause(attempt, None)
            else:
                if attempt >= self._retry.attempts or not _wire.is_worth_another_try(response):
                    return _wire.answer(response, attempt)
                pause = self._retry.pause(attempt, _wire.retry_after(response))
            time.sleep(pause)
            attempt += 1

    def get(self, path: str, query: Mapping[str, Any] | None = None) -> Any:
        """What a GET answers."""
        return (self.send("GET", path, query=query)).data

    def write(self, method: str, path: str, body: Any, idempotency_key: str | None) -> Any:
        """What a command answers."""
        return (self.send(method, path, body=body, idempotency_key=idempotency_key)).data

    def pages(self, path: str, query: Mapping[str, Any] | None = None) -> Iterator[Any]:
        """All entries of a list, page by page."""
        parameters = {"limit": 100, **(query or {})}
        while True:
            page = self.get(path, parameters)
            for entry in page["data"]:
                yield entry
            if not page["has_more"]:
                return
            parameters["cursor"] = page["next_cursor"]

    def close(self) -> None:
        """Closes the connections that this client opened."""
        if self._owns_http:
            self._http.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
