//! Structured codes, types and exception names.

use buttress_call::Kind;

/// The kind that a structured code or type names.
///
/// `None` for codes that say no more than the status, such as `invalid_request_error`: DeepSeek sends that one for an
/// empty balance, OpenAI for a wrong key. One table serves all vendors, because gateways mix them and no code means
/// two things.
pub(crate) fn by_code(code: &str) -> Option<Kind> {
    let code = &*code.to_ascii_lowercase();
    Some(match code {
        "context_length_exceeded" | "token_limit_exceeded" | "max_tokens_exceeded" | "request_too_large" => {
            Kind::ContextTooLong
        }
        // The limit of one field: no window is large enough.
        "string_above_max_length" => Kind::Invalid,
        "content_filter"
        | "content_policy_violation"
        | "responsibleaipolicyviolation"
        | "invalid_prompt"
        | "bio_policy"
        | "misalignment_policy_violation"
        | "refusal" => Kind::Filtered,
        "invalid_api_key"
        | "authentication"
        | "authentication_error"
        | "permission_error"
        | "permission_denied"
        | "organization_on_hold" => Kind::Auth,
        "insufficient_quota"
        | "quota_exceeded"
        | "credit_balance_exhausted"
        | "organization_spend_limit_exceeded"
        | "project_spend_limit_exceeded"
        | "organization_usage_limit_exceeded"
        | "billing_hard_limit_reached"
        | "billing_not_active"
        | "billing_error"
        | "payment_required"
        | "enforced_spend_limit_reached"
        | "contract_spend_limit_reached" => Kind::Quota,
        "model_not_found" | "deploymentnotfound" | "not_found_error" | "notfounderror" => Kind::NotFound,
        "rate_limit_exceeded"
        | "rate_limit_error"
        | "rate_limited"
        | "ramp_limit_exceeded"
        | "slow_down"
        | "tokens"
        | "requests" => Kind::RateLimited,
        "server_is_overloaded"
        | "service_unavailable_error"
        | "overloaded_error"
        | "overloaded"
        | "provider_overloaded"
        | "provider_unavailable"
        | "capacity_exceeded" => Kind::Overloaded,
        "timeout" | "timeout_error" | "request_body_timeout" => Kind::Timeout,
        "server_error"
        | "internal_server_error"
        | "internalservererror"
        | "api_error"
        | "conflict_error"
        | "generation" => Kind::Server,
        "incomplete_generation" => Kind::Broken,
        code if code.starts_with("linked_organization_") => Kind::Quota,
        code if code.starts_with("cmek_") => Kind::Server,
        _ => return google(code).or_else(|| amazon(code)).or_else(|| litellm(code)),
    })
}

/// The names of gRPC statuses, and the reasons beside them. `INVALID_ARGUMENT` says no more than its 400.
fn google(code: &str) -> Option<Kind> {
    Some(match code {
        "resource_exhausted" => Kind::RateLimited,
        "unavailable" => Kind::Overloaded,
        "internal" | "aborted" | "data_loss" => Kind::Server,
        "deadline_exceeded" => Kind::Timeout,
        "cancelled" => Kind::Broken,
        // The region or the billing of the account.
        "failed_precondition" | "unauthenticated" | "api_key_invalid" => Kind::Auth,
        "billing_disabled" => Kind::Quota,
        "not_found" => Kind::NotFound,
        "unimplemented" => Kind::Invalid,
        _ => return None,
    })
}

/// Exceptions, of Bedrock above all. `ValidationException` says no more than its 400.
fn amazon(code: &str) -> Option<Kind> {
    Some(match code {
        "throttlingexception" => Kind::RateLimited,
        "servicequotaexceededexception" => Kind::Quota,
        // A cold start; a lack of capacity that has nothing to do with the account.
        "modelnotreadyexception" | "serviceunavailableexception" => Kind::Overloaded,
        "internalserverexception" => Kind::Server,
        "modeltimeoutexception" => Kind::Timeout,
        "modelstreamerrorexception" => Kind::Broken,
        "accessdeniedexception"
        | "unrecognizedclientexception"
        | "expiredtokenexception"
        | "invalidsignatureexception"
        | "incompletesignatureexception"
        | "missingauthenticationtokenexception" => Kind::Auth,
        "resourcenotfoundexception" => Kind::NotFound,
        _ => return None,
    })
}

/// The proxy's own, of which an expired key comes as a 400.
fn litellm(code: &str) -> Option<Kind> {
    Some(match code {
        "budget_exceeded" => Kind::Quota,
        "auth_error" | "expired_key" | "token_not_found_in_db" => Kind::Auth,
        // The key may use others.
        code if code.ends_with("_model_access_denied") => Kind::NotFound,
        _ => return None,
    })
}
