"""For FastAPI: what a route costs, as a dependency. The app has `PaidMiddleware`, which does the rest.

    app.add_middleware(PaidMiddleware)

    @app.get("/joke", dependencies=[Depends(paid("0.001"))])
    def joke(): …

    @app.post("/summary")
    async def summary(payment: Annotated[Payment | None, Depends(paid("0.05"))]):
        …
        payment.charge("0.0123")        # at most what is held
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Optional

from fastapi import HTTPException, Request

from .asgi import SCOPE_KEY, Cost, Gate, PaidMiddleware, Payment, Price
from .till import Refused

__all__ = ["PaidMiddleware", "Payment", "paid"]


def paid(price: Price, *, cost: Cost | None = None) -> Callable[[Request], Awaitable[Optional[Payment]]]:
    """A dependency that lets only paid requests pass.

    `price` is what it costs, or a function of the request (`None` is free). With `cost`, a function of request and
    answer, or with `payment.charge(…)`, the price is the most it can cost, and the rest is given back.
    """

    async def payment(request: Request) -> Optional[Payment]:
        gate = request.scope.get(SCOPE_KEY)
        if not isinstance(gate, Gate):
            raise RuntimeError("paid() needs the middleware: app.add_middleware(PaidMiddleware)")
        try:
            return await gate.require(request, price, cost)
        except Refused as refused:
            # The middleware answers in its stead: with the ways to pay.
            raise HTTPException(refused.status, refused.code) from refused

    return payment
