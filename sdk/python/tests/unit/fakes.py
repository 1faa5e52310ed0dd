"""A ledger in memory that answers like the API, and a gateway in front of it that speaks the wire.

Only what the tests need of them; what they decide is decided as the real ones do, to the atomic unit.
"""

import base64
import json
import threading
from decimal import Decimal

import httpx
from eth_account import Account

from tollbook import Session
from tollbook._money import atomic_up, from_atomic, text

CONTRACT = "0x892E376D1F3A61E560C29c96564AF880E7957A55"
TOKEN = "0xdC4Cb7C1C95fC9A3Ea6A83cDcA9749b08Eff6644"
PAYEE = "0xfEA970953eB91B6bea9fBb1b9E87803D3B56c8E4"
SESSION_ID = "0x0cdca14cff5befe382ad71467f6aeaef451007898cde65ca0cef5fcb3cccdde9"
SECRET = "tbk_" + "1" * 30
KEY = Account.from_key("0x" + "07" * 32)


def session(key=KEY, session_id=SESSION_ID):
    return Session(key, 31337, CONTRACT, TOKEN, session_id, PAYEE, "ses_1")


def b64(value):
    return base64.b64encode(json.dumps(value).encode()).decode()


def unb64(header):
    return json.loads(base64.b64decode(header))


class Problem(Exception):
    def __init__(self, status, code, **fields):
        super().__init__(code)
        self.status, self.code, self.fields = status, code, fields

    def response(self):
        body = {"status": self.status, "code": self.code, "detail": self.code, "request_id": "req_1", **self.fields}
        headers = {"retry-after": "0"} if self.status == 503 else {}
        return httpx.Response(self.status, json=body, headers=headers)


class Ledger:
    """One session key `ses_1` with a deposit, one customer `cus_1` with credits."""

    def __init__(self, deposit="10", credits="10"):
        self.lock = threading.RLock()
        self.session = session()
        self.deposit = {"ses_1": Decimal(deposit), "cus_1": Decimal(credits)}
        self.charged = {"ses_1": Decimal(0), "cus_1": Decimal(0)}
        self.held = {"ses_1": Decimal(0), "cus_1": Decimal(0)}
        self.stored = None  # (units, signature)
        self.former = None  # the same, by a key that was replaced
        self.holds, self.charges, self.done = {}, [], {}
        self.status = "active"

    def available(self, payer):
        return self.deposit[payer] - self.charged[payer] - self.held[payer]

    def place(self, payer, amount, voucher=None, key=None, digest=None):
        """(hold, replayed)"""
        with self.lock:
            if key in self.done:
                hold, before = self.done[key]
                if before != digest:
                    raise Problem(422, "idempotency_key_reused")
                return hold, True
            if payer == "ses_1":
                self.check(amount, voucher)
            elif self.available(payer) < amount:
                raise Problem(402, "insufficient_funds")
            self.held[payer] += amount
            hold = {"id": f"hold_{len(self.holds) + 1}", "payer": payer, "held": amount, "status": "open"}
            self.holds[hold["id"]] = hold
            if key is not None:
                self.done[key] = (hold, digest)
            return hold, False

    def check(self, amount, voucher):
        if self.status == "rotating":
            raise Problem(409, "key_rotating")
        if self.status != "active":
            raise Problem(409, f"session_{self.status}")
        if self.available("ses_1") < amount:
            raise Problem(402, "insufficient_deposit")
        needed = atomic_up(self.charged["ses_1"] + self.held["ses_1"] + amount)
        stored = self.stored[0] if self.stored else -1
        if voucher is not None:
            units, signature = voucher
            if not self.session.is_own_voucher(units, signature):
                raise Problem(422, "voucher_wrong_signer")
            if units > atomic_up(self.deposit["ses_1"]):
                raise Problem(422, "voucher_above_deposit")
        if max(stored, voucher[0] if voucher else -1) < needed:
            code = "voucher_too_low" if voucher else "voucher_required"
            raise Problem(402, code, needed=text(from_atomic(needed)), needed_atomic=str(needed))
        if voucher is not None and voucher[0] > stored:
            self.stored = voucher

    def rotate(self, key):
        """Another key signs from now on."""
        self.former, self.stored, self.session = self.stored, None, session(key)

    def end(self, hold_id, cost):
        """A capture (of `cost`) or a void (`None`)."""
        with self.lock:
            hold = self.holds[hold_id]
            if hold["status"] != "open":
                raise Problem(409, "hold_ended")
            hold["status"] = "voided" if cost is None else "captured"
            self.held[hold["payer"]] -= hold["held"]
            if cost is None:
                return None
            assert cost <= hold["held"]
            self.charged[hold["payer"]] += cost
            charge = {"id": f"chg_{len(self.charges) + 1}", "hold": hold_id, "payer": hold["payer"], "amount": cost}
            hold["captured"] = cost
            self.charges.append(charge)
            return charge

    def state(self, required):
        stored = self.stored and {"maxClaimable": str(self.stored[0]), "signature": self.stored[1]}
        return {
            "sessionId": SESSION_ID,
            "key": self.session.key.address.lower(),
            "charged": str(atomic_up(self.charged["ses_1"])),
            "held": str(atomic_up(self.held["ses_1"])),
            "available": str(max(0, int(self.available("ses_1") * 10**6))),
            "required": str(required),
            "voucher": stored,
        }


