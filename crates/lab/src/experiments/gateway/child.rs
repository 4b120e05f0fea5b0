//! A system in a process of its own, and what the kernel knows of it.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};

use buttress_call::BoxError;
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::Command,
};

/// A process that ends when this is dropped.
pub(super) struct Child {
    process: tokio::process::Child,
    url: String,
    file: Option<PathBuf>,
}

/// Builds the gateway as this program was built, and says where it is.
pub(super) fn build() -> Result<PathBuf, BoxError> {
    let own = env::current_exe()?;
    let folder = own.parent().ok_or("this program is in no folder")?;
    let mut cargo = std::process::Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../..")).args([
        "build",
        "-p",
        "buttress-gateway",
    ]);
    if !cfg!(debug_assertions) {
        cargo.arg("--release");
    }
    if !cargo.status()?.success() {
        return Err("the gateway does not build".into());
    }
    Ok(folder.join(format!("buttress-gateway{}", env::consts::EXE_SUFFIX)))
}

impl Child {
    /// The proxy that does nothing: this program again.
    pub(super) async fn bare(provider: &str) -> Result<Self, BoxError> {
        let mut command = Command::new(env::current_exe()?);
        command.args(["gateway", "--bare", provider]);
        Self::start(command, None).await
    }

    /// The gateway, with the provider as both of a route's targets.
    pub(super) async fn gateway(program: &Path, provider: &str) -> Result<Self, BoxError> {
        let target = |name: &str| {
            format!(
                "[targets.{name}]\nprovider = \"compatible\"\nbase_url = \"{provider}\"\napi_key_env = \"LAB_KEY\"\n"
            )
        };
        let text = target("a") + &target("b") + "[[routes]]\nmodel = \"*\"\ntargets = [\"a\", \"b\"]\n";
        let file = env::temp_dir().join(format!("buttress-lab-{}.toml", std::process::id()));
        fs::write(&file, text)?;
        let mut command = Command::new(program);
        command.arg("--config").arg(&file).env("LAB_KEY", "any").env("RUST_LOG", "warn");
        Self::start(command, Some(file)).await
    }

    async fn start(mut command: Command, file: Option<PathBuf>) -> Result<Self, BoxError> {
        let mut process = command.stdout(Stdio::piped()).kill_on_drop(true).spawn()?;
        let stdout = process.stdout.take().ok_or("a piped stdout is there")?;
        let line = BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
        let url = line.strip_prefix("listening on ").ok_or("it does not say where it listens")?.to_owned();
        Ok(Child { process, url, file })
    }

    pub(super) fn url(&self) -> &str {
        &self.url
    }

    /// The processor time of its threads so far. Linux tells it to the nanosecond.
    pub(super) fn cpu(&self) -> Option<Duration> {
        let tasks = fs::read_dir(format!("/proc/{}/task", self.process.id()?)).ok()?;
        let nanos = tasks.filter_map(|task| {
            let stat = fs::read_to_string(task.ok()?.path().join("schedstat")).ok()?;
            stat.split_whitespace().next()?.parse::<u64>().ok()
        });
        Some(Duration::from_nanos(nanos.sum())).filter(|time| !time.is_zero())
    }

    /// The most memory that it has had, in MiB.
    pub(super) fn peak_mib(&self) -> Option<f64> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.process.id()?)).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
        line.trim().strip_suffix(" kB")?.parse::<f64>().ok().map(|kib| kib / 1024.0)
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if let Some(file) = &self.file {
            let _ = fs::remove_file(file);
        }
    }
}
