//! The parts of an error, wherever a provider puts them.

mod google;

use std::{borrow::Cow, time::Duration};

use buttress_call::{Kind, Refused};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::value::RawValue;

use self::google::Google;
use crate::{
    classify::by_code,
    json::{each, field, filled, object, text},
};

/// What an error body or event says, before anything is concluded from it.
#[derive(Debug, Default)]
pub(crate) struct Details<'a> {
    /// The codes that are meant to be stable, the most specific first.
    codes: [Option<Cow<'a, str>>; 6],
    /// The type, which is broader than a code.
    r#type: Option<Cow<'a, str>>,
    pub(crate) message: Option<Cow<'a, str>>,
    google: Google,
    /// Bedrock: the status that the model itself answered with.
    original_status: Option<u16>,
    /// OpenRouter: headers, inside the body.
    headers: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    /// Amazon, at times.
    #[serde(rename = "Message")]
    message_in_capitals: Option<&'a RawValue>,
    /// `FastAPI`, in front of many self-hosted models.
    detail: Option<&'a RawValue>,
    code: Option<&'a RawValue>,
    r#type: Option<&'a RawValue>,
    /// Amazon.
    #[serde(rename = "__type")]
    amazon_type: Option<&'a RawValue>,
    #[serde(rename = "originalStatusCode")]
    original_status: Option<&'a RawValue>,
    /// TGI.
    error_type: Option<&'a RawValue>,
    /// Google's name of the status, and numbers of others.
    status: Option<&'a RawValue>,
    /// Anthropic: an object. Google: a list.
    details: Option<&'a RawValue>,
    /// OpenRouter.
    metadata: Option<&'a RawValue>,
    /// Azure.
    innererror: Option<&'a RawValue>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Nested<'a> {
    #[serde(borrow)]
    error_code: Option<&'a RawValue>,
    error_type: Option<&'a RawValue>,
    code: Option<&'a RawValue>,
    headers: Option<&'a RawValue>,
}

impl<'a> Details<'a> {
    /// Reads a body or event: `{"error":{…}}`, `{"error":"…"}`, `{"detail":…}`, or the error's fields at the top.
    ///
    /// Google and some gateways wrap an error answer in an array; its first element then says it. What is not JSON has
    /// no details.
    pub(crate) fn of_body(body: &'a [u8]) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            let list: Option<&RawValue> = serde_json::from_slice(body).ok();
            let mut first = None;
            each(list, |element| first = first.or(Some(element)));
            return first.map(|first| Self::of_object(first.get().as_bytes())).unwrap_or_default();
        }
        Self::of_object(body)
    }

    fn of_object(body: &'a [u8]) -> Self {
        let Some(top) = object::<Fields<'_>>(body) else { return Self::default() };
        if let Some(error) = top.error.filter(|error| filled(Some(error))) {
            return match object::<Fields<'_>>(error.get().as_bytes()) {
                Some(fields) => Self::of_fields(&fields),
                // The text alone; the rest stands beside it.
                None => Details { message: said(Some(error)), ..Self::of_fields(&top) },
            };
        }
        // `FastAPI` puts whatever it was given under a key of its own.
        match field::<Fields<'_>>(top.detail) {
            Some(Fields { error: Some(error), .. }) if filled(Some(error)) => Self::of_error(error),
            Some(fields) => Self::of_fields(&fields),
            None => Self::of_fields(&top),
        }
    }

    /// Reads the value of an `error` key: an object, or just a text.
    pub(crate) fn of_error(error: &'a RawValue) -> Self {
        match object::<Fields<'_>>(error.get().as_bytes()) {
            Some(fields) => Self::of_fields(&fields),
            None => Details { message: said(Some(error)), ..Self::default() },
        }
    }

    fn of_fields(fields: &Fields<'a>) -> Self {
        let details: Nested<'_> = field(fields.details).unwrap_or_default();
        let metadata: Nested<'_> = field(fields.metadata).unwrap_or_default();
        let inner: Nested<'_> = field(fields.innererror).unwrap_or_default();
        let (google, reason) = Google::read(fields.details, fields.status);
        let stable = text(details.error_code).or_else(|| text(metadata.error_type)).or(reason);
        Details {
            codes: [
                stable.or_else(|| text(fields.error_type)),
                text(fields.code),
                text(inner.code),
                text(fields.amazon_type).map(amazon),
                text(fields.status),
                None,
            ],
            r#type: text(fields.r#type),
            message: said(fields.message)
                .or_else(|| said(fields.message_in_capitals))
                .or_else(|| said(fields.detail)),
            google,
            original_status: text(fields.original_status).and_then(|status| status.parse().ok()),
            headers: metadata.headers,
        }
    }

    /// Adds the exception that Amazon names in a header.
    pub(crate) fn with_exception(mut self, headers: &'a HeaderMap) -> Self {
        let name = headers.get("x-amzn-errortype").and_then(|value| value.to_str().ok());
        self.codes[5] = name.map(|name| amazon(Cow::Borrowed(name.trim())));
        self
    }

    /// The same, under this name, which is the stablest code of all.
    pub(crate) fn named(mut self, name: Cow<'a, str>) -> Self {
        if !name.is_empty() {
            self.codes[0] = Some(name);
        }
        self
    }

    /// The kind that a code names, if one does.
    pub(crate) fn by_code(&self) -> Option<Kind> {
        self.codes.iter().flatten().find_map(|code| by_code(code))
    }

    /// The kind that the type names, if it does.
    pub(crate) fn by_type(&self) -> Option<Kind> {
        by_code(self.r#type.as_deref()?)
    }

    /// A code that is an HTTP error status: vLLM and OpenRouter send numbers, Azure strings of digits.
    pub(crate) fn status(&self) -> Option<u16> {
        let status = |code: &str| code.parse().ok().filter(|status| (400..600).contains(status));
        self.codes.iter().flatten().find_map(|code| status(code))
    }

    /// The status that the model answered with, where what answers here stands in front of it.
    pub(crate) fn original_status(&self) -> Option<u16> {
        self.original_status
    }

    /// The most telling code, a name before a number.
    pub(crate) fn code(&self) -> Option<&str> {
        let all = || self.codes.iter().flatten().chain(&self.r#type);
        let named = all().find(|code| code.bytes().any(|byte| !byte.is_ascii_digit()));
        named.or_else(|| all().next()).map(AsRef::as_ref)
    }

    /// Whether it is in Google's form, whoever sends it.
    pub(crate) fn is_google(&self) -> bool {
        self.google.is_one
    }

    /// Whether it is a day's allowance that ran out.
    pub(crate) fn per_day(&self) -> bool {
        self.google.per_day
    }

    /// The wait that it asks for in a field of its own.
    pub(crate) fn wait(&self) -> Option<Duration> {
        self.google.wait
    }

    /// Which allowance it says ran out.
    pub(crate) fn refused(&self) -> Option<Refused> {
        match self.r#type.as_deref() {
            Some("tokens") => Some(Refused::Tokens),
            Some("requests") => Some(Refused::Requests),
            _ => self.google.refused,
        }
    }

    /// The headers that it repeats.
    pub(crate) fn headers(&self) -> HeaderMap {
        let pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = self.headers.map(pairs).unwrap_or_default();
        let parsed = pairs.iter().filter_map(|(name, value)| {
            Some((HeaderName::from_bytes(name.as_bytes()).ok()?, HeaderValue::from_str(value).ok()?))
        });
        parsed.take(MAX_HEADERS).collect()
    }
}

