"""The FastAPI example, as its README starts it, against the real ledger, gateway and chain."""

import asyncio
import os
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from tollbook import Receipt, Session, SessionAuth
from tollbook.x402 import Challenge

from .conftest import charges, eventually

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "fastapi_paid"


@contextmanager
def serving(**changes):
    """Runs the example; gives its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "app:app", "--port", str(port), "--log-level", "critical"]
    with subprocess.Popen(command, cwd=EXAMPLE, env={**os.environ, **changes}) as process:
        url = f"http://127.0.0.1:{port}"
        try:
            deadline = time.monotonic() + 30
            while True:
                try:
                    httpx.get(url).raise_for_status()
                    break
                except httpx.TransportError:
                    assert process.poll() is None and time.monotonic() < deadline, "the example does not start"
                    time.sleep(0.1)
            yield url
        finally:
            process.terminate()


@pytest.fixture(scope="module")
def app(env):
    """The URL of the example."""
    with serving() as url:
        yield url


def test_it_asks_for_money(env, app):
    answer = httpx.get(f"{app}/fortune/1")
    assert (answer.status_code, answer.json()["code"]) == (402, "payment_required")
    (offer,) = Challenge.read(answer.headers["payment-required"]).offers
    assert (offer.network, offer.amount) == ("eip155:31337", 10_000)
    places = (offer.contract, offer.asset, offer.pay_to)
    assert [place.lower() for place in places] == [
        env[name].lower() for name in ("TOLLBOOK_CONTRACT", "TOLLBOOK_USDC", "TOLLBOOK_PAYEE")
    ]
    assert httpx.get(app).status_code == 200


def test_vouchers_pay(api, app, open_session):
    session = open_session("1")
    with httpx.Client(base_url=app, auth=SessionAuth(session, max_amount_per_request="0.05")) as http:
        answers = [http.get(f"/fortune/{number}") for number in range(20)]
        answers.append(http.post("/shout", json={"text": "paid by the word"}))
        assert [answer.status_code for answer in answers] == [200] * 21
        assert http.post("/shout", json={"text": ""}).json() == {"text": ""}
        assert http.get("/count", params={"lines": 4}).text == "data: 1\n\ndata: 2\n\ndata: 3\n\ndata: 4\n\n"
    paid = {Receipt.of(answer.headers).transaction: Receipt.of(answer.headers).cost for answer in answers}
    ledger = {charge_id: Decimal(c["amount"]) for charge_id, c in charges(api, session_key_id=session.id).items()}
    assert len(ledger) == 22 and paid.items() <= ledger.items()
    assert sum(ledger.values()) == Decimal("0.2") + Decimal("0.004") + Decimal("0.004")
    # A client that was started anew goes on where the other one stopped.
    fresh = Session.from_dict(session.to_dict(), session.key)
    with httpx.Client(base_url=app, auth=SessionAuth(fresh, max_amount_per_request="0.05")) as http:
        assert http.get("/fortune/1").status_code == 200
    assert fresh.spending.charged == 218_000


def test_gateway_keys_pay(api, app, customer):
    payer, secret = customer("1")
    headers = {"authorization": f"Bearer {secret}"}
    answer = httpx.get(f"{app}/fortune/1", headers=headers)
    assert answer.status_code == 200 and answer.headers["x-tollbook-remaining"] == "0.99"
    assert set(charges(api, customer_id=payer)) == {answer.headers["x-tollbook-charge"]}
    # What the handler refuses is not charged, and nothing stays held.
    assert httpx.get(f"{app}/count?lines=99", headers=headers).status_code == 422
    assert httpx.get(f"{app}/fortune/none", headers=headers).status_code == 422
    assert len(charges(api, customer_id=payer)) == 1
    assert Decimal(api.customers.get(payer)["account"]["available"]) == Decimal("0.99")
    (key,) = [key for key in api.gateway_keys.list(limit=100)["data"] if key["customer_id"] == payer]
    api.gateway_keys.revoke(key["id"])

    def refused():
        assert httpx.get(f"{app}/fortune/1", headers=headers).status_code == 401

    eventually(refused)


def test_gateway_keys_of_managed_session_keys_pay(api, app, managed_key):
    session_key_id, secret = managed_key("0.015")
    headers = {"authorization": f"Bearer {secret}"}
    assert [httpx.get(f"{app}/fortune/{n}", headers=headers).status_code for n in range(2)] == [200, 402]
    (charge,) = charges(api, session_key_id=session_key_id).values()
    assert (charge["amount"], charge["currency"]) == ("0.01", "USDC")


def test_the_same_idempotency_key_is_charged_once(api, app, customer):
    payer, secret = customer("1")
    headers = {"authorization": f"Bearer {secret}", "idempotency-key": "once"}
    assert httpx.get(f"{app}/fortune/1", headers=headers).status_code == 200

    def again():
        answer = httpx.get(f"{app}/fortune/1", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (409, "answer_not_kept")

    eventually(again)
    other = httpx.get(f"{app}/fortune/2", headers=headers)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(charges(api, customer_id=payer)) == 1


def test_fifty_at_once_with_a_budget_for_ten(api, app, customer, open_session):
    payer, secret = customer("0.1")
    session = open_session("0.1")

    async def all_at_once(auth, headers):
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(base_url=app, auth=auth, limits=limits, timeout=60) as http:
            return await asyncio.gather(*(http.get(f"/fortune/{n}", headers=headers) for n in range(50)))

    bearer = {"authorization": f"Bearer {secret}"}
    auth = SessionAuth(session, max_amount_per_request="0.01")
    for answers in (asyncio.run(all_at_once(None, bearer)), asyncio.run(all_at_once(auth, {}))):
        assert sorted(answer.status_code for answer in answers) == [200] * 10 + [402] * 40
    assert len(charges(api, customer_id=payer)) == len(charges(api, session_key_id=session.id)) == 10


def test_app_and_client_started_anew_agree(api, app, open_session):
    """Neither has kept anything but its keys: the ledger knows what was signed."""
    session = open_session("0.1")
    with httpx.Client(base_url=app, auth=SessionAuth(session, max_amount_per_request="0.01")) as http:
        assert [http.get(f"/fortune/{n}").status_code for n in range(3)] == [200] * 3
    fresh = Session.from_dict(session.to_dict(), session.key)
    with serving() as url, httpx.Client(base_url=url, auth=SessionAuth(fresh, max_amount_per_request="0.01")) as http:
        assert http.get("/fortune/3").status_code == 200
    assert fresh.spending.signed == fresh.spending.charged == 40_000


def test_a_dead_ledger_closes_it(env):
    """Nothing is delivered when nobody can say whether it was paid for."""
    with serving(TOLLBOOK_URL="http://127.0.0.1:9") as url:
        answer = httpx.get(f"{url}/fortune/1", timeout=60)
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert answer.headers["retry-after"] == "1"


def test_the_client_of_the_readme(app):
    told = subprocess.run([sys.executable, "pay.py", app], cwd=EXAMPLE, capture_output=True, text=True, timeout=120)
    assert told.returncode == 0, told.stderr
    lines = told.stdout.splitlines()
    assert lines[0].startswith("session key ses_") and lines[0].endswith("with 1 USDC")
    assert [line.split(":")[0] for line in lines[1::2]] == [
        "200 /fortune/1", "200 /fortune/2", "200 /shout", "200 /count?lines=4",
    ]  # fmt: skip
    assert "cost 0.004 USDC, left 0.976" in lines[6] and "charged at its end" in lines[8]


def test_the_gateway_sells_what_the_example_gives_away(api, app, route, gateway, open_session):
    """The other way round: no middleware, the gateway in front."""
    path = route("/app", upstream=f"{app}/", price={"per_request": "0.02"}, strip_prefix=False)
    session = open_session("0.1")
    with httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.02")) as http:
        answer = http.get(gateway + path)
    # The upstream has no such path: what fails is passed on, and costs nothing.
    assert answer.status_code == 404 and answer.headers["x-tollbook-cost"] == "0"
    path = route("/free/*", upstream=app, price={"per_request": "0.02"})
    with httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.02")) as http:
        answer = http.get(f"{gateway}{path}/openapi.json")
    assert answer.status_code == 200 and answer.json()["info"]["title"] == "Fortunes"
    assert Receipt.of(answer.headers).cost == Decimal("0.02")
    assert len(charges(api, session_key_id=session.id)) == 1
