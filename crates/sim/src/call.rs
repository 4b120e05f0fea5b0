//! One call in the provider's books, from its arrival to its end. Dropped before its end, it was cancelled.

use std::{io, sync::Arc, time::Duration};

use rand::RngExt;
use tokio::time::Instant;

use crate::{
    Ending, Seen, SimError,
    clock::after,
    generation::Generation,
    latency::times,
    rule::{Caller, Struck},
    seed::Purpose,
    sim::Shared,
    wire::Ask,
};

pub(crate) struct Call {
    pub(crate) sim: Arc<Shared>,
    pub(crate) number: u64,
    connection: u64,
    arrived: Instant,
    generation: Option<Generation>,
    ended: bool,
}

impl Call {
    pub(crate) fn arrive<T>(sim: Arc<Shared>, request: &http::Request<T>, connection: u64) -> Self {
        let target = format!("{} {}", request.method(), request.uri().path());
        let seen = Seen::arrived(sim.clock.elapsed(), target, request.headers().clone(), connection);
        let number = sim.log().push(seen);
        Self { sim, number, connection, arrived: Instant::now(), generation: None, ended: false }
    }

    pub(crate) fn note(&self, change: impl FnOnce(&mut Seen)) {
        self.sim.log().update(self.number, change);
    }

    pub(crate) fn arrived(&self) -> Instant {
        self.arrived
    }

    /// Time since it arrived.
    pub(crate) fn age(&self) -> Duration {
        self.arrived.elapsed()
    }

    /// 22 letters and digits that are this call's own.
    pub(crate) fn id(&self) -> String {
        const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
        let mut rng = self.sim.seed.rng(self.number, Purpose::Id);
        (0..22).map(|_| char::from(DIGITS[rng.random_range(0..DIGITS.len())])).collect()
    }

    pub(crate) fn strike(&self, model: &str) -> Struck {
        let at = self.sim.clock.elapsed();
        let caller = Caller { number: self.number, connection: self.connection, model };
        let struck = self.sim.rules().strike(self.sim.seed, &caller, at);
        self.note(|seen| seen.fault.clone_from(&struck.fault));
        struck
    }

    /// The request made sense.
    pub(crate) fn understood(&self, ask: &Ask) {
        self.note(|seen| {
            seen.model.clone_from(&ask.model);
            seen.stream = ask.stream;
            seen.max_tokens = ask.max_tokens;
            seen.input_tokens = ask.input_tokens;
        });
    }

    /// How many tokens the answer has, and whether the request's limit cut it.
    pub(crate) fn draw_output(&self, max_tokens: Option<u64>) -> (u64, bool) {
        let drawn =
            self.sim.seed.rng(self.number, Purpose::Output).random_range(self.sim.model.output.0.clone());
        max_tokens.filter(|max| *max < drawn).map_or((drawn, false), |max| (max, true))
    }

    /// Generation begins, and with it the bill.
    pub(crate) fn begin(&mut self, tokens: u64, struck: &Struck) -> &mut Generation {
        let model = &self.sim.model;
        let first = model.first_token.draw(&mut self.sim.seed.rng(self.number, Purpose::FirstToken));
        let first = after(Instant::now(), times(first, struck.slower).saturating_add(struck.extra));
        self.note(|seen| seen.billed = seen.input_tokens);
        self.generation.insert(Generation::new(
            self.sim.seed,
            self.number,
            first,
            self.sim.model.per_token.clone(),
            struck.slower,
            tokens,
        ))
    }

    /// The generation after it caught up with the time; what became ready is charged.
    pub(crate) fn generate(&mut self) -> Option<&Generation> {
        let generation = self.generation.as_mut()?;
        let now = Instant::now();
        let fresh = generation.advance(now);
        if fresh > 0 {
            self.sim.charge_output(fresh, now);
            self.sim.log().update(self.number, |seen| seen.billed += fresh);
        }
        self.generation.as_ref()
    }

    /// Tokens went out to the client.
    pub(crate) fn sent(&self, tokens: u64) {
        let at = self.sim.clock.elapsed();
        self.note(|seen| {
            seen.first_token_at.get_or_insert(at);
            seen.output_tokens_sent += tokens;
        });
    }

    /// Once; later ends are not heard.
    pub(crate) fn end(&mut self, end: Ending) {
        if !self.ended {
            self.ended = true;
            let at = self.sim.clock.elapsed();
            self.sim.log().end(self.number, end, at);
        }
    }

    /// A fault tore the connection.
    pub(crate) fn tear(&mut self, kind: io::ErrorKind) -> SimError {
        self.end(Ending::Faulted);
        SimError::new(&self.sim.name, kind)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        if !self.ended {
            // What was generated while nobody polled is on the bill, too.
            self.generate();
            self.end(Ending::Cancelled);
        }
    }
}
