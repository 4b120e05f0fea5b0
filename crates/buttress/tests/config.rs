//! Settings from TOML and from the environment, and that what they say is what happens.

#![cfg(feature = "config")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod support;

use std::{
    fs,
    sync::{Arc, Mutex},
    time::Duration,
};

use buttress::{
    BoxError, Config, Kind, Stack,
    breaker::State,
    config::{StrategyConfig, TargetConfig, Vendor, from_toml},
    failover::TargetState,
};
use buttress_sim::{Fault, Rule, Sim};
use bytes::Bytes;
use http_body_util::Full;
use support::{SECOND, broken, call, failure, request, sim};
use tokio::time::Instant;
use tower::{ServiceExt, service_fn};

const PREFIX: &str = "METIS_LLM";

/// Targets `a` and `b`, in this order, with these settings besides.
const TWO: &str = r#"
    provider_order = ["a", "b"]
    [targets.a]
    provider = "compatible"
    base_url = "http://a.test"
    [targets.b]
    provider = "compatible"
    base_url = "http://b.test"
"#;

const ONE: &str = r#"
    [targets.a]
    provider = "compatible"
    base_url = "http://a.test"
"#;

fn over(config: &Config, sims: &[&Sim]) -> Stack {
    let client =
        |name: &str, _: &TargetConfig| Ok(sims.iter().find(|sim| sim.name() == name).unwrap().service());
    config.build_with(client).unwrap()
}

fn refused(text: &str) -> String {
    Config::from_toml(text).unwrap_err().to_string()
}

fn unbuildable(text: &str) -> String {
    Config::from_toml(text).unwrap().build(sim("any").service()).unwrap_err().to_string()
}

#[test]
fn the_defaults_are_forty_five_seconds_three_retries_from_one_second_and_three_failures_for_sixty() {
    for config in [Config::default(), Config::from_toml("").unwrap()] {
        assert_eq!(config.timeout, 45 * SECOND);
        assert_eq!(config.max_retries, 3);
        assert_eq!(config.retry_base_delay, SECOND);
        assert_eq!(config.circuit_threshold, 3);
        assert_eq!(config.circuit_cooldown, 60 * SECOND);
    }
}

#[test]
fn the_six_variables_set_what_they_name() {
    let variables = [
        ("METIS_LLM_PROVIDER_ORDER", "anthropic,openai"),
        ("METIS_LLM_TIMEOUT_SECONDS", "20"),
        ("METIS_LLM_MAX_RETRIES", "5"),
        ("METIS_LLM_RETRY_BASE_DELAY", "0.25"),
        ("METIS_LLM_CIRCUIT_THRESHOLD", "7"),
        ("METIS_LLM_CIRCUIT_COOLDOWN_SECONDS", "90.5"),
        ("METIS_OTHER", "is not ours"),
        ("PATH", "/bin"),
    ];
    let config = Config::default().with_variables(PREFIX, variables).unwrap();
    assert_eq!(config.provider_order, ["anthropic", "openai"]);
    assert_eq!(config.timeout, 20 * SECOND);
    assert_eq!(config.max_retries, 5);
    assert_eq!(config.retry_base_delay, SECOND / 4);
    assert_eq!(config.circuit_threshold, 7);
    assert_eq!(config.circuit_cooldown, Duration::from_millis(90_500));
}

#[test]
fn every_other_setting_has_its_variable_too() {
    let variables = [
        ("X_TOTAL_SECONDS", "100"),
        ("X_FIRST_CONTENT_SECONDS", "5"),
        ("X_RETRY_MAX_DELAY", "8"),
        ("X_HEDGE_BUDGET", "0.05"),
        ("X_STRATEGY", "most_reliable"),
    ];
    let config = Config::default().with_variables("X", variables).unwrap();
    assert_eq!((config.total, config.first_content), (100 * SECOND, Some(5 * SECOND)));
    assert_eq!((config.retry_max_delay, config.hedge_budget), (8 * SECOND, 0.05));
    assert_eq!(config.strategy, StrategyConfig::MostReliable);
}

