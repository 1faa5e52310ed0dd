"""The middleware, with a ledger in memory behind it: a real ASGI app, paid by the real client."""

import asyncio
import json
from decimal import Decimal
from typing import Annotated, Optional

import httpx
import pytest
from eth_account import Account
from fastapi import Depends, FastAPI, Request
from fastapi.responses import PlainTextResponse, StreamingResponse
from pydantic import BaseModel
from starlette.responses import FileResponse

from tollbook import AsyncClient, PaymentRefused, Receipt, Retry, SessionAuth
from tollbook.asgi import PaidMiddleware
from tollbook.fastapi import Payment, paid
from tollbook.till import Till

from .fakes import CONTRACT, PAYEE, SECRET, SESSION_ID, TOKEN, Api, Ledger, Problem, b64, session, unb64

BEARER = {"authorization": f"Bearer {SECRET}"}


class Text(BaseModel):
    text: str


def routes(app):
    @app.get("/free")
    def free():
        return "free"

    @app.get("/joke", dependencies=[Depends(paid("0.5"))])
    def joke():
        app.state.runs += 1
        return {"joke": "…"}

    @app.post("/words", dependencies=[Depends(paid(words_price))])
    async def words(text: Text):
        return text.text.upper()

    @app.get("/used", dependencies=[Depends(paid("1", cost=lambda request, response: f"0.{len(response.body)}"))])
    def used():
        return PlainTextResponse("1234567")

    @app.get("/told")
    def told(payment: Annotated[Optional[Payment], Depends(paid("1"))], cost: str = "0.25"):
        payment.charge(cost)
        return payment.payer.id

    @app.get("/fails/{how}", dependencies=[Depends(paid("0.5"))])
    def fails(how: str):
        if how == "raise":
            raise RuntimeError("broken")
        return PlainTextResponse("no", status_code=int(how))

    @app.get("/events")
    async def events(request: Request, payment: Annotated[Optional[Payment], Depends(paid("0.5"))]):
        async def lines():
            for number in range(3):
                yield f"data: {number}\n\n"
                if number == 1 and "broken" in request.query_params:
                    raise RuntimeError("broken")
            if "told" in request.query_params:
                payment.charge("0.03")

        return StreamingResponse(lines(), media_type="text/event-stream")

    @app.get("/file", dependencies=[Depends(paid("0.5"))])
    def file():
        return FileResponse(__file__)

    @app.post("/echo", dependencies=[Depends(paid("0.5"))])
    async def echo(request: Request):
        app.state.runs += 1
        return PlainTextResponse(await request.body())


async def words_price(request: Request):
    text = (await request.json())["text"]
    return Decimal("0.1") * len(text.split()) or None


class Shop:
    """An app with the middleware, and clients of it."""

    def __init__(self, ledger=None, app=None, shows_signatures=True, **options):
        self.api = Api(ledger, shows_signatures)
        self.ledger = self.api.ledger
        http = httpx.AsyncClient(transport=httpx.MockTransport(self.api))
        client = AsyncClient("tb_1", "http://api", retry=Retry(attempts=2, pause_secs=0), http_client=http)
        till = Till(client, chain="local", contract=CONTRACT, token=TOKEN, key_secs=0)
        if app is None:
            app = FastAPI()
            app.state.runs = 0
            routes(app)
            app.add_middleware(PaidMiddleware, till=till, **options)
            self.app, self.asgi = app, app
        else:
            self.asgi = PaidMiddleware(app, till=till, **options)

    def http(self, auth=None):
        transport = httpx.ASGITransport(self.asgi, raise_app_exceptions=False)
        return httpx.AsyncClient(transport=transport, base_url="http://shop", auth=auth)

    def get(self, path, auth=None, method="GET", **options):
        async def run():
            async with self.http(auth) as http:
                return await http.request(method, path, **options)

        return asyncio.run(run())

    def open_holds(self):
        return [hold for hold in self.ledger.holds.values() if hold["status"] == "open"]


def pays(ours=None, **options):
    return SessionAuth(ours or session(), max_amount_per_request="1", **options)


def test_a_free_route_is_free():
    shop = Shop()
    answer = shop.get("/free")
    assert answer.status_code == 200 and shop.api.calls == []


