//! The reader of each dialect.

use crate::{
    Dialect, Event, EventReader, Frame, anthropic, bedrock, cohere, gemini, invoke, ollama, openai,
    responses, tgi,
};

/// The reader of a stream's frames. Those built in are called directly, without a look at a table.
#[derive(Debug)]
pub(crate) enum Reader {
    OpenAi(openai::Reader),
    Responses(responses::Reader),
    Anthropic(anthropic::Reader),
    Gemini(gemini::Reader),
    Bedrock(bedrock::Reader),
    BedrockInvoke(invoke::Reader),
    Cohere(cohere::Reader),
    Ollama(ollama::Reader),
    Tgi(tgi::Reader),
    Custom(Box<dyn EventReader>),
}

impl Reader {
    pub(crate) fn new(dialect: Dialect) -> Self {
        match dialect {
            Dialect::OpenAi => Reader::OpenAi(openai::Reader::default()),
            Dialect::Responses => Reader::Responses(responses::Reader::default()),
            Dialect::Anthropic => Reader::Anthropic(anthropic::Reader::default()),
            Dialect::Gemini => Reader::Gemini(gemini::Reader::default()),
            Dialect::Bedrock => Reader::Bedrock(bedrock::Reader::default()),
            Dialect::BedrockInvoke => Reader::BedrockInvoke(invoke::Reader::default()),
            Dialect::Cohere => Reader::Cohere(cohere::Reader::default()),
            Dialect::Ollama => Reader::Ollama(ollama::Reader::default()),
            Dialect::Tgi => Reader::Tgi(tgi::Reader::default()),
            Dialect::Custom(language) => Reader::Custom(language.reader()),
        }
    }

    pub(crate) fn read(&mut self, frame: Frame<'_>) -> Event {
        match self {
            Reader::OpenAi(reader) => reader.read(frame),
            Reader::Responses(reader) => reader.read(frame),
            Reader::Anthropic(reader) => reader.read(frame),
            Reader::Gemini(reader) => reader.read(frame),
            Reader::Bedrock(reader) => reader.read(frame),
            Reader::BedrockInvoke(reader) => reader.read(frame),
            Reader::Cohere(reader) => reader.read(frame),
            Reader::Ollama(reader) => reader.read(frame),
            Reader::Tgi(reader) => reader.read(frame),
            Reader::Custom(reader) => reader.read(frame),
        }
    }

    /// For what is asked rarely.
    pub(crate) fn as_dyn(&self) -> &dyn EventReader {
        match self {
            Reader::OpenAi(reader) => reader,
            Reader::Responses(reader) => reader,
            Reader::Anthropic(reader) => reader,
            Reader::Gemini(reader) => reader,
            Reader::Bedrock(reader) => reader,
            Reader::BedrockInvoke(reader) => reader,
            Reader::Cohere(reader) => reader,
            Reader::Ollama(reader) => reader,
            Reader::Tgi(reader) => reader,
            Reader::Custom(reader) => &**reader,
        }
    }
}
