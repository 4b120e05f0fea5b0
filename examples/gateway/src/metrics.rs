//! What Prometheus reads.

use std::time::Duration;

use buttress::telemetry::names::{SECONDS_BUCKETS, TOKEN_BUCKETS, TOKEN_USAGE};
use metrics_exporter_prometheus::{BuildError, Matcher, PrometheusBuilder, PrometheusHandle};

/// How often what histograms have gathered is put into their buckets. Between two times it takes memory: 8 bytes a value.
const UPKEEP: Duration = Duration::from_secs(1);

/// Makes Prometheus' the recorder of this process, which it must not have yet: to be installed before the gateway is made.
///
/// # Errors
///
/// If there is a recorder already.
pub fn install() -> Result<PrometheusHandle, BuildError> {
    PrometheusBuilder::new()
        .set_buckets(&SECONDS_BUCKETS)?
        .set_buckets_for_metric(Matcher::Full(TOKEN_USAGE.to_owned()), &TOKEN_BUCKETS)?
        .install_recorder()
}

/// Keeps the recorder small: to be spawned.
pub async fn upkeep(recorder: PrometheusHandle) {
    loop {
        tokio::time::sleep(UPKEEP).await;
        recorder.run_upkeep();
    }
}
