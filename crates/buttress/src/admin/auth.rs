//! Who asks.

use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, StatusCode, header::AUTHORIZATION, request::Parts},
};

use super::{Admin, answer::Failed, settings::Settings};

/// Somebody who may change things.
pub(super) struct Operator;

/// Somebody who may look.
pub(super) struct Reader;

impl FromRequestParts<Admin> for Operator {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Failed> {
        known(&parts.headers, &admin.settings, "changes are off").map(|()| Operator)
    }
}

impl FromRequestParts<Admin> for Reader {
    type Rejection = Failed;

    async fn from_request_parts(parts: &mut Parts, admin: &Admin) -> Result<Self, Failed> {
        if admin.settings.protect_reads {
            known(&parts.headers, &admin.settings, "reads are protected")?;
        }
        Ok(Reader)
    }
}

fn known(headers: &HeaderMap, settings: &Settings, without: &str) -> Result<(), Failed> {
    let Some(token) = &settings.token else {
        return Err(Failed::new(StatusCode::FORBIDDEN, without, "no admin token is configured"));
    };
    let Some(value) = headers.get(AUTHORIZATION) else {
        let rule = "send the admin token as `Authorization: Bearer ...`";
        return Err(Failed::new(StatusCode::UNAUTHORIZED, "no token", rule));
    };
    match bearer(value.as_bytes()) {
        Some(sent) if token.is(sent) => Ok(()),
        _ => {
            tracing::warn!("a request with a wrong admin token was refused");
            let rule = "`Authorization` must be `Bearer` and the admin token";
            Err(Failed::new(StatusCode::UNAUTHORIZED, "wrong token", rule))
        }
    }
}

/// The scheme's name is in any case (RFC 9110, 11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, token) = value.split_at_checked(b"Bearer ".len())?;
    scheme.eq_ignore_ascii_case(b"Bearer ").then(|| token.trim_ascii())
}
