"""A session: a key of the client's that may sign vouchers for one payee, up to what its owner put into escrow.

Like any wallet, the owner does not sign what it is shown but what it asked for: the terms are put together again
here, and must give the very session that the server names.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from time import time
from typing import Any

from eth_account.signers.base import BaseAccount

from . import signing
from ._money import Money, atomic, text
from .errors import RefusedToSign
from .networks import network
from .signing import same_address
from .spending import Spending
from .types import AuthorizationIn, KeyRotation, OwnerSignatureIn, SessionKey

#: A local chain: nothing of worth is there, so its contract need not be known beforehand.
_LOCAL = 31337
_UNITS_MAX = 2**128 - 1
#: No signature of another key is good for longer.
_ROTATION_SECS_MAX = 86_400


@dataclass(frozen=True)
class Deployment:
    """The contract and token that an owner trusts. Get them from the provider's documents, not from its API."""

    chain_id: int
    contract: str
    token: str
    #: Who may be paid; anybody when left out.
    payee: str | None = None


@dataclass(frozen=True)
class Asked:
    """What an owner asked for when the session was drawn up."""

    owner: str
    #: The address of the session's key; `None` where Tollbook keeps it.
    key: str | None
    limit: Money
    valid_until: datetime
    period_limit: Money | None = None
    period_secs: int | None = None
    valid_after: datetime | None = None
    #: The owner's money comes back at most so long after it was asked for.
    withdraw_delay_secs_max: int = 30 * 86_400


@dataclass(frozen=True)
class Session:
    """A session whose key is here. It can be shared by clients, threads and tasks; `spending` counts for all of them.

    One session in several processes works as well: each learns from the server what the others spent.
    """

    key: BaseAccount = field(repr=False)
    chain_id: int
    contract: str
    token: str
    #: As the contract calls it: 0x and 64 digits.
    session_id: str
    payee: str
    #: As the ledger calls it: `ses_…`.
    id: str | None = None
    #: Where the session's owner has changed its key: what was signed for with former keys, in all, in atomic units. So
    #: much is taken for agreed to, though no voucher of this key shows it. From what was kept, not from the server that
    #: is paid: it is what that server is checked against.
    start_at: int = field(default=0, compare=False)
    spending: Spending = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if type(self.start_at) is not int:
            raise TypeError(f"start_at is an int of atomic units, not {type(self.start_at).__name__}")
        if not 0 <= self.start_at <= _UNITS_MAX:
            raise ValueError("start_at is not between 0 and all atomic units that there can be")
        object.__setattr__(self, "spending", Spending(self.sign_voucher, self.is_own_voucher, self.start_at))

    @classmethod
    def of(cls, session_key: SessionKey, key: BaseAccount, *, start_at: int = 0) -> Session:
        """From the API's session key, and the client's key to it. `start_at` is for a key that replaced another one."""
        if not same_address(session_key["key"], key.address):
            raise ValueError(f"the session's key is {session_key['key']}, not {key.address}")
        chain = session_key["chain"]
        return cls(
            key, chain["id"], chain["contract"], chain["token"], session_key["session_id"], session_key["payee"],
            session_key["id"], start_at,
        )  # fmt: skip

    def with_key(self, key: BaseAccount) -> Session:
        """The same session with the key that its owner has put in the place of this one. What was signed for so far is
        where it starts: make it when nothing more is paid with this one."""
        return replace(self, key=key, start_at=self.spending.signed)

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any], key: BaseAccount) -> Session:
        """From what `to_dict` gave. The key is not part of it: keep that somewhere safe."""
        return cls(key, **saved)

    def to_dict(self) -> dict[str, Any]:
        """To keep; without the key. How much was spent need not be kept: the server says it, and proves it, as long as
        the key is the same. `start_at`, what was signed for until now, is for the key that may take its place."""
        names = ("chain_id", "contract", "token", "session_id", "payee", "id")
        return {**{name: getattr(self, name) for name in names}, "start_at": self.spending.signed}

    def voucher(self, max_claimable: int) -> signing.TypedData:
        """The typed data of a voucher of this session."""
        return signing.voucher(self.chain_id, self.contract, self.session_id, self.payee, max_claimable)

    def sign_voucher(self, max_claimable: int) -> str:
        """Promises that the payee may claim so many atomic units, in all."""
        return signing.sign(self.key, self.voucher(max_claimable))

    def is_own_voucher(self, max_claimable: int, signature: str) -> bool:
        """Whether this session's key signed that."""
        signer = signing.signer(self.voucher(max_claimable), signature)
        return signer is not None and same_address(signer, self.key.address)


def _seconds(at: datetime | str) -> int:
    when = datetime.fromisoformat(at.replace("Z", "+00:00")) if isinstance(at, str) else at
    if when.tzinfo is None:
        raise ValueError("a time needs a time zone")
    return int(when.astimezone(timezone.utc).timestamp())


def _demand(holds: bool, what: str) -> None:
    if not holds:
        raise RefusedToSign(what)


