//! The signals that end the process.

use std::io;

/// A future that resolves at the next ctrl-c or SIGTERM. From now on they do not kill the process.
///
/// # Errors
///
/// If the signals cannot be listened to.
#[cfg(unix)]
pub fn asked() -> io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};

    let mut term = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = term.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// A future that resolves at the next ctrl-c.
///
/// # Errors
///
/// If the signal cannot be listened to.
#[cfg(windows)]
pub fn asked() -> io::Result<impl Future<Output = ()>> {
    let mut interrupt = tokio::signal::windows::ctrl_c()?;
    Ok(async move {
        interrupt.recv().await;
    })
}
