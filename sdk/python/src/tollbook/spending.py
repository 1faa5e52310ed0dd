"""How much a client signs for. All of a session's requests, of all threads and tasks, count here.

A voucher is cumulative, and a bearer's word: whoever signed for 5 USDC in all has given away 5 USDC, whatever was
delivered. So no voucher is higher than

- what was signed before, which gives away nothing more, or
- for a first try: that and the price of this request;
- for a correction: the highest voucher that the server shows, when its signature is this key's own, and the price.

Vouchers of a key that was replaced are no proof, and servers do not show them. What was signed for with former keys of
the session is known from `start_at`, and stands for that voucher as long as no higher one is shown.

The price is at most the client's limit for a request, and a request is tried a few times only. An honest server never
needs more: what is charged and held never exceeds the highest voucher that it has. Other processes with the same key,
and earlier lives of this one, are known by their vouchers.

What the server says was charged is believed up to what was signed: that costs nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic

from .errors import PaymentRefused
from .x402 import SessionState

_KEY_CHANGED = (
    "If the session had another key before, no voucher of this one shows what was signed for with that: "
    "give `start_at` with the session, or make it with `with_key` from the former one"
)


@dataclass(frozen=True)
class Voucher:
    """A promise: so many atomic units may be claimed, in all."""

    max_claimable: int
    signature: str


@dataclass(eq=False)
class Ticket:
    """A request that is being paid for."""

    #: Its place in the order of beginnings and ends.
    begun: int
    #: What it may cost.
    amount: int = 0
    #: By how much it has raised what was signed.
    raised: int = 0
    #: Not counted any more from here on (monotonic seconds): what was held for it has ended.
    until: float = field(default=float("inf"))


class Spending:
    """What a session's key has signed, and what it was used for."""

    def __init__(self, sign: Callable[[int], str], is_own: Callable[[int, str], bool], start_at: int = 0) -> None:
        self._sign, self._is_own = sign, is_own
        self._lock = threading.Lock()
        self._start_at = start_at
        self._signed = start_at
        self._charged = 0
        self._accepted: Voucher | None = None
        self._open: set[Ticket] = set()
        # Streams that were read to their end, whose cost is not known yet: amount by when it ended.
        self._ended: dict[int, int] = {}
        self._clock = 0

    @property
    def signed(self) -> int:
        """The most that this key, or one before it, is known to have signed for, in atomic units: what can be lost."""
        with self._lock:
            return self._signed

    @property
    def charged(self) -> int:
        """What was charged in all, in atomic units, as far as is known here."""
        with self._lock:
            return self._charged

    def begin(self) -> Ticket:
        """A request begins."""
        with self._lock:
            self._clock += 1
            ticket = Ticket(self._clock)
            self._open.add(ticket)
            return ticket

    def promise(self, ticket: Ticket, amount: int, amount_max: int) -> Voucher:
        """A voucher for a request that costs at most `amount`."""
        self._check_price(amount, amount_max)
        with self._lock:
            ticket.amount = amount
            ceiling = self._signed - ticket.raised + amount
            return self._voucher(ticket, min(self._needed(), ceiling))

    def correct(self, ticket: Ticket, amount: int, amount_max: int, state: SessionState) -> Voucher:
        """A voucher after the server said that the last one does not reach. Raises `PaymentRefused` when it wants
        more than it can show to be right."""
        self._check_price(amount, amount_max)
        stored = state.voucher
        if stored is not None and not self._is_own(stored.max_claimable, stored.signature):
            raise PaymentRefused("foreign_voucher", "the server shows a voucher that this session's key did not sign")
        with self._lock:
            ticket.amount = amount
            verified = 0 if stored is None else stored.max_claimable
            self._signed = max(self._signed, verified)
            self._learn(state.charged, ticket)
            ceiling = max(self._signed, max(verified, self._start_at) + amount)
            if state.required > ceiling:
                raise PaymentRefused(
                    "required_above_limit",
                    f"the server asks for {state.required} atomic units in all; what it shows justifies {ceiling}. "
                    + _KEY_CHANGED,
                )
            escrow = state.charged + state.held + state.available
            if self._accepted is not None and self._accepted.max_claimable > escrow:
                self._accepted = None  # the owner took money back: what promises more is not taken any more
            # For the other requests that are under way, too: else each of them would have to ask again.
            return self._voucher(ticket, max(state.required, min(self._needed(), ceiling, escrow)))

    def accepted(self, ticket: Ticket, voucher: Voucher, charged: int | None) -> None:
        """It was paid; `charged` is what its receipt says was charged in all."""
        with self._lock:
            self._keep(voucher)
            self._open.discard(ticket)
            self._learn(ticket.amount + self._charged if charged is None else charged, ticket)

    def pending(self, ticket: Ticket, voucher: Voucher, charged: int | None, secs: float) -> None:
        """It was accepted; its cost will be known at the end of its stream, within so many seconds."""
        with self._lock:
            self._keep(voucher)
            ticket.until = monotonic() + secs
            if charged is not None:
                self._learn(charged, ticket)

    def ended(self, ticket: Ticket) -> None:
        """Its stream was read or closed: it has cost something, up to its price."""
        with self._lock:
            if ticket in self._open:
                self._open.discard(ticket)
                self._clock += 1
                self._ended[self._clock] = ticket.amount

    def dropped(self, ticket: Ticket) -> None:
        """It was not paid, or nobody knows. If it was after all, the server will say so with the next request."""
        with self._lock:
            self._open.discard(ticket)

    # --- with the lock held

    def _check_price(self, amount: int, amount_max: int) -> None:
        if amount > amount_max:
            raise PaymentRefused("price_above_limit", f"a price of {amount} atomic units, the limit is {amount_max}")

    def _needed(self) -> int:
        now = monotonic()
        self._open = {ticket for ticket in self._open if ticket.until > now}
        return self._charged + sum(ticket.amount for ticket in self._open) + sum(self._ended.values())

    def _voucher(self, ticket: Ticket, units: int) -> Voucher:
        if self._accepted is not None and self._accepted.max_claimable >= units:
            return self._accepted
        if units > self._signed:
            ticket.raised += units - self._signed
            self._signed = units
        return Voucher(units, self._sign(units))

    def _keep(self, voucher: Voucher) -> None:
        if self._accepted is None or voucher.max_claimable > self._accepted.max_claimable:
            self._accepted = voucher

    def _learn(self, charged: int, ticket: Ticket) -> None:
        # More than was signed cannot be charged. What ended before this request began is in the figure.
        self._charged = max(self._charged, min(charged, self._signed))
        self._ended = {ended: amount for ended, amount in self._ended.items() if ended > ticket.begun}
