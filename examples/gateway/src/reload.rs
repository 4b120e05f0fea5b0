//! Takes the file again when it changes, and on SIGHUP.

use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{Gateway, config::Config};

/// How often the file is looked at. It is small, and comparing what it says works on every file system.
const EVERY: Duration = Duration::from_secs(1);

/// A future that reloads the file, of which `loaded` is in force, for as long as it is polled. A file that is refused is logged, once, and the one before stays in
/// force. From now on SIGHUP does not kill the process.
///
/// # Errors
///
/// If SIGHUP cannot be listened to.
pub fn watch(gateway: Gateway, path: PathBuf, loaded: String) -> io::Result<impl Future<Output = ()>> {
    let hang_ups = HangUps::new()?;
    Ok(follow(gateway, path, loaded, hang_ups))
}

async fn follow(gateway: Gateway, path: PathBuf, loaded: String, mut hang_ups: HangUps) {
    // Not what stands in it now: that may be newer.
    let mut seen = Ok(loaded);
    loop {
        let asked = tokio::select! {
            () = hang_ups.next() => true,
            () = tokio::time::sleep(EVERY) => false,
        };
        let now = read(&path).await;
        if !asked && now == seen {
            continue;
        }
        seen = now;
        let loaded = match &seen {
            Ok(text) => load(&gateway, text.clone(), path.display().to_string()).await,
            Err(error) => Err(error.clone()),
        };
        let file = path.display();
        match loaded {
            Ok(()) => tracing::info!(%file, "reloaded"),
            Err(reason) => tracing::error!(%file, %reason, "refused: what was in force stays"),
        }
    }
}

async fn read(path: &Path) -> Result<String, String> {
    tokio::fs::read_to_string(path).await.map_err(|error| error.to_string())
}

async fn load(gateway: &Gateway, text: String, file: String) -> Result<(), String> {
    let gateway = gateway.clone();
    let load = move || {
        let config = Config::parse(&text, &file)?;
        let (old, new) = (gateway.config().listen, config.listen);
        gateway.reload(config)?;
        if old != new {
            tracing::warn!(%old, %new, "`listen` is read at the start only");
        }
        Ok::<_, crate::config::ConfigError>(())
    };
    match tokio::task::spawn_blocking(load).await {
        Ok(loaded) => loaded.map_err(|error| error.to_string()),
        Err(panicked) => Err(panicked.to_string()),
    }
}

#[cfg(unix)]
struct HangUps(tokio::signal::unix::Signal);

#[cfg(unix)]
impl HangUps {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};

        signal(SignalKind::hangup()).map(HangUps)
    }

    async fn next(&mut self) {
        // `None` only if the runtime is going down.
        self.0.recv().await;
    }
}

#[cfg(not(unix))]
struct HangUps;

#[cfg(not(unix))]
impl HangUps {
    fn new() -> io::Result<Self> {
        Ok(HangUps)
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}
