//! The protocol that `tonic_service` speaks. The examples are beside this crate's manifest.

/// `proto/chat.proto`, compiled.
#[allow(missing_docs, clippy::pedantic, reason = "generated")]
pub mod chat {
    tonic::include_proto!("chat.v1");
}
