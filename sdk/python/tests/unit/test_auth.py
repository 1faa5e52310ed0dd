"""Paying 402s: what is signed, what of the server is believed, and what happens many times at once."""

import asyncio
import json
import random
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal

import httpx
import pytest
from eth_account import Account

from tollbook import PaymentRefused, Receipt, Session, SessionAuth

from .fakes import PAYEE, Gateway, Ledger, b64, session, unb64


def client(gateway, ours=None, limit="1", **options):
    auth = SessionAuth(ours or session(), max_amount_per_request=limit, **options)
    return httpx.Client(transport=httpx.MockTransport(gateway), auth=auth, base_url="http://gw")


def signed(gateway):
    """What the vouchers that came said, in their order."""
    headers = [request.headers.get("payment-signature") for request in gateway.requests]
    return [int(unb64(header)["payload"]["maxClaimable"]) if header else None for header in headers]


def test_a_402_is_paid():
    gateway, receipts = Gateway(), []
    with client(gateway, on_receipt=receipts.append) as http:
        answer = http.post("/x", json={"a": 1}, headers={"authorization": "Bearer unused"})
    assert answer.status_code == 200 and answer.json() == {"ok": True}
    assert signed(gateway) == [None, 500_000]
    assert [request.content for request in gateway.requests] == [b'{"a":1}'] * 2
    assert "idempotency-key" not in gateway.requests[0].headers
    receipt = Receipt.of(answer.headers)
    assert receipts == [receipt]
    assert (receipt.transaction, receipt.cost, receipt.charged) == ("chg_1", Decimal("0.5"), 500_000)
    assert (receipt.remaining, receipt.currency, receipt.pending) == (Decimal("9.5"), "USDC", False)


def test_what_was_paid_before_is_paid_at_once_and_no_voucher_is_higher_than_needed():
    gateway = Gateway(cost="0.1")
    with client(gateway) as http:
        assert [http.get("/x", params={"n": n}).status_code for n in range(4)] == [200] * 4
    # Each is for what was charged so far and the price of one request.
    assert signed(gateway) == [None, 500_000, 600_000, 700_000, 800_000]
    gateway = Gateway()
    with client(gateway, remember_offers=False) as http:
        http.get("/x")
        http.get("/x")
    assert signed(gateway) == [None, 500_000, None, 1_000_000]


def test_a_voucher_that_suffices_is_sent_again():
    gateway = Gateway(price="0.5", cost="0.1")
    with client(gateway) as http:
        http.get("/x")
        gateway.price = gateway.cost = Decimal("0.2")
        http.get("/other")
    # 0.1 was charged and 0.2 is asked: the first voucher of 0.5 is enough.
    assert signed(gateway) == [None, 500_000, None, 500_000]


def test_an_idempotency_key_of_the_callers_is_kept_and_one_is_made_else():
    gateway = Gateway()
    with client(gateway) as http:
        http.get("/x", headers={"Idempotency-Key": "mine"})
        http.get("/x", headers={"Idempotency-Key": "mine"})
        http.get("/x")
        http.get("/x")
    keys = [request.headers.get("idempotency-key") for request in gateway.requests[1:]]
    assert keys[:2] == ["mine", "mine"] and len(set(keys)) == 3
    assert len(gateway.ledger.charges) == 3


def test_after_a_restart_the_server_says_where_it_stands_and_proves_it():
    gateway = Gateway()
    with client(gateway) as http:
        for _ in range(3):
            http.get("/x")
    gateway.requests.clear()
    ours = session()
    with client(gateway, ours) as http:
        assert http.get("/x").status_code == 200
        assert http.get("/x").status_code == 200
    assert signed(gateway) == [None, 500_000, 2_000_000, 2_500_000]
    assert (ours.spending.signed, ours.spending.charged) == (2_500_000, 2_500_000)


def test_a_restart_after_one_request_is_no_different():
    gateway = Gateway(cost="0.2")
    with client(gateway) as http:
        http.get("/x")
    gateway.requests.clear()
    with client(gateway) as http:
        assert http.get("/x").status_code == 200
    # The server's highest voucher is the very one that is made anew.
    assert signed(gateway) == [None, 500_000, 700_000]


