"""What LiteLLM's client does at the gateway, with nothing but a base URL and a key.

The provider behind the gateway is played by the test, which knows the order of what is asked here.
"""

import json
import os

import litellm
from pydantic import BaseModel

MODEL = "openai/anchorwatch/diagnose"
MESSAGES = [{"role": "user", "content": "why does web crash?"}]
LOGS = {"type": "function", "function": {"name": "logs", "parameters": {"type": "object", "properties": {"pod": {"type": "string"}}}}}

litellm.num_retries = 0


class Diagnosis(BaseModel):
    cause: str
    is_urgent: bool


def chat(**more):
    return litellm.completion(**{"model": MODEL, "messages": MESSAGES, "max_retries": 0, **more})


whole = chat()
assert whole.choices[0].message.content == "out of memory" and whole.usage.total_tokens == 7, whole

pieces = list(chat(stream=True, stream_options={"include_usage": True}))
assert "".join(piece.choices[0].delta.content or "" for piece in pieces if piece.choices) == "out of memory", pieces
built = litellm.stream_chunk_builder(pieces, messages=MESSAGES)
assert (built.choices[0].finish_reason, built.usage.total_tokens) == ("stop", 7), built

built = litellm.stream_chunk_builder(list(chat(stream=True, tools=[LOGS])), messages=MESSAGES)
call = built.choices[0].message.tool_calls[0]
assert (call.id, call.function.name, json.loads(call.function.arguments)) == ("call_1", "logs", {"pod": "web-0"}), built
answer = {"role": "tool", "tool_call_id": call.id, "content": "killed"}
after = chat(messages=[*MESSAGES, built.choices[0].message.model_dump(), answer], tools=[LOGS])
assert after.choices[0].message.content == "out of memory", after

parsed = chat(response_format=Diagnosis)
assert Diagnosis.model_validate_json(parsed.choices[0].message.content).cause == "oom", parsed

# Its list of models takes the base URL without what the others have at its end.
base = os.environ["OPENAI_API_BASE"].removesuffix("/v1")
known = litellm.get_valid_models(check_provider_endpoint=True, custom_llm_provider="openai", api_base=base)
assert any(name.endswith("anchorwatch/diagnose") for name in known), known

vectors = litellm.embedding(model="openai/anchorwatch/embed", input=["a", "b"])
assert [vector["embedding"] for vector in vectors.data] == [[0.5, -1.0], [1.0, 2.0]], vectors


def fails(kind, status, ask):
    try:
        ask()
    except kind as error:
        assert error.status_code == status, error
        return
    raise AssertionError(f"no {kind}")


# Nobody answers from here on.
fails(litellm.AuthenticationError, 401, lambda: chat(api_key="aw_wrong"))
fails(litellm.BadRequestError, 400, lambda: chat(n=2))
for more in ({}, {"stream": True}):
    fails(litellm.ServiceUnavailableError, 503, lambda: chat(**more))
