"""The httpx auth pays session routes of the real gateway, from session keys on the real chain."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from tollbook import PaymentRefused, Receipt, Session, SessionAuth
from tollbook._money import atomic, atomic_down

from .conftest import call, charges, eventually

IN_A_ROW = 100


def test_requests_in_a_row_and_the_money_arrives(env, api, echo, open_session):
    session = open_session("2")
    receipts = []
    auth = SessionAuth(session, max_amount_per_request="0.01", on_receipt=receipts.append)
    with httpx.Client(auth=auth) as http:
        for number in range(IN_A_ROW):
            answer = http.post(f"{echo}/{number}", content=b"x" * number, params={"n": number})
            assert answer.status_code == 200, answer.text
            assert answer.json()["path"] == f"/echo/{number}"
    ledger = charges(api, session_key_id=session.id)
    # Every receipt is a charge, and every charge has its receipt.
    assert {receipt.transaction: receipt.cost for receipt in receipts} == {
        charge_id: Decimal(charge["amount"]) for charge_id, charge in ledger.items()
    }
    assert [receipt.charged for receipt in receipts] == [10_000 * (n + 1) for n in range(IN_A_ROW)]
    assert receipts[-1].remaining == Decimal(2) - Decimal("0.01") * IN_A_ROW
    assert session.spending.charged == session.spending.signed == 10_000 * IN_A_ROW

    # A restart: the key is all that is left. What the server says is checked, and enough.
    fresh = Session.from_dict(session.to_dict(), session.key)
    with httpx.Client(auth=SessionAuth(fresh, max_amount_per_request="0.01")) as http:
        answers = [http.get(f"{echo}/again") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200] * 3
    assert fresh.spending.signed == 10_000 * (IN_A_ROW + 3)

    # What was earned is claimed on the chain, with what this key signed.
    charged = atomic_down(api.session_keys.get(session.id)["charged"])
    assert charged == 10_000 * (IN_A_ROW + 3)
    where = (session.session_id, session.payee)
    assert call(env, env["TOLLBOOK_CONTRACT"], "escrow(bytes32,address)", *where) == atomic("2")

    def claimed():
        # One that was under way already took what was there when it began: then it is asked for once more.
        api.settlements.create(payee=session.payee)
        assert call(env, env["TOLLBOOK_CONTRACT"], "claimed(bytes32,address)", *where) == charged

    eventually(claimed, secs=60)


def test_the_same_idempotency_key_is_paid_once(api, echo, open_session):
    session = open_session("0.05")
    with httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.01")) as http:
        one, two = (http.get(f"{echo}/same", headers={"Idempotency-Key": "same"}) for _ in range(2))
        other = http.get(f"{echo}/other", headers={"Idempotency-Key": "same"})
    assert one.status_code == two.status_code == 200 and one.content == two.content
    assert Receipt.of(one.headers).transaction == Receipt.of(two.headers).transaction
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert len(charges(api, session_key_id=session.id)) == 1


@pytest.mark.parametrize("how", ["tasks", "threads"])
def test_fifty_at_once_with_a_budget_for_ten(api, echo, open_session, how):
    session = open_session("0.1")
    auth = SessionAuth(session, max_amount_per_request="0.01")

    async def tasks():
        limits = httpx.Limits(max_connections=50)
        async with httpx.AsyncClient(auth=auth, limits=limits, timeout=60) as http:
            return await asyncio.gather(*(http.get(f"{echo}/{n}") for n in range(50)))

    def threads():
        with httpx.Client(auth=auth, timeout=60) as http, ThreadPoolExecutor(50) as pool:
            return list(pool.map(lambda n: http.get(f"{echo}/{n}"), range(50)))

    answers = asyncio.run(tasks()) if how == "tasks" else threads()
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [402] * 40
    ledger = charges(api, session_key_id=session.id)
    paid = {Receipt.of(answer.headers).transaction for answer in answers if answer.status_code == 200}
    assert paid == set(ledger) and len(paid) == 10
    assert session.spending.signed <= 100_000 + 10_000 * 50
    state = api.session_keys.get(session.id)
    assert (Decimal(state["available"]), Decimal(state["held"])) == (0, 0)


def test_what_costs_more_than_is_allowed_is_not_paid(api, echo, open_session):
    session = open_session("0.05")
    with httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.009999")) as http:
        with pytest.raises(PaymentRefused, match="price_above_limit"):
            http.get(f"{echo}/1")
    assert session.spending.signed == 0 and not charges(api, session_key_id=session.id)


def test_a_frozen_session_stays_unpaid(api, echo, open_session):
    session = open_session("0.05")
    api.session_keys.freeze(session.id)
    with httpx.Client(auth=SessionAuth(session, max_amount_per_request="0.01")) as http:
        answer = http.get(f"{echo}/1")
        assert (answer.status_code, answer.json()["code"]) == (402, "session_frozen")
        api.session_keys.unfreeze(session.id)
        assert http.get(f"{echo}/1").status_code == 200