def test_a_correction_is_made_under_the_same_idempotency_key():
    gateway = Gateway()
    gateway.ledger.charged["ses_1"] = Decimal("0.3")
    gateway.ledger.stored = (300_000, session().sign_voucher(300_000))
    with client(gateway) as http:
        assert http.get("/x").status_code == 200
    keys = [request.headers.get("idempotency-key") for request in gateway.requests]
    assert signed(gateway) == [None, 500_000, 800_000] and keys[1] == keys[2]


class TestDistrust:
    """Of a server that asks for more than it can show."""

    def refused(self, gateway, ours=None, **options):
        ours = ours or session()
        with client(gateway, ours, **options) as http, pytest.raises(PaymentRefused) as error:
            http.get("/x")
        return error.value.code, ours.spending.signed

    def test_a_price_above_the_limit(self):
        assert self.refused(Gateway(price="1.000001")) == ("price_above_limit", 0)

    def test_a_price_that_rises_above_the_limit(self):
        gateway = Gateway()
        with client(gateway, limit="0.5") as http:
            http.get("/x")
            gateway.price = Decimal("0.6")
            gateway.ledger.deposit["ses_1"] = Decimal(0)
            with pytest.raises(PaymentRefused, match="price_above_limit"):
                http.get("/x")

    def test_more_than_this_request_justifies(self):
        gateway = Gateway()
        gateway.ledger.status = "frozen"  # so that no voucher will do
        gateway.lie = lambda state: {**state, "required": "500001", "voucher": None}
        assert self.refused(gateway) == ("required_above_limit", 500_000)

    def test_a_voucher_of_somebody_else_proves_nothing(self):
        gateway = Gateway()
        gateway.ledger.status = "frozen"
        stranger = session(Account.from_key("0x" + "08" * 32))
        voucher = {"maxClaimable": "9000000", "signature": stranger.sign_voucher(9_000_000)}
        gateway.lie = lambda state: {**state, "required": "9500000", "charged": "9000000", "voucher": voucher}
        assert self.refused(gateway) == ("foreign_voucher", 500_000)

    def test_an_own_voucher_for_less_does_not_prove_more(self):
        gateway = Gateway()
        gateway.ledger.status = "frozen"
        ours = session()
        voucher = {"maxClaimable": "9000000", "signature": ours.sign_voucher(8_000_000)}
        gateway.lie = lambda state: {**state, "required": "9500000", "voucher": voucher}
        assert self.refused(gateway, ours) == ("foreign_voucher", 500_000)

    def test_asking_step_by_step_ends_soon(self):
        gateway = Gateway()
        gateway.ledger.status = "frozen"
        ours = session()

        def always_more(state):
            asked = ours.spending.signed + 500_000
            voucher = {"maxClaimable": str(ours.spending.signed), "signature": ours.sign_voucher(ours.spending.signed)}
            return {**state, "required": str(asked), "charged": str(asked), "voucher": voucher}

        gateway.lie = always_more
        with client(gateway, ours) as http:
            assert http.get("/x").status_code == 402
        assert signed(gateway) == [None, 500_000, 1_000_000, 1_500_000, 2_000_000]

    def test_a_receipt_that_says_more_was_charged_than_was_signed_is_believed_up_to_that(self):
        gateway = Gateway()
        ours = session()
        receipt = gateway.receipt

        def lying(charge):
            told = unb64(receipt(charge)["payment-response"])
            told["extra"]["charged"] = "99000000"
            return {**receipt(charge), "payment-response": b64(told)}

        gateway.receipt = lying
        with client(gateway, ours) as http:
            http.get("/x")
            assert ours.spending.charged == 500_000
            http.get("/x")
        assert ours.spending.signed == 1_000_000

    def test_a_state_of_another_session_is_not_ours(self):
        gateway = Gateway()
        gateway.ledger.charged["ses_1"] = Decimal(1)
        gateway.ledger.stored = (1_000_000, session().sign_voucher(1_000_000))
        gateway.lie = lambda state: {**state, "sessionId": "0x" + "11" * 32}
        with client(gateway) as http:
            assert http.get("/x").status_code == 402
        assert signed(gateway) == [None, 500_000]

    @pytest.mark.parametrize(
        "header", ["", "%", "e30=", "bm8=", "W10=", "a" * 70_000, "eyJ4NDAyVmVyc2lvbiI6MSwiYWNjZXB0cyI6W119"]
    )
    def test_a_402_that_cannot_be_read_stays_one(self, header):
        gateway = Gateway()
        gateway.before = lambda request: httpx.Response(402, headers={"payment-required": header})
        with client(gateway) as http:
            assert http.get("/x").status_code == 402
        assert len(gateway.requests) == 1

    @pytest.mark.parametrize(
        ("member", "value"),
        [("network", "eip155:1"), ("asset", PAYEE), ("payTo", "0x" + "11" * 20), ("scheme", "exact"), ("amount", "-1"),
         ("amount", 500000), ("extra", None)],
    )  # fmt: skip
    def test_an_offer_that_is_not_for_this_session(self, member, value):
        gateway = Gateway()
        offer = gateway.offer
        gateway.offer = lambda state=None: {**offer(state), member: value} if "scheme" in offer() else None
        with client(gateway) as http:
            assert http.get("/x").status_code == 402
        assert len(gateway.requests) == 1

    def test_other_hosts_are_not_paid(self):
        gateway = Gateway()
        with client(gateway, hosts=["elsewhere", "gw:81"]) as http:
            answer = http.get("/x", headers={"authorization": "Bearer theirs"})
        assert answer.status_code == 402 and gateway.requests[0].headers["authorization"] == "Bearer theirs"
        with client(gateway, hosts=["GW"]) as http:
            assert http.get("/x").status_code == 200