#[test]
fn the_environment_comes_before_the_file() {
    let config = Config::from_toml("max_retries = 7\ntimeout_seconds = 10").unwrap();
    let config = config.with_variables(PREFIX, [("METIS_LLM_MAX_RETRIES", "1")]).unwrap();
    assert_eq!((config.max_retries, config.timeout), (1, 10 * SECOND));
}

#[test]
fn an_error_names_the_line_the_key_the_value_and_the_rule() {
    for (text, message) in [
        (
            "max_retries = 3\nmax_retry = 4",
            "TOML, line 2: max_retry: unknown field `max_retry`, expected one of",
        ),
        ("timeout_seconds = -3", "TOML, line 1: timeout_seconds = -3: must be a number of seconds, above 0"),
        ("timeout_seconds = nan", "TOML, line 1: timeout_seconds = NaN: must be"),
        ("timeout_seconds = inf", "TOML, line 1: timeout_seconds = inf: must be"),
        ("timeout_seconds = 1e-12", "TOML, line 1: timeout_seconds = 0.000000000001: must be"),
        ("total_seconds = 1e300", "TOML, line 1: total_seconds = 1"),
        (
            "timeout_seconds = \"soon\"",
            "TOML, line 1: timeout_seconds: invalid type: string \"soon\", expected f64",
        ),
        ("max_retries = 256", "TOML, line 1: max_retries: invalid value: integer `256`, expected u8"),
        ("max_retries = 255", "TOML: max_retries = 255: must be at most 254"),
        ("retry_base_delay = 31", "TOML: retry_base_delay = 31: must not be above retry_max_delay (30)"),
        (
            "circuit_threshold = -1",
            "TOML, line 1: circuit_threshold: invalid value: integer `-1`, expected u32",
        ),
        ("hedge_budget = 1.0", "TOML, line 1: hedge_budget = 1: must be from 0 to below 1"),
        (
            "strategy = \"best\"",
            "TOML, line 1: strategy = \"best\": must be one of in_order, weighted, power_of_two",
        ),
        (
            "provider_order = \"a\"",
            "TOML, line 1: provider_order: invalid type: string \"a\", expected a sequence",
        ),
        (
            "\n[targets.a]\nprovider = \"gpt\"",
            "TOML, line 3: targets.a.provider = \"gpt\": must be one of openai, ",
        ),
        ("[targets.a]\nkey = 1", "TOML, line 2: targets.a.key: unknown field `key`, expected one of"),
        ("[targets.a.limits]\nrpm = 1", "TOML, line 2: targets.a.limits.rpm: unknown field `rpm`"),
        (
            "[targets.a]\nlimits.max_wait_seconds = 0",
            "TOML, line 2: targets.a.limits.max_wait_seconds = 0: must be",
        ),
        ("[targets.a]\nprice = { input = 1.0 }", "TOML, line 2: targets.a.price: missing field `output`"),
        ("a = \n", "TOML, line 1: "),
        ("origin = \"x\"", "TOML, line 1: origin: unknown field `origin`"),
    ] {
        let error = refused(text);
        assert!(error.starts_with(message), "{text}\n{error}\n{message}");
    }
}

#[test]
fn an_error_names_the_variable() {
    for (name, value, message) in [
        (
            "METIS_LLM_TIMEOUT_SECONDS",
            "soon",
            "METIS_LLM_TIMEOUT_SECONDS = \"soon\": must be a number of seconds",
        ),
        (
            "METIS_LLM_TIMEOUT_SECONDS",
            "0",
            "METIS_LLM_TIMEOUT_SECONDS = 0: must be a number of seconds, above 0",
        ),
        ("METIS_LLM_MAX_RETRIES", "-1", "METIS_LLM_MAX_RETRIES = \"-1\": must be a whole number, 0 to 254"),
        ("METIS_LLM_PROVIDER_ORDER", "a,,b", "METIS_LLM_PROVIDER_ORDER = \"a,,b\": must be names"),
        ("METIS_LLM_STRATEGY", "x", "METIS_LLM_STRATEGY = \"x\": must be one of in_order"),
        ("METIS_LLM_HEDGE_BUDGET", "2", "METIS_LLM_HEDGE_BUDGET = 2: must be from 0 to below 1"),
        (
            "METIS_LLM_MAX_RETRY",
            "2",
            "METIS_LLM_MAX_RETRY: no such setting; after METIS_LLM_ there are PROVIDER_ORDER",
        ),
    ] {
        let error = Config::default().with_variables(PREFIX, [(name, value)]).unwrap_err();
        assert!(error.to_string().starts_with(message), "{error}\n{message}");
        assert_eq!(error.place(), name);
    }
}

