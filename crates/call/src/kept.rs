//! What it takes to send a request again.

use std::{fmt, mem, sync::Arc};

use http::{
    HeaderMap,
    header::{HeaderName, HeaderValue},
};

use crate::{Call, Carries};

/// A request, kept so that it can be sent again: what a [`Carries`] makes of one that is about to go out.
///
/// [`Whole`] is one for any request that is `Clone`.
pub trait Keep<Req>: Sized {
    /// Keeps what it takes to send the request again. The request may gain what its kept copies share.
    fn keep(request: &mut Req) -> Self
    where
        Req: Clone;

    /// The request, to be sent.
    fn into_request(self) -> Req;

    /// The call that the request carries.
    fn call<'a>(&'a self, carries: &'a impl Carries<Req>) -> Option<&'a Call>;
}

/// A clone of a request.
#[derive(Clone)]
pub struct Whole<Req>(Req);

impl<Req> Keep<Req> for Whole<Req> {
    fn keep(request: &mut Req) -> Self
    where
        Req: Clone,
    {
        Whole(request.clone())
    }

    fn into_request(self) -> Req {
        self.0
    }

    fn call<'a>(&'a self, carries: &'a impl Carries<Req>) -> Option<&'a Call> {
        carries.call(&self.0)
    }
}

/// An HTTP request without what is costly to clone, in a box of its own.
///
/// It has its own method, URI, body and [`Call`]; all layers that keep the same call share one copy of its headers. A
/// layer in between that changes the headers is right all the same: whoever keeps the request next compares them, and
/// makes a copy of what it sees.
#[derive(Clone)]
pub struct Apart<B>(Box<Parts<B>>);

#[derive(Clone)]
struct Parts<B> {
    /// Without its headers and its call.
    rest: http::Request<B>,
    call: Call,
}

impl<B> Keep<http::Request<B>> for Apart<B> {
    fn keep(request: &mut http::Request<B>) -> Self
    where
        http::Request<B>: Clone,
    {
        let headers = mem::take(request.headers_mut());
        let mut extensions = mem::take(request.extensions_mut());
        let call = Call::get_or_insert(&mut extensions);
        if !call.headers().is_some_and(|shared| shared.are(&headers)) {
            call.set_headers(Headers::of(&headers));
        }
        let call = call.clone();
        // Without its headers and extensions: that costs next to nothing.
        let mut rest = request.clone();
        if extensions.len() > 1 {
            let own = extensions.remove::<Call>();
            *rest.extensions_mut() = extensions.clone();
            own.map(|own| extensions.insert(own));
        }
        *request.headers_mut() = headers;
        *request.extensions_mut() = extensions;
        Apart(Box::new(Parts { rest, call }))
    }

    fn into_request(self) -> http::Request<B> {
        let Parts { mut rest, call } = *self.0;
        if let Some(headers) = call.headers() {
            *rest.headers_mut() = headers.to_map();
        }
        rest.extensions_mut().insert(call);
        rest
    }

    fn call<'a>(&'a self, _: &'a impl Carries<http::Request<B>>) -> Option<&'a Call> {
        Some(&self.0.call)
    }
}

impl<Req> fmt::Debug for Whole<Req> {
    // Neither the prompt nor what it is sent with.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Whole").finish_non_exhaustive()
    }
}

impl<B> fmt::Debug for Apart<B> {
    // The same.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Apart").finish_non_exhaustive()
    }
}

/// The headers of a kept request, in one piece that is cheap to compare and to share.
#[derive(Clone)]
pub(crate) struct Headers(Arc<[(HeaderName, HeaderValue)]>);

impl Headers {
    fn of(headers: &HeaderMap) -> Self {
        let mut all = headers.iter().map(|(name, value)| (name.clone(), value.clone()));
        // Counted by a range, the slice is allocated once; a map's own iterator does not promise its length.
        Headers((0..headers.len()).map(|_| all.next().expect("a map has as many as it says")).collect())
    }

