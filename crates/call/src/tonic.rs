//! An [`Error`] as a gRPC status.

use tonic::{Code, Status, metadata::MetadataValue};

use crate::{Error, Kind};

impl From<Error> for Status {
    /// A code by kind, the error's message, and `retry-after` (seconds, rounded up) in the metadata when a wait is
    /// known. The error itself is the status's source.
    fn from(error: Error) -> Self {
        let mut status = Status::new(code(error.kind()), error.to_string());
        if let Some(wait) = error.retry_after() {
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            status.metadata_mut().insert("retry-after", MetadataValue::from(seconds));
        }
        status.set_source(std::sync::Arc::new(error));
        status
    }
}

fn code(kind: Kind) -> Code {
    match kind {
        Kind::Connect | Kind::Overloaded | Kind::Rejected | Kind::Server | Kind::Broken => Code::Unavailable,
        Kind::Timeout => Code::DeadlineExceeded,
        Kind::RateLimited | Kind::Quota => Code::ResourceExhausted,
        Kind::Auth => Code::Unauthenticated,
        Kind::NotFound => Code::NotFound,
        Kind::ContextTooLong => Code::OutOfRange,
        Kind::Filtered => Code::FailedPrecondition,
        Kind::Invalid => Code::InvalidArgument,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{Failure, Origin};

    #[test]
    fn a_status_has_the_code_the_message_and_the_wait() {
        let failure = Failure::new(Kind::RateLimited).with_retry_after(Some(Duration::from_millis(300)));
        let status = Status::from(Error::new(failure, Origin::Upstream, "slow down"));
        assert_eq!((status.code(), status.message()), (Code::ResourceExhausted, "slow down"));
        assert_eq!(status.metadata().get("retry-after").unwrap(), "1");
    }
}
