//! The page: one file that cannot run anything else.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};

use super::*;

async fn page() -> Seen {
    get(&router(&Rig::quick().control), "/").await
}

/// What stands between the tags, which come once.
fn inside<'a>(page: &'a str, tag: &str) -> &'a str {
    let (begin, end) = (format!("<{tag}>"), format!("</{tag}>"));
    assert_eq!((page.matches(&begin).count(), page.matches(&end).count()), (1, 1));
    page.split_once(&begin).unwrap().1.split_once(&end).unwrap().0
}

#[tokio::test]
async fn its_policy_lets_its_own_script_and_style_run_and_no_others() {
    let seen = page().await;
    assert_eq!(seen.headers["content-type"], "text/html; charset=utf-8");
    let policy = seen.headers["content-security-policy"].to_str().unwrap();
    for tag in ["script", "style"] {
        // As a browser reads it: with line ends made LF.
        let text = inside(&seen.body, tag).replace("\r\n", "\n");
        let hash = BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()));
        let source = format!("{tag}-src 'sha256-{hash}'");
        assert!(
            policy.contains(&source),
            "the page was changed: {source} must stand in admin/page.rs, not {policy}"
        );
    }
    assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
    for rule in ["connect-src 'self'", "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'"] {
        assert!(policy.contains(rule), "{policy}");
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(seen.headers[name], value);
    }
}

#[tokio::test]
async fn it_loads_nothing_and_writes_nothing_as_markup() {
    let page = page().await.body;
    for foreign in ["http://", "https://", "src=", "@import", "url(", " style=", "onclick=", "onload="] {
        assert!(!page.contains(foreign), "{foreign}");
    }
    for markup in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "localStorage",
        "sessionStorage",
        "document.cookie",
    ] {
        assert!(!page.contains(markup), "{markup}");
    }
}

#[tokio::test]
async fn each_change_that_it_offers_is_one_that_there_is() {
    let page = page().await.body;
    let router = router(&Rig::quick().control);
    for path in ["force-open", "force-close", "reset", "drain", "resume", "reorder", "breaker", "limit"] {
        assert!(page.contains(&format!("\"{path}\"")), "{path}");
        // Known, though the body is not what it wants.
        assert_eq!(change(&router, path, "[]").await.status, StatusCode::BAD_REQUEST, "{path}");
    }
}
