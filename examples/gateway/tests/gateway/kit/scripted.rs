//! A provider that sends given bytes.

use std::sync::{Arc, Mutex};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// What it does with a connection, one after the other.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    Send(Vec<u8>),
    /// Lets what was sent arrive by itself.
    Pause,
    /// Never ends.
    Hang,
    Close,
}

/// Plays the same acts to every request. It keeps what it was sent.
pub(crate) struct Scripted {
    pub(crate) url: String,
    seen: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Scripted {
    pub(crate) async fn start(acts: Vec<Act>) -> Scripted {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let seen = Arc::new(Mutex::new(Vec::new()));
        let kept = seen.clone();
        let accepting = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                stream.set_nodelay(true).unwrap();
                tokio::spawn(play(stream, acts.clone(), kept.clone()));
            }
        });
        Scripted { url, seen, accepting }
    }

    /// One that answers with these headers (each with its line's end) and this body, and hangs up.
    pub(crate) async fn answering(status: &str, headers: &str, body: &[u8]) -> Scripted {
        let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
        Scripted::start(vec![Act::Send([head.as_bytes(), body].concat()), Act::Close]).await
    }

    /// One that streams these pieces, each by itself, and then does this.
    pub(crate) async fn streaming(pieces: &[&str], then: Act) -> Scripted {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        let mut acts = vec![Act::Send(head.into())];
        for piece in pieces {
            acts.push(Act::Send(format!("{:x}\r\n{piece}\r\n", piece.len()).into()));
            acts.push(Act::Pause);
        }
        acts.push(then);
        Scripted::start(acts).await
    }

    /// The requests, heads and bodies.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn play(mut stream: TcpStream, acts: Vec<Act>, seen: Arc<Mutex<Vec<String>>>) {
    let Some(request) = read_request(&mut stream).await else { return };
    seen.lock().unwrap().push(request);
    for act in acts {
        match act {
            Act::Send(bytes) => {
                if stream.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Act::Pause => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
            Act::Hang => std::future::pending().await,
            Act::Close => return,
        }
    }
}

async fn read_request(stream: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut piece = [0; 4096];
        let count = stream.read(&mut piece).await.ok().filter(|count| *count > 0)?;
        request.extend_from_slice(&piece[..count]);
        let text = String::from_utf8_lossy(&request);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text.into_owned());
        }
    }
}
