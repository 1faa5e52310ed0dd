"""Pays the app from a session key of the local chain: python pay.py [URL of the app]

A test wallet of the chain is the owner here. Elsewhere the owner signs in its own wallet: see "Sessions" in README.md
of the package.
"""

import sys
from datetime import datetime, timedelta, timezone

import httpx
from eth_account import Account

from tollbook import Client, Receipt, SessionAuth

# The fourth account of every development chain; it has a million test USDC. Known to all: of no use elsewhere.
OWNER = Account.from_key("0x7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6")


def main() -> None:
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8404"
    with Client() as api:
        customer = api.customers.create(currency="USDC")
        until = datetime.now(timezone.utc) + timedelta(days=1)
        session = api.session_keys.open(OWNER, customer_id=customer["id"], limit="1", valid_until=until)
    print(f"session key {session.id} with 1 USDC")

    with httpx.Client(base_url=url, auth=SessionAuth(session, max_amount_per_request="0.05")) as http:
        for method, path, body in (
            ("GET", "/fortune/1", None),
            ("GET", "/fortune/2", None),
            ("POST", "/shout", {"text": "paid by the word"}),
            ("GET", "/count?lines=4", None),
        ):
            answer = http.request(method, path, json=body).raise_for_status()
            receipt = Receipt.of(answer.headers)
            print(f"{answer.status_code} {path}: {' '.join(answer.text.split())}")
            if receipt is not None and receipt.cost is not None:
                print(f"    {receipt.transaction} cost {receipt.cost} {receipt.currency}, left {receipt.remaining}")
            elif receipt is not None:
                print(f"    {receipt.transaction}, charged at its end")


if __name__ == "__main__":
    main()
