"""Digests and signatures are those of contracts/vectors, bit by bit."""

import pytest
from eth_account import Account

from tollbook import signing

from .vectors import KEYS, VECTORS


def named(vectors):
    return [pytest.param(vector, id=f"{number}") for number, vector in enumerate(vectors)]


def check(vector, typed_data, signer):
    assert signing.digest(typed_data) == vector["digest"]
    assert signing.signer(typed_data, vector["signature"]) == signer
    compact = vector["r"] + vector["vs"].removeprefix("0x")
    assert signing.signer(typed_data, compact) == signer
    if signer in KEYS:
        assert signing.sign(Account.from_key(KEYS[signer]), typed_data) == vector["signature"]


def place(vector):
    return vector["chainId"], vector["verifyingContract"]


def voucher(vector):
    return signing.voucher(*place(vector), vector["sessionId"], vector["payee"], int(vector["maxClaimable"]))


@pytest.mark.parametrize("vector", named(VECTORS["vouchers"]))
def test_vouchers(vector):
    check(vector, voucher(vector), vector["key"])


@pytest.mark.parametrize("vector", named(VECTORS["rejectedVouchers"]))
def test_no_other_signature_passes_for_the_keys(vector):
    typed_data = voucher(vector)
    assert signing.signer(typed_data, vector["signature"]) != vector["key"]
    compact = vector["r"] + vector["vs"].removeprefix("0x")
    assert signing.signer(typed_data, compact) != vector["key"]


@pytest.mark.parametrize("vector", named(VECTORS["sessions"]))
def test_a_sessions_id_is_its_digest(vector):
    assert signing.digest(signing.session(*place(vector), vector["session"])) == vector["sessionId"]


@pytest.mark.parametrize("vector", named(VECTORS["grants"]))
def test_grants(vector):
    terms = VECTORS["sessions"][vector["sessionIndex"]]["session"]
    check(vector, signing.grant(*place(vector), terms, vector["key"]), vector["signer"])


@pytest.mark.parametrize("vector", named(VECTORS["actions"]))
def test_actions(vector):
    message = {name: vector[name] for name in ("sessionId", "nonce", "deadline")}
    check(vector, signing.owner_action(*place(vector), vector["type"], message), vector["signer"])


@pytest.mark.parametrize("vector", named(VECTORS["rotations"]))
def test_rotations(vector):
    message = {name: vector[name] for name in ("sessionId", "key", "nonce", "deadline")}
    check(vector, signing.owner_action(*place(vector), vector["type"], message), vector["signer"])


@pytest.mark.parametrize("vector", named(VECTORS["withdrawals"]))
def test_withdrawals(vector):
    message = {name: vector[name] for name in ("sessionId", "payee", "amount", "nonce", "deadline")}
    check(vector, signing.owner_action(*place(vector), vector["type"], message), vector["signer"])


@pytest.mark.parametrize("vector", named(VECTORS["authorizations"]))
def test_authorizations(vector):
    nonce = signing.deposit_nonce(
        vector["sessionId"], vector["key"], vector["payee"], int(vector["amount"]), int(vector["index"])
    )
    assert nonce == vector["nonce"]
    domain = {"name": "USD Coin", "version": "2", "chainId": vector["chainId"], "verifyingContract": vector["token"]}
    typed_data = signing.receive_authorization(
        domain,
        owner=vector["from"],
        contract=vector["to"],
        units=int(vector["value"]),
        nonce=nonce,
        valid_after=int(vector["validAfter"]),
        valid_before=int(vector["validBefore"]),
    )
    check(vector, typed_data, vector["signer"])


def test_what_is_no_signature_is_nobodys():
    typed_data = voucher(VECTORS["vouchers"][0])
    for wrong in ("", "0x", "zz", "0x12", "0x" + "11" * 65, "0x" + "11" * 66):
        assert signing.signer(typed_data, wrong) is None, wrong
