//! What can be changed.

mod body;
mod route;
mod target;

pub(super) use self::{
    route::{drain, reorder, resume, tier, weight},
    target::{breaker, force_close, force_open, limit, reset},
};

use axum::http::StatusCode;

use super::auth::Operator;

/// For who wants to know before a change.
pub(super) async fn allowed(_: Operator) -> StatusCode {
    StatusCode::NO_CONTENT
}