class Gateway:
    """Requests cost `price`; `cost` is what they come to. A handler for `httpx.MockTransport`."""

    def __init__(self, ledger=None, price="0.5", cost=None):
        self.ledger = ledger or Ledger()
        self.price = Decimal(price)
        self.cost = Decimal(cost) if cost else self.price
        self.requests = []
        self.answers = {}
        self.lie = lambda state: state
        self.before = lambda request: None
        self.payee = PAYEE

    def __call__(self, request):
        # As it is now: a request that is sent again is the same object.
        copy = httpx.Request(request.method, request.url, headers=request.headers, content=request.read())
        self.requests.append(copy)
        instead = self.before(request)
        if instead is not None:
            return instead
        header = request.headers.get("payment-signature")
        if header is None:
            return self.refuse("payment_required")
        payment = unb64(header)
        payload = payment["payload"]
        assert payment["x402Version"] == 2 and "state" not in payment["accepted"]["extra"]
        assert "authorization" not in request.headers and payload["payee"] == PAYEE
        key = request.headers["idempotency-key"]
        voucher = (int(payload["maxClaimable"]), payload["signature"])
        with self.ledger.lock:
            if key in self.answers:
                return self.answers[key]
            try:
                hold, _ = self.ledger.place("ses_1", self.price, voucher, key, str(request.url))
            except Problem as problem:
                return self.refuse(problem.code)
            if request.url.path.startswith("/stream"):
                return self.stream(hold)
            charge = self.ledger.end(hold["id"], self.cost)
            answer = httpx.Response(200, json={"ok": True}, headers=self.receipt(charge))
            self.answers[key] = httpx.Response(200, content=answer.content, headers=answer.headers)
            return answer

    def offer(self, state=None):
        extra = {"name": "SessionKeyValidator", "version": "1", "verifyingContract": CONTRACT, "organization": "org_1"}
        if state is not None:
            extra["state"] = state
        amount = str(atomic_up(self.price))
        return {
            "scheme": "session", "network": "eip155:31337", "amount": amount, "asset": TOKEN, "payTo": self.payee,
            "maxTimeoutSeconds": 600, "extra": extra,
        }  # fmt: skip

    def refuse(self, code):
        ledger, state = self.ledger, None
        if code != "payment_required":
            required = atomic_up(ledger.charged["ses_1"] + ledger.held["ses_1"] + self.price)
            state = self.lie(ledger.state(required))
        exact = {**self.offer(), "scheme": "exact", "extra": {"name": "USD Coin", "version": "2"}}
        required = {
            "x402Version": 2, "error": code, "resource": {"url": "http://gw/x"}, "accepts": [exact, self.offer(state)],
        }  # fmt: skip
        return httpx.Response(402, json={"code": code, "status": 402}, headers={"payment-required": b64(required)})

    def receipt(self, charge):
        ledger = self.ledger
        extra = {"charge_id": charge["id"], "charged": str(atomic_up(ledger.charged["ses_1"])), "sessionId": SESSION_ID}
        receipt = {"success": True, "transaction": charge["id"], "network": "eip155:31337", "extra": extra}
        return {
            "payment-response": b64(receipt),
            "x-tollbook-cost": text(charge["amount"]),
            "x-tollbook-currency": "USDC",
            "x-tollbook-remaining": text(ledger.available("ses_1")),
            "x-tollbook-charge": charge["id"],
        }

    def stream(self, hold):
        def chunks():
            yield b"one"
            self.ledger.end(hold["id"], self.cost)
            yield b"two"

        extra = {"charged": str(atomic_up(self.ledger.charged["ses_1"])), "pending": True, "sessionId": SESSION_ID}
        receipt = {"success": True, "transaction": hold["id"], "network": "eip155:31337", "extra": extra}
        headers = {"payment-response": b64(receipt), "x-tollbook-hold": hold["id"]}
        return httpx.Response(200, stream=_Stream(chunks()), headers=headers)


class _Stream(httpx.SyncByteStream, httpx.AsyncByteStream):
    def __init__(self, chunks):
        self.chunks = chunks

    def __iter__(self):
        return self.chunks

    async def __aiter__(self):
        for chunk in self.chunks:
            yield chunk


