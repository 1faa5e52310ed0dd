"""Reads a stream with the stock client and says so, a token a line, until somebody kills it."""

import sys

from openai import OpenAI

base_url, secret, model, content, tokens, token_ms = sys.argv[1:]
client = OpenAI(base_url=base_url, api_key=secret)
knobs = {"x-demo-tokens": tokens, "x-demo-token-ms": token_ms}
messages = [{"role": "user", "content": content}]
stream = client.chat.completions.create(
    model=model, messages=messages, stream=True, max_tokens=int(tokens), extra_headers=knobs
)
for chunk in stream:
    for choice in chunk.choices:
        if choice.delta.content:
            print(choice.delta.content.strip(), flush=True)