#[test]
fn an_error_names_the_file() {
    let path = format!("{}/llm-{}.toml", env!("CARGO_TARGET_TMPDIR"), std::process::id());
    let missing = Config::from_file(&path).unwrap_err().to_string();
    assert!(missing.starts_with(&path), "{missing}");

    fs::write(&path, "max_retries = 2\nretries = 3").unwrap();
    let wrong = Config::load(&path, "BUTTRESS_TEST").unwrap_err().to_string();
    assert!(wrong.starts_with(&format!("{path}, line 2: retries: unknown field")), "{wrong}");

    fs::write(&path, "max_retries = 2\n[targets.x]").unwrap();
    let config = Config::load(&path, "BUTTRESS_TEST").unwrap();
    assert_eq!(config.max_retries, 2);
    let error = config.build(sim("any").service()).unwrap_err().to_string();
    assert!(
        error.starts_with(&format!("{path}: targets.x.provider: must be given, one of openai, ")),
        "{error}"
    );
    fs::remove_file(&path).unwrap();
}

#[test]
fn what_cannot_be_built_says_which_setting_is_why() {
    for (text, message) in [
        ("", "TOML: provider_order: must be given, as there are no [targets]"),
        (
            "[targets.openai]\n[targets.anthropic]",
            "TOML: provider_order: must be given, as there are 2 [targets]",
        ),
        (
            "provider_order = [\"none\"]",
            "TOML: provider_order: \"none\": there is no [targets.NAME] of this name",
        ),
        ("provider_order = [\"openai\", \"openai\"]", "TOML: provider_order: \"openai\" stands in it twice"),
        (
            "provider_order = [\"openai\", \"anthropic\"]",
            "TOML: provider_order: openai speaks the dialect \"openai\", anthropic \"anthropic\", and nothing is translated",
        ),
        (
            "[targets.own]\nprovider = \"compatible\"",
            "TOML: targets.own.base_url: must be given: compatible has no address",
        ),
        (
            "[targets.own]\nprovider = \"compatible\"\nbase_url = \"nowhere\"",
            "TOML: target \"own\": provider \"own\": base URL",
        ),
        ("[targets.bedrock]", "TOML: targets.bedrock.region: must be given: bedrock has no address"),
        (
            "[targets.groq]\nregion = \"x\"",
            "TOML: targets.groq.region = \"x\": is a setting of bedrock alone",
        ),
        (
            "[targets.openai]\napi_key_env = \"NOT_THERE\"",
            "TOML: targets.openai.api_key_env = \"NOT_THERE\": the environment",
        ),
        (
            "[targets.openai]\napi_key_env = \"\"\nlimits = { concurrency = 0 }",
            "TOML: target \"openai\": limit policy: in_flight = 0",
        ),
        (
            "[targets.openai]\napi_key_env = \"\"\ncontext_window = 0",
            "target \"openai\" has a window of 0 tokens",
        ),
    ] {
        let error = unbuildable(text);
        assert!(error.starts_with(message), "{text}\n{error}\n{message}");
    }
}

