//! Who may do what.

use super::*;

fn post(path: &str, authorization: Option<&str>) -> Request<Body> {
    let mut request = Request::post(path);
    if let Some(authorization) = authorization {
        request = request.header(AUTHORIZATION, authorization);
    }
    request.body(Body::from(r#"{"target":"a"}"#)).unwrap()
}

#[tokio::test]
async fn no_change_is_made_for_who_does_not_know_the_token() {
    let rig = Rig::quick();
    let router = router(&rig.control);
    let almost = &format!("Bearer {}", &TOKEN[1..]);
    let longer = &format!("Bearer {TOKEN}x");
    let basic = &format!("Basic {TOKEN}");
    let wrong = [
        None,
        Some(""),
        Some("Bearer"),
        Some("Bearer "),
        Some(TOKEN),
        Some(almost),
        Some(longer),
        Some(basic),
    ];
    for path in CHANGES {
        for authorization in wrong {
            let seen = send(&router, post(&format!("/control/{path}"), authorization)).await;
            assert_eq!(seen.status, StatusCode::UNAUTHORIZED, "{path} {authorization:?}");
            assert_eq!(seen.headers["www-authenticate"], "Bearer");
            assert!(!seen.body.contains(TOKEN) && !seen.body.contains(&TOKEN[1..]), "{}", seen.body);
            seen.error();
        }
    }
    assert_eq!(rig.control.status().events, []);
    assert_eq!(get(&router, "/control").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn who_knows_the_token_may() {
    let router = router(&Rig::quick().control);
    for scheme in ["Bearer", "bearer", "BEARER"] {
        let request = post("/control/force-open", Some(&format!("{scheme} {TOKEN}")));
        assert_eq!(send(&router, request).await.status, StatusCode::OK, "{scheme}");
    }
    let request = Request::get("/control").header(AUTHORIZATION, format!("Bearer {TOKEN}"));
    let seen = send(&router, request.body(Body::empty()).unwrap()).await;
    assert_eq!((seen.status, &*seen.body), (StatusCode::NO_CONTENT, ""));
}

#[tokio::test]
async fn without_a_token_every_change_is_refused_and_says_why() {
    let rig = Rig::quick();
    let router = admin::router(rig.control.clone(), Settings::default());
    for path in CHANGES {
        let seen = change(&router, path, r#"{"target":"a"}"#).await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{path}");
        let [what, _, rule] = seen.error();
        assert_eq!((what, rule), ("changes are off".into(), "no admin token is configured".into()));
    }
    assert_eq!(rig.control.status().events, []);
    assert_eq!(get(&router, "/status").await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_cookie_or_a_query_is_no_token() {
    let router = router(&Rig::quick().control);
    let request = Request::post(format!("/control/force-open?token={TOKEN}&access_token={TOKEN}"))
        .header("cookie", format!("token={TOKEN}; authorization=Bearer {TOKEN}"))
        .body(Body::from(r#"{"target":"a"}"#))
        .unwrap();
    assert_eq!(send(&router, request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_token_is_looked_at_before_the_body() {
    let router = router(&Rig::quick().control);
    let body = Body::from_stream(futures_util::stream::pending::<Result<bytes::Bytes, std::io::Error>>());
    let request = Request::post("/control/force-open").body(body).unwrap();
    assert_eq!(send(&router, request).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn reads_are_protected_on_request_and_probes_and_the_page_stay_open() {
    let rig = Rig::quick();
    let settings =
        Settings { protect_reads: true, metrics: Some(std::sync::Arc::new(String::new)), ..settings() };
    let router = admin::router(rig.control.clone(), settings);
    for (path, open) in
        [("/", true), ("/healthz", true), ("/readyz", true), ("/status", false), ("/metrics", false)]
    {
        let expected = if open { StatusCode::OK } else { StatusCode::UNAUTHORIZED };
        assert_eq!(get(&router, path).await.status, expected, "{path}");
        let request = Request::get(path).header(AUTHORIZATION, format!("Bearer {TOKEN}"));
        assert_eq!(
            send(&router, request.body(Body::empty()).unwrap()).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    rig.control.drain("a").unwrap();
    rig.control.drain("b").unwrap();
    let seen = get(&router, "/readyz").await;
    assert_eq!((seen.status, &*seen.body), (StatusCode::SERVICE_UNAVAILABLE, r#"{"ready":false}"#));
    let request = Request::get("/readyz").header(AUTHORIZATION, format!("Bearer {TOKEN}"));
    let seen = send(&router, request.body(Body::empty()).unwrap()).await;
    assert!(seen.json()["reason"].as_str().unwrap().contains("drained by an operator"));

    let none = Settings { protect_reads: true, ..Settings::default() };
    let seen = get(&admin::router(rig.control.clone(), none), "/status").await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
}

#[test]
fn a_token_that_could_be_guessed_or_not_be_sent_is_refused_and_never_shown() {
    for (token, rule) in [
        ("", "must be at least 16 characters long"),
        ("fifteen-letters", "must be at least 16 characters long"),
        ("with a space in the midst", "must be visible ASCII characters, without spaces"),
        ("mit-einem-ümlaut-darin", "must be visible ASCII characters, without spaces"),
        ("and\na-line-end-in-it", "must be visible ASCII characters, without spaces"),
    ] {
        let error = Token::new(token).unwrap_err().to_string();
        assert!(error.ends_with(rule), "{error}");
        assert!(token.is_empty() || !error.contains(token), "{error}");
    }
    let settings = format!("{:?}", settings());
    assert!(!settings.contains(TOKEN) && settings.contains("Token(..)"), "{settings}");
}

#[tokio::test]
async fn changes_are_posts() {
    let router = router(&Rig::quick().control);
    for path in CHANGES {
        for method in [Method::GET, Method::PUT, Method::DELETE, Method::PATCH] {
            let request = Request::builder().method(method.clone()).uri(format!("/control/{path}"));
            let request = request.header(AUTHORIZATION, format!("Bearer {TOKEN}"));
            let seen = send(&router, request.body(Body::from(r#"{"target":"a"}"#)).unwrap()).await;
            assert_eq!(seen.status, StatusCode::METHOD_NOT_ALLOWED, "{method} {path}");
        }
    }
}
