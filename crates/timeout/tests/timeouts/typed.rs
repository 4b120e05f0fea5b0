//! Services that are not HTTP.

use std::{convert::Infallible, sync::Arc, time::Duration};

use buttress_call::{BoxError, ByError, Call, Http, Kind, Outcome, Shape, classify_fn, with_call};
use buttress_timeout::{Phase, TimeLimit, TimeoutLayer, Timeouts};
use tokio::time::{Instant, sleep};
use tower::{Layer, ServiceExt, service_fn};

use crate::support::{NONE, SECOND, answer, failure, first_content, idle, layer, says, total};

#[derive(Clone, Default)]
struct Ask {
    call: Call,
}

impl Ask {
    fn stream() -> Self {
        let mut shape = Shape::default();
        shape.stream = true;
        let mut ask = Ask::default();
        ask.call.set_shape(Arc::new(shape));
        ask
    }
}

async fn after(wait: Duration) -> Result<u64, Infallible> {
    sleep(wait).await;
    Ok(17)
}

#[tokio::test(start_paused = true)]
async fn a_typed_answer_is_returned_as_it_is_or_cut_off_as_a_whole() {
    let service = layer(answer(5 * SECOND)).classify(ByError).layer(service_fn(after));
    assert_eq!(service.clone().oneshot(4 * SECOND).await.unwrap(), 17);
    let error = service.oneshot(6 * SECOND).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Answer, 5 * SECOND, 0));
    assert_eq!(error.to_string(), "no whole answer within 5s of the call (0 bytes seen)");
    assert_eq!(failure(&error).kind, Kind::Timeout);
}

#[tokio::test(start_paused = true)]
async fn limits_for_streams_do_not_touch_a_typed_answer() {
    let timeouts = Timeouts { idle: Some(SECOND), ..first_content(SECOND) };
    let service = layer(timeouts).classify(ByError).layer(service_fn(after));
    assert_eq!(service.oneshot(60 * SECOND).await.unwrap(), 17);
}

#[tokio::test(start_paused = true)]
async fn a_typed_request_with_a_call_has_deadline_and_clock() {
    let classify = with_call(ByError, |ask: &Ask| &ask.call, |ask| &mut ask.call);
    let client = service_fn(async |ask: Ask| {
        let progress = ask.call.progress().unwrap();
        assert_eq!(ask.call.remaining(), Some(60 * SECOND));
        progress.mark_sent();
        sleep(SECOND).await;
        progress.mark_received(3, 1);
        std::future::pending::<Result<(), BoxError>>().await
    });
    let timeouts = Timeouts { total: Some(60 * SECOND), ..idle(5 * SECOND) };
    let began = Instant::now();
    let error = layer(timeouts).classify(classify).layer(client).oneshot(Ask::stream()).await.unwrap_err();
    assert_eq!(says(&error), (Phase::Idle, 5 * SECOND, 3));
    assert_eq!(began.elapsed(), 6 * SECOND);
}

#[tokio::test(start_paused = true)]
async fn a_typed_request_may_have_an_http_response_and_its_body_is_watched() {
    let classify = with_call(Http, |ask: &Ask| &ask.call, |ask| &mut ask.call);
    let client =
        service_fn(async |_: Ask| Ok::<_, BoxError>(crate::support::Script::new([]).respond_plain()));
    let response = layer(total(5 * SECOND)).classify(classify).layer(client).oneshot(Ask::default()).await;
    let error = crate::support::read(response.unwrap()).await.0.unwrap_err();
    assert_eq!(says(&error).0, Phase::Total);
}

#[tokio::test(start_paused = true)]
async fn a_closure_says_which_answers_are_learnt_from() {
    let timeouts = Timeouts { answer: Some(TimeLimit::adaptive()), ..NONE };
    let layer = layer(timeouts).classify(classify_fn::<Duration, _>(|result| match result {
        Ok(wait) if *wait >= SECOND => Outcome::Success,
        Ok(_) => Kind::Broken.into(),
        Err(error) => buttress_call::failure(error).into(),
    }));
    let service = layer.layer(service_fn(async |wait: Duration| {
        sleep(wait).await;
        Ok::<_, Infallible>(wait)
    }));
    for _ in 0..20 {
        service.clone().oneshot(2 * SECOND).await.unwrap();
        service.clone().oneshot(SECOND / 100).await.unwrap();
    }
    let limit = layer.answer_now().unwrap().as_secs_f64();
    assert!((7.5..=8.5).contains(&limit), "{limit}");
}

#[test]
fn a_ready_answer_needs_no_clock_and_no_runtime() {
    let service =
        TimeoutLayer::default().classify(ByError).layer(service_fn(async |n: u64| Ok::<_, Infallible>(n)));
    let mut call = std::pin::pin!(service.oneshot(17));
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let std::task::Poll::Ready(answer) = call.as_mut().poll(&mut cx) else { panic!("pending") };
    assert_eq!(answer.unwrap(), 17);
}