def test_without_payment_a_402_with_the_ways_to_pay():
    answer = Shop().get("/joke")
    required = unb64(answer.headers["payment-required"])
    assert answer.status_code == 402 and answer.headers["content-type"] == "application/json"
    body = answer.json()
    assert (body["status"], body["code"], body["title"]) == (402, "payment_required", "Payment Required")
    assert body["x402Version"] == 2 and body["accepts"] == required["accepts"]
    assert required["resource"]["url"] == "http://shop/joke"
    assert required["accepts"] == [
        {
            "scheme": "session",
            "network": "eip155:31337",
            "amount": "500000",
            "asset": TOKEN,
            "payTo": PAYEE,
            "maxTimeoutSeconds": 600,
            "extra": {
                "name": "SessionKeyValidator",
                "version": "1",
                "verifyingContract": CONTRACT,
                "organization": "org_1",
            },
        }
    ]


def test_a_voucher_pays():
    shop = Shop()
    answer = shop.get("/joke", pays())
    assert answer.status_code == 200 and answer.json() == {"joke": "…"}
    receipt = Receipt.of(answer.headers)
    assert (receipt.cost, receipt.currency, receipt.charged) == (Decimal("0.5"), "USDC", 500_000)
    assert (receipt.transaction, receipt.remaining, receipt.pending) == ("chg_1", Decimal("9.5"), False)
    assert unb64(answer.headers["payment-response"])["amount"] == "500000"
    assert len(shop.ledger.charges) == 1 and not shop.open_holds()


@pytest.mark.parametrize("shows_signatures", [True, False])
def test_a_client_that_was_started_anew_goes_on(shows_signatures):
    shop = Shop(shows_signatures=shows_signatures)

    async def run():
        for _ in range(3):
            async with shop.http(pays()) as http:
                assert (await http.get("/joke")).status_code == 200

    asyncio.run(run())
    assert shop.ledger.charged["ses_1"] == Decimal("1.5")


def test_a_server_that_was_started_anew_goes_on_too():
    first = Shop(shows_signatures=False)
    for _ in range(3):
        assert first.get("/joke", pays()).status_code == 200
    second = Shop(first.ledger, shows_signatures=False)
    assert second.get("/joke", pays()).status_code == 200
    assert first.ledger.charged["ses_1"] == Decimal("2")


@pytest.mark.parametrize("shows_signatures", [True, False])
def test_another_key_is_told_of_without_the_former_ones_voucher(shows_signatures):
    shop, ours = Shop(shows_signatures=shows_signatures), session()
    following = Account.from_key("0x" + "08" * 32)
    assert shop.get("/joke", pays(ours)).status_code == 200
    shop.ledger.status = "rotating"
    answer = shop.get("/joke", pays(ours))
    assert (answer.status_code, answer.json()["code"]) == (409, "key_rotating")
    shop.ledger.status = "active"
    shop.ledger.rotate(following)
    with pytest.raises(PaymentRefused, match="start_at"):
        shop.get("/joke", pays(session(following)))
    renewed = ours.with_key(following)
    for _ in range(2):
        assert shop.get("/joke", pays(renewed)).status_code == 200
    assert shop.ledger.charged["ses_1"] == Decimal("1.5") and renewed.spending.signed == 1_500_000


def test_a_gateway_key_pays():
    shop = Shop()
    answer = shop.get("/joke", headers=BEARER)
    assert answer.status_code == 200 and "payment-response" not in answer.headers
    assert (answer.headers["x-tollbook-cost"], answer.headers["x-tollbook-currency"]) == ("0.5", "USD")
    assert (answer.headers["x-tollbook-charge"], answer.headers["x-tollbook-remaining"]) == ("chg_1", "9.5")
    wrong = shop.get("/joke", headers={"authorization": "Bearer tbk_" + "2" * 30})
    assert wrong.status_code == 401 and wrong.headers["www-authenticate"] == "Bearer"


