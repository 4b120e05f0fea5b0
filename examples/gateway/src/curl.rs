//! A first call to try.

use crate::{config::Config, glob};

/// A line for a shell that calls the gateway at `url`.
pub fn curl(config: &Config, url: &str) -> String {
    let model = config.routes.iter().map(|route| &route.model);
    let named = model.clone().find(|model| !glob::is_pattern(model));
    let model =
        named.or_else(|| model.clone().next()).map_or_else(String::new, |model| model.replace('*', "any"));
    let key = config.callers.values().next();
    let key = key.map_or_else(String::new, |variable| format!(" -H \"authorization: Bearer ${variable}\""));
    format!(
        "curl -iN {url}/v1/chat/completions{key} -H 'content-type: application/json' -d '{{\"model\": \"{model}\", \
         \"stream\": true, \"messages\": [{{\"role\": \"user\", \"content\": \"What is a buttress?\"}}]}}'"
    )
}
