"""What openai-client.sh asks of the gateway at the URL given, whose first provider fails at every third call."""

import sys

import openai

# No retries of its own: whatever fails is for the gateway to mend.
client = openai.OpenAI(base_url=sys.argv[1] + "/v1", api_key="any", max_retries=0, timeout=20)
question = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "What is a buttress?"}]}

targets = set()
for _ in range(20):
    raw = client.chat.completions.with_raw_response.create(**question)
    answer = raw.parse()
    assert answer.choices[0].finish_reason == "stop" and answer.choices[0].message.content, answer
    assert answer.usage.completion_tokens == 32, answer.usage
    targets.add(raw.headers["x-buttress-target"])
assert targets == {"flaky", "steady"}, targets

for usage in (False, True):
    more = {"stream_options": {"include_usage": True}} if usage else {}
    text, last = "", None
    for chunk in client.chat.completions.create(**question, stream=True, **more):
        text += (chunk.choices[0].delta.content or "") if chunk.choices else ""
        last = chunk
    assert text and bool(last.usage) == usage, last

vectors = client.embeddings.create(model="gpt-5-mini", input=["one text", "another"])
assert [len(item.embedding) for item in vectors.data] == [1536, 1536], vectors.usage
assert [model.id for model in client.models.list()] == ["gpt-5-mini"]
assert client.models.retrieve("gpt-5-mini").id == "gpt-5-mini"

try:
    client.chat.completions.create(model="gpt-5-mini", messages=[])
    raise SystemExit("an empty list of messages was taken")
except openai.BadRequestError as error:
    assert error.type == "invalid_request_error" and error.param == "messages", error

print(f"ok: openai {openai.__version__}, answers from {', '.join(sorted(targets))}")
