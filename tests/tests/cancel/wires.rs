//! Calls that are given up at any moment, whatever is spoken.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use buttress_breaker::{BreakerLayer, State};
use buttress_call::{Ended, Outcome};
use buttress_provider::ProviderLayer;
use buttress_sim::{Ending, Latency, Model, Seen, Sim};
use buttress_tests::{
    journey::{Journey, erase},
    way::{WAYS, Way},
};
use tokio::time::timeout;
use tower::Layer;

const MS: Duration = Duration::from_millis(1);

/// What the provider saw of a call that was given up after `patience`, and the ends that were told.
async fn given_up_after(way: Way, patience: Duration) -> (Seen, Vec<Ended>) {
    let model = Model::new(way.wire()).output_tokens(4);
    let model = model.first_token(Latency::Fixed(50 * MS)).per_token(Latency::Fixed(10 * MS));
    let sim = Sim::new("a", model).unwrap();
    let provider = ProviderLayer::new(way.provider().base_url("http://sim.test").api_key("sk-test")).unwrap();
    let breaker = BreakerLayer::default();
    let client = erase(breaker.layer(provider.layer(sim.service())));
    let ends = Arc::<Mutex<Vec<Ended>>>::default();
    let told = ends.clone();
    let journey =
        Journey::new(client, way.request(true)).at_end(move |ended| told.lock().unwrap().push(*ended));
    let _ = timeout(patience, journey.run()).await;
    assert_eq!((sim.in_flight(), breaker.handle().state()), (0, State::Closed), "{way:?} {patience:?}");
    let ends = ends.lock().unwrap().clone();
    (sim.log().pop().unwrap(), ends)
}

#[tokio::test(start_paused = true)]
async fn whatever_is_spoken_a_call_given_up_at_any_moment_stops_there_and_is_settled_once() {
    for way in WAYS {
        // Four tokens, from 50 ms on, and the end at 90.
        for moment in (5..100).step_by(10) {
            let (seen, ends) = given_up_after(way, moment * MS).await;
            let sent = u64::from((moment / 10 + 1).saturating_sub(5).min(4));
            let whole = moment > 90;
            let end = if whole { Ending::Answered } else { Ending::Cancelled };
            assert_eq!((seen.end, seen.output_tokens_sent), (end, sent), "{way:?} after {moment} ms");
            assert_eq!(seen.billed, 4 + sent, "{way:?} after {moment} ms");
            let [ended] = &ends[..] else {
                // Before the first content there is no answer whose end could be told.
                assert_eq!((sent, ends.len()), (0, 0), "{way:?} after {moment} ms");
                continue;
            };
            let outcome = if whole { Outcome::Success } else { Outcome::Cancelled };
            assert_eq!(ended.outcome, outcome, "{way:?} after {moment} ms");
            let usage = ended.usage.map(|usage| (usage.input, usage.output));
            match way {
                _ if whole => assert_eq!(usage, Some((4, 4)), "{way:?}"),
                // Each chunk says what there was so far.
                Way::Gemini | Way::GeminiArray => assert_eq!(usage, Some((4, sent))),
                // The first event says the input.
                Way::Anthropic => assert_eq!(usage.map(|(input, _)| input), Some(4)),
                _ => assert_eq!(usage, None, "{way:?}"),
            }
        }
    }
}
