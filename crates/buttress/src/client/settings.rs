//! The numbers of a client.

use std::{fmt, time::Duration};

/// The numbers of a [`Client`](super::Client). A plain value: change what you need, keep the rest.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientSettings {
    /// How long a new connection may take: name, TCP and TLS. Above zero. Default: 5 s, as in OpenAI's and Anthropic's own
    /// clients.
    pub connect_timeout: Duration,
    /// How long an unused connection is kept. Above zero. Default: 50 s, because common load balancers close theirs after
    /// 60 s, and a request that meets a connection as it closes is lost.
    pub idle_timeout: Duration,
    /// How many unused connections are kept for each host; more are closed. 0 keeps none. Default: 100, as in OpenAI's and
    /// Anthropic's own clients.
    ///
    /// How many are in use is not limited here: that is the limiter's `in_flight`.
    pub max_idle: usize,
    /// After how long without a byte TCP asks whether the peer is still there, and then every so often, five times at most.
    /// Above zero; `None`: never. Default: 30 s.
    ///
    /// It finds a dead peer while a model thinks in silence, and keeps NATs from forgetting the connection.
    pub tcp_keep_alive: Option<Duration>,
    /// HTTP/2 where the server speaks it. Default: none, HTTP/1.1.
    pub http2: Option<Http2>,
    /// Who is trusted to say who a server is. Default: whom the system trusts.
    pub roots: Roots,
}

/// How an HTTP/2 connection is kept alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Http2 {
    /// How often a connection that is in use is asked whether it is still there. Above zero. Default: 20 s.
    pub ping_every: Duration,
    /// How long the answer may take; then the connection is closed, and its calls fail. Above zero. Default: 10 s.
    pub ping_timeout: Duration,
}

impl Default for Http2 {
    /// A ping every 20 s, to be answered within 10 s.
    fn default() -> Self {
        Http2 { ping_every: Duration::from_secs(20), ping_timeout: Duration::from_secs(10) }
    }
}

/// Who is trusted to say who a server is.
#[derive(Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Roots {
    /// Whom the system trusts, or the file that `SSL_CERT_FILE` names.
    #[default]
    System,
    /// These certificates alone, in PEM: for servers of one's own.
    Pem(Vec<u8>),
    /// Nobody: only `http://` can be called. For servers on the same machine, where the system has no roots.
    None,
}

impl fmt::Debug for Roots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Roots::System => f.write_str("System"),
            Roots::Pem(pem) => write!(f, "Pem({} bytes)", pem.len()),
            Roots::None => f.write_str("None"),
        }
    }
}

impl Default for ClientSettings {
    /// 5 s to connect; 100 unused connections a host, for 50 s; TCP keep-alive after 30 s; HTTP/1.1; the system's roots.
    fn default() -> Self {
        ClientSettings {
            connect_timeout: Duration::from_secs(5),
            idle_timeout: Duration::from_secs(50),
            max_idle: 100,
            tcp_keep_alive: Some(Duration::from_secs(30)),
            http2: None,
            roots: Roots::System,
        }
    }
}

impl ClientSettings {
    /// The fields that are zero and must not be.
    pub(super) fn zero(&self) -> Option<&'static str> {
        [
            ("connect_timeout", Some(self.connect_timeout)),
            ("idle_timeout", Some(self.idle_timeout)),
            ("tcp_keep_alive", self.tcp_keep_alive),
            ("http2.ping_every", self.http2.map(|http2| http2.ping_every)),
            ("http2.ping_timeout", self.http2.map(|http2| http2.ping_timeout)),
        ]
        .into_iter()
        .find(|(_, time)| *time == Some(Duration::ZERO))
        .map(|(field, _)| field)
    }
}
