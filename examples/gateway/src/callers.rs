//! Who may call, by key.

use std::fmt;

use http::{HeaderMap, header};
use subtle::{Choice, ConstantTimeEq};

use crate::{
    config::{Config, ConfigError, Env},
    errors::Refusal,
};

/// The callers' keys. Empty: anybody may call.
pub(crate) struct Callers {
    keys: Vec<Box<[u8]>>,
}

impl Callers {
    pub(crate) fn new(config: &Config, env: Env<'_>) -> Result<Callers, ConfigError> {
        let keys = config.callers.iter().map(|(name, variable)| {
            let key = Config::secret(&format!("callers.{name}"), variable, env)?;
            Ok(key.into_bytes().into())
        });
        Ok(Callers { keys: keys.collect::<Result<_, ConfigError>>()? })
    }

    /// Lets a request in, or says why not.
    pub(crate) fn admit(&self, headers: &HeaderMap) -> Result<(), Refusal> {
        if self.keys.is_empty() {
            return if is_another_sites(headers) { Err(Refusal::cross_site()) } else { Ok(()) };
        }
        let Some(given) = bearer(headers) else { return Err(Refusal::no_key()) };
        // Every key is looked at to its end, so that the time tells nothing but lengths.
        let known = self.keys.iter().fold(Choice::from(0), |known, key| known | key.ct_eq(given));
        if bool::from(known) { Ok(()) } else { Err(Refusal::wrong_key()) }
    }
}

/// Whether a web page of another site made the browser send this: it must not spend the money of a gateway on loopback.
fn is_another_sites(headers: &HeaderMap) -> bool {
    headers.get("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none")
}

fn bearer(headers: &HeaderMap) -> Option<&[u8]> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.as_bytes().split_at_checked(7)?;
    scheme.eq_ignore_ascii_case(b"bearer ").then_some(key.trim_ascii())
}

impl fmt::Debug for Callers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Callers").field("keys", &self.keys.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn callers(keys: &[&str]) -> Callers {
        Callers { keys: keys.iter().map(|key| key.as_bytes().into()).collect() }
    }

    fn admitted(callers: &Callers, authorization: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, authorization.parse().unwrap());
        callers.admit(&headers).is_ok()
    }

    #[test]
    fn any_of_the_keys_opens_and_nothing_else_does() {
        let callers = callers(&["first-key", "second-key"]);
        for given in ["Bearer first-key", "bearer second-key", "Bearer  second-key "] {
            assert!(admitted(&callers, given), "{given}");
        }
        for given in ["Bearer first-ke", "Bearer first-key1", "Bearer ", "Bearer", "Basic first-key", ""] {
            assert!(!admitted(&callers, given), "{given}");
        }
        assert!(callers.admit(&HeaderMap::new()).is_err());
    }

    #[test]
    fn without_keys_anybody_may_call_but_other_sites_pages() {
        let callers = callers(&[]);
        let mut headers = HeaderMap::new();
        assert!(callers.admit(&headers).is_ok());
        headers.insert("sec-fetch-site", "cross-site".parse().unwrap());
        assert!(callers.admit(&headers).is_err());
        headers.insert("sec-fetch-site", "same-origin".parse().unwrap());
        assert!(callers.admit(&headers).is_ok());
    }

    #[test]
    fn debug_shows_no_key() {
        assert!(!format!("{:?}", callers(&["first-key"])).contains("first"));
    }
}
