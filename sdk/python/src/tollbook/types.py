"""The shapes of the API's JSON, as docs/api.md has them: dictionaries, with amounts as decimal strings.

`Decimal(charge["amount"])` reckons with one. Answers may have more members than are named here. Inputs are the
classes that end in `In`: only what is given is sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Generic, Literal, Optional, TypedDict, TypeVar

T = TypeVar("T")


if TYPE_CHECKING:

    class Page(TypedDict, Generic[T]):
        """A page of a list."""

        object: str
        data: list[T]
        has_more: bool
        next_cursor: Optional[str]

else:  # before Python 3.11 a TypedDict is not generic

    class Page(TypedDict):
        """A page of a list."""

        object: str
        data: list[Any]
        has_more: bool
        next_cursor: Optional[str]


class Account(TypedDict):
    """A customer's money."""

    currency: str
    credits: str
    postpaid: str
    postpaid_limit: str
    held: str
    available: str


class SessionBalances(TypedDict):
    """A session key's money."""

    currency: str
    deposited: str
    charged: str
    claimed: str
    held: str
    available: str


class Organization(TypedDict):
    """Whose API key it is."""

    id: str
    name: str
    default_currency: str
    created_at: str
    payee: Optional[str]
    settlement_rules: Optional[dict[str, Any]]


class Customer(TypedDict):
    """Who pays. Lists have no `account`."""

    id: str
    external_id: Optional[str]
    name: Optional[str]
    email: Optional[str]
    currency: str
    created_at: str
    account: Account
    position: Optional[str]


class CreditGrant(TypedDict):
    """Credits that were given."""

    id: str
    customer_id: str
    amount: str
    currency: str
    priority: int
    expires_at: Optional[str]
    account: Account
    position: str


class Quota(TypedDict):
    """A limit of a meter for a customer."""

    customer_id: str
    meter: str
    limit: str
    period: str
    included: bool
    overage: str
    used: str
    remaining: str
    resets_at: Optional[str]
    position: Optional[str]


class Meter(TypedDict):
    """A price of the price list."""

    code: str
    unit: str
    unit_price: str
    currency: str
    version: int
    position: Optional[str]


class Line(TypedDict):
    """What a charge is made of."""

    meter: Optional[str]
    quantity: Optional[str]
    included_quantity: Optional[str]
    unit_price: Optional[str]
    amount: str


class UsageIn(TypedDict):
    """So much of a meter."""

    meter: str
    quantity: str


class Paid(TypedDict):
    """What paid for a charge."""

    credits: str
    postpaid: str
    session: str


class HoldOfCharge(TypedDict):
    """What a capture made of its hold."""

    id: str
    status: str
    held: str
    captured: str
    returned: str
    expires_at: str


class Charge(TypedDict):
    """A charge; a capture is one."""

    id: str
    customer_id: str
    session_key_id: Optional[str]
    amount: str
    currency: str
    lines: list[Line]
    paid: Paid
    account: Optional[Account]
    session: Optional[SessionBalances]
    hold: Optional[HoldOfCharge]
    description: Optional[str]
    metadata: dict[str, str]
    event_id: str
    occurred_at: str
    position: str


class Hold(TypedDict):
    """Money that is reserved."""

    id: str
    customer_id: str
    session_key_id: Optional[str]
    status: str
    held: str
    captured: str
    currency: str
    lines: list[Line]
    placed_at: str
    expires_at: str
    account: Optional[Account]
    session: Optional[SessionBalances]
    metadata: dict[str, str]
    position: str


class HoldState(TypedDict):
    """A hold as it is now, also when it has ended."""

    id: str
    customer_id: str
    session_key_id: Optional[str]
    status: Literal["open", "captured", "voided", "expired"]
    amount: str
    held: str
    captured: str
    currency: str
    placed_at: str
    expires_at: str
    ended_at: Optional[str]
    position: str


class VoucherIn(TypedDict, total=False):
    """What a session's key signed. `max_claimable` is cumulative, in atomic units."""

    max_claimable: str
    signature: str
    session_id: str
    payee: str


class BatchItem(TypedDict, total=False):
    """One outcome of a batch: a charge, a hold, a session key, or a problem."""

    status: int
    charge: Charge
    hold: Hold
    session_key: SessionKey
    session_key_id: str
    error: dict[str, Any]
    replayed: bool


class Batch(TypedDict):
    """The outcomes of a batch, in the order in which they were asked for."""

    data: list[BatchItem]
    position: Optional[str]


class Chain(TypedDict):
    """Where a session's money lies. Lists have no `token`."""

    id: int
    name: Optional[str]
    contract: str
    token: str


class StoredVoucher(TypedDict, total=False):
    """The highest voucher that came. `former_until` only when it is by a key that was replaced."""

    max_claimable: str
    max_claimable_atomic: str
    remaining: str
    signature: str
    former_until: str


class Relay(TypedDict):
    """Something on its way to the chain."""

    id: str
    action: str
    status: str


class TypedDataOfGrant(TypedDict):
    """What the owner signs, one of both."""

    grant: dict[str, Any]
    open: Optional[dict[str, Any]]


class PendingRotation(TypedDict):
    """Another key was seen on the chain, and that is not final."""

    key: str
    seen_block: int
    claimable_until: str