#[test]
fn a_key_that_stands_where_it_should_not_is_never_shown() {
    const KEY: &str = "sk-proj-0123456789abcdef0123456789";
    for text in [
        format!("[targets.openai]\napi_key = \"{KEY}\""),
        format!("[targets.openai]\napi_key_env = \"{KEY}\""),
        format!("[targets]\nopenai = \"{KEY}\""),
        format!("timeout_seconds = \"{KEY}\""),
        format!("strategy = \"{KEY}\""),
        format!("provider_order = [\"{KEY}\"]"),
        format!("[targets.openai]\nprovider = \"{KEY}\""),
        format!("[targets.openai]\nbase_url = \"https://user:{KEY}@host\"\n"),
        format!("[targets.openai]\napi_key_env = \"{KEY}"),
    ] {
        let shown = match Config::from_toml(&text) {
            Err(error) => format!("{error} {error:?}"),
            Ok(config) => {
                let error = config.build(sim("any").service()).unwrap_err();
                format!("{:?} {error} {error:?}", config.targets)
            }
        };
        assert!(!shown.contains("0123456789abcdef"), "{shown}");
    }
    for name in ["METIS_LLM_OPENAI_API_KEY", "METIS_LLM_TIMEOUT_SECONDS", "METIS_LLM_STRATEGY"] {
        let error = Config::default().with_variables(PREFIX, [(name, KEY)]).unwrap_err();
        assert!(!format!("{error} {error:?}").contains(KEY), "{error}");
    }
}

