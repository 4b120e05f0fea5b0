//! Plain HTTP clients, typed clients, and targets of different types.

use std::convert::Infallible;

use buttress_call::{ByError, Completion, Error, Kind, Origin, Outcome, Progress};
use buttress_failover::{Failover, boxed};
use http::{Request, Response, StatusCode};
use tower::{ServiceExt, service_fn};

fn status(status: StatusCode) -> Response<&'static str> {
    let mut response = Response::new("body");
    *response.status_mut() = status;
    response
}

#[tokio::test(start_paused = true)]
async fn a_plain_http_clients_status_fails_over_and_the_last_response_comes_back() {
    let busy = |_: Request<()>| async { Ok::<_, Infallible>(status(StatusCode::SERVICE_UNAVAILABLE)) };
    let limited = |_: Request<()>| async { Ok::<_, Infallible>(status(StatusCode::TOO_MANY_REQUESTS)) };
    let fleet = Failover::in_order([boxed("a", service_fn(busy)), boxed("b", service_fn(limited))]).unwrap();
    let response = tokio::spawn(fleet.oneshot(Request::new(()))).await.unwrap().unwrap();
    assert_eq!((response.status(), *response.body()), (StatusCode::TOO_MANY_REQUESTS, "body"));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_still_flows_is_the_callers_whatever_its_end() {
    let cut = |_: Request<()>| async {
        let (completion, ender) = Completion::pair(Progress::new());
        let mut response = status(StatusCode::OK);
        response.extensions_mut().insert(completion);
        ender.end(Outcome::from(Kind::Broken));
        Ok::<_, Infallible>(response)
    };
    let fine = |_: Request<()>| async { Ok::<_, Infallible>(Response::new("other")) };
    let fleet = Failover::in_order([boxed("a", service_fn(cut)), boxed("b", service_fn(fine))]).unwrap();
    assert_eq!(*fleet.oneshot(Request::new(())).await.unwrap().body(), "body");
}

#[tokio::test(start_paused = true)]
async fn a_typed_client_is_judged_by_its_errors() {
    let client = |name: &'static str| {
        service_fn(move |n: u64| async move {
            if name == "a" { Err(Error::new(Kind::Server, Origin::Upstream, "no")) } else { Ok(n + 1) }
        })
    };
    let fleet = Failover::in_order(["a", "b"].map(|name| (name, client(name)))).unwrap().classify(ByError);
    assert_eq!(fleet.oneshot(41).await.unwrap(), 42);
}

#[tokio::test(start_paused = true)]
async fn targets_of_different_types_stand_in_one_list_when_boxed() {
    let text = service_fn(|n: u64| async move { Err::<String, _>(std::io::Error::other(n.to_string())) });
    let number = service_fn(|n: u64| async move { Ok::<_, Infallible>(n) }).map_response(|n| format!("{n}!"));
    let fleet = Failover::in_order([boxed("text", text), boxed("number", number)]).unwrap();
    assert_eq!(fleet.classify(ByError).oneshot(7).await.unwrap(), "7!");
}