class KeyRotation(TypedDict):
    """Which key is to follow, and what the owner signs."""

    session_key_id: str
    key: str
    typed_data: dict[str, Any]
    nonce: int
    deadline: int
    position: Optional[str]


class SessionKey(TypedDict):
    """A session key. `typed_data` is there when it is drawn up; lists have no `voucher`, `relays`, `rotation` and
    `prepared_key`."""

    id: str
    customer_id: str
    status: Literal["pending", "active", "frozen", "revoked", "expired", "closed"]
    custody: Literal["managed", "self"]
    chain: Chain
    session_id: str
    owner: str
    key: str
    prepared_key: Optional[str]
    rotation: Optional[PendingRotation]
    payee: str
    currency: str
    limit: str
    period_limit: Optional[str]
    period_secs: Optional[int]
    valid_after: str
    valid_until: str
    settle_grace_secs: int
    withdraw_delay_secs: int
    frozen_by: list[str]
    deposited: str
    pending_deposits: str
    withdrawn: str
    charged: str
    claimed: str
    unsettled: str
    held: str
    available: str
    voucher: Optional[StoredVoucher]
    in_settlement: Optional[str]
    relays: list[Relay]
    position: Optional[str]
    typed_data: TypedDataOfGrant


class TypedData(TypedDict, total=False):
    """What is to be signed. `nonce` and `deadline` are there for the owner's actions."""

    action: str
    typed_data: dict[str, Any]
    nonce: int
    deadline: int


class AuthorizationIn(TypedDict, total=False):
    """A deposit that the owner signed (ERC-3009), sent as it was signed."""

    amount: str
    signature: str
    index: int
    valid_after: int
    valid_before: int


class OwnerSignatureIn(TypedDict):
    """An action that the owner signed."""

    signature: str
    nonce: int
    deadline: int


class Settlement(TypedDict):
    """A batch of claims."""

    id: str
    status: str
    reason: Optional[str]
    cause: str
    payee: str
    currency: str
    total: Optional[str]
    transferred: Optional[str]
    position: Optional[str]


class Event(TypedDict):
    """An event of the log."""

    event_id: str
    position: str
    category: str
    type: str
    occurred_at: str
    payload: dict[str, Any]


class RateIn(TypedDict, total=False):
    """So many requests in so many seconds."""

    requests: int
    per_secs: int
    burst: Optional[int]


class CredentialIn(TypedDict, total=False):
    """What the upstream asks for; kept encrypted and never shown."""

    header: str
    value: str


class RoutePriceIn(TypedDict, total=False):
    """What a request costs, as decimal strings."""

    currencies: list[str]
    per_request: str
    per_request_byte: str
    per_response_byte: str
    per_second: str
    per_model: bool
    meters: dict[str, str]


class RouteLimitsIn(TypedDict, total=False):
    """Limits of a route."""

    request_bytes_max: int
    response_bytes_max: int
    seconds_max: int
    first_byte_secs_max: int
    output_tokens_max: int
    per_payer: Optional[RateIn]
    per_ip: Optional[RateIn]
    total: Optional[RateIn]
    keep_secs: int
    keep_bytes: int


class RouteIn(TypedDict, total=False):
    """A path of the gateway: its upstream and its price. `credential` left out is kept, `None` is taken away."""

    path: str
    upstream: str
    methods: list[str]
    kind: Literal["http", "openai"]
    credential: Optional[CredentialIn]
    price: RoutePriceIn
    accepts: list[Literal["session", "exact", "bearer"]]
    limits: RouteLimitsIn
    description: str
    mime_type: str
    strip_prefix: bool


class Route(TypedDict):
    """A route as it is set."""

    id: str
    version: int
    path: str
    methods: list[str]
    upstream: str
    kind: str
    credential: Optional[dict[str, Any]]
    price: dict[str, Any]
    accepts: list[str]
    limits: dict[str, Any]
    position: Optional[str]


class RouteRemoved(TypedDict):
    """A route that is gone."""

    id: str
    deleted: bool
    position: str


class ModelPriceIn(TypedDict, total=False):
    """Prices of a model, for a million tokens."""

    model: str
    input_per_million: str
    cached_input_per_million: str
    output_per_million: str


class ModelPrice(TypedDict):
    """Prices of a model, as they are set. Its meters are `<code>.input`, `.cached_input` and `.output`."""

    model: str
    code: str
    input_per_million: str
    cached_input_per_million: str
    output_per_million: str
    version: int


class ModelPricesSet(TypedDict):
    """What became of prices that were sent. Models that are not sold by the token are `skipped`."""

    data: list[ModelPrice]
    skipped: list[str]
    position: str


class ModelRemoved(TypedDict):
    """A model that is off the list."""

    model: str
    deleted: bool
    position: str


class GatewayKey(TypedDict):
    """A bearer key of a payer. `secret` is shown once, when it is made."""

    id: str
    customer_id: Optional[str]
    session_key_id: Optional[str]
    name: Optional[str]
    prefix: str
    secret: Optional[str]
    expires_at: Optional[str]
    revoked_at: Optional[str]
    position: Optional[str]


class GatewayKeyPayer(TypedDict):
    """Whose bearer key that is: one of both."""

    id: str
    customer_id: Optional[str]
    session_key_id: Optional[str]
    expires_at: Optional[str]