def test_prices_and_costs_can_be_functions():
    shop = Shop()
    assert shop.get("/words", method="POST", json={"text": "a b c"}, headers=BEARER).text == '"A B C"'
    assert shop.ledger.charged["cus_1"] == Decimal("0.3")
    assert shop.get("/words", method="POST", json={"text": ""}).status_code == 200
    assert shop.get("/used", headers=BEARER).headers["x-tollbook-cost"] == "0.7"
    assert shop.get("/told", headers=BEARER).headers["x-tollbook-cost"] == "0.25"
    free = shop.get("/told?cost=0", headers=BEARER)
    assert free.status_code == 200 and free.headers["x-tollbook-cost"] == "0"
    assert shop.get("/told?cost=1.1", headers=BEARER).status_code == 500
    assert shop.ledger.charged["cus_1"] == Decimal("1.25") and not shop.open_holds()


@pytest.mark.parametrize(("path", "status"), [("raise", 500), ("404", 404), ("400", 400), ("503", 503)])
def test_what_fails_is_not_charged(path, status):
    shop = Shop()
    answer = shop.get(f"/fails/{path}", headers=BEARER)
    assert answer.status_code == status and not shop.ledger.charges and not shop.open_holds()
    if path != "raise":
        assert answer.headers["x-tollbook-cost"] == "0" and answer.text == "no"
    # Nor is a body that the route does not take, after it was held for.
    assert shop.get("/words", method="POST", json={"text": "a b", "x": 1}, headers=BEARER).status_code == 200
    assert shop.get("/echo", method="POST", content=b"x" * 10, headers=BEARER).status_code == 200


def test_streams_are_charged_at_their_end():
    shop = Shop()
    answer = shop.get("/events", pays())
    assert answer.text == "data: 0\n\ndata: 1\n\ndata: 2\n\n"
    receipt = Receipt.of(answer.headers)
    assert receipt.pending and receipt.transaction == "hold_1" and "x-tollbook-cost" not in answer.headers
    assert shop.ledger.charged["ses_1"] == Decimal("0.5")
    assert shop.get("/events?told", headers=BEARER).status_code == 200
    assert shop.ledger.charged["cus_1"] == Decimal("0.03")
    # One that breaks at a fixed price is not charged.
    shop.get("/events?broken", headers=BEARER)
    assert shop.ledger.charged["cus_1"] == Decimal("0.03") and not shop.open_holds()


def test_what_is_large_is_streamed_and_files_do_not_pass_by():
    shop = Shop(buffer_bytes=100)
    answer = shop.get("/file", headers=BEARER)
    assert answer.status_code == 200 and answer.text.startswith('"""The middleware')
    assert len(shop.ledger.charges) == 1
    sent = []

    async def run():
        async def send(message):
            sent.append(message["type"])

        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            await asyncio.sleep(60)

        headers = [(b"authorization", BEARER["authorization"].encode())]
        scope = {
            "type": "http", "method": "GET", "path": "/file", "raw_path": b"/file", "query_string": b"",
            "headers": headers, "extensions": {"http.response.pathsend": {}}, "server": ("shop", 80),
            "client": ("c", 1), "scheme": "http", "http_version": "1.1", "asgi": {"version": "3.0"}, "root_path": "",
        }  # fmt: skip
        await shop.asgi(scope, receive, send)

    asyncio.run(run())
    assert "http.response.pathsend" not in sent and len(shop.ledger.charges) == 2


def test_a_reader_who_leaves_a_stream_has_paid_for_it():
    shop = Shop()

    async def run(leaves_by_raising):
        sent = 0

        async def send(message):
            nonlocal sent
            sent += 1
            if leaves_by_raising and sent == 3:
                raise OSError("gone")
            await asyncio.sleep(0)

        messages = [{"type": "http.request", "body": b"", "more_body": False}]

        async def receive():
            if messages:
                return messages.pop()
            await asyncio.sleep(0 if sent >= 2 else 60)
            return {"type": "http.disconnect"}

        headers = [(b"authorization", BEARER["authorization"].encode())]
        scope = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "query_string": b"",
            "headers": headers, "server": ("shop", 80), "client": ("c", 1), "scheme": "http", "http_version": "1.1",
            "asgi": {"version": "3.0", "spec_version": "2.4" if leaves_by_raising else "2.0"}, "root_path": "",
        }  # fmt: skip
        try:
            await shop.asgi(scope, receive, send)
        except Exception:
            assert leaves_by_raising

    asyncio.run(run(True))
    assert shop.ledger.charged["cus_1"] == Decimal("0.5") and not shop.open_holds()
    asyncio.run(run(False))
    assert shop.ledger.charged["cus_1"] == Decimal("1") and not shop.open_holds()


