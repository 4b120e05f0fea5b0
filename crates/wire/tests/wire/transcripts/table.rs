//! The transcripts, and what each says.

use std::sync::LazyLock;

use buttress_wire::Dialect;

use super::Transcript;
use crate::amazon;

/// Reads a file by its extension: `frames` tells messages of Amazon's event stream, others are as they are.
fn load(
    file: &'static str,
    bytes: &[u8],
    dialect: Dialect,
    events: &'static str,
    complete: bool,
) -> Transcript {
    let (name, extension) = file.rsplit_once('.').unwrap();
    let bytes = if extension == "frames" { amazon::stream(bytes) } else { bytes.to_vec() };
    Transcript { name, dialect, bytes, has_lines: extension != "frames", events, complete }
}

macro_rules! transcripts {
    ($($dialect:ident $file:literal $complete:literal $events:literal)*) => {
        pub(crate) static ALL: LazyLock<Vec<Transcript>> = LazyLock::new(|| vec![$(load(
            $file,
            include_bytes!(concat!("../../transcripts/", $file)),
            Dialect::$dialect,
            $events,
            $complete,
        )),*]);
    };
}

transcripts! {
    OpenAi "openai/text.sse" true "- content content finished usage(19/10)+usage_only end"
    OpenAi "openai/tool_call.sse" true "content content content content finished end"
    OpenAi "openai/reasoning_with_keep_alives.sse" true "- - - - content content finished+usage(12/9) end"
    OpenAi "openai/refusal.sse" true "- content content finished end"
    OpenAi "openai/azure.sse" true "- - content content finished usage(8/5)+usage_only end"
    OpenAi "openai/audio.sse" true "- - content finished end"
    OpenAi "openai/legacy_completion.sse" true "content content finished end"
    OpenAi "openai/empty_answer.sse" true "- finished end"
    OpenAi "openai/content_filter.sse" true "- content finished+stop(filtered) end"
    OpenAi "openai/openrouter_text.sse" true "- - content content finished usage(7/3)+usage_only end"
    OpenAi "openai/groq_usage.sse" true "- content finished+usage(40/2) end"
    OpenAi "openai/continuous_usage.sse" true
        "usage(5/0) content+usage(5/1) content+usage(5/2) finished usage(5/2)+usage_only end"
    OpenAi "openai/spaced_keys_and_multi_line_data.sse" true "- content content content finished end"
    OpenAi "openai/no_last_blank_line.sse" true "- content finished end"
    OpenAi "openai/no_done.sse" true "- content finished"
    OpenAi "openai/text_that_quotes_the_protocol.sse" true
        "- content content content content content content content content content finished end"
    OpenAi "openai/malformed_between.sse" true "- content malformed malformed content finished end"
    OpenAi "openai/error_first.sse" false "error(server)"
    OpenAi "openai/error_after_content.sse" false "- content error(server)"
    OpenAi "openai/vllm_error_then_done.sse" false "- content error(server) end"
    OpenAi "openai/openrouter_error.sse" false "- - finished+error(overloaded)"
    OpenAi "openai/groq_error.sse" false "- content error(overloaded) end"
    OpenAi "openai/mistral_finish_error.sse" false "- content finished+error(server) end"
    OpenAi "openai/event_error.sse" false "error(overloaded)"
    OpenAi "openai/stop_then_bare_error.sse" false "- content finished error(overloaded)"
    OpenAi "openai/bare_error_first.sse" false "error(rate_limited, retry after 4.77s)"
    OpenAi "openai/cut.sse" false "- content malformed"
    OpenAi "openai/cut_between_events.sse" false "- content content"
    OpenAi "openai/two_choices_one_unfinished.sse" false "- - content content finished"
    OpenAi "openai/azure_annotations.sse" true "- - content content - finished end"
    OpenAi "openai/deepseek.sse" true "- - - content content finished+usage(9/12) end"
    OpenAi "openai/mistral.sse" true "- content finished+usage(9/2) end"
    OpenAi "openai/together.sse" true "content content+finished+usage(9/2) end"
    Responses "responses/content_filter.sse" true "- - - - content finished+stop(filtered)+usage(36/87)+end"
    Responses "responses/cut.sse" false "- - - - content malformed"
    Responses "responses/cut_between_events.sse" false "- - - - content content - -"
    Responses "responses/data_only.sse" true "- - - - content content finished+usage(36/87)+end"
    Responses "responses/error_flat.sse" false "- - end+error(server)"
    Responses "responses/error_nested.sse" false "- - end+error(overloaded)"
    Responses "responses/failed.sse" false "- - finished+end+error(rate_limited, retry after 4.77s)"
    Responses "responses/failed_after_content.sse" false
        "- - - - content finished+usage(36/87)+end+error(server)"
    Responses "responses/image.sse" true "- - - content finished+usage(36/87)+end"
    Responses "responses/keep_alives.sse" true "- - - - - content - content finished+usage(36/87)+end"
    Responses "responses/max_output_tokens.sse" true "- - - - content finished+usage(36/87)+end"
    Responses "responses/reasoning.sse" true "- - - - content - - - content finished+usage(36/87)+end"
    Responses "responses/refusal.sse" true "- - - content - finished+usage(36/87)+end"
    Responses "responses/text.sse" true "- - - - content content - - finished+usage(36/87)+end"
    Responses "responses/text_that_quotes_the_protocol.sse" true
        "- - - - content content content content content content content content content content finished+usage(36/87)+end"
    Responses "responses/tool_call.sse" true "- - - content content - - finished+usage(36/87)+end"
    Anthropic "anthropic/text.sse" true "usage(25/1) - - content content - finished+usage(25/15) end"
    Anthropic "anthropic/cached_prompt.sse" true
        "usage(2104/1) - content - - finished+usage(2104/7) end"
    Anthropic "anthropic/tool_use.sse" true "usage(25/1) - - content content - finished+usage(25/30) end"
    Anthropic "anthropic/thinking.sse" true
        "usage(25/1) - content content - - content - finished+usage(25/20) end"
    Anthropic "anthropic/data_only_spaced.sse" true
        "usage(25/1) - content content - finished+usage(25/3) end -"
    Anthropic "anthropic/text_that_quotes_the_protocol.sse" true
        "usage(25/1) - content content content content content - finished+usage(25/40) end"
    Anthropic "anthropic/refusal.sse" true "usage(25/1) - content - finished+stop(filtered)+usage(25/2) end"
    Anthropic "anthropic/window_exceeded.sse" true
        "usage(25/1) - content - finished+stop(context_too_long)+usage(25/900) end"
    Anthropic "anthropic/error_first.sse" false "- error(overloaded)"
    Anthropic "anthropic/error_after_content.sse" false "usage(25/1) - content error(server)"
    Anthropic "anthropic/error_then_message_stop.sse" false "usage(25/1) - content error(overloaded) end"
    Anthropic "anthropic/cut.sse" false "usage(25/1) - content content malformed"
    Anthropic "anthropic/cut_after_stop_reason.sse" false "usage(25/1) - content - finished+usage(25/5)"
    Gemini "gemini/array.json" true "content+usage(8/1) content+usage(8/2) content+finished+usage(8/3)"
    Gemini "gemini/array_cut.json" false "content+usage(8/1) malformed"
    Gemini "gemini/array_of_nonsense.json" false "malformed malformed malformed - malformed"
    Gemini "gemini/array_with_error.json" false "content+usage(8/1) error(overloaded)"
    Gemini "gemini/bare_error_first.sse" false "error(overloaded)"
    Gemini "gemini/cut.sse" false "content+usage(8/1) malformed"
    Gemini "gemini/cut_between_events.sse" false "content+usage(8/1) content+usage(8/2)"
    Gemini "gemini/error_event.sse" false "content+usage(8/1) error(rate_limited)"
    Gemini "gemini/interactions_error.sse" false "error(rate_limited)"
    Gemini "gemini/keep_alives.sse" true "- content+usage(8/1) - content+finished+usage(8/2)"
    Gemini "gemini/prompt_blocked.sse" true "finished+stop(filtered)+usage(8/0)"
    Gemini "gemini/safety.sse" true "content+usage(8/1) finished+stop(filtered)+usage(8/1)"
    Gemini "gemini/spaced.sse" true "content+usage(8/1) content+usage(8/2) content+finished+usage(8/3)"
    Gemini "gemini/stop_in_every_chunk.sse" true
        "content+finished content+finished content+finished+usage(8/3)"
    Gemini "gemini/stop_then_bare_error.sse" false
        "content+usage(8/1) content+finished+usage(8/2) error(overloaded)"
    Gemini "gemini/text.sse" true "content+usage(8/1) content+usage(8/2) content+finished+usage(8/3)"
    Gemini "gemini/text_that_quotes_the_protocol.sse" true
        "content+usage(8/1) content+usage(8/2) content+usage(8/3) content+usage(8/4) content+usage(8/5) content+usage(8/6) content+usage(8/7) content+usage(8/8) content+usage(8/9) content+usage(8/10) content+finished+usage(8/30)"
    Gemini "gemini/thinking.sse" true
        "usage(8/0) content+usage(8/20) content+usage(8/21) finished+usage(8/28)"
    Gemini "gemini/tool_call.sse" true "content+finished+usage(30/12)"
    Gemini "gemini/two_candidates_one_unfinished.sse" false "content content content+finished+usage(8/3)"
    Bedrock "bedrock/cached_prompt.frames" true "- content finished usage(1110/5)+end"
    Bedrock "bedrock/cut.frames" false "- content malformed+error(broken)"
    Bedrock "bedrock/cut_between_events.frames" false "- content content"
    Bedrock "bedrock/damaged_length.frames" false "- malformed+error(broken)"
    Bedrock "bedrock/damaged_payload.frames" false
        "- malformed+error(broken) content finished usage(10/5)+end"
    Bedrock "bedrock/error_frame.frames" false "- error(server)"
    Bedrock "bedrock/exception_after_content.frames" false "- content error(broken)"
    Bedrock "bedrock/exception_first.frames" false "error(rate_limited)"
    Bedrock "bedrock/guardrail.frames" true "- content finished+stop(filtered) usage(10/5)+end"
    Bedrock "bedrock/internal_server.frames" false "- content error(server)"
    Bedrock "bedrock/no_metadata.frames" true "- content finished"
    Bedrock "bedrock/reasoning.frames" true "- content content - content finished usage(10/5)+end"
    Bedrock "bedrock/service_unavailable.frames" false "- error(overloaded)"
    Bedrock "bedrock/text.frames" true "- content content - finished usage(10/5)+end"
    Bedrock "bedrock/text_that_quotes_the_protocol.frames" true
        "- content content content content content content content content content content finished usage(10/5)+end"
    Bedrock "bedrock/tool_use.frames" true "- - content content - finished usage(10/5)+end"
    Bedrock "bedrock/unknown_events.frames" true "- - content malformed finished usage(10/5)+end"
    Bedrock "bedrock/validation.frames" false "- error(context_too_long)"
    Bedrock "bedrock/window_exceeded.frames" true "- content finished+stop(context_too_long) usage(10/5)+end"
    BedrockInvoke "bedrock_invoke/anthropic.frames" true
        "usage(100/1) - - content content - finished+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/anthropic_cut.frames" false "usage(100/1) content content"
    BedrockInvoke "bedrock_invoke/anthropic_refusal.frames" true
        "usage(100/1) content finished+stop(filtered)+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/anthropic_thinking.frames" true
        "usage(100/1) content content content - finished+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/anthropic_tool_use.frames" true
        "usage(100/1) - content content - finished+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/damaged_chunks.frames" true
        "usage(100/1) content malformed malformed malformed - - finished+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/exception.frames" false "usage(100/1) content error(timeout)"
    BedrockInvoke "bedrock_invoke/llama.frames" true
        "usage(10/1) content+usage(10/2) content+finished+usage(10/5)+end"
    BedrockInvoke "bedrock_invoke/mistral.frames" true "content finished+usage(10/5)+end"
    BedrockInvoke "bedrock_invoke/nova.frames" true "- content content - finished usage(10/5)+end"
    BedrockInvoke "bedrock_invoke/openai.frames" true "- content content finished+usage(10/5)"
    BedrockInvoke "bedrock_invoke/text_that_quotes_the_protocol.frames" true
        "usage(100/1) content content content content content content content content content content - finished+usage(100/5) end"
    BedrockInvoke "bedrock_invoke/titan.frames" true "content content+finished+stop(filtered)+usage(10/5)+end"
    Cohere "cohere/cut.sse" false "- - content malformed"
    Cohere "cohere/cut_between_events.sse" false "- - content content -"
    Cohere "cohere/data_only.sse" true "- - content content - finished+usage(9/12)+end"
    Cohere "cohere/error.sse" false "- - content finished+usage(9/12)+end+error(server)"
    Cohere "cohere/keep_alives.sse" true "- - - - content - finished+usage(9/12)+end"
    Cohere "cohere/text.sse" true "- - content content - finished+usage(9/12)+end -"
    Cohere "cohere/text_that_quotes_the_protocol.sse" true
        "- - content content content content content content content content content content finished+usage(9/12)+end"
    Cohere "cohere/thinking.sse" true "- - content - - content - - - finished+usage(9/12)+end"
    Cohere "cohere/timeout.sse" false "- finished+end+error(timeout)"
    Cohere "cohere/tool_call.sse" true "- - - content content - finished+usage(9/12)+end"
    Ollama "ollama/blank_lines.ndjson" true "content content finished+usage(26/282)+end"
    Ollama "ollama/busy.ndjson" false "error(overloaded)"
    Ollama "ollama/cached_prompt.ndjson" true "content finished+usage(0/282)+end"
    Ollama "ollama/chat.ndjson" true "content content finished+usage(26/282)+end"
    Ollama "ollama/cut.ndjson" false "content malformed"
    Ollama "ollama/cut_between_lines.ndjson" false "content content"
    Ollama "ollama/empty_answer.ndjson" true "finished+end"
    Ollama "ollama/error_after_content.ndjson" false "content error(server)"
    Ollama "ollama/error_first.ndjson" false "error(server)"
    Ollama "ollama/generate.ndjson" true "content content finished+usage(26/2)+end"
    Ollama "ollama/no_last_line_end.ndjson" true "content finished+usage(26/282)+end"
    Ollama "ollama/spaced.ndjson" true "content content finished+usage(26/282)+end"
    Ollama "ollama/text_that_quotes_the_protocol.ndjson" true
        "content content content content content content content content content content finished+usage(26/282)+end"
    Ollama "ollama/thinking.ndjson" true "content content content finished+usage(26/282)+end"
    Ollama "ollama/tool_call.ndjson" true "content finished+usage(26/282)+end"
    Tgi "tgi/cut.sse" false "content malformed"
    Tgi "tgi/cut_between_events.sse" false "content content"
    Tgi "tgi/empty_answer.sse" true "finished+usage(17/1)+end"
    Tgi "tgi/error_after_content.sse" false "content error(server)"
    Tgi "tgi/incomplete.sse" false "content error(broken)"
    Tgi "tgi/keep_alives.sse" true "- content - content finished+usage(17/3)+end"
    Tgi "tgi/length.sse" true "content content+finished+usage(0/2)+end"
    Tgi "tgi/overloaded_first.sse" false "error(overloaded)"
    Tgi "tgi/special_first.sse" true "- content finished+usage(17/3)+end"
    Tgi "tgi/text.sse" true "content content finished+usage(17/3)+end"
    Tgi "tgi/text_that_quotes_the_protocol.sse" true
        "content content content content content content content content content content finished+usage(17/3)+end"
}
