//! The gateway as a process of its own.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    sync::{Arc, Mutex},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncRead, BufReader},
    process::{Child as Process, Command},
};

use super::{ADMIN_TOKEN, CALLER_KEY, Caller, TARGET_KEY};

/// A process that is killed when this is dropped.
pub(crate) struct Child {
    process: Process,
    pub(crate) url: String,
    file: Option<PathBuf>,
    said: Arc<Mutex<String>>,
}

impl Child {
    /// A gateway with this file, or without one.
    pub(crate) async fn start(file: Option<&str>, log: &str) -> Child {
        static FILES: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);
        let number = FILES.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = file.map(|text| {
            let path = folder.join(format!("gateway-{}-{number}.toml", std::process::id()));
            fs::write(&path, text).unwrap();
            path
        });
        let mut command = Command::new(env!("CARGO_BIN_EXE_buttress-gateway"));
        if let Some(path) = &file {
            command.arg("--config").arg(path);
        }
        let mut process = command
            .env("RUST_LOG", log)
            .env("NO_COLOR", "1")
            .env("TARGET_KEY", TARGET_KEY)
            .env("CALLER_KEY", CALLER_KEY)
            .env("ADMIN_TOKEN", ADMIN_TOKEN)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let first = lines.next_line().await.unwrap().expect("it says where it listens");
        let url = first.strip_prefix("listening on ").unwrap().to_owned();
        let second = lines.next_line().await.unwrap().expect("and how to call it");
        *said.lock().unwrap() = format!("{first}\n{second}\n");
        tokio::spawn(keep(lines.into_inner(), said.clone()));
        tokio::spawn(keep(BufReader::new(process.stderr.take().unwrap()), said.clone()));
        Child { process, url, file, said }
    }

    pub(crate) fn caller(&self) -> Caller {
        Caller::new(&self.url)
    }

    /// All that it has written by now, to stdout and stderr.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    /// Another file, in place of the one that it has.
    pub(crate) fn write(&self, text: &str) {
        let path = self.file.as_ref().unwrap();
        // At one stroke, as an editor does: it never sees a half.
        let next = path.with_extension("next");
        fs::write(&next, text).unwrap();
        fs::rename(next, path).unwrap();
    }

    /// The memory that it has now, in MiB.
    #[cfg(target_os = "linux")]
    pub(crate) fn memory(&self) -> f64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id().unwrap())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().strip_suffix(" kB").unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Sends it a signal by its name.
    pub(crate) fn signal(&self, name: &str) {
        let process = self.process.id().unwrap().to_string();
        let kill = std::process::Command::new("sh").args(["-c", "kill -$0 $1", name, &process]).status();
        assert!(kill.unwrap().success());
    }

    /// Waits until it ends; says whether it did well.
    pub(crate) async fn ended(&mut self) -> bool {
        self.process.wait().await.unwrap().success()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(path) = &self.file {
            let _ = fs::remove_file(path);
        }
    }
}

async fn keep(from: impl AsyncRead + AsyncBufReadExt + Unpin, said: Arc<Mutex<String>>) {
    let mut lines = from.lines();
    while let Ok(Some(line)) = lines.next_line().await {
        let mut said = said.lock().unwrap();
        said.push_str(&line);
        said.push('\n');
    }
}
