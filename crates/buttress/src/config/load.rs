//! Where settings come from.

use std::{env, ffi::OsString, fs, path::Path};

use super::{Config, ConfigError, from_toml, variables::VARIABLES};

impl Config {
    /// The settings of a TOML text.
    ///
    /// # Errors
    ///
    /// On what is no TOML, an unknown key, and a value that breaks its rule.
    pub fn from_toml(text: &str) -> Result<Self, ConfigError> {
        Self::of_text(text, "TOML")
    }

    /// The settings of a TOML file.
    ///
    /// # Errors
    ///
    /// As [`from_toml`](Config::from_toml), and if the file cannot be read. The error names the file.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let place = path.display().to_string();
        let text = fs::read_to_string(path).map_err(|error| ConfigError::new(&place, error.to_string()))?;
        Self::of_text(&text, &place)
    }

    /// The defaults, and what the environment sets of them: `PREFIX_TIMEOUT_SECONDS` and so on.
    ///
    /// # Errors
    ///
    /// As [`with_env`](Config::with_env).
    pub fn from_env(prefix: &str) -> Result<Self, ConfigError> {
        Config { origin: format!("{prefix}_*"), ..Config::default() }.with_env(prefix)
    }

    /// The settings of a TOML file, and over them those of the environment.
    ///
    /// # Errors
    ///
    /// As [`from_file`](Config::from_file) and [`with_env`](Config::with_env).
    pub fn load(path: impl AsRef<Path>, prefix: &str) -> Result<Self, ConfigError> {
        Self::from_file(path)?.with_env(prefix)
    }

    /// These settings, with those of the environment in their place.
    ///
    /// # Errors
    ///
    /// On a value that breaks its rule, and on a variable with the prefix that is no setting and that no `api_key_env`
    /// names. The error names the variable.
    pub fn with_env(self, prefix: &str) -> Result<Self, ConfigError> {
        self.with_variables(prefix, env::vars_os())
    }

    /// The same with variables from elsewhere: for tests, and for programs that read a file of variables.
    ///
    /// ```
    /// use buttress::config::Config;
    ///
    /// let variables = [("METIS_LLM_MAX_RETRIES", "5"), ("METIS_LLM_PROVIDER_ORDER", "openai, own")];
    /// let config = Config::default().with_variables("METIS_LLM", variables)?;
    /// assert_eq!((config.max_retries, &*config.provider_order), (5, &["openai".to_owned(), "own".to_owned()][..]));
    ///
    /// let error = Config::default().with_variables("METIS_LLM", [("METIS_LLM_MAX_RETRIES", "many")]).unwrap_err();
    /// assert_eq!(error.to_string(), r#"METIS_LLM_MAX_RETRIES = "many": must be a whole number, 0 to 254"#);
    /// # Ok::<(), buttress::config::ConfigError>(())
    /// ```
    pub fn with_variables<K: Into<OsString>, V: Into<OsString>>(
        mut self,
        prefix: &str,
        variables: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Self, ConfigError> {
        for (name, value) in variables {
            // What is no text is not ours.
            let Ok(name) = name.into().into_string() else { continue };
            let Some(setting) = name.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')) else {
                continue;
            };
            let wrong = |what: String| ConfigError::new(name.clone(), what);
            match VARIABLES.iter().find(|(known, _)| *known == setting) {
                Some((_, set)) => {
                    let value = value.into().into_string();
                    let value = value.map_err(|_| wrong("its value is not UTF-8".to_owned()))?;
                    set(&mut self, &value).map_err(wrong)?;
                }
                None if self.names_key(&name) => {}
                None => {
                    let known: Vec<_> = VARIABLES.iter().map(|(known, _)| *known).collect();
                    return Err(wrong(format!(
                        "no such setting; after {prefix}_ there are {}",
                        known.join(", ")
                    )));
                }
            }
        }
        self.check()?;
        Ok(self)
    }

    fn of_text(text: &str, place: &str) -> Result<Self, ConfigError> {
        let config = Config { origin: place.to_owned(), ..from_toml(text, place)? };
        config.check()?;
        Ok(config)
    }

    /// Whether a target's key stands in this variable.
    fn names_key(&self, variable: &str) -> bool {
        self.targets.values().any(|target| target.api_key_env.as_deref() == Some(variable))
    }
}
