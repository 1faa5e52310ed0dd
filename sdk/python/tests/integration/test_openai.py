"""The stock openai client, with only base_url and api_key changed: it costs tokens × prices, to the last digit."""

import asyncio
import subprocess
import sys
from decimal import Decimal
from pathlib import Path

import httpx
import pytest
from openai import APIStatusError, OpenAI

from tollbook import SessionAuth

from .conftest import charges, eventually

MESSAGES = [
    {"role": "system", "content": "You are a careful clerk. Answer briefly."},
    {"role": "user", "content": "What does the ledger say about the toll at the eastern gate?"},
]
WRITTEN_MAX = 40
READER = Path(__file__).with_name("reader.py")


def the_charge(api, payer):
    """The only one there is, or the one that is new; its lines add up."""
    (charge,) = charges(api, customer_id=payer).values()
    assert sum(Decimal(line["amount"]) for line in charge["lines"]) == Decimal(charge["amount"])
    return charge


def of_chat(model, usage):
    cached = usage.prompt_tokens_details.cached_tokens if usage.prompt_tokens_details else 0
    assert usage.prompt_tokens > 0 and usage.completion_tokens > 0 and cached > 0
    return model.cost(usage.prompt_tokens, cached, usage.completion_tokens)


def of_response(model, usage):
    cached = usage.input_tokens_details.cached_tokens
    assert usage.input_tokens > 0 and usage.output_tokens > 0
    return model.cost(usage.input_tokens, cached, usage.output_tokens)


def check(api, payer, cost, headers):
    charge = the_charge(api, payer)
    assert Decimal(charge["amount"]) == cost
    assert headers["x-tollbook-charge"] == charge["id"]
    assert Decimal(headers["x-tollbook-cost"]) == cost and headers["x-tollbook-currency"] == "USD"
    assert Decimal(headers["x-tollbook-remaining"]) == 1 - cost


def test_chat(api, openai, model, customer):
    payer, secret = customer("1")
    raw = openai(secret).chat.completions.with_raw_response.create(
        model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX
    )
    answer = raw.parse()
    assert answer.choices[0].message.content
    check(api, payer, of_chat(model, answer.usage), raw.headers)


def test_chat_streamed_with_usage(api, openai, model, customer):
    payer, secret = customer("1")
    chunks = list(
        openai(secret).chat.completions.create(
            model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX, stream=True,
            stream_options={"include_usage": True},
        )
    )  # fmt: skip
    usage = chunks[-1].usage
    written = [chunk for chunk in chunks if chunk.choices and chunk.choices[0].delta.content]
    assert usage.completion_tokens == len(written)
    charge, cost = the_charge(api, payer), of_chat(model, usage)
    assert Decimal(charge["amount"]) == cost
    # The cost stands beside the usage.
    told = chunks[-1].model_extra["tollbook"]
    assert (told["charge_id"], Decimal(told["cost"]), told["currency"]) == (charge["id"], cost, "USD")
    assert Decimal(told["remaining"]) == 1 - cost


