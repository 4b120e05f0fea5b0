//! The fields of a request, whatever the dialect calls them.

use std::borrow::Cow;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Dialect,
    json::{count, field, filled, text},
};

/// A request, with messages as they are to be read.
#[derive(Deserialize)]
pub(super) struct Request<'a, M> {
    #[serde(borrow)]
    model: Option<&'a RawValue>,
    stream: Option<&'a RawValue>,
    max_completion_tokens: Option<&'a RawValue>,
    max_tokens: Option<&'a RawValue>,
    /// Responses.
    max_output_tokens: Option<&'a RawValue>,
    n: Option<&'a RawValue>,
    /// Gemini's settings, Bedrock's, Ollama's and TGI's.
    #[serde(rename = "generationConfig", alias = "generation_config")]
    generation_config: Option<&'a RawValue>,
    #[serde(rename = "inferenceConfig")]
    inference_config: Option<&'a RawValue>,
    options: Option<&'a RawValue>,
    parameters: Option<&'a RawValue>,
    /// The system prompt of Anthropic, Bedrock and Ollama, of Gemini, and of Responses.
    system: Option<&'a RawValue>,
    #[serde(rename = "systemInstruction", alias = "system_instruction")]
    system_instruction: Option<&'a RawValue>,
    instructions: Option<&'a RawValue>,
    messages: Option<M>,
    /// Gemini's messages.
    contents: Option<M>,
    tools: Option<&'a RawValue>,
    /// OpenAI's tools, as they were first called.
    functions: Option<&'a RawValue>,
    /// Bedrock's.
    #[serde(rename = "toolConfig")]
    tool_config: Option<&'a RawValue>,
    /// Legacy completions, and Ollama.
    prompt: Option<&'a RawValue>,
    /// Embeddings, and Responses.
    input: Option<&'a RawValue>,
    /// TGI.
    inputs: Option<&'a RawValue>,
}

/// A `generationConfig`, an `inferenceConfig`, `options` or `parameters`: their keys do not clash.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Settings<'a> {
    #[serde(borrow, rename = "maxOutputTokens", alias = "max_output_tokens")]
    max_output_tokens: Option<&'a RawValue>,
    #[serde(rename = "candidateCount", alias = "candidate_count")]
    candidate_count: Option<&'a RawValue>,
    #[serde(rename = "maxTokens")]
    max_tokens: Option<&'a RawValue>,
    num_predict: Option<&'a RawValue>,
    max_new_tokens: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct ToolConfig<'a> {
    #[serde(borrow)]
    tools: Option<&'a RawValue>,
}

impl<'a, M> Request<'a, M> {
    pub(super) fn model(&self) -> Option<Cow<'a, str>> {
        text(self.model)
    }

    pub(super) fn stream(&self, dialect: Dialect) -> bool {
        match self.stream.map(RawValue::get) {
            Some("true") => true,
            Some("false") => false,
            _ => dialect == Dialect::Ollama,
        }
    }

    /// The system prompt, where it stands beside the messages.
    pub(super) fn system(&self, dialect: Dialect) -> Option<&'a RawValue> {
        let system = self.system.or(self.system_instruction).or(self.instructions);
        system.filter(|_| dialect != Dialect::OpenAi)
    }

    /// The messages.
    pub(super) fn turns(&self) -> Option<&M> {
        self.messages.as_ref().or(self.contents.as_ref())
    }

    /// The messages of Responses.
    pub(super) fn input_turns(&self, dialect: Dialect) -> Option<&'a RawValue> {
        self.input.filter(|_| dialect == Dialect::Responses)
    }

    /// What is to be read beside the messages, or instead of them.
    pub(super) fn texts(&self, dialect: Dialect) -> impl Iterator<Item = &'a RawValue> {
        // A list of Responses was read as messages; a plain text is none.
        let is_list = |input: &&RawValue| dialect == Dialect::Responses && input.get().starts_with('[');
        let input = self.input.filter(|input| !is_list(input));
        [self.prompt, input, self.inputs].into_iter().flatten()
    }

    /// The lists of tool definitions: by one name or another they stand in the request of every dialect.
    pub(super) fn tools(&self) -> impl Iterator<Item = &'a RawValue> {
        let config: Option<ToolConfig<'a>> = field(self.tool_config);
        let lists = [self.tools, self.functions, config.and_then(|config| config.tools)];
        lists.into_iter().flatten().filter(|list| list.get().starts_with('[') && filled(Some(list)))
    }

    /// The cap on generated tokens.
    pub(super) fn cap(&self) -> Option<u64> {
        let own = [self.max_completion_tokens, self.max_tokens, self.max_output_tokens];
        own.into_iter().find_map(count).or_else(|| {
            self.settings().find_map(|settings| {
                let caps = [
                    settings.max_output_tokens,
                    settings.max_tokens,
                    settings.num_predict,
                    settings.max_new_tokens,
                ];
                caps.into_iter().find_map(count)
            })
        })
    }

    /// How many answers are asked for.
    pub(super) fn choices(&self) -> u64 {
        let candidates = || self.settings().find_map(|settings| count(settings.candidate_count));
        count(self.n).or_else(candidates).unwrap_or(1).max(1)
    }

    fn settings(&self) -> impl Iterator<Item = Settings<'a>> {
        let settings = [self.generation_config, self.inference_config, self.options, self.parameters];
        settings.into_iter().filter_map(field)
    }
}
