"""Drawing up sessions: an owner signs what it asked for, and nothing else."""

from dataclasses import replace
from datetime import datetime, timezone

import pytest
from eth_account import Account

from tollbook import Asked, Deployment, RefusedToSign, Session, signing
from tollbook.session import sign_deposit, sign_grant, sign_open, sign_rotation, terms

from .fakes import CONTRACT, KEY, PAYEE, TOKEN
from .vectors import VECTORS

OWNER = Account.from_key("0x" + "09" * 32)
UNTIL = datetime(2026, 12, 1, tzinfo=timezone.utc)
ASKED = Asked(OWNER.address, KEY.address, "3", UNTIL)


def drawn_up(**changes):
    """What a server shows for ASKED, with changes that it made to the terms."""
    chain_id, payee = changes.get("chain_id", 31337), changes.get("payee", PAYEE)
    struct = signing.session_terms(
        owner=OWNER.address,
        token=changes.get("token", TOKEN),
        valid_after=1_795_000_000,
        valid_until=changes.get("valid_until", int(UNTIL.timestamp())),
        settle_grace=86_400,
        withdraw_delay=changes.get("withdraw_delay", 900),
        allowances=[{"payee": payee, "limit": str(changes.get("limit", 3_000_000)), "periodLimit": "0", "period": 0}],
        salt="0x" + "05" * 32,
    )
    contract = changes.get("contract", CONTRACT)
    return {
        "id": "ses_1",
        "chain": {"id": chain_id, "name": None, "contract": contract.lower(), "token": struct["token"].lower()},
        "session_id": signing.digest(signing.session(chain_id, contract, struct)),
        "key": changes.get("key", KEY.address).lower(),
        "payee": payee.lower(),
        "valid_after": "2026-11-18T11:06:40Z",
        "settle_grace_secs": 86_400,
        "withdraw_delay_secs": struct["withdrawDelay"],
        "typed_data": {"grant": {"message": {"session": {"salt": struct["salt"]}}}},
    }


def test_what_was_asked_for_is_signed():
    drawn = drawn_up()
    assert terms(drawn, ASKED, None)["salt"] == "0x" + "05" * 32
    signed = sign_open(OWNER, drawn, ASKED)
    assert {name: value for name, value in signed.items() if name != "signature"} == {
        "amount": "3", "index": 0, "valid_after": 0, "valid_before": int(UNTIL.timestamp()),
    }  # fmt: skip
    nonce = signing.deposit_nonce(drawn["session_id"], KEY.address, PAYEE, 3_000_000, 0)
    domain = {"name": "USD Coin", "version": "2", "chainId": 31337, "verifyingContract": TOKEN}
    typed_data = signing.receive_authorization(
        domain, owner=OWNER.address, contract=CONTRACT, units=3_000_000, nonce=nonce,
        valid_before=signed["valid_before"],
    )  # fmt: skip
    assert signing.signer(typed_data, signed["signature"]) == OWNER.address
    grant = signing.grant(31337, CONTRACT, terms(drawn, ASKED, None), KEY.address)
    assert signing.signer(grant, sign_grant(OWNER, drawn, ASKED)) == OWNER.address
    more = sign_deposit(OWNER, drawn, "1.5", valid_before=UNTIL, index=2)
    assert (more["amount"], more["index"]) == ("1.5", 2)


@pytest.mark.parametrize(
    "changes",
    [{"limit": 4_000_000}, {"valid_until": 1_900_000_000}, {"key": PAYEE}, {"withdraw_delay": 31 * 86_400}],
)
def test_nothing_else_is_signed(changes):
    for sign in (sign_open, sign_grant):
        with pytest.raises(RefusedToSign):
            sign(OWNER, drawn_up(**changes), ASKED)


