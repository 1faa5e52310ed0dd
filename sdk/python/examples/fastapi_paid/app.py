"""A FastAPI app with paid routes. Who pays, what was paid and what is left is in the ledger: this app keeps nothing."""

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Annotated, Optional

from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse

from tollbook.fastapi import PaidMiddleware, Payment, paid

app = FastAPI(title="Fortunes")
app.add_middleware(PaidMiddleware)  # the ledger of TOLLBOOK_URL and TOLLBOOK_API_KEY

FORTUNES = (
    "What is not written down was not agreed.",
    "A price that is told beforehand is half paid.",
    "The ledger remembers what the purse forgets.",
)


@app.get("/")
def about() -> dict[str, str]:
    """Free."""
    return {"/fortune/{number}": "0.01", "POST /shout": "0.001 a word", "/count": "at most 0.01, 0.001 a line"}


@app.get("/fortune/{number}", dependencies=[Depends(paid("0.01"))])
def fortune(number: int) -> dict[str, str]:
    """A fixed price."""
    return {"fortune": FORTUNES[number % len(FORTUNES)]}


async def by_words(request: Request) -> Decimal:
    """A price that follows from the request."""
    words = json.loads(await request.body() or "{}").get("text", "")
    return Decimal("0.001") * len(str(words).split())


@app.post("/shout", dependencies=[Depends(paid(by_words))])
def shout(body: dict[str, str]) -> dict[str, str]:
    """More words cost more; none cost nothing."""
    return {"text": body.get("text", "").upper()}


@app.get("/count")
async def count(
    payment: Annotated[Optional[Payment], Depends(paid("0.01"))], lines: Annotated[int, Query(ge=1, le=10)] = 3
) -> StreamingResponse:
    """A stream: 0.01 is held, and what it came to is charged at its end."""

    async def stream() -> AsyncIterator[str]:
        for line in range(1, lines + 1):
            if payment is not None:
                payment.charge(Decimal("0.001") * line)
            yield f"data: {line}\n\n"

    return StreamingResponse(stream(), media_type="text/event-stream")
