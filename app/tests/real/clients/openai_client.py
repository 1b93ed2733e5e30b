"""What OpenAI's own client does at the gateway, with nothing but a base URL and a key.

The provider behind the gateway is played by the test, which knows the order of what is asked here.
"""

import asyncio
import os

import openai
from pydantic import BaseModel

MODEL = "anchorwatch/diagnose"
MESSAGES = [{"role": "user", "content": "why does web crash?"}]
LOGS = {"type": "function", "function": {"name": "logs", "parameters": {"type": "object", "properties": {"pod": {"type": "string"}}}}}

client = openai.OpenAI(max_retries=0)


class Diagnosis(BaseModel):
    cause: str
    is_urgent: bool


def chat(**more):
    return client.chat.completions.create(model=MODEL, messages=MESSAGES, **more)


raw = client.chat.completions.with_raw_response.create(model=MODEL, messages=MESSAGES)
assert raw.headers["x-anchorwatch-provider"] == "played", raw.headers
whole = raw.parse()
assert whole.choices[0].message.content == "out of memory" and whole.choices[0].finish_reason == "stop", whole
assert (whole.model, whole.usage.total_tokens, whole.object) == ("really-this-one", 7, "chat.completion"), whole

pieces = list(chat(stream=True, stream_options={"include_usage": True}))
text = "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices)
assert text == "out of memory", pieces
assert pieces[-1].usage.total_tokens == 7 and pieces[-1].choices == [], pieces[-1]
assert len({piece.id for piece in pieces}) == 1, pieces

# The client's own gathering of a stream is strict about its shape.
with client.chat.completions.stream(model=MODEL, messages=MESSAGES, tools=[LOGS]) as stream:
    done = [event for event in stream if event.type == "tool_calls.function.arguments.done"]
    call = stream.get_final_completion().choices[0]
assert [event.name for event in done] == ["logs"], done
assert call.finish_reason == "tool_calls", call
function = call.message.tool_calls[0]
assert (function.id, function.function.arguments) == ("call_1", '{"pod": "web-0"}'), function

answer = {"role": "tool", "tool_call_id": function.id, "content": "killed"}
spoken = {"role": "assistant", "content": None, "tool_calls": [function.to_dict()]}
for key in ("index", "parsed_arguments"):
    spoken["tool_calls"][0].pop(key, None)
    spoken["tool_calls"][0]["function"].pop(key, None)
after = client.chat.completions.create(model=MODEL, messages=[*MESSAGES, spoken, answer], tools=[LOGS])
assert after.choices[0].message.content == "out of memory" and after.choices[0].message.tool_calls is None, after

whole = chat(tools=[LOGS], tool_choice="auto").choices[0]
assert whole.message.tool_calls[0].function.name == "logs" and whole.message.content is None, whole

parsed = client.chat.completions.parse(model=MODEL, messages=MESSAGES, response_format=Diagnosis)
assert parsed.choices[0].message.parsed == Diagnosis(cause="oom", is_urgent=True), parsed
with client.chat.completions.stream(model=MODEL, messages=MESSAGES, response_format=Diagnosis) as stream:
    assert stream.get_final_completion().choices[0].message.parsed.cause == "oom"

assert MODEL in [model.id for model in client.models.list()]
assert client.models.retrieve(MODEL).id == MODEL

for encoding in ({}, {"encoding_format": "float"}):
    vectors = client.embeddings.create(model=MODEL, input=["a", "b"], **encoding)
    assert [vector.embedding for vector in vectors.data] == [[0.5, -1.0], [1.0, 2.0]], vectors
    assert vectors.usage.total_tokens == 2, vectors


async def several():
    async with openai.AsyncOpenAI(max_retries=0) as other:
        asked = [other.chat.completions.create(model=MODEL, messages=MESSAGES) for _ in range(2)]
        return [answer.choices[0].message.content for answer in await asyncio.gather(*asked)]


assert asyncio.run(several()) == ["out of memory"] * 2


def fails(kind, status, ask):
    try:
        ask()
    except kind as error:
        assert error.status_code == status, error
        return error
    raise AssertionError(f"no {kind}")


# Nobody answers from here on.
stranger = openai.OpenAI(max_retries=0, api_key="aw_wrong", base_url=os.environ["OPENAI_BASE_URL"])
refused = fails(openai.AuthenticationError, 401, lambda: stranger.models.list())
assert "token" in refused.body["message"], refused.body
fails(openai.BadRequestError, 400, lambda: chat(n=2))
fails(openai.NotFoundError, 404, lambda: client.models.retrieve("anchorwatch/nothing"))
for more in ({}, {"stream": True}):
    rejected = fails(openai.InternalServerError, 503, lambda: chat(**more))
    assert (rejected.code, rejected.type, rejected.body["providers"][0]["provider"]) == ("rejected", "rejected", "played"), rejected.body