def test_a_server_that_says_one_thing_and_means_another():
    drawn = drawn_up(payee=TOKEN)
    drawn["payee"] = PAYEE
    with pytest.raises(RefusedToSign, match="other terms"):
        sign_open(OWNER, drawn, ASKED)
    with pytest.raises(RefusedToSign, match="other terms"):
        sign_open(OWNER, drawn_up(), replace(ASKED, owner=PAYEE))


def test_what_is_trusted():
    trusted = Deployment(8453, CONTRACT, TOKEN, PAYEE)
    drawn = drawn_up(chain_id=8453)
    assert sign_open(OWNER, drawn, ASKED, trusted)
    with pytest.raises(RefusedToSign, match="say which contract"):
        sign_open(OWNER, drawn, ASKED)
    for other in (
        replace(trusted, chain_id=137),
        replace(trusted, contract=PAYEE),
        replace(trusted, token=PAYEE),
        replace(trusted, payee=TOKEN),
    ):
        with pytest.raises(RefusedToSign):
            sign_open(OWNER, drawn, ASKED, other)


def test_a_session_can_be_kept_without_its_key():
    ours = Session.of(drawn_up(), KEY)
    saved = ours.to_dict()
    assert KEY.key.hex() not in str(saved) and KEY.key.hex() not in repr(ours)
    assert Session.from_dict(saved, KEY) == ours
    with pytest.raises(ValueError, match="key"):
        Session.of(drawn_up(), OWNER)
    # What was kept by earlier versions has no start_at.
    del saved["start_at"]
    assert Session.from_dict(saved, KEY) == ours
    assert Session.of(drawn_up(), KEY, start_at=7).to_dict()["start_at"] == 7


FOLLOWING = Account.from_key("0x" + "08" * 32).address


def prepared(**changes):
    """What a ledger answers that is to put this key in the place of the present one."""
    # The typed data is what wallets elsewhere sign; here it is put together anew.
    soon = int(datetime.now(timezone.utc).timestamp()) + 3_600
    return {"key": FOLLOWING.lower(), "nonce": 3, "deadline": soon, "typed_data": {}, **changes}


def test_another_key_is_signed_for():
    drawn, told = {**drawn_up(), "custody": "self"}, prepared()
    signature = sign_rotation(OWNER, drawn, told, FOLLOWING)
    assert (signature["nonce"], signature["deadline"]) == (3, told["deadline"])
    message = {"sessionId": drawn["session_id"], "key": FOLLOWING, "nonce": "3", "deadline": str(told["deadline"])}
    typed_data = signing.owner_action(31337, CONTRACT, "RotateKey", message)
    assert signing.signer(typed_data, signature["signature"]) == OWNER.address
    # Of a managed session key it is the one that Tollbook has made.
    assert sign_rotation(OWNER, {**drawn, "custody": "managed"}, told) == signature


@pytest.mark.parametrize(
    ("changes", "key"),
    [({"key": PAYEE}, FOLLOWING), ({"deadline": 4_000_000_000}, FOLLOWING), ({"nonce": "3"}, FOLLOWING),
     ({"deadline": None}, FOLLOWING), ({}, None)],
)  # fmt: skip
def test_no_other_key_is_signed_for(changes, key):
    with pytest.raises(RefusedToSign):
        sign_rotation(OWNER, {**drawn_up(), "custody": "self"}, prepared(**changes), key)


def test_vouchers_of_a_session_are_those_of_the_vectors():
    vector = VECTORS["vouchers"][0]
    key = next(key for key in VECTORS["keys"] if key["address"] == vector["key"])
    ours = Session(
        Account.from_key(key["privateKey"]), vector["chainId"], vector["verifyingContract"], TOKEN,
        vector["sessionId"], vector["payee"],
    )  # fmt: skip
    assert ours.sign_voucher(int(vector["maxClaimable"])) == vector["signature"]
    assert ours.is_own_voucher(int(vector["maxClaimable"]), vector["signature"])
    assert not ours.is_own_voucher(int(vector["maxClaimable"]) + 1, vector["signature"])
