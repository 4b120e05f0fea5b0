//! Who may do what.

use std::{fmt, sync::Arc};

use subtle::ConstantTimeEq;

/// The settings of the [`router`](crate::admin::router). A plain value: change what you need, keep the rest.
#[derive(Clone)]
pub struct Settings {
    /// Who knows it may change things. Default: none, and every change is refused.
    pub token: Option<Token>,
    /// Whether `/status` and `/metrics` need the token, too. Default: false. Without a token they are then refused.
    ///
    /// `/`, `/healthz` and `/readyz` stay open: the first holds no data, the others are asked by machines. To others than
    /// the token's holder `/readyz` then says whether, and not why.
    pub protect_reads: bool,
    /// Renders `/metrics`, usually the handle of a Prometheus exporter. Default: none, and `/metrics` is not found.
    ///
    /// It runs in the request, so it must not block.
    pub metrics: Option<Arc<dyn Fn() -> String + Send + Sync>>,
    /// The largest body of a change, in bytes. Default: 16 KiB.
    pub max_body: usize,
}

impl Default for Settings {
    /// No changes, open reads, no metrics, bodies of 16 KiB at most.
    fn default() -> Self {
        Settings { token: None, protect_reads: false, metrics: None, max_body: 16 << 10 }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("token", &self.token)
            .field("protect_reads", &self.protect_reads)
            .field("metrics", &self.metrics.is_some())
            .field("max_body", &self.max_body)
            .finish()
    }
}

/// The operators' secret. It is compared in constant time and never shown.
#[derive(Clone)]
pub struct Token(Arc<str>);

/// Shorter ones can be guessed.
const SHORTEST: usize = 16;

impl Token {
    /// A token of at least 16 visible ASCII characters: others could not be sent in a header.
    ///
    /// ```
    /// use buttress::admin::Token;
    ///
    /// assert!(Token::new("b3f0-an-example-of-a-long-token").is_ok());
    /// let error = Token::new("hunter2").unwrap_err().to_string();
    /// assert_eq!(error, "admin token of 7 bytes: must be at least 16 characters long");
    /// ```
    pub fn new(token: impl Into<Arc<str>>) -> Result<Self, InvalidToken> {
        let token = token.into();
        let rule = if !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            "must be visible ASCII characters, without spaces"
        } else if token.len() < SHORTEST {
            "must be at least 16 characters long"
        } else {
            return Ok(Token(token));
        };
        Err(InvalidToken { length: token.len(), rule })
    }

    pub(super) fn is(&self, other: &[u8]) -> bool {
        self.0.as_bytes().ct_eq(other).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// Why a [`Token`] was refused. It does not say the token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidToken {
    length: usize,
    rule: &'static str,
}

impl fmt::Display for InvalidToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "admin token of {} bytes: {}", self.length, self.rule)
    }
}

impl std::error::Error for InvalidToken {}
