//! The parts of an error, wherever a provider puts them.

use std::borrow::Cow;

use buttress_call::Kind;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::{
    classify::by_code,
    json::{field, filled, object, text},
};

/// What an error body or event says, before anything is concluded from it.
#[derive(Debug, Default)]
pub(crate) struct Details<'a> {
    /// The codes that are meant to be stable, the most specific first.
    codes: [Option<Cow<'a, str>>; 3],
    /// The type, which is broader than a code.
    r#type: Option<Cow<'a, str>>,
    pub(crate) message: Option<Cow<'a, str>>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields<'a> {
    #[serde(borrow)]
    error: Option<&'a RawValue>,
    message: Option<&'a RawValue>,
    /// `FastAPI`, in front of many self-hosted models.
    detail: Option<&'a RawValue>,
    code: Option<&'a RawValue>,
    r#type: Option<&'a RawValue>,
    /// TGI.
    error_type: Option<&'a RawValue>,
    /// Anthropic.
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
}

impl<'a> Details<'a> {
    /// Reads a body or event: `{"error":{…}}`, `{"error":"…"}`, or the error's fields at the top.
    ///
    /// Some gateways wrap an error answer in an array of one. What is not JSON has no details.
    pub(crate) fn of_body(body: &'a [u8]) -> Self {
        if body.trim_ascii_start().starts_with(b"[") {
            let only: Option<[&RawValue; 1]> = serde_json::from_slice(body).ok();
            return only.map(|[body]| Self::of_object(body.get().as_bytes())).unwrap_or_default();
        }
        Self::of_object(body)
    }

    fn of_object(body: &'a [u8]) -> Self {
        let Some(top) = object::<Fields<'_>>(body) else { return Self::default() };
        match top.error.filter(|error| filled(Some(error))) {
            Some(error) => match object::<Fields<'_>>(error.get().as_bytes()) {
                Some(fields) => Self::of_fields(&fields),
                // The text alone; the rest stands beside it.
                None => Details { message: said(Some(error)), ..Self::of_fields(&top) },
            },
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
        let stable = text(details.error_code).or_else(|| text(metadata.error_type));
        Details {
            codes: [stable.or_else(|| text(fields.error_type)), text(fields.code), text(inner.code)],
            r#type: text(fields.r#type),
            message: said(fields.message).or_else(|| said(fields.detail)),
        }
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

    /// The most telling code, a name before a number.
    pub(crate) fn code(&self) -> Option<&str> {
        let all = || self.codes.iter().flatten().chain(&self.r#type);
        let named = all().find(|code| code.bytes().any(|byte| !byte.is_ascii_digit()));
        named.or_else(|| all().next()).map(AsRef::as_ref)
    }
}

/// A message: text, or whatever else is there as it stands (Mistral and `FastAPI` send lists of what is wrong).
fn said(raw: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let raw = raw.filter(|raw| filled(Some(raw)))?;
    text(Some(raw)).or(Some(Cow::Borrowed(raw.get())))
}