    /// Whether these are the same, in the same order and as secret.
    fn are(&self, headers: &HeaderMap) -> bool {
        let same = |((name, value), (own_name, own)): ((&HeaderName, &HeaderValue), &(_, HeaderValue))| {
            name == own_name && value == own && value.is_sensitive() == own.is_sensitive()
        };
        self.0.len() == headers.len() && headers.iter().zip(&*self.0).all(same)
    }

    fn to_map(&self) -> HeaderMap {
        let mut map = HeaderMap::with_capacity(self.0.len());
        for (name, value) in &*self.0 {
            map.append(name.clone(), value.clone());
        }
        map
    }
}

impl fmt::Debug for Headers {
    // They hold credentials.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Headers").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cause, Http};

    #[derive(Clone, Debug, PartialEq)]
    struct Tag(u8);

    fn request() -> http::Request<&'static str> {
        let request =
            http::Request::post("http://example.com/v1").header("accept", "a").header("accept", "b");
        let mut request = request.header("authorization", "secret").body("prompt").unwrap();
        request.headers_mut().get_mut("authorization").unwrap().set_sensitive(true);
        request
    }

    fn shown(request: &http::Request<&'static str>) -> String {
        let secret: Vec<bool> = request.headers().values().map(HeaderValue::is_sensitive).collect();
        let number = Call::get(request.extensions()).map(|call| call.attempt().number);
        let tag = request.extensions().get::<Tag>();
        format!("{:?} {secret:?} {number:?} {tag:?}", (request.method(), request.uri(), request.headers()))
            + request.body()
    }

    #[test]
    fn a_kept_request_is_sent_again_as_it_was() {
        let mut sent = request();
        Call::get_or_insert(sent.extensions_mut()).begin_attempt(Cause::Hedge);
        for tag in [None, Some(Tag(7))] {
            tag.map(|tag| sent.extensions_mut().insert(tag));
            let before = shown(&sent);
            let kept = Http.keep(&mut sent);
            assert_eq!(shown(&sent), before);
            assert_eq!(kept.call(&Http).unwrap().attempt().number, 2);
            assert_eq!(shown(&kept.clone().into_request()), before);
            assert_eq!(shown(&kept.into_request()), before);
        }
    }

    #[test]
    fn layers_that_keep_the_same_request_share_its_headers() {
        let mut sent = request();
        let (outer, inner) = (Http.keep(&mut sent), Http.keep(&mut sent));
        let [outer, inner] = [&outer, &inner].map(|kept| kept.call(&Http).unwrap().headers().unwrap());
        assert!(Arc::ptr_eq(&outer.0, &inner.0));
    }

    #[test]
    fn what_a_layer_in_between_changes_is_kept_by_the_layers_inside_of_it_alone() {
        let changes: [fn(&mut http::Request<&'static str>); 7] = [
            |request| drop(request.headers_mut().remove("accept")),
            |request| drop(request.headers_mut().insert("authorization", HeaderValue::from_static("other"))),
            |request| assert!(request.headers_mut().append("accept", HeaderValue::from_static("c"))),
            |request| request.headers_mut().get_mut("authorization").unwrap().set_sensitive(false),
            |request| *request.uri_mut() = "http://elsewhere.com/".parse().unwrap(),
            |request| *request.method_mut() = http::Method::PUT,
            |request| assert!(request.extensions_mut().insert(Tag(1)).is_none()),
        ];
        for change in changes {
            let mut sent = request();
            let outer = Http.keep(&mut sent);
            let before = shown(&sent);
            change(&mut sent);
            let after = shown(&sent);
            assert_ne!(before, after);
            assert_eq!(shown(&Http.keep(&mut sent).into_request()), after);
            assert_eq!(shown(&outer.into_request()), before);
        }
    }

    #[test]
    fn neither_a_kept_request_nor_its_call_shows_what_is_in_it() {
        let mut sent = request();
        let kept = Http.keep(&mut sent);
        let shown = format!("{kept:?} {:?}", kept.call(&Http));
        assert!(!shown.contains("secret") && !shown.contains("prompt"), "{shown}");
    }
}
