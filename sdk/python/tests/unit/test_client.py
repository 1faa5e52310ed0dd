"""The API's client: what is sent, what is repeated, what goes wrong."""

import asyncio
import json
import subprocess
import sys
from datetime import datetime, timedelta, timezone
from decimal import Decimal

import httpx
import pytest

import tollbook
from tollbook import AsyncClient, Client, NotReached, PaymentRequired, Retry, SessionNotActive, Unavailable

from .vectors import ROOT


class Server:
    """Answers with what is put into `answers`, then with `{}`."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.requests = []

    def __call__(self, request):
        self.requests.append(request)
        answer = self.answers.pop(0) if self.answers else httpx.Response(200, json={})
        if isinstance(answer, Exception):
            raise answer
        return answer


def client(server, **options):
    http = httpx.Client(transport=httpx.MockTransport(server))
    retry = options.pop("retry", Retry(pause_secs=0))
    return Client("tb_1", "http://api/", http_client=http, retry=retry, **options)


def test_what_is_sent():
    server = Server()
    with client(server) as api:
        api.customers.create(external_id="a", currency="USDC", postpaid_limit=Decimal("1.50"))
        api.customers.grant_credits("cus_1", 10, expires_at=datetime(2026, 1, 2, tzinfo=timezone.utc))
        api.charges.create(customer_id="cus_1", amount="0.000000000001", metadata={"a": "b"})
        api.customers.list(external_id="a b", limit=5, cursor=None)
        api.holds.void("hold_1")
        api.models.delete("org/model a")
        api.routes.replace("rte_1", {"path": "/a", "credential": None})
    sent = [(request.method, request.url.raw_path.decode()) for request in server.requests]
    assert sent == [
        ("POST", "/v1/customers"),
        ("POST", "/v1/customers/cus_1/credits"),
        ("POST", "/v1/charges"),
        ("GET", "/v1/customers?external_id=a+b&limit=5"),
        ("POST", "/v1/holds/hold_1/void"),
        ("DELETE", "/v1/models/org%2Fmodel%20a"),
        ("PUT", "/v1/routes/rte_1"),
    ]
    bodies = [json.loads(request.content) if request.content else None for request in server.requests]
    assert bodies == [
        {"external_id": "a", "currency": "USDC", "postpaid_limit": "1.5"},
        {"amount": "10", "expires_at": "2026-01-02T00:00:00Z"},
        {"customer_id": "cus_1", "amount": "0.000000000001", "metadata": {"a": "b"}},
        None,
        None,
        None,
        {"path": "/a", "credential": None},
    ]
    assert {request.headers["authorization"] for request in server.requests} == {"Bearer tb_1"}
    keys = [request.headers.get("idempotency-key") for request in server.requests]
    assert keys[3] is None and len(set(keys)) == len(keys)
    assert "content-type" not in server.requests[4].headers


def test_a_request_is_repeated_with_the_same_key():
    away = httpx.Response(503, json={"code": "unavailable"}, headers={"retry-after": "0"})
    made = httpx.Response(201, json={"id": "x"})
    server = Server(away, httpx.ConnectError("refused"), httpx.ReadTimeout("late"), made)
    with client(server) as api:
        assert api.customers.create() == {"id": "x"}
        api.customers.create(idempotency_key="mine")
    keys = [request.headers["idempotency-key"] for request in server.requests]
    assert len(set(keys[:4])) == 1 and keys[4] == "mine"


def test_tries_are_bounded():
    server = Server(*[httpx.ConnectError("refused")] * 9)
    with client(server, retry=Retry(attempts=3, pause_secs=0)) as api:
        with pytest.raises(NotReached) as error:
            api.customers.create(idempotency_key="k")
        assert error.value.idempotency_key == "k" and len(server.requests) == 3
        server.answers = [httpx.Response(503, json={"code": "overloaded"})] * 3
        with pytest.raises(Unavailable):
            api.organization.get()
    assert len(server.requests) == 6


def test_pauses_grow_and_end():
    retry = Retry(attempts=9, pause_secs=1, pause_secs_max=8)
    pauses = [retry.pause(attempt, None) for attempt in range(1, 8)]
    assert all(0.75 * 2**n <= pause <= 8 for n, pause in enumerate(pauses[:3])) and pauses[-1] == 8
    assert retry.pause(1, 5.0) == 5 and retry.pause(1, 99.0) == 8


def test_errors():
    problem = {"status": 402, "code": "insufficient_funds", "detail": "no", "remaining": "1", "request_id": "req_9"}
    of_a_proxy = httpx.Response(502, text="<html>", headers={"x-request-id": "r"})
    server = Server(httpx.Response(402, json=problem), of_a_proxy)
    with client(server) as api:
        with pytest.raises(PaymentRequired) as error:
            api.charges.create(customer_id="c", amount=1)
        told = error.value
        assert (told.status, told.code, told.detail, told.request_id) == (402, "insufficient_funds", "no", "req_9")
        assert told.problem["remaining"] == "1" and told.param is None
        with pytest.raises(tollbook.ApiError) as error:
            api.organization.get()
        assert (error.value.status, error.value.code, error.value.request_id) == (502, "http_502", "r")


@pytest.mark.parametrize("value", [0.1, 1.0, True, None, float("nan")])
def test_a_float_is_no_amount(value):
    with client(Server()) as api, pytest.raises(TypeError):
        api.customers.grant_credits("c", value)
    with client(Server()) as api, pytest.raises(TypeError):
        api.routes.create({"price": {"per_request": 0.1}})


@pytest.mark.parametrize("value", ["-1", "NaN", "Infinity", "x", "", "1e99", "1e-99", "0e-99999999"])
def test_what_is_no_amount(value):
    with client(Server()) as api, pytest.raises(ValueError):
        api.customers.grant_credits("c", value)


def test_numbers_are_exact():
    file = '{"m": {"input_cost_per_token": 1.5e-07}}'
    server = Server(httpx.Response(200, text=file))
    with client(server) as api:
        assert api.get("/v1/x") == {"m": {"input_cost_per_token": Decimal("0.00000015")}}
        api.models.import_litellm(file)
    assert server.requests[1].content == file.encode()
    assert server.requests[1].headers["content-type"] == "application/json"


def test_lists_page_by_page():
    def page(request):
        cursor = request.url.params.get("cursor")
        last = cursor == "2"
        data = [{"id": f"chg_{cursor or 0}"}]
        following = {None: "1", "1": "2"}.get(cursor)
        return httpx.Response(200, json={"data": data, "has_more": not last, "next_cursor": following})

    with client(page) as api:
        assert [charge["id"] for charge in api.charges.all(customer_id="c")] == ["chg_0", "chg_1", "chg_2"]


def test_waiting_for_a_session_key(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda secs: None)

    def state(status, deposited):
        return httpx.Response(200, json={"id": "ses_1", "status": status, "deposited": deposited})

    with client(Server(state("pending", "0"), state("active", "0"), state("active", "2"))) as api:
        assert api.session_keys.wait_until_active("ses_1", funded="2")["deposited"] == "2"
    with client(Server(state("revoked", "0"))) as api, pytest.raises(SessionNotActive, match="revoked"):
        api.session_keys.wait_until_active("ses_1")
    failed = httpx.Response(200, json={"data": [{"payload": {"reason": "BadNonce"}}]})
    with client(Server(state("pending", "0"), failed)) as api, pytest.raises(SessionNotActive, match="BadNonce"):
        api.session_keys.wait_until_active("ses_1", timeout_secs=0)


def test_rotations_and_many_session_keys_at_once():
    server = Server()
    signature = {"signature": "0x1", "nonce": 3, "deadline": 9}
    until = datetime(2026, 1, 2, tzinfo=timezone.utc)
    with client(server) as api:
        api.session_keys.prepare_rotation("ses_1", "0xab")
        api.session_keys.prepare_rotation("ses_1")
        api.session_keys.rotate("ses_1", "0xab", signature)
        api.session_keys.batch([{"customer_id": "cus_1", "custody": "managed", "limit": "1", "valid_until": until}])
        api.session_keys.freeze_many(["ses_1", "ses_2"])
        api.session_keys.unfreeze_many(customer_id="cus_1")
        api.session_keys.revoke_many([], idempotency_key="k")
        with pytest.raises(TypeError):
            api.session_keys.revoke_many("ses_1")
    sent = [
        (request.url.path.removeprefix("/v1/session_keys/"), json.loads(request.content or "null"))
        for request in server.requests
    ]
    item = {"customer_id": "cus_1", "custody": "managed", "limit": "1", "valid_until": "2026-01-02T00:00:00Z"}
    assert sent == [
        ("ses_1/rotation", {"key": "0xab"}),
        ("ses_1/rotation", {}),
        ("ses_1/rotate", {"key": "0xab", "owner_signature": signature}),
        ("batch", {"session_keys": [item]}),
        ("freeze", {"session_key_ids": ["ses_1", "ses_2"]}),
        ("unfreeze", {"customer_id": "cus_1"}),
        ("revoke", {"session_key_ids": []}),
    ]
    assert server.requests[-1].headers["idempotency-key"] == "k"


def test_waiting_for_another_key(monkeypatch):
    monkeypatch.setattr("time.sleep", lambda secs: None)

    def state(status, key):
        return httpx.Response(200, json={"id": "ses_1", "status": status, "key": key})

    # A frozen session's key can be changed as well.
    with client(Server(state("active", "0xaa"), state("frozen", "0xAB"))) as api:
        assert api.session_keys.wait_until_rotated("ses_1", "0xab")["status"] == "frozen"
    with client(Server(state("revoked", "0xaa"))) as api, pytest.raises(SessionNotActive, match="revoked"):
        api.session_keys.wait_until_rotated("ses_1", "0xab")
    failed = httpx.Response(200, json={"data": [{"payload": {"reason": "BadNonce"}}]})
    with client(Server(state("active", "0xaa"), failed)) as api, pytest.raises(SessionNotActive, match="BadNonce"):
        api.session_keys.wait_until_rotated("ses_1", "0xab", timeout_secs=0)


def test_with_await():
    server = Server(httpx.Response(503, headers={"retry-after": "0"}), httpx.Response(201, json={"id": "x"}))

    async def run():
        http = httpx.AsyncClient(transport=httpx.MockTransport(server))
        async with AsyncClient("tb_1", "http://api", http_client=http, retry=Retry(pause_secs=0)) as api:
            return await api.customers.create()

    assert asyncio.run(run()) == {"id": "x"}
    assert len({request.headers["idempotency-key"] for request in server.requests}) == 1


def test_times_need_a_zone():
    with client(Server()) as api, pytest.raises(ValueError, match="time zone"):
        api.gateway_keys.create(customer_id="c", expires_at=datetime.now() + timedelta(days=1))


def test_settings_come_from_the_environment(monkeypatch):
    monkeypatch.delenv("TOLLBOOK_URL", raising=False)
    monkeypatch.delenv("TOLLBOOK_API_KEY", raising=False)
    with pytest.raises(ValueError, match="TOLLBOOK_API_KEY"):
        Client()
    monkeypatch.setenv("TOLLBOOK_URL", "http://api")
    monkeypatch.setenv("TOLLBOOK_API_KEY", "tb_1")
    Client().close()


def test_the_client_without_await_is_the_one_with_it():
    script = ROOT / "sdk" / "python" / "tools" / "unasync.py"
    assert subprocess.run([sys.executable, script, "--check"], check=False).returncode == 0