def test_a_server_that_cancels_when_the_reader_leaves_is_paid_as_well():
    shop = Shop()

    async def run():
        async def send(message):
            if message.get("body") == b"data: 1\n\n":
                asyncio.current_task().cancel()
                await asyncio.sleep(60)

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        headers = [(b"authorization", BEARER["authorization"].encode())]
        scope = {
            "type": "http", "method": "GET", "path": "/events", "raw_path": b"/events", "query_string": b"",
            "headers": headers, "server": ("shop", 80), "client": ("c", 1), "scheme": "http", "http_version": "1.1",
            "asgi": {"version": "3.0", "spec_version": "2.4"}, "root_path": "",
        }  # fmt: skip
        with pytest.raises(asyncio.CancelledError):
            await shop.asgi(scope, receive, send)

    asyncio.run(run())
    assert shop.ledger.charged["cus_1"] == Decimal("0.5") and not shop.open_holds()


class TestClosed:
    """When nobody knows, nothing is delivered."""

    def test_the_ledger_is_away_before(self):
        shop = Shop()
        shop.api.before = lambda request: httpx.Response(503, json={"code": "unavailable"})
        for options in ({"headers": BEARER}, {"auth": pays()}, {}):
            answer = shop.get("/joke", **options)
            assert answer.status_code == 503 and answer.headers["retry-after"] == "1"
            assert answer.json()["code"] == "unavailable"
        assert shop.app.state.runs == 0

    @pytest.mark.parametrize("status", [401, 404, 500, 502, 503])
    def test_the_ledger_answers_strangely_to_a_hold(self, status):
        shop = Shop()

        def strange(request):
            return httpx.Response(status, text="<html>") if request.url.path == "/v1/holds" else None

        shop.api.before = strange
        assert shop.get("/joke", headers=BEARER).status_code == 503 and shop.app.state.runs == 0

    def test_the_ledger_is_away_after(self):
        shop = Shop()

        def away(request):
            if request.url.path.endswith("/capture"):
                raise httpx.ReadTimeout("away", request=request)

        shop.api.before = away
        answer = shop.get("/joke", headers=BEARER)
        assert answer.status_code == 503 and "joke" not in answer.text and shop.app.state.runs == 1
        # The hold stays, for nobody knows whether it was captured.
        assert len(shop.open_holds()) == 1

    def test_a_hold_that_ran_out_meanwhile(self):
        shop = Shop()

        def late(request):
            if request.url.path.endswith("/capture"):
                raise Problem(409, "hold_ended")

        def before(request):
            try:
                late(request)
            except Problem as problem:
                return problem.response()

        shop.api.before = before
        assert shop.get("/joke", headers=BEARER).status_code == 503

    def test_without_middleware_the_dependency_lets_nobody_pass(self):
        app = FastAPI()
        app.state.runs = 0
        routes(app)

        async def run():
            transport = httpx.ASGITransport(app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
                return await http.get("/joke", headers=BEARER)

        assert asyncio.run(run()).status_code == 500 and app.state.runs == 0


class TestRepeated:
    """The same idempotency key is charged once."""

    def test_paid_and_answered_before(self):
        shop = Shop()
        headers = {**BEARER, "idempotency-key": "k"}
        assert shop.get("/joke", headers=headers).status_code == 200
        again = shop.get("/joke", headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "answer_not_kept")
        assert again.headers["x-tollbook-cost"] == "0.5" and len(shop.ledger.charges) == 1
        assert shop.app.state.runs == 1

    def test_under_way(self):
        shop = Shop()
        headers = {**BEARER, "idempotency-key": "k"}
        shop.get("/joke", headers=headers)
        shop.ledger.holds["hold_1"]["status"] = "open"
        again = shop.get("/joke", headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "request_in_progress")
        assert again.headers["retry-after"] == "1"

    def test_spent(self):
        shop = Shop()
        headers = {**BEARER, "idempotency-key": "k"}
        shop.get("/fails/404", headers=headers)
        again = shop.get("/fails/404", headers=headers)
        assert (again.status_code, again.json()["code"]) == (409, "idempotency_key_spent")

    def test_another_request_or_body(self):
        shop = Shop()
        headers = {**BEARER, "idempotency-key": "k"}
        assert shop.get("/echo", method="POST", content=b"one", headers=headers).text == "one"
        for path, body in (("/echo", b"two"), ("/echo?a=1", b"one")):
            again = shop.get(path, method="POST", content=body, headers=headers)
            assert (again.status_code, again.json()["code"]) == (422, "idempotency_key_reused")
        assert shop.get("/joke", headers={**BEARER, "idempotency-key": "a b"}).status_code == 400

    def test_a_hold_whose_first_answer_was_lost_is_ours(self):
        shop = Shop()
        lost = []

        def lose(request):
            if request.url.path == "/v1/holds" and not lost:
                lost.append(shop.api.route(request))
                raise httpx.ReadTimeout("lost", request=request)

        shop.api.before = lose
        assert shop.get("/joke", headers={**BEARER, "idempotency-key": "k"}).status_code == 200
        assert len(shop.ledger.charges) == 1


class TestBadPayments:
    """Whatever comes in a payment header is a 402 with a reason, and holds nothing."""

    def refused(self, shop, header, **more):
        answer = shop.get("/joke", headers={"payment-signature": header, **more})
        assert not shop.ledger.holds and shop.app.state.runs == 0
        if answer.status_code == 402:
            assert unb64(answer.headers["payment-required"])["error"] == answer.json()["code"]
            receipt = unb64(answer.headers["payment-response"])
            assert (receipt["success"], receipt["errorReason"]) == (False, answer.json()["code"])
            assert Receipt.of(answer.headers) is None
        return answer.status_code, answer.json()["code"]

    def payment(self, **changes):
        accepted = {"scheme": "session", "network": "eip155:31337", "amount": "500000", "asset": TOKEN, "payTo": PAYEE}
        signature = session().sign_voucher(500_000)
        payload = {"sessionId": SESSION_ID, "payee": PAYEE, "maxClaimable": "500000", "signature": signature}
        payment = {"x402Version": 2, "accepted": accepted, "payload": payload}
        for path, value in changes.items():
            *where, name = path.split("__")
            member = payment
            for step in where:
                member = member[step]
            member[name] = value
        return b64(payment)

    def test_the_right_one_passes(self):
        assert Shop().get("/joke", headers={"payment-signature": self.payment()}).status_code == 200

    def test_both_alphabets_are_read(self):
        header = self.payment(payload__note="???>>>~~~")
        assert "/" in header or "+" in header
        written = header.replace("+", "-").replace("/", "_").rstrip("=")
        assert Shop().get("/joke", headers={"payment-signature": written}).status_code == 200

    @pytest.mark.parametrize("header", ["", "%%%", "bm8=", "W10=", "e30=", "a" * 9000])
    def test_garbage(self, header):
        code = self.refused(Shop(), header)
        assert code in [(402, "invalid_payload"), (402, "invalid_x402_version")]

    @pytest.mark.parametrize(
        ("changes", "code"),
        [
            ({"x402Version": 1}, "invalid_x402_version"),
            ({"accepted": None}, "invalid_payload"),
            ({"payload": []}, "invalid_payload"),
            ({"accepted__scheme": "exact"}, "unsupported_scheme"),
            ({"accepted__network": "eip155:1"}, "invalid_network"),
            ({"accepted__asset": PAYEE}, "invalid_payment_requirements"),
            ({"accepted__payTo": TOKEN}, "invalid_payment_requirements"),
            ({"accepted__payTo": 7}, "invalid_payment_requirements"),
            ({"payload__payee": TOKEN}, "invalid_payment_requirements"),
            ({"payload__sessionId": "0x12"}, "invalid_payload"),
            ({"payload__sessionId": 7}, "invalid_payload"),
            ({"payload__sessionId": "0x" + "11" * 32}, "session_not_found"),
            ({"payload__maxClaimable": "-1"}, "voucher_malformed"),
            ({"payload__maxClaimable": "1e6"}, "voucher_malformed"),
            ({"payload__maxClaimable": str(2**128)}, "voucher_malformed"),
            ({"payload__maxClaimable": "600000"}, "voucher_wrong_signer"),
            ({"payload__signature": "0x"}, "voucher_wrong_signer"),
        ],
    )
    def test_each_has_its_reason(self, changes, code):
        assert self.refused(Shop(), self.payment(**changes)) == (402, code)

    def test_two_ways_to_pay_at_once(self):
        assert self.refused(Shop(), self.payment(), **BEARER) == (400, "ambiguous_payment")
        assert self.refused(Shop(), self.payment(), **{"x-payment": "e30="}) == (400, "ambiguous_payment")
        answer = Shop().get("/joke", headers={"x-payment": "e30="})
        assert (answer.status_code, answer.json()["code"]) == (402, "invalid_x402_version")

    def test_somebody_elses_authorization_is_none_of_ours(self):
        headers = {"payment-signature": self.payment(), "authorization": "Bearer eyJhbGciOi"}
        assert Shop().get("/joke", headers=headers).status_code == 200

    def test_a_session_that_cannot_pay(self):
        for status in ("frozen", "expired", "revoked", "closed"):
            shop = Shop()
            shop.ledger.status = status
            assert self.refused(shop, self.payment()) == (402, f"session_{status}")
        assert self.refused(Shop(Ledger(deposit="0.1")), self.payment()) == (402, "insufficient_deposit")

    def test_a_customer_that_cannot_pay(self):
        answer = Shop(Ledger(credits="0.1")).get("/joke", headers=BEARER)
        assert (answer.status_code, answer.json()["code"]) == (402, "insufficient_funds")


def test_many_at_once_with_a_budget_for_ten():
    shop = Shop(Ledger(deposit="5", credits="5"))

    async def run(auth, headers):
        async with shop.http(auth) as http:
            answers = await asyncio.gather(*(http.get("/joke", headers=headers) for _ in range(50)))
            return sorted(answer.status_code for answer in answers)

    expected = [200] * 10 + [402] * 40
    assert asyncio.run(run(None, BEARER)) == expected
    assert asyncio.run(run(pays(), {})) == expected
    assert shop.ledger.charged == {"ses_1": Decimal(5), "cus_1": Decimal(5)} and shop.app.state.runs == 20


def test_a_whole_app_can_be_priced():
    async def app(scope, receive, send):
        body = b""
        more = True
        while more:
            message = await receive()
            body, more = body + message["body"], message.get("more_body", False)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": body[::-1]})

    async def price(request):
        return Decimal("0.1") * len(await request.body())

    shop = Shop(app=app, price=price, body_bytes_max=8)
    assert shop.get("/x", method="POST", content=b"abc", headers=BEARER).text == "cba"
    assert shop.ledger.charged["cus_1"] == Decimal("0.3")
    assert shop.get("/x", method="POST", content=b"", headers={}).status_code == 200
    assert shop.get("/x", method="POST", content=b"123456789", headers=BEARER).status_code == 413
    assert shop.get("/x", method="POST", content=b"abc").status_code == 402


def test_a_price_is_never_a_float():
    app = FastAPI()
    app.state.runs = 0

    @app.get("/x", dependencies=[Depends(paid(0.1))])
    def x():
        return 1

    api = Api()
    client = AsyncClient("tb_1", "http://api", http_client=httpx.AsyncClient(transport=httpx.MockTransport(api)))
    app.add_middleware(PaidMiddleware, client=client)

    async def run():
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://shop") as http:
            return await http.get("/x", headers=BEARER)

    assert asyncio.run(run()).status_code == 500 and not api.ledger.holds


def test_what_a_gateway_key_opens_is_kept_for_a_moment_only():
    shop = Shop()
    shop.get("/joke", headers=BEARER)
    shop.get("/joke", headers=BEARER)
    assert shop.api.calls.count(("POST", "/v1/gateway_keys/lookup")) == 2
    assert json.dumps(shop.api.calls).count(SECRET) == 0
