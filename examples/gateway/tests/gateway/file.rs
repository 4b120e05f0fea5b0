//! The file in the docs.

use buttress_gateway::{Gateway, config::Config};

const FILE: &str = include_str!("../../gateway.toml");

#[test]
fn the_file_in_the_docs_is_a_good_one() {
    // Not the vendors' own addresses: a machine for tests may trust nobody.
    let elsewhere = "base_url = \"http://127.0.0.1:1\"\n";
    let text = FILE.replace("[targets.openai]\n", &format!("[targets.openai]\n{elsewhere}"));
    let text = text.replace("ask_usage", &format!("{elsewhere}ask_usage"));
    let gateway =
        Gateway::new(Config::parse(&text, "gateway.toml").unwrap(), |_| Some("a-secret-0123456789".into()));
    let status = gateway.unwrap().control().status();
    let routes: Vec<_> = status.routes.iter().map(|route| (&*route.name, route.targets.len())).collect();
    assert_eq!(routes, [("gpt-5-mini", 3), ("gpt-*", 1), ("embed", 1)]);
    assert_eq!(status.targets.iter().filter(|target| target.limit.is_some()).count(), 1);
}

#[test]
fn what_it_says_of_the_defaults_is_so() {
    let short = "[targets.own]\nprovider = \"compatible\"\nbase_url = \"http://127.0.0.1:1\"\n\
                 [[routes]]\nmodel = \"m\"\ntargets = [\"own\"]\n";
    let long = "anonymous = false\nmax_request_bytes = 33_554_432\nupload_seconds = 60\ndrain_seconds = 30\n"
        .to_owned()
        + short
        + "strategy = \"in_order\"\ncommit = \"first_content\"\n";
    assert_eq!(Config::parse(short, "short"), Config::parse(&long, "long"));
    let gateway = Gateway::new(Config::parse(short, "short").unwrap(), |_| None).unwrap();
    let policy = gateway.control().breaker_policy("own").unwrap();
    assert_eq!((policy.consecutive_failures, policy.probes), (Some(5), 3));
}