def test_chat_streamed_without_usage(api, openai, model, customer):
    payer, secret = customer("1")
    client = openai(secret)
    chunks = list(
        client.chat.completions.create(model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX, stream=True)
    )
    assert all(chunk.choices and chunk.usage is None for chunk in chunks)
    charge = the_charge(api, payer)
    # The same request, told whole, says what that was.
    whole = client.chat.completions.create(model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text == whole.choices[0].message.content
    assert Decimal(charge["amount"]) == of_chat(model, whole.usage)


def test_embeddings(api, openai, model, customer):
    payer, secret = customer("1")
    raw = openai(secret).embeddings.with_raw_response.create(model=model.name, input=["one two", "three"])
    answer = raw.parse()
    assert len(answer.data) == 2 and answer.usage.prompt_tokens == 3
    check(api, payer, model.cost(3, 0, 0), raw.headers)


def test_responses(api, openai, model, customer):
    payer, secret = customer("1")
    raw = openai(secret).responses.with_raw_response.create(
        model=model.name, instructions="Be brief.", input="What is owed?", max_output_tokens=WRITTEN_MAX
    )
    answer = raw.parse()
    assert answer.output_text
    check(api, payer, of_response(model, answer.usage), raw.headers)


def test_responses_streamed(api, openai, model, customer):
    payer, secret = customer("1")
    events = list(
        openai(secret).responses.create(
            model=model.name, input="What is owed?", max_output_tokens=WRITTEN_MAX, stream=True
        )
    )
    last = events[-1].response
    charge, cost = the_charge(api, payer), of_response(model, last.usage)
    assert Decimal(charge["amount"]) == cost
    assert Decimal(last.model_extra["tollbook"]["cost"]) == cost


def test_completions_and_models(api, openai, model, customer):
    payer, secret = customer("1")
    client = openai(secret)
    assert any(client.models.list())
    answer = client.completions.create(model=model.name, prompt="one two three", max_tokens=WRITTEN_MAX)
    cost = model.cost(answer.usage.prompt_tokens, 0, answer.usage.completion_tokens)
    assert Decimal(the_charge(api, payer)["amount"]) == cost


def test_with_a_managed_session_key(api, openai, model, managed_key):
    session_key_id, secret = managed_key("1")
    raw = openai(secret).chat.completions.with_raw_response.create(
        model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX
    )
    cost = of_chat(model, raw.parse().usage)
    (charge,) = charges(api, session_key_id=session_key_id).values()
    assert Decimal(charge["amount"]) == cost == Decimal(raw.headers["x-tollbook-cost"])
    assert (charge["currency"], raw.headers["x-tollbook-currency"]) == ("USDC", "USDC")
    assert Decimal(raw.headers["x-tollbook-remaining"]) == 1 - cost


def test_with_await(api, async_openai, model, customer):
    payer, secret = customer("1")

    async def run():
        async with async_openai(secret) as client:
            stream = await client.chat.completions.create(
                model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX, stream=True,
                stream_options={"include_usage": True},
            )  # fmt: skip
            return [chunk async for chunk in stream]

    usage = asyncio.run(run())[-1].usage
    assert Decimal(the_charge(api, payer)["amount"]) == of_chat(model, usage)


def test_errors_are_openais(openai, model, customer):
    _, secret = customer("1")
    client = openai(secret)
    for wrong, status, code in (
        ({"model": "nobody-prices-this"}, 400, "model_not_priced"),
        ({"model": model.name, "max_tokens": 999_999_999}, 400, "max_tokens_above_limit"),
    ):
        with pytest.raises(APIStatusError) as error:
            client.chat.completions.create(messages=MESSAGES, **wrong)
        assert (error.value.status_code, error.value.code) == (status, code)
    _, poor = customer("0.000000001")
    with pytest.raises(APIStatusError) as error:
        openai(poor).chat.completions.create(model=model.name, messages=MESSAGES, max_tokens=WRITTEN_MAX)
    assert (error.value.status_code, error.value.code) == (402, "insufficient_funds")


@pytest.mark.parametrize("stream", [False, True])
def test_with_vouchers(api, model, models_url, open_session, stream):
    """One argument more: a client's own session key instead of a bearer key."""
    session = open_session("1")
    auth = SessionAuth(session, max_amount_per_request="0.05")
    costs = []
    with OpenAI(base_url=models_url, api_key="unused", http_client=httpx.Client(auth=auth, timeout=60)) as client:
        for number in range(5):
            request = {"model": model.name, "max_tokens": WRITTEN_MAX}
            request["messages"] = [*MESSAGES, {"role": "user", "content": f"Once more, {number}."}]
            if stream:
                options = {"stream": True, "stream_options": {"include_usage": True}}
                usage = list(client.chat.completions.create(**request, **options))[-1].usage
            else:
                usage = client.chat.completions.create(**request).usage
            costs.append(of_chat(model, usage))
    ledger = charges(api, session_key_id=session.id)
    assert sorted(Decimal(charge["amount"]) for charge in ledger.values()) == sorted(costs)
    state = api.session_keys.get(session.id)
    assert Decimal(state["charged"]) == sum(costs) and Decimal(state["held"]) == 0
    # Nothing was signed far beyond what was used: at most what one request can cost.
    assert session.spending.signed < 50_000 * 2


def test_a_client_that_is_killed_in_mid_stream_pays_for_what_it_received(api, openai, model, models_url, customer):
    payer, secret = customer("1")
    content, tokens, token_ms, read = "Count the coins, slowly.", 400, 25, 30
    arguments = [models_url, secret, model.name, content, str(tokens), str(token_ms)]
    with subprocess.Popen([sys.executable, READER, *arguments], stdout=subprocess.PIPE, text=True) as reader:
        received = [reader.stdout.readline().strip() for _ in range(read)]
        reader.kill()
        received += reader.stdout.read().split()
    assert all(received) and read <= len(received) < tokens

    charge = eventually(lambda: the_charge_of_a_stream(api, payer))
    whole = openai(customer("1")[1]).chat.completions.create(
        model=model.name, messages=[{"role": "user", "content": content}], max_tokens=tokens,
        extra_headers={"x-demo-tokens": str(tokens)},
    )  # fmt: skip
    words = whole.choices[0].message.content.split()
    assert words[: len(received)] == received and len(words) == tokens
    lines = {line["meter"]: Decimal(line["quantity"]) for line in charge["lines"]}
    charged = lines[f"{model.code}.output"]
    # What was written counts a token for each piece, or for four bytes: whichever is more. Some pieces were on their
    # way when the reader died; not more than come in two seconds.
    on_the_way = range(len(received), min(len(received) + 2_000 // token_ms, tokens - 1) + 1)
    counts = {number: max(number, -(-len(" ".join(words[:number]).encode()) // 4)) for number in on_the_way}
    assert charged in counts.values(), (charged, counts)
    assert charge["metadata"]["counted"] == "estimate"
    expected = model.cost(lines[f"{model.code}.input"], 0, charged)
    assert Decimal(charge["amount"]) == expected < of_all(model, whole)
    assert not api.holds.list(customer_id=payer)["data"]


def the_charge_of_a_stream(api, payer):
    found = charges(api, customer_id=payer)
    assert len(found) == 1
    return the_charge(api, payer)


def of_all(model, whole):
    return model.cost(whole.usage.prompt_tokens, 0, whole.usage.completion_tokens)


def test_fifty_clients_at_once_with_a_budget_for_ten(api, echo, customer):
    """A fixed price, by bearer key: each client with a connection of its own."""
    payer, secret = customer("0.1")

    async def one(number):
        async with httpx.AsyncClient(timeout=60) as http:
            return await http.get(f"{echo}/{number}", headers={"authorization": f"Bearer {secret}"})

    async def run():
        return await asyncio.gather(*(one(number) for number in range(50)))

    answers = asyncio.run(run())
    assert sorted(answer.status_code for answer in answers) == [200] * 10 + [402] * 40
    ledger = charges(api, customer_id=payer)
    paid = {answer.headers["x-tollbook-charge"] for answer in answers if answer.status_code == 200}
    assert paid == set(ledger) and sum(Decimal(charge["amount"]) for charge in ledger.values()) == Decimal("0.1")
    assert Decimal(api.customers.get(payer)["account"]["available"]) == 0


def test_fifty_openai_clients_at_once_with_a_budget_for_ten(
    api, route, upstream, gateway, model, async_openai, customer
):
    """The same through the stock client, on a route for models with a price for each request."""
    path = route("/fixed/*", upstream=f"{upstream}/v1", kind="openai", price={"per_request": "0.01"})
    payer, secret = customer("0.1")

    async def one():
        async with async_openai(secret) as client:
            client.base_url = gateway + path
            try:
                await client.embeddings.create(model=model.name, input="one")
                return 200
            except APIStatusError as error:
                return error.status_code

    async def run():
        return await asyncio.gather(*(one() for _ in range(50)))

    assert sorted(asyncio.run(run())) == [200] * 10 + [402] * 40
    assert len(charges(api, customer_id=payer)) == 10
