//! Streams of Ollama's own API: `chat` and `generate`.

use buttress_call::Usage;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    Answer, ApiError, Dialect, Event, EventReader, Frame,
    glance::keys,
    json::{count, field, filled, object},
};

/// What is remembered between lines.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on lines are glanced at first.
    content: bool,
}

/// A line of a stream, or a whole answer: they are alike.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    /// Of `generate`.
    response: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
    done: Option<&'a RawValue>,
    prompt_eval_count: Option<&'a RawValue>,
    eval_count: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Message<'a> {
    #[serde(borrow)]
    content: Option<&'a RawValue>,
    thinking: Option<&'a RawValue>,
    tool_calls: Option<&'a RawValue>,
}

keys! {
    ERROR "error"
    INPUT "prompt_eval_count"
    OUTPUT "eval_count"
    DONE "done"
}

/// Whether a line says nothing but content, for certain: the last thing it says is that more will come, and it holds
/// neither an error nor a count. A line that says it elsewhere is parsed.
fn is_ordinary(data: &[u8]) -> bool {
    // No text ends like this: its quotes would be escaped, and its object would end after it.
    data.starts_with(b"{")
        && data.ends_with(b"\"done\":false}")
        && [&ERROR, &INPUT, &OUTPUT].into_iter().all(|key| key.is_absent(data))
}

impl EventReader for Reader {
    fn read(&mut self, Frame { data, .. }: Frame<'_>) -> Event {
        if self.content && is_ordinary(data) {
            return Event::content();
        }
        let Some(line) = object::<Line<'_>>(data) else { return Event::malformed() };
        let message: Message<'_> = field(line.message).unwrap_or_default();
        let content = [line.response, line.thinking, message.content, message.thinking, message.tool_calls];
        let done = line.done.is_some_and(|done| done.get() == "true");
        let event = Event {
            content: content.into_iter().any(filled),
            finished: done,
            end: done,
            usage: line.usage(),
            error: line.failure(data).map(Box::new),
            ..Event::default()
        };
        self.content |= event.content;
        event
    }

    /// The last line of `generate` repeats the context, a number for each token.
    fn read_head(&self, Frame { data, .. }: Frame<'_>) -> Event {
        let done = data.starts_with(b"{") && DONE.find(data).is_some_and(|done| done.starts_with(b"true"));
        Event { finished: done, end: done, ..Event::default() }
    }
}

impl Line<'_> {
    fn failure(&self, data: &[u8]) -> Option<ApiError> {
        filled(self.error).then(|| ApiError::inside(Dialect::Ollama, data))
    }

    /// The counts of the last line. That of the prompt is left out when all of it was in the cache.
    fn usage(&self) -> Option<Usage> {
        let (input, output) = (count(self.prompt_eval_count), count(self.eval_count));
        input.or(output)?;
        Some(Usage::new(input.unwrap_or(0), output.unwrap_or(0)))
    }
}

/// Reads a whole answer.
pub(crate) fn answer(body: &[u8]) -> Answer {
    let line: Line<'_> = object(body).unwrap_or_default();
    match line.failure(body) {
        Some(error) => Answer::Error(error),
        None => Answer::complete(line.usage(), None),
    }
}