NEXT = Account.from_key("0x" + "08" * 32)


class TestAnotherKey:
    """A session whose owner has put another key in the place of the one that paid so far."""

    def rotated(self, charged):
        """What the former key signed is no proof, and is not shown."""
        gateway = Gateway()
        gateway.ledger.stored = (9_000_000, session().sign_voucher(9_000_000))
        gateway.ledger.rotate(NEXT)
        gateway.ledger.charged["ses_1"] = Decimal(charged)
        return gateway

    def renewed(self, start_at=0):
        return replace(session(NEXT), start_at=start_at)

    def test_it_knows_nothing_by_itself_and_says_what_to_do(self):
        gateway, ours = self.rotated("3"), self.renewed()
        with client(gateway, ours) as http, pytest.raises(PaymentRefused) as error:
            http.get("/x")
        assert error.value.code == "required_above_limit"
        assert "for 3500000 atomic" in error.value.detail and "justifies 500000." in error.value.detail
        assert "start_at" in error.value.detail and "with_key" in error.value.detail
        assert signed(gateway) == [None, 500_000]

    def test_it_goes_on_where_the_former_one_ended(self):
        gateway, ours = self.rotated("3"), self.renewed(3_000_000)
        with client(gateway, ours) as http:
            assert [http.get("/x").status_code for _ in range(3)] == [200] * 3
        # Not `start_at` is signed but what is needed: the server says it, and is believed up to there.
        assert signed(gateway) == [None, 500_000, 3_500_000, 4_000_000, 4_500_000]
        assert (ours.spending.signed, ours.spending.charged) == (4_500_000, 4_500_000)
        # From now on there is a voucher of this key, which proves it.
        with client(gateway, self.renewed()) as http:
            assert http.get("/x").status_code == 200

    def test_what_former_keys_signed_for_ahead_is_not_signed_for_again(self):
        gateway = self.rotated("1")
        with client(gateway, self.renewed(8_000_000)) as http:
            assert [http.get("/x").status_code for _ in range(2)] == [200] * 2
        assert signed(gateway) == [None, 500_000, 1_500_000, 2_000_000]

    def test_start_at_is_no_more_than_it_says(self):
        gateway = self.rotated("3")
        with client(gateway, self.renewed(2_999_999)) as http, pytest.raises(PaymentRefused, match="required_above"):
            http.get("/x")
        # Nor does it grow by what a server says: not even by a voucher of the former key.
        gateway = self.rotated("3")
        former = gateway.ledger.former
        shown = {"maxClaimable": str(former[0]), "signature": former[1]}
        lies = [{"required": "3500001", "charged": "3000001"}, {"required": "9500000", "voucher": shown}]
        gateway.ledger.status = "frozen"  # so that no voucher will do
        for lie, code in zip(lies, ("required_above_limit", "foreign_voucher"), strict=True):
            gateway.lie = lambda state, lie=lie: {**state, **lie}
            for _ in range(5):
                ours = self.renewed(3_000_000)
                for _ in range(2):
                    with client(gateway, ours) as http, pytest.raises(PaymentRefused, match=code):
                        http.get("/x")
                # A charge is believed up to `start_at`, and the price of a request comes on top, once.
                assert ours.spending.signed <= 3_500_000

    def test_a_session_is_renewed_from_the_former_one_also_after_a_restart(self):
        for renew in (
            lambda ours: ours.with_key(NEXT),
            lambda ours: Session.from_dict(json.loads(json.dumps(ours.to_dict())), NEXT),
        ):
            gateway, ours = Gateway(), session()
            with client(gateway, ours) as http:
                for _ in range(3):
                    http.get("/x")
            gateway.ledger.rotate(NEXT)
            gateway.requests.clear()
            renewed = renew(ours)
            assert (renewed.key, renewed.start_at, renewed.session_id) == (NEXT, 1_500_000, ours.session_id)
            with client(gateway, renewed) as http:
                assert [http.get("/x").status_code for _ in range(2)] == [200] * 2
            assert signed(gateway) == [None, 500_000, 2_000_000, 2_500_000]

    def test_many_go_on_at_once(self):
        gateway, ours = self.rotated("3"), self.renewed(3_000_000)
        gateway.price = gateway.cost = Decimal("0.1")
        place = gateway.ledger.place

        def slow(*arguments):
            time.sleep(random.random() / 200)
            return place(*arguments)

        gateway.ledger.place = slow
        with client(gateway, ours) as http, ThreadPoolExecutor(16) as pool:
            assert http.get("/x").status_code == 200
            assert set(pool.map(lambda n: http.get("/x").status_code, range(39))) == {200}
        assert gateway.ledger.charged["ses_1"] == Decimal(7) and ours.spending.signed <= 7_000_000

    @pytest.mark.parametrize("price", ["0.5", "0.7"])
    def test_the_former_one_signs_nothing_more(self, price):
        gateway, ours = Gateway(), session()
        with client(gateway, ours) as http:
            http.get("/x")
            gateway.ledger.rotate(NEXT)
            gateway.price = gateway.cost = Decimal(price)
            answer = http.get("/x")
        assert (answer.status_code, answer.json()["code"]) == (402, "voucher_wrong_signer")
        assert signed(gateway) == [None, 500_000, 1_000_000]

    @pytest.mark.parametrize("wrong", ["3", "3000000", Decimal(3), 3.0, None, True])
    def test_start_at_is_an_int_of_atomic_units(self, wrong):
        with pytest.raises(TypeError, match="atomic units"):
            self.renewed(wrong)

    def test_start_at_is_an_amount_that_can_be(self):
        for wrong in (-1, 2**128):
            with pytest.raises(ValueError, match="start_at"):
                self.renewed(wrong)
        assert self.renewed(2**128 - 1).spending.signed == 2**128 - 1


