//! A dialect of the user's own.

use buttress_call::{Kind, Usage};
use buttress_wire::{Answer, ApiError, Decoder, Dialect, Event, EventReader, Form, Frame, Language, answer};
use http::{HeaderMap, StatusCode};

use crate::transcripts::{decode, describe};

/// `+text`, `#input/output`, `!what went wrong`, `.`: a frame each, in whichever form.
#[derive(Clone, Copy, Debug)]
struct Marks(Form);

#[derive(Debug, Default)]
struct Reader {
    dotted: bool,
}

impl Language for Marks {
    fn name(&self) -> &'static str {
        match self.0 {
            Form::Lines => "marks, a line each",
            _ => "marks",
        }
    }

    fn form(&self) -> Form {
        self.0
    }

    fn reader(&self) -> Box<dyn EventReader> {
        Box::new(Reader::default())
    }

    fn status(&self, status: StatusCode) -> Option<Kind> {
        if status == StatusCode::IM_A_TEAPOT { Some(Kind::Overloaded) } else { Kind::from_status(status) }
    }
}

impl EventReader for Reader {
    fn read(&mut self, frame: Frame<'_>) -> Event {
        let mut event = Event::default();
        let text = String::from_utf8_lossy(frame.data);
        match text.split_at_checked(1) {
            Some(("+", _)) => event.content = true,
            Some(("#", counts)) => {
                let (input, output) = counts.split_once('/').unwrap();
                event.usage = Some(Usage::new(input.parse().unwrap(), output.parse().unwrap()));
            }
            Some(("!", why)) => {
                event.error = Some(Box::new(ApiError::new(Kind::Server, Some("marked"), why)));
            }
            Some((".", _)) => {
                self.dotted = true;
                event.finished = true;
            }
            _ => event.malformed = true,
        }
        event
    }

    fn read_head(&self, frame: Frame<'_>) -> Event {
        let mut event = Event::default();
        event.content = frame.data.starts_with(b"+");
        event
    }

    fn finished(&self) -> bool {
        self.dotted
    }
}

static LINES: Marks = Marks(Form::Lines);
static EVENTS: Marks = Marks(Form::ServerSentEvents);

fn said(dialect: Dialect, stream: &str) -> (String, bool) {
    let (events, close) = decode(Decoder::new(dialect).max_event(40), [stream.as_bytes()]);
    let said: Vec<_> = events.iter().map(describe).collect();
    assert_eq!(decode(Decoder::new(dialect).max_event(40), stream.as_bytes().chunks(1)).0, events);
    (said.join(" "), close.complete)
}

#[test]
fn its_frames_are_cut_for_it() {
    let lines = "+Hello\n\n+ there\r\n#3/2\n.\n";
    assert_eq!(said(Dialect::Custom(&LINES), lines), ("content content usage(3/2) finished".into(), true));
    let events = ": hi\n\ndata: +Hello\n\ndata: #3/2\n\ndata: .\n\n";
    assert_eq!(
        said(Dialect::Custom(&EVENTS), events),
        ("malformed content usage(3/2) finished".into(), true)
    );
}

#[test]
fn its_errors_and_cuts_are_none_of_its_concern() {
    let error = (String::from("content error(server) finished"), false);
    assert_eq!(said(Dialect::Custom(&LINES), "+Hello\n!no\n.\n"), error);
    assert_eq!(said(Dialect::Custom(&LINES), "+Hello\n"), ("content".into(), false));
    let long = format!("+{}\n.\n", "x".repeat(99));
    assert_eq!(said(Dialect::Custom(&LINES), &long), ("content+too_long - finished".into(), true));
}

#[test]
fn what_it_does_not_say_is_as_with_most() {
    let custom = Dialect::Custom(&LINES);
    assert_eq!(answer(custom, b"{\"a\":1}"), Answer::complete(None, None));
    assert_eq!(answer(custom, b"{"), Answer::Broken("JSON cut short"));
    let Answer::Error(error) = answer(custom, br#"{"error":{"code":503}}"#) else { panic!("an error") };
    assert_eq!(error.failure.kind, Kind::Overloaded);
    let kind = |status| {
        let now = std::time::SystemTime::UNIX_EPOCH;
        ApiError::from_answer(custom, StatusCode::from_u16(status).unwrap(), &HeaderMap::new(), b"", now)
            .failure
            .kind
    };
    assert_eq!((kind(418), kind(429)), (Kind::Overloaded, Kind::RateLimited));
}

#[test]
fn it_is_known_by_its_name() {
    static AGAIN: Marks = Marks(Form::Lines);
    assert_eq!(Dialect::Custom(&LINES), Dialect::Custom(&AGAIN));
    assert_ne!(Dialect::Custom(&LINES), Dialect::Custom(&EVENTS));
    assert_ne!(Dialect::Custom(&LINES), Dialect::OpenAi);
    assert_eq!(format!("{:?}", Dialect::Custom(&LINES)), "Custom(marks, a line each)");
    assert_eq!(Dialect::Custom(&EVENTS).name(), "marks");
}