#[test]
fn a_variable_that_holds_a_targets_key_may_have_the_prefix() {
    let config = Config::from_toml("[targets.openai]\napi_key_env = \"METIS_LLM_KEY\"").unwrap();
    assert!(config.with_variables(PREFIX, [("METIS_LLM_KEY", "sk-x")]).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_black_hole_is_given_up_after_forty_five_seconds_or_what_the_setting_says() {
    for (settings, first_content, whole) in
        [("", 45, 45), ("timeout_seconds = 20", 20, 20), ("first_content_seconds = 5", 5, 45)]
    {
        let config = Config::from_toml(&format!("{settings}\n{ONE}")).unwrap();
        for (stream, seconds) in [(true, first_content), (false, whole)] {
            let sim = broken("a", Fault::BlackHole);
            let began = Instant::now();
            let (_, kind) = failure(&over(&config, &[&sim]), stream).await;
            assert_eq!((kind, began.elapsed()), (Kind::Timeout, seconds * SECOND), "{settings}, {stream}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_total_bounds_the_whole_call() {
    let config = Config::from_toml(&format!("total_seconds = 7.5\n{ONE}")).unwrap();
    let began = Instant::now();
    failure(&over(&config, &[&broken("a", Fault::BlackHole)]), true).await;
    assert_eq!(began.elapsed(), Duration::from_millis(7_500));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_tried_four_times_from_one_second_on_or_as_often_as_the_setting_says() {
    for (settings, attempts, base) in
        [("", 4, 1.0), ("max_retries = 0", 1, 1.0), ("max_retries = 2\nretry_base_delay = 0.2", 3, 0.2)]
    {
        let mut longest = Duration::ZERO;
        for _ in 0..50 {
            // Without a circuit, which three failures would open.
            let text = format!("circuit_threshold = 0\n{settings}\n{ONE}");
            let sim = broken("a", Fault::Status(500));
            failure(&over(&Config::from_toml(&text).unwrap(), &[&sim]), true).await;
            let log = sim.log();
            assert_eq!(log.len(), attempts, "{settings}");
            if let [first, second, ..] = &*log {
                longest = longest.max(second.at.checked_sub(first.ended_at.unwrap()).unwrap());
            }
        }
        // Full jitter over the base.
        let most = if attempts > 1 { base } else { 0.0 };
        assert!(longest.as_secs_f64() <= most + 0.002, "{longest:?}");
        assert!(longest.as_secs_f64() >= most * 0.8, "{longest:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn three_failures_open_a_circuit_for_sixty_seconds() {
    let config = Config::from_toml(&format!("max_retries = 0\n{ONE}")).unwrap();
    let sim = broken("a", Fault::Status(500));
    let stack = over(&config, &[&sim]);
    let breaker = stack.handles().target("a").unwrap().breaker.clone().unwrap();
    for _ in 0..3 {
        assert!(matches!(breaker.state(), State::Closed));
        assert_eq!(failure(&stack, true).await.1, Kind::Server);
    }
    tokio::time::advance(Duration::from_millis(59_990)).await;
    assert_eq!(failure(&stack, true).await.1, Kind::Rejected);
    assert_eq!(sim.log().len(), 3);
    tokio::time::advance(Duration::from_millis(12)).await;
    sim.clear();
    assert_eq!(call(&stack, true).await.unwrap(), "a");
}

#[tokio::test(start_paused = true)]
async fn a_target_may_have_a_circuit_of_its_own_or_none() {
    let circuits = |settings: &str| {
        let config = Config::from_toml(&format!("{ONE}\n{settings}")).unwrap();
        let stack = over(&config, &[&sim("a")]);
        stack.handles().targets[0].breaker.as_ref().map(|breaker| {
            let policy = breaker.policy();
            (policy.consecutive_failures, policy.open)
        })
    };
    let fixed = |seconds| buttress::breaker::OpenFor::Fixed(seconds * SECOND);
    assert_eq!(circuits(""), Some((Some(3), fixed(60))));
    assert_eq!(circuits("circuit_threshold = 9"), Some((Some(9), fixed(60))));
    assert_eq!(circuits("circuit_cooldown_seconds = 5"), Some((Some(3), fixed(5))));
    assert_eq!(circuits("circuit_threshold = 0"), None);
}

#[tokio::test(start_paused = true)]
async fn the_order_says_who_is_asked_first_and_the_environment_may_turn_it() {
    let [a, b] = [sim("a"), sim("b")];
    let config = Config::from_toml(TWO).unwrap();
    assert_eq!(call(&over(&config, &[&a, &b]), true).await.unwrap(), "a");
    let turned = config.clone().with_variables(PREFIX, [("METIS_LLM_PROVIDER_ORDER", "b, a")]).unwrap();
    assert_eq!(call(&over(&turned, &[&a, &b]), true).await.unwrap(), "b");
    let only = config.with_variables(PREFIX, [("METIS_LLM_PROVIDER_ORDER", "b")]).unwrap();
    assert_eq!(over(&only, &[&a, &b]).targets().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_next_target_serves_while_the_first_ones_circuit_is_open() {
    let [a, b] = [broken("a", Fault::Status(500)), sim("b")];
    let stack = over(&Config::from_toml(TWO).unwrap(), &[&a, &b]);
    for _ in 0..10 {
        assert_eq!(call(&stack, true).await.unwrap(), "b");
    }
    assert_eq!(a.log().len(), 3);
    let snapshot = stack.handles().failover.as_ref().unwrap().snapshot();
    assert_eq!(snapshot[0].state, TargetState::Gated);
}

#[tokio::test(start_paused = true)]
async fn a_limit_lets_calls_wait_where_there_is_one_target_and_go_on_where_there_are_two() {
    let limit = "limits = { concurrency = 1 }";
    let a = sim("a");
    let stack = over(&Config::from_toml(&format!("{ONE}\n{limit}")).unwrap(), &[&a]);
    let (one, two) = tokio::join!(call(&stack, true), call(&stack, true));
    assert_eq!([one.unwrap(), two.unwrap()], ["a", "a"]);
    assert!(a.log()[1].at >= a.log()[0].ended_at.unwrap(), "one after the other");

    let [a, b] = [sim("a"), sim("b")];
    let text = TWO.replace("[targets.b]", &format!("{limit}\n[targets.b]"));
    let stack = over(&Config::from_toml(&text).unwrap(), &[&a, &b]);
    let (one, two) = tokio::join!(call(&stack, true), call(&stack, true));
    assert_eq!([one.unwrap(), two.unwrap()], ["a", "b"]);
}

#[tokio::test(start_paused = true)]
async fn a_hedge_budget_hedges_and_none_does_not() {
    let hedged = |settings: &str| {
        let config = Config::from_toml(&format!("{settings}\n{TWO}")).unwrap();
        over(&config, &[&sim("a"), &sim("b")]).handles().hedge.is_some()
    };
    assert!(hedged("hedge_budget = 0.05"));
    assert!(!hedged(""));
}

#[tokio::test(start_paused = true)]
async fn the_strategy_chooses_among_the_targets() {
    let [a, b] = [sim("a"), sim("b")];
    let text = format!("strategy = \"cheapest\"\n{TWO}\nprice = {{ input = 1.0, output = 2.0 }}");
    let text = text.replace("[targets.b]", "price = { input = 5.0, output = 2.0 }\n[targets.b]");
    assert_eq!(call(&over(&Config::from_toml(&text).unwrap(), &[&a, &b]), true).await.unwrap(), "b");
}

#[tokio::test(start_paused = true)]
async fn a_price_is_what_the_tokens_cost() {
    let config = Config::from_toml(&format!("{ONE}\nprice = {{ input = 100.0, output = 1000.0 }}")).unwrap();
    let stack = over(&config, &[&sim("a")]);
    call(&stack, true).await.unwrap();
    let spent = stack.handles().telemetry.as_ref().unwrap().snapshot().total;
    let (input, output) = (spent.tokens.billed.input, spent.tokens.billed.output);
    assert_eq!((input, output), (4, 4));
    assert!((spent.cost.billed.units() - (4.0 * 100.0 + 4.0 * 1000.0) / 1e6).abs() < 1e-9);
    assert!(
        refused("[targets.a]\nprice = { input = -1, output = 1 }")
            .contains("price.input = -1: must be a finite")
    );
}

#[tokio::test(start_paused = true)]
async fn what_a_target_declares_keeps_from_it_what_it_cannot_serve() {
    for lack in ["context_window = 1", "no_streaming = true", "serves = [\"other\"]", "tier = 1"] {
        let text = TWO.replace("[targets.b]", &format!("{lack}\n[targets.b]"));
        let [a, b] = [sim("a"), sim("b")];
        assert_eq!(
            call(&over(&Config::from_toml(&text).unwrap(), &[&a, &b]), true).await.unwrap(),
            "b",
            "{lack}"
        );
    }
    let text = TWO.replace("[targets.b]", "no_tools = true\n[targets.b]");
    let stack = over(&Config::from_toml(&text).unwrap(), &[&sim("a"), &sim("b")]);
    let tools = r#"{"model":"m","tools":[{"type":"function"}],"messages":[{"role":"user","content":"How did it end?"}]}"#;
    let request = request(true).map(|_| tools.to_owned());
    let response = stack.oneshot(request).await.unwrap();
    assert_eq!(response.extensions().get::<buttress::failover::AnsweredBy>().unwrap().name(), "b");
}

#[tokio::test(start_paused = true)]
async fn the_key_of_the_environment_the_address_and_the_models_name_reach_the_provider() {
    // A variable that every test run has, as none can be set here.
    let text = r#"
        [targets.openai]
        api_key_env = "CARGO_PKG_NAME"
        base_url = "https://proxy.test/openai/v1"
        models = { m = "gpt-5" }
    "#;
    let seen: Arc<Mutex<Vec<(String, String, Bytes)>>> = Arc::default();
    let log = seen.clone();
    let client = service_fn(move |request: http::Request<Full<Bytes>>| {
        let log = log.clone();
        async move {
            let (parts, body) = request.into_parts();
            let key = parts.headers["authorization"].to_str().unwrap().to_owned();
            let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
            log.lock().unwrap().push((parts.uri.to_string(), key, body));
            Ok::<_, BoxError>(http::Response::new(Full::new(Bytes::from_static(b"{\"choices\":[]}"))))
        }
    });
    let stack = Config::from_toml(text).unwrap().build(client).unwrap();
    let _ = stack.oneshot(request(false)).await;
    let seen = seen.lock().unwrap();
    let (uri, key, body) = &seen[0];
    assert_eq!(uri, "https://proxy.test/openai/v1/chat/completions");
    assert_eq!(key, "Bearer buttress");
    assert!(String::from_utf8_lossy(body).contains("\"model\":\"gpt-5\""), "{body:?}");
}

#[test]
fn the_file_in_the_docs_is_one() {
    let page = include_str!("../src/config.rs");
    let block = page.split("```toml").nth(1).unwrap().split("```").next().unwrap();
    let text = block.replace("//!", "");
    let config = Config::from_toml(&text).unwrap();
    // The block shows the defaults.
    let default = Config::default();
    assert_eq!((config.timeout, config.max_retries), (default.timeout, default.max_retries));
    assert_eq!(config.retry_base_delay, default.retry_base_delay);
    assert_eq!(
        (config.circuit_threshold, config.circuit_cooldown),
        (default.circuit_threshold, default.circuit_cooldown)
    );
    // With a key, it makes a stack.
    let text = text.replace("OPENAI_API_KEY", "CARGO_PKG_NAME");
    let stack = Config::from_toml(&text).unwrap().build(sim("any").service()).unwrap();
    assert_eq!(stack.targets().iter().map(|target| &**target.name()).collect::<Vec<_>>(), ["openai", "own"]);
}

#[test]
fn every_vendor_can_be_named_and_made() {
    for vendor in Vendor::all() {
        assert_eq!(Vendor::from_name(vendor.as_str()), Some(vendor));
        let name = vendor.as_str();
        let (needs, url) = match name {
            "azure" => (
                "base_url = \"https://x.openai.azure.com\"\napi_version = \"2024-10-21\"",
                "https://x.openai.azure.com",
            ),
            "bedrock" => ("region = \"us-east-1\"", "https://bedrock-runtime.us-east-1.amazonaws.com"),
            "tgi" | "vllm" | "litellm" | "compatible" => ("base_url = \"http://own\"", "http://own"),
            _ => ("", "http"),
        };
        let target: TargetConfig = from_toml(&format!("provider = \"{name}\"\n{needs}"), "t").unwrap();
        let provider = format!("{:?}", target.provider_with("own", |_| Some("sk-x".to_owned())).unwrap());
        assert!(provider.contains("\"own\"") && provider.contains(url), "{provider}");
        assert!(provider.contains(&format!("dialect: {:?}", vendor.dialect())), "{provider}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_with_a_dialect_of_its_own_besides_is_asked_in_openais() {
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = seen.clone();
    let client = service_fn(move |request: http::Request<Full<Bytes>>| {
        log.lock().unwrap().push(request.uri().to_string());
        async { Ok::<_, BoxError>(http::Response::new(Full::new(Bytes::from_static(b"{\"choices\":[]}")))) }
    });
    let stack = Config::from_toml("[targets.ollama]").unwrap().build(client).unwrap();
    let _ = stack.oneshot(request(false)).await;
    assert_eq!(*seen.lock().unwrap(), ["http://127.0.0.1:11434/v1/chat/completions"]);
}

#[test]
fn a_vendors_key_does_not_go_to_another_address_unless_it_is_named() {
    let keys = |text: &str| {
        let target: TargetConfig = from_toml(text, "t").unwrap();
        let asked = Mutex::new(Vec::new());
        let lookup = |name: &str| {
            asked.lock().unwrap().push(name.to_owned());
            Some("sk-x".to_owned())
        };
        let _ = target.provider_with("openai", lookup).unwrap();
        asked.into_inner().unwrap()
    };
    assert_eq!(keys(""), ["OPENAI_API_KEY"]);
    assert_eq!(keys("base_url = \"http://proxy\""), [""; 0]);
    assert_eq!(keys("base_url = \"http://proxy\"\napi_key_env = \"PROXY_KEY\""), ["PROXY_KEY"]);
    assert_eq!(keys("api_key_env = \"\""), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_storm_of_errors_at_one_target_ends_when_it_is_well_again() {
    let sim = sim("a");
    sim.inject(Rule::always(Fault::Status(500)).between(Duration::ZERO, 30 * SECOND)).unwrap();
    let stack = over(&Config::from_toml(ONE).unwrap(), &[&sim]);
    let mut answered = 0;
    for _ in 0..200 {
        answered += u32::from(call(&stack, true).await.is_ok());
        tokio::time::sleep(SECOND).await;
    }
    // Open from the first second, for sixty.
    assert!(answered > 120, "{answered}");
    assert!(matches!(stack.handles().targets[0].breaker.as_ref().unwrap().state(), State::Closed));
}
