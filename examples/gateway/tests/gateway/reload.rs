//! Another file, while it serves.

use buttress_sim::{Fault, Rule};

use crate::kit::{Running, Told, config, each, sim, target};

const LIMITS: &str = "limits = { requests_per_minute = 6000000 }\n";

fn route(model: &str, targets: &str) -> String {
    format!("[[routes]]\nmodel = \"{model}\"\ntargets = [{targets}]\nattempts = 1\n")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn order_and_limits_change_under_load_and_no_call_is_lost() {
    let (a, a_server) = sim("a", 10, 2).await;
    let (b, b_server) = sim("b", 10, 2).await;
    let file = |order: &str, requests: u32| {
        let limits = LIMITS.replace("6000000", &requests.to_string());
        target("a", &a_server.base_url())
            + &limits
            + &target("b", &b_server.base_url())
            + &limits
            + &route("m", order)
    };
    let running = Running::start(&file("\"a\", \"b\"", 6_000_000)).await;
    let gateway = running.gateway.clone();
    let files: Vec<_> = [
        ("\"b\", \"a\"", 5_000_000),
        ("\"a\", \"b\"", 4_000_000),
        ("\"b\"", 3_000_000),
        ("\"b\", \"a\"", 2_000_000),
    ]
    .iter()
    .map(|(order, requests)| file(order, *requests))
    .collect();
    let reloads = tokio::spawn(async move {
        for file in files {
            tokio::time::sleep(std::time::Duration::from_millis(100)).await;
            let gateway = gateway.clone();
            tokio::task::spawn_blocking(move || gateway.reload(config(&file).unwrap()).unwrap())
                .await
                .unwrap();
        }
    });
    let caller = running.caller();
    let (texts, load) = ([a.expected_text(10), b.expected_text(10)], {
        let caller = caller.clone();
        each(400, 16, move |_| {
            let caller = caller.clone();
            async move { caller.stream("m").await }
        })
    });
    for answer in load.await {
        assert_eq!(answer.told, Told::Done, "{answer:?}");
        assert_eq!(answer.text, texts[usize::from(answer.target() == "b")]);
    }
    reloads.await.unwrap();
    assert_eq!(caller.answered_by("m").await, "b");
    assert_eq!(running.gateway.control().limit_policy("a").unwrap().requests, Some(2_000_000));
    assert_eq!(a.log().len() + b.log().len(), 401, "each call was sent once");
    assert!(!a.log().is_empty() && b.log().len() > 1, "both orders were in force for a while");
}

#[tokio::test]
async fn a_wrong_file_is_refused_with_the_reason_and_changes_nothing() {
    let (_sim, server) = sim("a", 2, 1).await;
    let good = target("a", &server.base_url()) + LIMITS + &route("m", "\"a\"");
    let running = Running::start(&good).await;
    for (file, says) in [
        (good.replace("\"a\"]", "\"nobody\"]"), "nobody"),
        (good.replace("requests_per_minute = 6000000", "requests_per_minute = 0"), "requests = 0"),
        (good.replace("TARGET_KEY", "NO_SUCH_KEY"), "NO_SUCH_KEY"),
        (good.replace("attempts = 1", "attemps = 1"), "attemps"),
        (good.replace("attempts = 1", "attempts = 0"), "attempts = 0"),
        (good.replace("attempts = 1", "total_seconds = -1"), "-1"),
        (good.replace("limits =", "price = { input = -1.0, output = 0.0 }\nlimits ="), "price.input = -1"),
        (good.replace("attempts = 1", "strategy = \"best\""), "best"),
        (good.replace("attempts = 1", "hedge = 2.0"), "`budget` is 2"),
        (good.replace("http://", "ftp://"), "ftp://"),
        (good.replace("compatible", "oracle"), "oracle"),
        (good.replace("compatible", "anthropic"), "nothing is translated"),
        (good.replace("[[routes]]", "[[routes"), "line 6"),
        (format!("{good}{}", route("m", "\"a\"")), "twice"),
        (format!("{good}{}", route("other", "")), "targets = []"),
        ("max_request_bytes = 0\n".to_owned() + &good, "max_request_bytes"),
        ("callers = { x = \"NO_SUCH_KEY\" }\n".to_owned() + &good, "NO_SUCH_KEY"),
        (String::new(), "targets"),
    ] {
        let reason = match config(&file) {
            Ok(config) => running.gateway.reload(config).unwrap_err().to_string(),
            Err(error) => error.to_string(),
        };
        assert!(reason.contains(says), "{says}: {reason}");
        assert_eq!(running.gateway.config(), config(&good).unwrap());
        assert_eq!(running.gateway.control().limit_policy("a").unwrap().requests, Some(6_000_000), "{says}");
    }
    assert_eq!(running.caller().answered_by("m").await, "a");
}

#[tokio::test]
async fn what_a_target_has_learnt_stays_when_something_else_changes() {
    let (a, a_server) = sim("a", 2, 1).await;
    let (_b, b_server) = sim("b", 2, 1).await;
    let file = |order: &str, more: &str, limits: &str| {
        target("a", &a_server.base_url())
            + limits
            + &target("b", &b_server.base_url())
            + &route("m", order)
            + more
    };
    let running = Running::start(&file("\"a\", \"b\"", "", LIMITS)).await;
    let gateway = &running.gateway;
    let caller = running.caller();
    // A circuit that is open, a request that is spent, a connection in the pool.
    a.inject(Rule::always(Fault::Status(500)).calls(0..5)).unwrap();
    for _ in 0..5 {
        assert_eq!(caller.answered_by("m").await, "b");
    }
    let learnt = || {
        let status = gateway.control().status();
        let a = status.targets.into_iter().find(|target| &*target.name == "a").unwrap();
        (a.breaker.unwrap().state, a.limit.unwrap().admitted)
    };
    assert_eq!(learnt(), ("open", 5));

    let more_routes = route("n", "\"a\"");
    let fewer_requests = LIMITS.replace("6000000", "3000000");
    for file in [
        file("\"b\", \"a\"", "", LIMITS),
        file("\"a\", \"b\"", &more_routes, LIMITS),
        file("\"a\", \"b\"", "idle_seconds = 20\n", &fewer_requests),
        file("\"a\", \"b\"", "", &format!("models = {{ \"m\" = \"n\" }}\n{fewer_requests}")),
    ] {
        gateway.reload(config(&file).unwrap()).unwrap();
        assert_eq!(learnt(), ("open", 5), "{file}");
        assert_eq!(caller.answered_by("m").await, "b");
    }
    assert_eq!(gateway.control().limit_policy("a").unwrap().requests, Some(3_000_000));

    // Another account has learnt nothing yet.
    let other = file("\"a\", \"b\"", "", LIMITS).replace(&a_server.base_url(), &b_server.base_url());
    gateway.reload(config(&other).unwrap()).unwrap();
    assert_eq!(learnt(), ("closed", 0));
    assert_eq!(caller.answered_by("m").await, "a");
}

#[tokio::test]
async fn who_was_drained_by_hand_stays_drained() {
    let (_a, a_server) = sim("a", 2, 1).await;
    let (_b, b_server) = sim("b", 2, 1).await;
    let file = |more: &str| {
        target("a", &a_server.base_url())
            + &target("b", &b_server.base_url())
            + &route("m", "\"a\", \"b\"")
            + more
    };
    let running = Running::start(&file("")).await;
    running.gateway.control().drain("a").unwrap();
    for more in ["", "idle_seconds = 9\n", "strategy = \"cheapest\"\n"] {
        running.gateway.reload(config(&file(more)).unwrap()).unwrap();
        assert_eq!(running.caller().answered_by("m").await, "b", "{more}");
    }
}
