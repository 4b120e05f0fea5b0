//! What the probe does.

use std::time::Duration;

use buttress_call::Kind;
use bytes::Bytes;

/// A chunk of a stream with one token in it.
pub const TOKEN: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"}}]}\n\n";
const FINISH: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
/// The end marker.
pub const END: &str = "data: [DONE]\n\n";

/// How one call goes, from readiness to the last byte.
#[derive(Clone, Debug)]
pub struct Act {
    /// How the service becomes ready.
    pub ready: Ready,
    /// How the call's future resolves.
    pub head: Head,
    /// What the body does, piece by piece.
    pub pieces: Vec<Piece>,
}

/// How a service becomes ready.
#[derive(Clone, Copy, Debug)]
pub enum Ready {
    /// At its first poll.
    AtOnce,
    /// After this time.
    After(Duration),
    /// When the gate opens.
    Gated,
    /// Not at all.
    Never,
    /// It fails to.
    Fails(Kind),
    /// It panics.
    Panics,
}

/// How a call's future resolves.
#[derive(Clone, Copy, Debug)]
pub enum Head {
    /// At its first poll.
    AtOnce,
    /// After this time.
    After(Duration),
    /// When the gate opens.
    Gated,
    /// When the gate opens, to an error.
    GatedThenFails(Kind),
    /// Not at all.
    Never,
    /// To an error, at once.
    Fails(Kind),
    /// It does not: `call` panics.
    PanicsInCall,
    /// It panics.
    PanicsInPoll,
}

/// One step of a body.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A data frame.
    Bytes(Bytes),
    /// The same data frame for ever.
    Endless(Bytes),
    /// This long nothing.
    After(Duration),
    /// Nothing until the gate opens.
    Gated,
    /// Nothing any more.
    Never,
    /// The connection breaks.
    Cut,
    /// It panics.
    Panics,
}

impl Act {
    /// Three tokens and the end, all at once.
    pub fn good() -> Self {
        Self::answering([Piece::token(), Piece::token(), Piece::token()])
    }

    /// A good answer of which each step takes this long.
    pub fn slow(pause: Duration) -> Self {
        let wait = || Piece::After(pause);
        let answer = Self::answering([wait(), Piece::token(), wait(), Piece::token(), wait()]);
        Act { ready: Ready::After(pause), head: Head::After(pause), ..answer }
    }

    /// These pieces, and then a good end.
    pub fn answering(pieces: impl IntoIterator<Item = Piece>) -> Self {
        let end = [FINISH, END].map(|text| Piece::Bytes(Bytes::from_static(text.as_bytes())));
        Act { ready: Ready::AtOnce, head: Head::AtOnce, pieces: pieces.into_iter().chain(end).collect() }
    }

    /// The same, and after its end the connection does this.
    pub fn and_then(mut self, piece: Piece) -> Self {
        self.pieces.push(piece);
        self
    }

    /// A good answer once the head has come this way.
    pub fn head(head: Head) -> Self {
        Act { head, ..Self::good() }
    }

    /// A good answer once readiness has come this way.
    pub fn ready(ready: Ready) -> Self {
        Act { ready, ..Self::good() }
    }
}

impl Piece {
    /// One token.
    pub fn token() -> Self {
        Piece::Bytes(Bytes::from_static(TOKEN.as_bytes()))
    }
}
