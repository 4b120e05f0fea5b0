//! The bodies of changes.

use axum::{
    body::Bytes,
    extract::{FromRequest, Request},
    http::StatusCode,
};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Map, Value};

use crate::{
    admin::{Admin, answer::Failed},
    control::Refused,
};

/// A body that is JSON, whatever it says it is: the token, not the type, tells a stranger's form from an operator.
pub(in crate::admin) struct Body<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Admin> for Body<T> {
    type Rejection = Failed;

    async fn from_request(request: Request, admin: &Admin) -> Result<Self, Failed> {
        let body = Bytes::from_request(request, admin).await.map_err(|error| match error.status() {
            StatusCode::PAYLOAD_TOO_LARGE => {
                let rule = format!("must be at most {} bytes long", admin.settings.max_body);
                Failed::new(StatusCode::PAYLOAD_TOO_LARGE, "body", rule)
            }
            status => Failed::new(status, "body", "was not received whole"),
        })?;
        let parsed = serde_json::from_slice(&body);
        parsed.map(Body).map_err(|error| Failed::new(StatusCode::BAD_REQUEST, "body", error.to_string()))
    }
}

/// Numbers with some of them changed.
pub(super) fn changed<T: Serialize + DeserializeOwned>(
    mut numbers: T,
    changes: Map<String, Value>,
) -> Result<T, Failed> {
    if changes.is_empty() {
        let rule = "must name at least one number to change";
        return Err(Failed::new(StatusCode::UNPROCESSABLE_ENTITY, "body", rule));
    }
    // One by one, because an error must say which.
    for (name, value) in changes {
        let refused =
            |error: serde_json::Error| Failed::from(Refused::number(&name, &value, error.to_string()));
        let mut all = serde_json::to_value(&numbers).map_err(refused)?;
        all[&*name] = value.clone();
        numbers = serde_json::from_value(all).map_err(refused)?;
    }
    Ok(numbers)
}