def test_what_cannot_be_paid_comes_back_as_402():
    gateway = Gateway(Ledger(deposit="0.7"))
    with client(gateway) as http:
        assert [http.get("/x").status_code for _ in range(2)] == [200, 402]
    gateway = Gateway()
    gateway.ledger.status = "frozen"
    with client(gateway) as http:
        answer = http.get("/x")
    assert (answer.status_code, answer.json()["code"]) == (402, "session_frozen")
    assert len(gateway.requests) == 2


def test_tries_are_bounded():
    gateway = Gateway()
    gateway.before = lambda request: gateway.refuse("voucher_too_low")
    with client(gateway) as http:
        assert http.get("/x").status_code == 402
    assert 2 <= len(gateway.requests) <= 6


def test_an_outcome_that_is_not_known_is_asked_for_again(monkeypatch):
    pauses = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    gateway = Gateway()
    again = [httpx.Response(status, headers={"retry-after": secs}) for status, secs in ((503, "2"), (409, "1"))]
    answers = [None, *again]
    gateway.before = lambda request: answers.pop(0) if answers else None
    with client(gateway) as http:
        assert http.get("/x").status_code == 200
    keys = {request.headers.get("idempotency-key") for request in gateway.requests[1:]}
    assert pauses == [2.0, 1.0] and len(keys) == 1 and len(gateway.requests) == 4
    # Not for ever, and not when nobody says when.
    gateway.before = lambda request: httpx.Response(503, headers={"retry-after": "1"})
    with client(gateway) as http:
        http.get("/y")
        assert http.get("/x").status_code == 503
    gateway.before = lambda request: httpx.Response(409, json={"code": "answer_not_kept"})
    gateway.requests.clear()
    with client(gateway) as http:
        assert http.get("/x").status_code == 409
    assert len(gateway.requests) == 1


