//! What a body sends and when, as a list of steps. A good answer is a short list; a fault is another list.

use std::{collections::VecDeque, time::Duration};

use bytes::Bytes;
use tokio::time::Instant;

use crate::{
    Ending, Fault,
    clock::after,
    wire::{Finish, Last, Reply},
};

#[derive(Debug)]
pub(crate) enum Step {
    Send(Bytes),
    /// The finish reason, put in words when it is due.
    Finish(Finish),
    /// Content, up to this many tokens of it in all.
    Tokens(u64),
    /// Until generation is complete.
    Complete,
    /// The call ends here, whatever the body does after.
    End(Ending),
    /// Sends again and again, each time after this long.
    Repeat {
        chunk: Bytes,
        every: Duration,
        next: Instant,
    },
    Wait(Duration),
    Until(Instant),
    /// Lets a server flush what it has.
    Flush,
    Silence,
    Tear,
}

pub(crate) type Script = VecDeque<Step>;

const MEGABYTE: usize = 1024 * 1024;
/// How often an endless prelude says nothing.
const PRELUDE_EVERY: Duration = Duration::from_millis(100);
/// How long a body stays open after its end marker.
const OVERTIME: Duration = Duration::from_secs(3600);

/// The body of a stream.
pub(crate) fn stream(reply: &Reply, fault: Option<&Fault>) -> Script {
    let (speak, all) = (reply.speak, reply.output);
    let prelude = Step::Send(speak.prelude(reply));
    let finish = |closed| Step::Finish(Finish { first: false, closed });
    let end = || [Step::Complete, finish(true), Step::Send(speak.end())];
    let up_to = |tokens: u32| all.min(u64::from(tokens));
    let answered = Step::End(Ending::Answered);
    let spoiled = Step::End(Ending::Faulted);
    let mut script = match fault {
        Some(Fault::StallAfter { tokens }) => script([prelude, Step::Tokens(up_to(*tokens)), Step::Silence]),
        Some(Fault::CutAfter { tokens }) => {
            script([prelude, Step::Tokens(up_to(*tokens)), Step::Flush, Step::Tear])
        }
        Some(Fault::MalformedEvent { after }) => {
            let broken = Step::Send(speak.malformed(reply));
            let start = [prelude, Step::Tokens(up_to(*after)), broken, Step::Tokens(all)];
            start.into_iter().chain(end()).chain([spoiled]).collect()
        }
        Some(Fault::ErrorEvent { after }) => errors_after(reply, up_to(*after), &[Last::Error]),
        Some(Fault::ErrorThenDone { after }) => errors_after(reply, up_to(*after), speak.error_and_end()),
        Some(Fault::MissingEnd { finish: true }) => {
            script([prelude, Step::Tokens(all), Step::Complete, finish(false), spoiled])
        }
        Some(Fault::MissingEnd { finish: false }) => {
            script([prelude, Step::Tokens(all), Step::Complete, spoiled])
        }
        Some(Fault::MegabyteLine) => {
            let line = Step::Send(speak.long_line(reply, MEGABYTE));
            [prelude, line, Step::Tokens(all)].into_iter().chain(end()).chain([answered]).collect()
        }
        Some(Fault::EndlessPrelude) => script([prelude, nothing(speak.keep_alive(reply))]),
        Some(Fault::OverDeliver) => {
            let open = [answered, Step::Wait(OVERTIME)];
            [prelude, Step::Tokens(all)].into_iter().chain(end()).chain(open).collect()
        }
        _ => [prelude, Step::Tokens(all)].into_iter().chain(end()).chain([answered]).collect(),
    };
    // Not every wire has a prelude, or an end marker of its own.
    script.retain(|step| !matches!(step, Step::Send(bytes) if bytes.is_empty()));
    script
}

/// The body of a whole answer, which is ready by now.
pub(crate) fn whole(json: &Bytes, fault: Option<&Fault>) -> Script {
    let half = || Step::Send(json.slice(..json.len() / 2));
    let all = Step::Send(json.clone());
    let answered = Step::End(Ending::Answered);
    let spoiled = Step::End(Ending::Faulted);
    match fault {
        Some(Fault::StallAfter { .. }) => script([half(), Step::Silence]),
        Some(Fault::CutAfter { .. }) => script([half(), Step::Flush, Step::Tear]),
        Some(Fault::MalformedEvent { .. }) => {
            script([Step::Send(json.slice(..json.len().saturating_sub(1))), spoiled])
        }
        Some(Fault::MissingEnd { .. }) => script([half(), spoiled]),
        Some(Fault::MegabyteLine) => script([Step::Send(" ".repeat(MEGABYTE).into()), all, answered]),
        Some(Fault::EndlessPrelude) => script([nothing(Bytes::from_static(b"\n"))]),
        Some(Fault::OverDeliver) => script([all, answered, Step::Wait(OVERTIME)]),
        _ => script([all, answered]),
    }
}

fn script<const N: usize>(steps: [Step; N]) -> Script {
    steps.into()
}

/// Tokens, and what comes last.
fn errors_after(reply: &Reply, tokens: u64, last: &[Last]) -> Script {
    let speak = reply.speak;
    // An error at once is the very first event.
    let at_once = tokens == 0;
    let start = [Step::Send(speak.prelude(reply)), Step::Tokens(tokens)].into_iter().filter(|_| !at_once);
    let last = last.iter().enumerate().map(|(place, last)| {
        let first = at_once && place == 0;
        match last {
            Last::Finish => Step::Finish(Finish { first, closed: true }),
            Last::End => Step::Send(speak.end()),
            Last::Error => Step::Send(speak.error_event(reply, first)),
        }
    });
    start.chain(last).chain([Step::End(Ending::Faulted)]).collect()
}

fn nothing(chunk: Bytes) -> Step {
    Step::Repeat { chunk, every: PRELUDE_EVERY, next: after(Instant::now(), PRELUDE_EVERY) }
}
