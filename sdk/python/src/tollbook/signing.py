"""EIP-712: what is signed around a session, digest by digest as in contracts/vectors.

Keys are those of eth-account (`Account.create()`, `Account.from_key(…)`). Amounts here are whole atomic units.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_account import Account
from eth_account.messages import SignableMessage, encode_typed_data
from eth_account.signers.base import BaseAccount
from eth_account.signers.local import LocalAccount
from eth_utils.crypto import keccak

TypedData = dict[str, Any]

# Of two signatures that are equally valid, the contract takes the one with the low s (EIP-2).
_HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
_ZERO_ADDRESS = "0x" + "00" * 20


def _fields(text: str) -> list[dict[str, str]]:
    return [{"type": field.split(" ")[0], "name": field.split(" ")[1]} for field in text.split(",")]


_DOMAIN = _fields("string name,string version,uint256 chainId,address verifyingContract")
_VOUCHER = _fields("bytes32 sessionId,address payee,uint128 maxClaimable")
_ALLOWANCE = _fields("address payee,uint128 limit,uint128 periodLimit,uint32 period")
_SESSION = _fields(
    "address owner,address token,uint48 validAfter,uint48 validUntil,uint32 settleGrace,uint32 withdrawDelay,"
    "Allowance[] allowances,bytes32 salt"
)
_GRANT = _fields("Session session,address key")
_RECEIVE = _fields("address from,address to,uint256 value,uint256 validAfter,uint256 validBefore,bytes32 nonce")
_ACTIONS = {
    "Freeze": _fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
    "Unfreeze": _fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
    "Revoke": _fields("bytes32 sessionId,uint256 nonce,uint256 deadline"),
    "RotateKey": _fields("bytes32 sessionId,address key,uint256 nonce,uint256 deadline"),
    "RequestWithdraw": _fields("bytes32 sessionId,address payee,uint128 amount,uint256 nonce,uint256 deadline"),
}


def new_key() -> LocalAccount:
    """A new key at random. Keep `key.key.hex()` where only you can read it."""
    account: LocalAccount = Account.create()
    return account


# --- what is signed


def contract_domain(chain_id: int, contract: str) -> dict[str, Any]:
    """The EIP-712 domain of SessionKeyValidator."""
    return {"name": "SessionKeyValidator", "version": "1", "chainId": chain_id, "verifyingContract": contract}


def _typed(domain: Mapping[str, Any], primary: str, types: Mapping[str, Any], message: Mapping[str, Any]) -> TypedData:
    types = {"EIP712Domain": _DOMAIN, **types}
    return {"domain": dict(domain), "primaryType": primary, "types": types, "message": dict(message)}


def voucher(chain_id: int, contract: str, session_id: str, payee: str, max_claimable: int) -> TypedData:
    """This payee may claim up to `max_claimable` of this session, in all, since its beginning."""
    message = {"sessionId": session_id, "payee": payee, "maxClaimable": str(max_claimable)}
    return _typed(contract_domain(chain_id, contract), "Voucher", {"Voucher": _VOUCHER}, message)


def session(chain_id: int, contract: str, terms: Mapping[str, Any]) -> TypedData:
    """A session: its digest is its id. `terms` are the members of the contract's struct."""
    types = {"Allowance": _ALLOWANCE, "Session": _SESSION}
    return _typed(contract_domain(chain_id, contract), "Session", types, terms)


def grant(chain_id: int, contract: str, terms: Mapping[str, Any], key: str) -> TypedData:
    """The owner grants a session to a key, without money."""
    types = {"Allowance": _ALLOWANCE, "Session": _SESSION, "SessionGrant": _GRANT}
    message = {"session": dict(terms), "key": key}
    return _typed(contract_domain(chain_id, contract), "SessionGrant", types, message)


def deposit_nonce(session_id: str, key: str | None, payee: str, units: int, index: int) -> str:
    """What a deposit's authorization commits to: this session, key, payee and amount.

    `key` is `None` for money that is added to a session that is registered.
    """
    words = (session_id, key or _ZERO_ADDRESS, payee, hex(units), hex(index))
    return "0x" + keccak(b"".join(int(word, 16).to_bytes(32, "big") for word in words)).hex()


def receive_authorization(
    token_domain: Mapping[str, Any],
    *,
    owner: str,
    contract: str,
    units: int,
    nonce: str,
    valid_before: int,
    valid_after: int = 0,
) -> TypedData:
    """ERC-3009 `ReceiveWithAuthorization` of the token, to the contract."""
    message = {
        "from": owner,
        "to": contract,
        "value": str(units),
        "validAfter": str(valid_after),
        "validBefore": str(valid_before),
        "nonce": nonce,
    }
    return _typed(token_domain, "ReceiveWithAuthorization", {"ReceiveWithAuthorization": _RECEIVE}, message)


def owner_action(chain_id: int, contract: str, action: str, message: Mapping[str, Any]) -> TypedData:
    """`Freeze`, `Unfreeze`, `Revoke`, `RotateKey` or `RequestWithdraw`, with the members of that struct."""
    return _typed(contract_domain(chain_id, contract), action, {action: _ACTIONS[action]}, message)


# --- signing


def _signable(typed_data: Mapping[str, Any]) -> SignableMessage:
    return encode_typed_data(full_message=dict(typed_data))


def digest(typed_data: Mapping[str, Any]) -> str:
    """What a wallet signs: the EIP-712 hash, domain included."""
    message = _signable(typed_data)
    return "0x" + keccak(b"\x19" + message.version + message.header + message.body).hex()


def sign(key: BaseAccount, typed_data: Mapping[str, Any]) -> str:
    """The signature in 65 bytes (r, s, v of 27 or 28), with low s."""
    return "0x" + bytes(key.sign_message(_signable(typed_data)).signature).hex()


def _parts(signature: str) -> tuple[int, int, int] | None:
    """(v, r, s) of either form; only low s."""
    try:
        raw = bytes.fromhex(signature.removeprefix("0x"))
    except ValueError:
        return None
    r, s = int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:64], "big")
    if len(raw) == 65 and raw[64] in (0, 1, 27, 28):
        parity = raw[64] % 27
    elif len(raw) == 64:  # ERC-2098: the parity is the highest bit of s
        parity, s = s >> 255, s & ((1 << 255) - 1)
    else:
        return None
    return (27 + parity, r, s) if r and 0 < s <= _HALF_ORDER else None


def signer(typed_data: Mapping[str, Any], signature: str) -> str | None:
    """Whose signature that is, as an address; `None` when it is nobody's, or its s is not low."""
    parts = _parts(signature)
    if parts is None:
        return None
    try:
        address: str = Account.recover_message(_signable(typed_data), vrs=parts)
    except Exception:  # eth-keys has many errors for what is no point of the curve
        return None
    return address


def same_address(one: str, other: str) -> bool:
    """Addresses come with and without checksum."""
    return one.lower() == other.lower()


def session_terms(
    *,
    owner: str,
    token: str,
    valid_after: int,
    valid_until: int,
    settle_grace: int,
    withdraw_delay: int,
    allowances: Sequence[Mapping[str, Any]],
    salt: str,
) -> dict[str, Any]:
    """The contract's `Session`; times in unix seconds."""
    return {
        "owner": owner,
        "token": token,
        "validAfter": valid_after,
        "validUntil": valid_until,
        "settleGrace": settle_grace,
        "withdrawDelay": withdraw_delay,
        "allowances": [dict(allowance) for allowance in allowances],
        "salt": salt,
    }