def test_a_lost_answer_leaves_nothing_stuck():
    gateway = Gateway()
    ours = session()

    def lost(request):
        if "payment-signature" in request.headers:
            gateway.before = lambda request: None
            gateway(request)  # charged
            raise httpx.ReadTimeout("lost", request=request)

    gateway.before = lost
    with client(gateway, ours) as http:
        with pytest.raises(httpx.ReadTimeout):
            http.get("/x")
        assert http.get("/x").status_code == 200
        assert http.get("/x").status_code == 200
    assert len(gateway.ledger.charges) == 3 and ours.spending.signed == 1_500_000


def test_streams_count_until_their_cost_is_known():
    gateway = Gateway(cost="0.1")
    ours = session()
    with client(gateway, ours) as http:
        for _ in range(4):
            with http.stream("GET", "/stream") as answer:
                assert b"".join(answer.iter_bytes()) == b"onetwo"
    # One that has ended counts in full until the next receipt tells; nothing has to be asked twice.
    assert signed(gateway) == [None, 500_000, 1_000_000, 1_100_000, 1_200_000]
    assert len(gateway.ledger.charges) == 4
    with client(gateway, ours) as http:
        # Two at a time: both are held.
        with http.stream("GET", "/stream"), http.stream("GET", "/stream"):
            assert gateway.ledger.held["ses_1"] == Decimal(1)


def test_a_stream_that_is_left_is_not_counted_for_ever():
    gateway = Gateway(cost="0.1")
    ours = session()
    with client(gateway, ours) as http:
        with http.stream("GET", "/stream"):
            pass
        gateway.ledger.end("hold_1", Decimal("0.1"))
        for _ in range(3):
            http.get("/x")
    # 0.5 and 0.5 at first; then 0.1 was charged each time, and that voucher goes on being enough.
    assert signed(gateway) == [None, 500_000, None, 1_000_000, 1_000_000, 1_000_000]
    assert ours.spending.charged == 400_000


def test_an_owner_who_takes_money_back_does_not_confuse():
    gateway = Gateway(price="0.5", cost="0.1")
    with client(gateway) as http:
        http.get("/x")
        gateway.ledger.deposit["ses_1"] = Decimal("0.45")
        gateway.price = gateway.cost = Decimal("0.2")
        assert http.get("/other").status_code == 200
    # The voucher for 0.5 promises more than is there now.
    assert signed(gateway) == [None, 500_000, None, 500_000, 300_000]