def terms(drawn_up: SessionKey, asked: Asked, trusted: Deployment | None) -> dict[str, Any]:
    """The contract's session as it was asked for, with what the provider may choose: who is paid, the delays, the
    salt. Raises `RefusedToSign` when that is not the session the server names."""
    chain = drawn_up["chain"]
    if trusted is None:
        _demand(chain["id"] == _LOCAL, "on this chain, say which contract and token you trust: Deployment(…)")
    else:
        _demand(
            chain["id"] == trusted.chain_id
            and same_address(chain["contract"], trusted.contract)
            and same_address(chain["token"], trusted.token),
            "the server uses another chain, contract or token",
        )
        _demand(trusted.payee is None or same_address(trusted.payee, drawn_up["payee"]), "somebody else would be paid")
    key = asked.key or drawn_up["key"]
    _demand(same_address(key, drawn_up["key"]), "it is for another key")
    delay = drawn_up["withdraw_delay_secs"]
    _demand(delay <= asked.withdraw_delay_secs_max, f"money would come back only {delay} seconds after it is asked for")
    if asked.valid_after is not None:
        _demand(_seconds(asked.valid_after) == _seconds(drawn_up["valid_after"]), "it begins at another time")
    allowance = {
        "payee": drawn_up["payee"],
        "limit": str(atomic(asked.limit)),
        "periodLimit": str(atomic(asked.period_limit or 0)),
        "period": asked.period_secs or 0,
    }
    session = signing.session_terms(
        owner=asked.owner,
        token=chain["token"],
        valid_after=_seconds(drawn_up["valid_after"]),
        valid_until=_seconds(asked.valid_until),
        settle_grace=drawn_up["settle_grace_secs"],
        withdraw_delay=delay,
        allowances=[allowance],
        salt=drawn_up["typed_data"]["grant"]["message"]["session"]["salt"],
    )
    computed = signing.digest(signing.session(chain["id"], chain["contract"], session))
    _demand(computed == drawn_up["session_id"].lower(), "the session has other terms")
    return session


def sign_grant(owner: BaseAccount, drawn_up: SessionKey, asked: Asked, trusted: Deployment | None = None) -> str:
    """The owner's signature that registers the session, without money."""
    session, chain = terms(drawn_up, asked, trusted), drawn_up["chain"]
    return signing.sign(owner, signing.grant(chain["id"], chain["contract"], session, drawn_up["key"]))


def sign_open(
    owner: BaseAccount,
    drawn_up: SessionKey,
    asked: Asked,
    trusted: Deployment | None = None,
    *,
    amount: Money | None = None,
    index: int = 0,
) -> AuthorizationIn:
    """The owner's signature that registers the session and deposits `amount` (the limit when left out), in one.

    Send it with `session_keys.register(…, authorization=…)`.
    """
    terms(drawn_up, asked, trusted)
    deposited = asked.limit if amount is None else amount
    valid_before = _seconds(asked.valid_until)
    return _authorize(owner, drawn_up, drawn_up["key"], deposited, index, valid_before)


def sign_deposit(
    owner: BaseAccount, session_key: SessionKey, amount: Money, *, valid_before: datetime, index: int = 0
) -> AuthorizationIn:
    """The owner's signature that deposits more. Each deposit of the same amount needs another `index`."""
    return _authorize(owner, session_key, None, amount, index, _seconds(valid_before))


def sign_rotation(
    owner: BaseAccount, session_key: SessionKey, prepared: KeyRotation, key: str | None = None
) -> OwnerSignatureIn:
    """The owner's signature that `key` takes the place of the session's present key. Without `key` it is the one that
    Tollbook has made, and the session key must be managed.

    `prepared` is what `session_keys.prepare_rotation(…)` gave; send it with `session_keys.rotate(…)`. Raises
    `RefusedToSign` when another key would follow.
    """
    follows, nonce, deadline = prepared["key"], prepared["nonce"], prepared["deadline"]
    _demand(key is not None or session_key["custody"] == "managed", "say which key of yours is to follow")
    _demand(key is None or same_address(follows, key), "another key would follow than was asked for")
    _demand(type(nonce) is int and type(deadline) is int, "what is to be signed has no nonce or deadline")
    _demand(deadline <= time() + _ROTATION_SECS_MAX, "the signature would be good for more than a day")
    chain = session_key["chain"]
    # Put together here, not as it is shown.
    message = {
        "sessionId": session_key["session_id"],
        "key": follows,
        "nonce": str(nonce),
        "deadline": str(deadline),
    }
    typed_data = signing.owner_action(chain["id"], chain["contract"], "RotateKey", message)
    return {"signature": signing.sign(owner, typed_data), "nonce": nonce, "deadline": deadline}


def _authorize(
    owner: BaseAccount, session_key: SessionKey, key: str | None, deposited: Money, index: int, valid_before: int
) -> AuthorizationIn:
    chain, units = session_key["chain"], atomic(deposited)
    token = network(chain["id"])
    domain = {
        "name": token.usdc_name,
        "version": token.usdc_version,
        "chainId": chain["id"],
        "verifyingContract": chain["token"],
    }
    typed_data = signing.receive_authorization(
        domain,
        owner=owner.address,
        contract=chain["contract"],
        units=units,
        nonce=signing.deposit_nonce(session_key["session_id"], key, session_key["payee"], units, index),
        valid_before=valid_before,
    )
    return {
        "amount": text(deposited),
        "signature": signing.sign(owner, typed_data),
        "index": index,
        "valid_after": 0,
        "valid_before": valid_before,
    }
