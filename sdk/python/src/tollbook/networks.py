"""Chains with their USDC, as in docs/chain.md: what the token's EIP-712 domain is called differs among them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Network:
    """A chain, and its USDC."""

    name: str
    chain_id: int
    #: The token's address; `None` where it is deployed for the occasion.
    usdc: str | None
    usdc_name: str
    usdc_version: str

    @property
    def caip2(self) -> str:
        """As x402 version 2 names it."""
        return f"eip155:{self.chain_id}"


NETWORKS = (
    Network("local", 31337, None, "USD Coin", "2"),
    Network("base", 8453, "0x833589fcd6edb6e08f4c7c32d4f71b54bda02913", "USD Coin", "2"),
    Network("base-sepolia", 84532, "0x036cbd53842c5426634e7929541ec2318f3dcf7e", "USDC", "2"),
    Network("polygon", 137, "0x3c499c542cef5e3811e1192ce70d8cc03d5c3359", "USD Coin", "2"),
    Network("polygon-amoy", 80002, "0x41e94eb019c0762f9bfcf9fb1e58725bfb0e7582", "USDC", "2"),
)


def network(which: str | int) -> Network:
    """By its name or chain id."""
    for known in NETWORKS:
        if str(which) in (known.name, str(known.chain_id)):
            return known
    raise ValueError(f"{which} is not a known network: {', '.join(known.name for known in NETWORKS)}")
