"""What the tests need: a Tollbook with gateway and chain, an upstream, and payers."""

import os
import re
import subprocess
import time
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from eth_account import Account
from eth_utils.crypto import keccak
from openai import AsyncOpenAI, OpenAI

from tollbook import Asked, Client, Deployment, sign_open

ROOT = Path(__file__).resolve().parents[4]
NAMES = (
    "TOLLBOOK_URL", "TOLLBOOK_GATEWAY_URL", "TOLLBOOK_API_KEY", "EVM_RPC_URL", "TOLLBOOK_CONTRACT", "TOLLBOOK_USDC",
    "TOLLBOOK_PAYEE",
)  # fmt: skip
# The last account of every development chain. The simulator deals its sessions out to all from the fourth on.
OWNER = Account.from_key("0x2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6")
MILLION = Decimal(1_000_000)


@pytest.fixture(scope="session")
def env():
    missing = [name for name in NAMES if not os.environ.get(name)]
    if missing:
        pytest.fail(f"not set: {', '.join(missing)} (./dev up --detach, then . .dev/env)")
    return {name: os.environ[name] for name in NAMES}


@pytest.fixture(scope="session")
def run():
    """Names what this run makes."""
    return f"py{time.time_ns() // 1_000_000:x}"


@pytest.fixture(scope="session")
def api(env):
    with Client() as client:
        yield client


@pytest.fixture(scope="session")
def gateway(env, api):
    """The gateway's URL for this organization's routes."""
    base = env["TOLLBOOK_GATEWAY_URL"].rstrip("/")
    assert httpx.get(f"{base}/healthz").status_code == 200
    return f"{base}/{api.organization.get()['id']}"


def binary():
    named = os.environ.get("TOLLBOOK_BIN")
    target = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
    found = [Path(named)] if named else [target / kind / "tollbook" for kind in ("release", "debug")]
    found = [path for path in found if path.is_file()]
    if not found:
        pytest.fail("no demo upstream: set TOLLBOOK_UPSTREAM_URL or TOLLBOOK_BIN, or build tollbook")
    return max(found, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="session")
def upstream():
    """The URL of a demo upstream."""
    running = os.environ.get("TOLLBOOK_UPSTREAM_URL")
    if running:
        yield running.rstrip("/")
        return
    command = [binary(), "demo", "upstream", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            url = re.search(r"http://\S+", process.stdout.readline())
            if url is None:
                pytest.fail("the demo upstream does not start")
            yield url[0]
        finally:
            process.terminate()


# --- routes


@pytest.fixture(scope="session")
def route(api, run):
    """Makes routes, and takes them away at the end."""
    made = []

    def make(path, **members):
        members = {"strip_prefix": True, "path": f"/{run}{path}", **members}
        members["price"] = {"currencies": ["USD", "USDC"], **members["price"]}
        made.append(api.routes.create(members)["id"])
        return f"/{run}{path}".removesuffix("/*")

    yield make
    for route_id in made:
        api.routes.delete(route_id)


@pytest.fixture(scope="session")
def echo(route, upstream, gateway):
    """The URL of a route at 0.01 a request."""
    return gateway + route("/echo/*", upstream=f"{upstream}/echo", price={"per_request": "0.01"})


@dataclass(frozen=True)
class Model:
    """A model with its prices, for a token."""

    name: str
    code: str
    input: Decimal
    cached: Decimal
    output: Decimal

    def cost(self, read, cached, written):
        return (read - cached) * self.input + cached * self.cached + written * self.output


@pytest.fixture(scope="session")
def model(api, run):
    name = f"{run}-mini"
    prices = ("0.153", "0.076500", "0.611111")
    fields = ("input_per_million", "cached_input_per_million", "output_per_million")
    (made,) = api.models.set([{"model": name, **dict(zip(fields, prices))}])["data"]
    yield Model(name, made["code"], *(Decimal(price) / MILLION for price in prices))
    api.models.delete(name)


@pytest.fixture(scope="session")
def models_url(route, upstream, gateway):
    """What an OpenAI client has as its base URL."""
    return gateway + route("/v1/*", upstream=f"{upstream}/v1", kind="openai", price={"per_model": True})


# --- payers


@pytest.fixture
def customer(api):
    """Makes customers with credits; gives the customer's id and the secret of a gateway key."""

    def make(credits):
        customer_id = api.customers.create()["id"]
        api.customers.grant_credits(customer_id, credits)
        key = api.gateway_keys.create(customer_id=customer_id)
        assert key["secret"] is not None
        return customer_id, key["secret"]

    return make


@pytest.fixture(scope="session")
def open_session(env, api):
    """Opens session keys on the chain, with this much in them."""
    assert rpc(env, "eth_chainId") == hex(31337), "these tests spend a local chain's money only"
    has = call(env, env["TOLLBOOK_USDC"], "balanceOf(address)", OWNER.address)
    assert has > 100 * MILLION, f"the test owner has {has} atomic units of USDC: start the local chain anew"

    def make(limit):
        customer_id = api.customers.create(currency="USDC")["id"]
        until = datetime.now(timezone.utc) + timedelta(days=7)
        return api.session_keys.open(OWNER, customer_id=customer_id, limit=limit, valid_until=until)

    return make


@pytest.fixture(scope="session")
def managed_key(env, api):
    """Opens session keys that Tollbook holds, with this much in them; gives the id and a gateway key's secret."""
    trusted = Deployment(31337, env["TOLLBOOK_CONTRACT"], env["TOLLBOOK_USDC"], env["TOLLBOOK_PAYEE"])

    def make(limit):
        customer_id = api.customers.create(currency="USDC")["id"]
        until = (datetime.now(timezone.utc) + timedelta(days=7)).replace(microsecond=0)
        drawn_up = api.session_keys.create(
            customer_id=customer_id, owner=OWNER.address, limit=limit, valid_until=until
        )
        authorization = sign_open(OWNER, drawn_up, Asked(OWNER.address, None, limit, until), trusted)
        api.session_keys.register(drawn_up["id"], authorization=authorization)
        api.session_keys.wait_until_active(drawn_up["id"], funded=limit)
        key = api.gateway_keys.create(session_key_id=drawn_up["id"])
        assert key["secret"] is not None
        return drawn_up["id"], key["secret"]

    return make


@pytest.fixture
def openai(models_url):
    """Stock clients with another base URL and key, and nothing else."""
    opened = []

    def make(secret):
        opened.append(OpenAI(base_url=models_url, api_key=secret))
        return opened[-1]

    yield make
    for client in opened:
        client.close()


@pytest.fixture
def async_openai(models_url):
    return lambda secret: AsyncOpenAI(base_url=models_url, api_key=secret)


# --- the chain


def rpc(env, method, *params):
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}
    answer = httpx.post(env["EVM_RPC_URL"], json=body).raise_for_status().json()
    assert "error" not in answer, answer
    return answer["result"]


def call(env, to, function, *words):
    """A view of a contract with one unsigned number as its result, for instance `escrow(bytes32,address)`."""
    arguments = "".join(word.removeprefix("0x").lower().rjust(64, "0") for word in words)
    data = "0x" + keccak(text=function)[:4].hex() + arguments
    return int(rpc(env, "eth_call", {"to": to, "data": data}, "finalized"), 16)


# --- the ledger


def charges(api, **of):
    """All charges, by id."""
    return {charge["id"]: charge for charge in api.charges.all(**of)}


def eventually(what, secs=30.0):
    """Tries until it does not fail any more."""
    deadline = time.monotonic() + secs
    while True:
        try:
            return what()
        except AssertionError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