class Api:
    """The API's routes that the middleware uses. A handler for `httpx.MockTransport`."""

    def __init__(self, ledger=None, shows_signatures=True):
        self.ledger = ledger or Ledger()
        self.shows_signatures = shows_signatures
        self.calls = []
        self.before = lambda request: None
        self.done = {}

    def __call__(self, request):
        self.calls.append((request.method, request.url.path))
        instead = self.before(request)
        if instead is not None:
            return instead
        try:
            return self.route(request)
        except Problem as problem:
            return problem.response()

    def route(self, request):
        method, parts = request.method, request.url.path.split("/")[2:]
        body = json.loads(request.content) if request.content else {}
        key = request.headers.get("idempotency-key")
        assert method == "GET" or key
        match method, parts:
            case "GET", ["organization"]:
                return httpx.Response(200, json={"id": "org_1", "payee": PAYEE, "default_currency": "USD"})
            case "POST", ["gateway_keys", "lookup"]:
                if body["secret"] != SECRET:
                    raise Problem(404, "gateway_key_not_found")
                return httpx.Response(200, json={"customer_id": "cus_1", "session_key_id": None})
            case "GET", ["session_keys"]:
                found = [self.key()] if request.url.params["session_id"] == SESSION_ID else []
                return httpx.Response(200, json={"data": found, "has_more": False, "next_cursor": None})
            case "GET", ["session_keys", "ses_1"]:
                return httpx.Response(200, json=self.key())
            case "GET", ["charges"]:
                data = [{"id": charge["id"]} for charge in self.ledger.charges[-1:]]
                return httpx.Response(200, json={"data": data, "has_more": False, "next_cursor": None})
            case "GET", ["charges", _, "explain"]:
                units, signature = self.ledger.stored
                data = {"max_claimable": text(from_atomic(units)), "signature": signature}
                steps = [{"step": "request", "data": {}}, {"step": "voucher", "data": data}]
                return httpx.Response(200, json={"steps": steps})
            case "POST", ["holds"]:
                return self.place(body, key)
            case "GET", ["holds", hold_id]:
                return httpx.Response(200, json=self.hold(self.ledger.holds[hold_id]))
            case "POST", ["holds", hold_id, "capture"]:
                if key not in self.done:
                    charge = self.ledger.end(hold_id, Decimal(body["amount"]))
                    self.done[key] = self.charge(charge)
                return httpx.Response(201, json=self.done[key])
            case "POST", ["holds", hold_id, "void"]:
                if key not in self.done:
                    self.ledger.end(hold_id, None)
                    self.done[key] = self.hold(self.ledger.holds[hold_id])
                return httpx.Response(200, json=self.done[key])
        raise Problem(404, "route_not_found")

    def place(self, body, key):
        voucher = body.get("voucher")
        signed = (int(voucher["max_claimable"]), voucher["signature"]) if voucher else None
        digest = json.dumps({name: value for name, value in body.items() if name != "voucher"}, sort_keys=True)
        payer = body.get("session_key_id") or body["customer_id"]
        hold, replayed = self.ledger.place(payer, Decimal(body["amount"]), signed, key, digest)
        headers = {"idempotent-replayed": "true"} if replayed else {}
        return httpx.Response(201, json={**self.hold(hold), "status": "open"}, headers=headers)

    def currency(self, payer):
        return "USDC" if payer == "ses_1" else "USD"

    def money(self, payer):
        ledger = self.ledger
        money = {"charged": text(ledger.charged[payer]), "held": text(ledger.held[payer]),
                 "available": text(ledger.available(payer))}  # fmt: skip
        return {"session": money, "account": None} if payer == "ses_1" else {"session": None, "account": money}

    def hold(self, hold):
        return {
            "id": hold["id"], "status": hold["status"], "held": text(hold["held"]),
            "captured": text(hold.get("captured", 0)), "currency": self.currency(hold["payer"]), "position": "0:1",
            **self.money(hold["payer"]),
        }  # fmt: skip

    def charge(self, charge):
        return {
            "id": charge["id"], "amount": text(charge["amount"]), "currency": self.currency(charge["payer"]),
            **self.money(charge["payer"]),
        }  # fmt: skip

    def key(self):
        ledger = self.ledger
        voucher = None
        if ledger.stored:
            voucher = {"max_claimable_atomic": str(ledger.stored[0])}
            if self.shows_signatures:
                voucher["signature"] = ledger.stored[1]
        elif ledger.former:
            units, signature = ledger.former
            until = "2026-12-01T00:00:00Z"
            voucher = {"max_claimable_atomic": str(units), "signature": signature, "former_until": until}
        key = ledger.session.key.address
        return {
            "id": "ses_1", "session_id": SESSION_ID, "key": key, "payee": PAYEE, "voucher": voucher,
            "chain": {"id": 31337, "contract": CONTRACT.lower(), "token": TOKEN.lower()},
            **(self.money("ses_1")["session"] or {}),
        }  # fmt: skip
