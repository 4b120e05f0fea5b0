use super::*;

#[test]
fn every_case_has_our_layer_and_a_peer_and_runs() {
    let subjects = all().unwrap();
    for threads in [1, 2] {
        let samples = Rounds { repeats: 1, calls: 50, threads }.run(&subjects);
        // A busy machine may not run two threads at once.
        assert!(samples.iter().all(|samples| samples.cost().map_or(threads == 2, |cost| cost.ns > 0.0)));
    }
    for case in ["breaker", "limit", "retry", "hedge", "failover", "timeout"] {
        for case in [case.to_owned(), format!("{case}/pending")] {
            let systems =
                subjects.iter().filter(|subject| subject.case == case).map(|subject| subject.system);
            let (ours, peers): (Vec<_>, Vec<_>) = systems.partition(|system| *system == OURS);
            assert!(ours.len() == 1 && peers.len() >= 2, "{case}");
        }
    }
    for case in ["stack", "stack/pending", "stack/whole", "stack/whole_pending", "stack/http"] {
        let systems: Vec<_> =
            subjects.iter().filter(|subject| subject.case == case).map(|subject| subject.system).collect();
        assert_eq!(systems, [OURS, PEER], "{case}");
    }
}

#[test]
fn variants_stand_beside_their_case() {
    let subjects = all().unwrap();
    let mut bases: Vec<&str> = subjects.iter().map(Subject::base).collect();
    bases.dedup();
    assert_eq!(
        bases,
        [
            "floor",
            "breaker",
            "limit",
            "retry",
            "hedge",
            "failover",
            "timeout",
            "telemetry",
            "stack",
            "provider"
        ]
    );
}

#[test]
fn a_case_is_asked_for_alone_or_with_its_variants() {
    let subjects = all().unwrap();
    let asked = |case: &str| {
        let options = Options {
            cases: vec![case.to_owned()],
            systems: vec![OURS.to_owned()],
            threads: vec![],
            rounds: 1,
            calls: 1,
        };
        subjects.iter().filter(|subject| options.ask_for(subject)).count()
    };
    assert_eq!(asked("retry"), 1);
    assert_eq!(asked("retry/"), 3);
    assert_eq!(asked("retry/pending"), 1);
    assert_eq!(asked("try"), 0);
}

#[test]
fn our_layers_allocate_nothing_for_a_good_call_of_a_plain_request() {
    let subjects = all().unwrap();
    let samples = Rounds { repeats: 1, calls: 2_000, threads: 1 }.run(&subjects);
    let ours = subjects.iter().zip(samples).filter(|(subject, _)| subject.system == OURS);
    // What is pending may need a timer, which a time-out keeps in a box.
    let plain = |case: &str| !case.ends_with("/http") && !case.ends_with("pending");
    for (subject, samples) in ours.filter(|(subject, _)| plain(&subject.case)) {
        let allocs = samples.cost().expect("one thread always runs").allocs;
        assert!(allocs < 0.005, "{}: {allocs}", subject.case);
    }
}

#[test]
fn a_row_has_its_fields_in_order() {
    let row = Row {
        experiment: "overhead",
        case: "breaker".to_owned(),
        system: OURS,
        threads: 1,
        ns: 35.0,
        allocs: 0.0,
    };
    assert_eq!(
        serde_json::to_string(&row).unwrap(),
        r#"{"experiment":"overhead","case":"breaker","system":"buttress","threads":1,"ns":35.0,"allocs":0.0}"#
    );
}
