"""Money as it is written and signed: exact decimals, and whole atomic units of a token. Never a float."""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal, InvalidOperation
from typing import Union

#: What an amount may be given as.
Money = Union[str, int, Decimal]

#: USDC has six decimals: 1 USDC is 1,000,000 atomic units.
USDC_DECIMALS = 6

# Amounts have up to 15 digits before the point and 12 after it; nothing here is ever rounded by the context.
_EXACT = Context(prec=60)


def amount(value: Money) -> Decimal:
    """The amount that this says, not negative. A float is refused: 0.1 is not what it seems to be."""
    if isinstance(value, bool) or not isinstance(value, (str, int, Decimal)):
        raise TypeError(f"an amount is a str, int or Decimal, not {type(value).__name__}")
    try:
        read = Decimal(value)
    except InvalidOperation:
        raise ValueError(f"{value!r} is not an amount") from None
    exponent = read.as_tuple().exponent
    if not isinstance(exponent, int) or exponent < -30 or read.adjusted() > 30 or read < 0:
        raise ValueError(f"{value!r} is not an amount")
    return read


def text(value: Money) -> str:
    """As the API writes amounts: plain digits, without zeros at the end."""
    plain = format(amount(value), "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def atomic(value: Money, decimals: int = USDC_DECIMALS) -> int:
    """In atomic units. What has more decimals than the token is refused."""
    units = amount(value).scaleb(decimals, _EXACT)
    if units != units.to_integral_value():
        raise ValueError(f"{value} has more than {decimals} decimals")
    return int(units)


def atomic_up(value: Money, decimals: int = USDC_DECIMALS) -> int:
    """In atomic units, rounded up: what a voucher must say at least."""
    return int(amount(value).scaleb(decimals, _EXACT).to_integral_value(rounding=ROUND_CEILING))


def atomic_down(value: Money, decimals: int = USDC_DECIMALS) -> int:
    """In atomic units, rounded down: what is there at least."""
    return int(amount(value).scaleb(decimals, _EXACT).to_integral_value(rounding=ROUND_FLOOR))


def from_atomic(units: int, decimals: int = USDC_DECIMALS) -> Decimal:
    """In units of the token: 1500000 is 1.5 USDC."""
    return Decimal(units).scaleb(-decimals, _EXACT)


def units(value: object, maximum: int = 2**128 - 1) -> int:
    """Atomic units from outside: decimal digits, nothing else, at most `maximum`."""
    if not isinstance(value, str) or not 0 < len(value) <= 78 or not (value.isascii() and value.isdigit()):
        raise ValueError("not a whole number of atomic units")
    number = int(value)
    if number > maximum:
        raise ValueError("more atomic units than there can be")
    return number
