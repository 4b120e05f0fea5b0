//! What a URL chooses: model, method, and the form of a stream.

use http::Uri;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use super::{Chat, Gemini, Route};

/// All but what RFC 3986 leaves unreserved.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Where a call goes. Streams are asked for as events.
pub(in crate::wire) fn path(model: &str, stream: bool) -> String {
    let method = if stream { "streamGenerateContent?alt=sse" } else { "generateContent" };
    format!("/v1beta/models/{}:{method}", utf8_percent_encode(model, SEGMENT))
}

/// The Gemini API's paths, and Vertex AI's, which end alike.
pub(super) fn route(uri: &Uri) -> Option<Route> {
    let path = uri.path();
    if matches!(path, "/v1beta/models" | "/v1/models") {
        return Some(Route::Models);
    }
    let (place, method) = path.rsplit_once(':')?;
    let (api, model) = place.rsplit_once("/models/").filter(|(api, _)| api.starts_with("/v1"))?;
    let speak: &'static Gemini = match method {
        "generateContent" => &Gemini::Whole,
        "streamGenerateContent" if parameter(uri, "alt") == Some("sse") => &Gemini::Events,
        "streamGenerateContent" => &Gemini::Array,
        _ => return None,
    };
    let named = !model.is_empty() && !api.contains(':');
    let model = percent_decode_str(model).decode_utf8_lossy().into_owned();
    named.then_some(Route::Chat(Chat { speak, model: Some(model) }))
}

/// A parameter of the query.
pub(super) fn parameter<'a>(uri: &'a Uri, name: &str) -> Option<&'a str> {
    let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
    pairs.into_iter().find_map(|(key, value)| (key == name).then_some(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chat(uri: &str) -> Option<(String, String)> {
        match route(&uri.parse().unwrap())? {
            Route::Chat(chat) => Some((chat.model.unwrap(), format!("{:?}", chat.speak))),
            Route::Models => Some((String::new(), "Models".to_owned())),
        }
    }

    #[test]
    fn a_path_says_model_and_form_and_no_other_path_is_a_call() {
        let vertex =
            "/v1/projects/p/locations/global/publishers/google/models/g:streamGenerateContent?alt=sse";
        for (uri, model, form) in [
            ("/v1beta/models/g-2.5:generateContent", "g-2.5", "Whole"),
            ("/v1beta/models/g:streamGenerateContent", "g", "Array"),
            ("/v1/models/g:streamGenerateContent?key=k&alt=sse", "g", "Events"),
            ("/v1beta/models/g:streamGenerateContent?alt=json", "g", "Array"),
            ("/v1beta/models/a%2Fb%20c:generateContent", "a/b c", "Whole"),
            (vertex, "g", "Events"),
            ("/v1beta/models", "", "Models"),
        ] {
            assert_eq!(chat(uri), Some((model.to_owned(), form.to_owned())), "{uri}");
        }
        for uri in
            ["/", "/v1beta/models/g", "/v1beta/models/:generateContent", "/v1beta/models/g:countTokens"]
        {
            assert_eq!(chat(uri), None, "{uri}");
        }
    }

    #[test]
    fn a_model_comes_out_of_its_own_path() {
        for model in ["gemini-2.5-pro", "tuned/a b", "ü:x"] {
            for stream in [true, false] {
                assert_eq!(chat(&path(model, stream)).unwrap().0, model);
            }
        }
    }
}