def test_threads_share_a_session():
    gateway = Gateway(Ledger(deposit="4"), price="0.1")
    place = gateway.ledger.place

    def slow(*arguments):
        time.sleep(random.random() / 200)
        return place(*arguments)

    ours = session()
    with client(gateway, ours) as http, ThreadPoolExecutor(16) as pool:
        codes = list(pool.map(lambda n: http.get("/x").status_code, range(60)))
    # 4 USDC pay for exactly 40 of them, however they meet.
    assert sorted(codes) == [200] * 40 + [402] * 20
    assert gateway.ledger.charged["ses_1"] == Decimal(4) == gateway.ledger.deposit["ses_1"]
    assert ours.spending.charged == 4_000_000


def test_tasks_share_a_session():
    gateway = Gateway(price="0.1", cost="0.07")
    ours = session()

    async def run():
        auth = SessionAuth(ours, max_amount_per_request="0.1")

        async def meet(request):
            await asyncio.sleep(random.random() / 200)

        hooks = {"request": [meet]}
        transport = httpx.MockTransport(gateway)
        async with httpx.AsyncClient(transport=transport, auth=auth, event_hooks=hooks) as http:
            return await asyncio.gather(*(http.get("http://gw/x") for _ in range(50)))

    answers = asyncio.run(run())
    assert [answer.status_code for answer in answers] == [200] * 50
    assert gateway.ledger.charged["ses_1"] == Decimal("3.5") and ours.spending.charged == 3_500_000
    assert ours.spending.signed <= 5_000_000


def test_async_streams_too():
    gateway = Gateway(cost="0.1")
    ours = session()

    async def run():
        auth = SessionAuth(ours, max_amount_per_request="1")
        async with httpx.AsyncClient(transport=httpx.MockTransport(gateway), auth=auth) as http:
            for _ in range(3):
                async with http.stream("GET", "http://gw/stream") as answer:
                    assert await answer.aread() == b"onetwo"

    asyncio.run(run())
    assert signed(gateway) == [None, 500_000, 1_000_000, 1_100_000]


def test_two_processes_share_a_session():
    gateway = Gateway(price="0.5", cost="0.2")
    one, other = session(), session()
    with client(gateway, one) as first, client(gateway, other) as second:
        for _ in range(4):
            assert first.get("/x").status_code == 200
            assert second.get("/x").status_code == 200
    assert gateway.ledger.charged["ses_1"] == Decimal("1.6")
    assert max(one.spending.signed, other.spending.signed) <= 2_100_000


def test_the_stock_openai_client_pays_with_vouchers():
    from openai import APIStatusError, OpenAI

    gateway = Gateway(cost="0.1")
    answer = {"id": "c", "object": "chat.completion", "created": 1, "model": "m", "choices": []}
    paid = gateway.receipt
    gateway.receipt = lambda charge: {**paid(charge), "content-type": "application/json"}

    def openai(**options):
        auth = SessionAuth(session(), max_amount_per_request="0.5")
        transport = httpx.MockTransport(lambda request: shaped(gateway(request)))
        http = httpx.Client(auth=auth, transport=transport)
        return OpenAI(base_url="http://gw/v1", api_key="unused", http_client=http, max_retries=0, **options)

    def shaped(response):
        if response.status_code != 200:
            return response
        headers = {name: value for name, value in response.headers.items() if name != "content-length"}
        return httpx.Response(200, json=answer, headers=headers)

    with openai() as client:
        raw = client.chat.completions.with_raw_response.create(model="m", messages=[])
        assert raw.parse().id == "c" and Receipt.of(raw.headers).cost == Decimal("0.1")
    gateway.price = Decimal("0.6")
    with openai() as client, pytest.raises(PaymentRefused, match="price_above_limit"):
        client.chat.completions.create(model="m", messages=[])
    gateway.price, gateway.ledger.status = Decimal("0.1"), "frozen"
    with openai() as client, pytest.raises(APIStatusError) as error:
        client.chat.completions.create(model="m", messages=[])
    assert error.value.status_code == 402
