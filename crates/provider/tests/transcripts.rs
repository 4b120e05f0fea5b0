//! Any transcript, cut into any pieces, under any commit: the same bytes, one end, the right one.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests too")]

mod kit;

use std::time::Duration;

use buttress_call::{Error, Kind, Outcome, Usage};
use buttress_provider::{Commit, ProviderLayer};
use kit::*;
use proptest::{collection::vec, option, prelude::*, sample::select};

/// What an event means to the caller's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum What {
    Nothing,
    Content,
    /// Enough of an end where the marker is missing.
    Finish,
    /// It is hidden where it was not asked for.
    OnlyUsage,
    Start,
    Delta,
    Error,
    Done,
}

type Event = (What, &'static str);

const OPENAI: [Event; 8] = [
    (What::Nothing, ROLE),
    (What::Nothing, COMMENT),
    (What::Nothing, "\n"),
    (What::Nothing, MALFORMED),
    (What::Content, HELLO),
    (What::Content, WORLD),
    (What::Finish, FINISH),
    (What::OnlyUsage, USAGE),
];
const OPENAI_LAST: [Event; 2] = [(What::Error, ERROR), (What::Done, DONE)];

const ANTHROPIC: [Event; 7] = [
    (What::Start, START),
    (What::Nothing, COMMENT),
    (What::Nothing, PING),
    (What::Nothing, BLOCK),
    (What::Nothing, "\n\n"),
    (What::Content, TEXT),
    (What::Delta, DELTA),
];
const ANTHROPIC_LAST: [Event; 2] = [(What::Error, OVERLOADED), (What::Done, STOP)];

#[derive(Clone, Debug)]
struct Case {
    openai: bool,
    events: Vec<Event>,
    line_end: &'static str,
    /// Where the connection breaks, if it does, as a share of the whole.
    cut: Option<f64>,
    /// Lengths of pieces, and whether the body is pending before each; used in turn.
    pieces: Vec<(usize, u8)>,
    commit: Commit,
    hides: bool,
}

/// What must come of a case.
struct Expected {
    text: Vec<u8>,
    /// How much of the text is certain, where an error event ends it: more is read only if it came with it.
    certain: Option<usize>,
    content: bool,
    failure: Option<Kind>,
    /// Any of these: what comes behind an error is read only if it came with it.
    usage: Vec<Option<Usage>>,
}

impl Case {
    fn sent(&self) -> (Vec<u8>, bool) {
        let mut text =
            self.events.iter().map(|(_, text)| self.on_the_wire(text)).collect::<String>().into_bytes();
        if let Some(share) = self.cut {
            text.truncate((share * text.len() as f64) as usize);
        }
        (text, self.cut.is_some())
    }

    fn on_the_wire(&self, text: &str) -> String {
        text.replace('\n', self.line_end)
    }

    fn steps(&self) -> Vec<Step> {
        let (text, broken) = self.sent();
        let mut steps = Vec::new();
        let mut rest = &text[..];
        let mut turns = self.pieces.iter().cycle();
        while !rest.is_empty() {
            let (length, pending) = *turns.next().unwrap();
            let (piece, after) = rest.split_at(length.min(rest.len()));
            rest = after;
            match pending {
                0 => steps.push(Step::Yield),
                1 if steps.len() < 50 => steps.push(Step::Wait(Duration::from_millis(1))),
                _ => {}
            }
            steps.push(data(piece.to_vec()));
        }
        if broken {
            steps.push(cut());
        }
        steps
    }

    fn expected(&self) -> Expected {
        let (sent, broken) = self.sent();
        let (mut text, mut certain) = (Vec::new(), None);
        let (mut content, mut finished, mut done, mut kind) = (false, false, false, None);
        let mut usage = vec![None];
        let mut at = 0;
        for (what, event) in &self.events {
            let event = self.on_the_wire(event);
            // An event is over at its last CR: it is not known yet whether a LF follows.
            let over = at + event.len() - usize::from(event.ends_with("\r\n"));
            let end = (at + event.len()).min(sent.len());
            let whole = over <= sent.len();
            let failed = kind.is_some();
            let hidden = whole && *what == What::OnlyUsage && self.hides;
            if !hidden {
                text.extend_from_slice(&sent[at.min(end)..end]);
            }
            at += event.len();
            if !whole {
                continue;
            }
            let known: Option<Usage> = usage[usage.len() - 1];
            let said = match what {
                What::OnlyUsage => Some(Usage::new(7, 2)),
                What::Start => Some(Usage::new(7, 1)),
                What::Delta => Some(Usage::new(known.map_or(0, |usage| usage.input), 2)),
                _ => known,
            };
            if !failed {
                usage.clear();
            }
            usage.push(said);
            match what {
                What::Content => content |= !failed,
                What::Finish => finished = true,
                What::Error if !done && !failed => {
                    kind = Some(Kind::Overloaded);
                    certain = Some(text.len() - usize::from(event.ends_with("\r\n") && end > over));
                }
                What::Done => done |= !failed,
                _ => {}
            }
        }
        if kind.is_none() && !done && (broken || !finished) {
            kind = Some(Kind::Broken);
        }
        Expected { text, certain, content, failure: kind, usage }
    }

    fn layer(&self) -> ProviderLayer {
        if self.openai { openai() } else { anthropic() }.commit_streams(self.commit)
    }

    async fn check(&self) {
        let expected = self.expected();
        let client = Client::new(Answer::steps(self.steps()));
        let result = client.call(self.layer(), ask(true, !self.hides)).await;
        let end = matches!(self.commit, Commit::End { max_bytes } if max_bytes > 1000);
        let response = match result {
            Ok(response) => response,
            Err(error) => {
                let error = error.downcast::<Error>().unwrap();
                assert_eq!(Some(error.kind()), expected.failure);
                assert_ne!(self.commit, Commit::Head);
                assert!(expected.usage.contains(&error.usage()), "{error:?}");
                assert_eq!(client.events.count("body dropped"), 1);
                return;
            }
        };
        let held = end || self.commit == Commit::STREAM && !expected.content;
        assert!(!(held && expected.failure.is_some()), "a failure was let through");
        let events = client.events.clone();
        completion(&response).on_end(move |_| events.note("ended"));
        let taken = take(response).await;
        assert_eq!(client.events.count("ended"), 1);
        assert_eq!(client.events.count("body dropped"), 1);
        match expected.certain {
            Some(certain) => assert!(taken.text.starts_with(&expected.text[..certain]), "{:?}", taken.text),
            None => assert_eq!(taken.text, expected.text),
        }
        let ended = taken.ended.unwrap();
        assert!(expected.usage.contains(&ended.usage), "{ended:?}");
        match expected.failure {
            None => assert_eq!((ended.outcome, taken.error.is_none()), (Outcome::Success, true)),
            Some(kind) => {
                let kind = if expected.content { Kind::Broken } else { kind };
                let error = taken.error.unwrap().downcast::<Error>().unwrap();
                assert_eq!((error.kind(), ended.outcome), (kind, error.failure().into()));
            }
        }
    }
}

fn case() -> impl Strategy<Value = Case> {
    let commit = select(vec![
        Commit::Head,
        Commit::STREAM,
        Commit::FirstContent { within: Duration::ZERO },
        Commit::End { max_bytes: 1 << 20 },
        Commit::End { max_bytes: 300 },
    ]);
    let events = |openai: bool| {
        let (body, last): (&[Event], &[Event]) =
            if openai { (&OPENAI, &OPENAI_LAST) } else { (&ANTHROPIC, &ANTHROPIC_LAST) };
        let any = [body, last].concat();
        (vec(select(body.to_vec()), 0..10), vec(select(last.to_vec()), 0..3), vec(select(any), 0..2))
            .prop_map(|(body, last, rest)| if last.is_empty() { body } else { [body, last, rest].concat() })
    };
    let pieces = vec((1_usize..200, 0_u8..4), 1..12);
    let line_end = select(vec!["\n", "\r\n", "\r"]);
    (any::<bool>(), line_end, option::weighted(0.3, 0.0..1.0), pieces, commit, any::<bool>()).prop_flat_map(
        move |(openai, line_end, cut, pieces, commit, hides)| {
            events(openai).prop_map(move |events| Case {
                openai,
                events,
                line_end,
                cut,
                pieces: pieces.clone(),
                commit,
                // Only OpenAI's usage is asked for.
                hides: openai && hides,
            })
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 5000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_transcript_in_any_pieces_has_the_same_bytes_and_the_right_end(case in case()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
        runtime.unwrap().block_on(case.check());
    }
}
