//! The program: signals, files, what it writes.

use std::{process::Command, time::Duration};

use buttress_sim::{Fault, Rule};
use tokio::time::timeout;

use crate::kit::{ADMIN_TOKEN, Answer, CALLER_KEY, Child, TARGET_KEY, Told, chat, each, sim, target, until};

fn file(urls: [&str; 2], order: &str) -> String {
    target("a", urls[0])
        + &target("b", urls[1])
        + &format!(
            "[[routes]]\nmodel = \"m\"\ntargets = [{order}]\nattempts = 1\nfirst_content_seconds = 0.5\n"
        )
}

async fn says(child: &Child, what: &str) {
    until(|| if child.said().contains(what) { Ok(()) } else { Err(format!("{what}: {}", child.said())) })
        .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hang_up_under_load_changes_the_order_and_a_wrong_file_is_refused_with_its_reason() {
    let (a, a_server) = sim("a", 10, 2).await;
    let (b, b_server) = sim("b", 10, 2).await;
    let urls = [&*a_server.base_url(), &*b_server.base_url()];
    let (first, second) = (file(urls, "\"a\", \"b\""), file(urls, "\"b\", \"a\""));
    let child = Child::start(Some(&first), "info").await;
    let caller = child.caller();
    let load = tokio::spawn(each(600, 16, {
        let caller = caller.clone();
        move |_| {
            let caller = caller.clone();
            async move { caller.stream("m").await }
        }
    }));
    tokio::time::sleep(Duration::from_millis(100)).await;
    child.write(&second);
    child.signal("HUP");
    says(&child, "reloaded").await;
    assert_eq!(caller.answered_by("m").await, "b");
    child.write(&second.replace("\"b\", \"a\"", "\"c\""));
    child.signal("HUP");
    says(&child, "targets = c: there is no [targets.NAME] of this name").await;
    assert_eq!(caller.answered_by("m").await, "b", "what was in force stays");

    let texts = [a.expected_text(10), b.expected_text(10)];
    for answer in load.await.unwrap() {
        assert_eq!(answer.told, Told::Done, "{answer:?}");
        assert_eq!(answer.text, texts[usize::from(answer.target() == "b")]);
    }
    assert!(!a.log().is_empty() && b.log().len() > 2, "both orders were in force for a while");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_changes_is_taken_without_being_asked() {
    let (_a, a_server) = sim("a", 2, 1).await;
    let (_b, b_server) = sim("b", 2, 1).await;
    let urls = [&*a_server.base_url(), &*b_server.base_url()];
    let child = Child::start(Some(&file(urls, "\"a\"")), "info").await;
    assert_eq!(child.caller().answered_by("m").await, "a");
    child.write(&file(urls, "\"b\""));
    says(&child, "reloaded").await;
    assert_eq!(child.caller().answered_by("m").await, "b");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn asked_to_end_it_finishes_its_streams_and_ends_well() {
    let (a, a_server) = sim("a", 40, 10).await;
    let urls = [&*a_server.base_url(), "http://127.0.0.1:1"];
    for signal in ["TERM", "INT"] {
        let mut child = Child::start(Some(&file(urls, "\"a\"")), "info").await;
        let response = child.caller().post("/v1/chat/completions", chat("m", true)).await;
        child.signal(signal);
        let answer = Answer::read(response).await;
        assert_eq!((answer.told, answer.text), (Told::Done, a.expected_text(40)));
        assert!(timeout(Duration::from_secs(5), child.ended()).await.unwrap(), "{}", child.said());
    }
}

#[tokio::test]
async fn without_a_file_it_brings_its_own_providers_and_the_line_that_it_prints_works() {
    let mut child = Child::start(None, "info").await;
    let said = child.said();
    let line = said.lines().nth(1).unwrap().to_owned();
    assert!(line.starts_with(&format!("curl -iN {}/v1/chat/completions ", child.url)), "{line}");
    if Command::new("curl").arg("--version").output().is_ok() {
        let run = move || Command::new("sh").args(["-c", &line]).output().unwrap();
        let output = tokio::task::spawn_blocking(run).await.unwrap();
        let answer = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && answer.starts_with("HTTP/1.1 200 OK"), "{answer}");
        assert!(answer.contains("x-buttress-target: ") && answer.ends_with("data: [DONE]\n\n"), "{answer}");
    }
    // Whether or not there is a curl here.
    for number in 0..6 {
        let answer = child.caller().stream(&format!("any-{number}")).await;
        assert_eq!(answer.told, Told::Done, "{answer:?}");
    }
    child.signal("TERM");
    assert!(timeout(Duration::from_secs(5), child.ended()).await.unwrap());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn neither_keys_nor_prompts_nor_answers_are_written_down_however_it_goes() {
    let (a, a_server) = sim("a", 10, 1).await;
    let (b, b_server) = sim("b", 10, 1).await;
    let urls = [&*a_server.base_url(), &*b_server.base_url()];
    let file = "admin_token_env = \"ADMIN_TOKEN\"\ncallers = { web = \"CALLER_KEY\" }\n".to_owned()
        + &file(urls, "\"a\", \"b\"");
    let child = Child::start(Some(&file), "trace").await;
    let caller = child.caller();
    for fault in [
        Fault::Status(401),
        Fault::Status(500),
        Fault::ErrorEvent { after: 0 },
        Fault::ErrorEvent { after: 3 },
        Fault::CutAfter { tokens: 3 },
        Fault::ContextTooLong,
        Fault::Garbage { bytes: 300 },
        Fault::MalformedEvent { after: 2 },
        Fault::ConnectRefused,
        Fault::BlackHole,
        Fault::Quota,
    ] {
        for sim in [&a, &b] {
            sim.clear();
            sim.inject(Rule::always(fault.clone())).unwrap();
        }
        for stream in [true, false] {
            if fault == Fault::BlackHole && !stream {
                continue;
            }
            let response = caller.post("/v1/chat/completions", chat("m", stream)).await;
            http_body_util::BodyExt::collect(response).await.unwrap();
        }
    }
    for body in ["{\"model\": \"m\", \"messages\": [{\"content\": \"a secret prompt", "[\"a secret prompt\"]"]
    {
        caller.whole("/v1/chat/completions", body).await;
    }
    let wrong = http::Request::post(format!("{}/control/drain", child.url))
        .header("authorization", format!("Bearer {CALLER_KEY}"))
        .body(r#"{"target": "a secret prompt"}"#.into());
    caller.send(wrong.unwrap()).await;
    child.write(&file.replace("TARGET_KEY", "NO_SUCH_KEY"));
    says(&child, "NO_SUCH_KEY").await;

    let said = child.said();
    assert!(said.contains(" WARN ") && said.contains("TRACE"), "it did write what went wrong");
    let answer = a.expected_text(1);
    let words = [TARGET_KEY, CALLER_KEY, ADMIN_TOKEN, "secret prompt", &*answer];
    for secret in words {
        let found = said.lines().find(|line| line.contains(secret));
        assert_eq!(found, None, "{secret}");
    }
}

#[tokio::test]
async fn metrics_are_what_prometheus_reads() {
    let (a, a_server) = sim("a", 10, 1).await;
    let (_b, b_server) = sim("b", 10, 1).await;
    let urls = [&*a_server.base_url(), &*b_server.base_url()];
    let child = Child::start(Some(&file(urls, "\"a\", \"b\"")), "info").await;
    let caller = child.caller();
    assert_eq!(caller.stream("m").await.told, Told::Done);
    a.inject(Rule::always(Fault::Status(500))).unwrap();
    assert_eq!(caller.stream("m").await.target(), "b");
    let response = caller.get("/metrics").await;
    let metrics = String::from_utf8_lossy(response.body()).into_owned();
    for line in [
        "# TYPE gen_ai_client_operation_duration histogram",
        "gen_ai_client_token_usage_bucket{",
        "buttress_client_calls{",
        "buttress_client_attempts{",
        "buttress_client_failovers{",
        "le=\"655.36\"",
        "le=\"67108864\"",
        "buttress_target=\"a\"",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn a_wrong_file_or_a_taken_port_ends_it_with_the_reason() {
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("wrong-gateway.toml");
    let run = |args: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_buttress-gateway")).args(args).output().unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    std::fs::write(&path, "listen = 7\n").unwrap();
    let name = path.to_str().unwrap();
    let error = run(&["--config", name]);
    assert!(error.contains(name) && error.contains("line 1") && error.contains("listen"), "{error}");
    std::fs::remove_file(&path).unwrap();
    assert!(run(&["--config", name]).contains(name));

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let error = run(&["--listen", &taken.local_addr().unwrap().to_string()]);
    assert!(error.contains("in use"), "{error}");
    assert!(run(&["--listen", "0.0.0.0:0"]).contains("anonymous"));
}