/// More of them are no rate limits.
const MAX_HEADERS: usize = 32;

/// An object's texts and numbers by their keys.
fn pairs(raw: &RawValue) -> Vec<(Cow<'_, str>, Cow<'_, str>)> {
    let map: std::collections::BTreeMap<Cow<'_, str>, &RawValue> =
        object(raw.get().as_bytes()).unwrap_or_default();
    map.into_iter().filter_map(|(name, value)| Some((name, text(Some(value))?))).collect()
}

/// An exception's bare name: `a.b#NameException` in bodies, `NameException:http://…` in headers.
fn amazon(name: Cow<'_, str>) -> Cow<'_, str> {
    let bare = |name: &str| {
        let start = name.rfind('#').map_or(0, |at| at + 1);
        let end = name[start..].find(':').map_or(name.len(), |at| start + at);
        start..end
    };
    match name {
        Cow::Borrowed(name) => Cow::Borrowed(&name[bare(name)]),
        Cow::Owned(name) => Cow::Owned(name[bare(&name)].to_owned()),
    }
}

/// A message: text, or whatever else is there as it stands (Mistral and `FastAPI` send lists of what is wrong).
fn said(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw.filter(|raw| filled(Some(raw)))?;
    text(Some(raw)).or(Some(Cow::Borrowed(raw.get())))
}
