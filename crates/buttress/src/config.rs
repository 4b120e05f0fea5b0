//! A stack from a TOML file, from the environment, or from both.
//!
//! ```toml
//! provider_order = ["openai", "own"]     # who is asked first; targets that it leaves out are not used
//! timeout_seconds = 45                   # an attempt: a stream's first content, a whole answer
//! max_retries = 3                        # on the same target
//! retry_base_delay = 1.0                 # seconds; doubled each time, full jitter
//! circuit_threshold = 3                  # failures in a row that open a target's circuit
//! circuit_cooldown_seconds = 60          # for how long
//!
//! [targets.openai]                       # its provider is that of its name
//! api_key_env = "OPENAI_API_KEY"
//! limits = { requests_per_minute = 500, tokens_per_minute = 200_000 }
//! context_window = 400_000
//! price = { input = 1.25, output = 10.0 }
//!
//! [targets.own]
//! provider = "compatible"                # any server that speaks OpenAI's chat completions
//! base_url = "http://10.0.0.7:8000"
//! models = { "gpt-5" = "qwen3-32b" }     # what it calls the models that callers name
//! limits = { concurrency = 64 }
//! no_tools = true
//! ```
//!
//! All of it is optional, and [`Config`] and [`TargetConfig`] say what there is besides. Each setting of the first block
//! is also a variable of the environment, which comes before the file: with the prefix `METIS_LLM`
//! `METIS_LLM_PROVIDER_ORDER=openai,own`, `METIS_LLM_TIMEOUT_SECONDS=45`, `METIS_LLM_MAX_RETRIES=3`,
//! `METIS_LLM_RETRY_BASE_DELAY=1.0`, `METIS_LLM_CIRCUIT_THRESHOLD=3`, `METIS_LLM_CIRCUIT_COOLDOWN_SECONDS=60`.
//!
//! ```
//! use buttress::config::Config;
//! # use buttress::BoxError;
//! # fn example(client: impl buttress::stack::HttpClient) -> Result<(), BoxError> {
//!
//! let llm = Config::load("llm.toml", "METIS_LLM")?.build(client)?;
//! # let _ = llm;
//! # Ok(())
//! # }
//! ```
//!
//! **What is not a setting is an error**: a misspelt key is one, and a misspelt variable under the prefix. Errors say the
//! file or the variable, the key, the value and the rule. **Keys of providers stand in the environment**, never in the
//! file, which names the variable; no error and no `Debug` prints them.

mod build;
mod error;
mod limits;
mod load;
mod parse;
mod price;
mod settings;
mod strategy;
mod target;
mod value;
mod variables;
mod vendor;

pub use self::{
    error::ConfigError, limits::LimitConfig, parse::from_toml, price::PriceConfig, settings::Config,
    strategy::StrategyConfig, target::TargetConfig, vendor::Vendor,
};
