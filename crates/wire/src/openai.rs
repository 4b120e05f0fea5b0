//! Streams of OpenAI chat completions, and of what speaks them.

mod choice;
mod chunk;
mod glance;
mod whole;

use self::chunk::Chunk;
pub(crate) use self::whole::{answer, object_answer};
use crate::{ApiError, Dialect, Event, EventReader, Frame, choices::Choices};

/// What is remembered between events.
#[derive(Debug, Default)]
pub(crate) struct Reader {
    /// Content was seen: from here on events are glanced at first.
    content: bool,
    choices: Choices,
}

impl EventReader for Reader {
    fn read(&mut self, Frame { name, data }: Frame<'_>) -> Event {
        let named_error = name == Some(b"error");
        if self.content && !named_error && glance::is_ordinary(data) {
            // Ordinary means choice 0, which needs a finish reason from here on.
            self.choices.see(None, false);
            return Event::content();
        }
        let event = self.parse(data, named_error);
        self.content |= event.content;
        event
    }

    /// Audio and images may be longer than any limit.
    fn read_head(&self, Frame { data, .. }: Frame<'_>) -> Event {
        Event { content: glance::begins_media(data), ..Event::default() }
    }

    /// Whether every choice seen has a finish reason: the end of a stream whose server leaves `[DONE]` out.
    fn finished(&self) -> bool {
        self.choices.finished()
    }
}

impl Reader {
    fn parse(&mut self, data: &[u8], named_error: bool) -> Event {
        let Some(chunk) = Chunk::read(data) else {
            return match data.trim_ascii() {
                text if named_error => Event::failed(ApiError::inside(Dialect::OpenAi, text)),
                b"[DONE]" => Event { end: true, ..Event::default() },
                b"" => Event::default(),
                _ => Event::malformed(),
            };
        };
        let error = chunk.error(data, named_error).map(Box::new);
        let usage = chunk.usage();
        let said = chunk.said;
        self.choices.add(said.choices);
        Event {
            content: said.content,
            finished: said.finished,
            stop: said.stop,
            usage,
            usage_only: usage.is_some() && !said.any && error.is_none(),
            error,
            ..Event::default()
        }
    }
}
