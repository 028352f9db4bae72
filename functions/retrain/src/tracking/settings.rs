//! Where MLflow is and how it lets us in: its own environment variables, and the name that models are registered under.

use churn_common::settings::{Ranged, Settings, SettingsError, check_ranges};
use reqwest::header::HeaderValue;
use reqwest::{Url, redirect};
use serde::{Deserialize, Serialize};

/// Settings of tracking. They count only where `MLFLOW_TRACKING_URI` is set.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrackingSettings {
    /// Name of the registered model, without `/` and `:`.
    pub mlflow_model: String,
}

impl Default for TrackingSettings {
    fn default() -> Self {
        Self { mlflow_model: "churn".into() }
    }
}

impl Settings for TrackingSettings {
    fn ranges(&self) -> Vec<Ranged> {
        vec![Ranged::text("mlflow_model", &self.mlflow_model, 1..=250)]
    }

    fn check(&self) -> Result<(), SettingsError> {
        check_ranges(self.ranges())?;
        match self.mlflow_model.contains(['/', ':']) {
            true => Err(SettingsError::OutOfRange {
                name: "mlflow_model",
                value: self.mlflow_model.clone(),
                expected: "a name without / and :".into(),
            }),
            false => Ok(()),
        }
    }
}

/// A server, and how it lets us in. It has no `Debug`, as it holds secrets.
pub struct Server {
    /// Without user and password.
    pub url: Url,
    /// How it lets us in.
    pub access: Access,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the registered model.
    pub model: String,
    /// Connections to it.
    pub http: reqwest::Client,
}

/// How a server lets us in.
pub enum Access {
    /// As anybody.
    Open,
    /// By name and password.
    Basic(String, String),
    /// By a token, as the header has it.
    Bearer(HeaderValue),
}

/// Why MLflow cannot be used as the environment tells. No message holds a secret, or an address that might.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unusable {
    /// It is no address.
    #[error("MLFLOW_TRACKING_URI is no URL: {0}")]
    NoUrl(String),
    /// It is an address of something else.
    #[error("MLFLOW_TRACKING_URI begins with {0}:, it must be the http:// or https:// address of a tracking server")]
    Scheme(String),
    /// Half of what lets us in is missing.
    #[error("{given} is set without {missing}")]
    Half {
        /// The variable that is set.
        given: &'static str,
        /// The one that is not.
        missing: &'static str,
    },
    /// A token that cannot be sent.
    #[error("MLFLOW_TRACKING_TOKEN has characters that no HTTP header can carry")]
    Token,
    /// There are no root certificates, say.
    #[error("no HTTP client for MLFLOW_TRACKING_URI: {0}")]
    Client(String),
}

impl Server {
    /// The server that the variables tell of; `None` where `MLFLOW_TRACKING_URI` is not set. As for MLflow's own client, a
    /// name and a password win over a token; an empty variable counts as not set.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        settings: TrackingSettings,
    ) -> Option<Result<Self, Unusable>> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let uri = variable("MLFLOW_TRACKING_URI")?;
        let experiment = variable("MLFLOW_EXPERIMENT_NAME").unwrap_or_else(|| "churn".into());
        let open = || {
            let mut url = Url::parse(uri.trim()).map_err(|e| Unusable::NoUrl(e.to_string()))?;
            if !matches!(url.scheme(), "http" | "https") {
                return Err(Unusable::Scheme(url.scheme().to_owned()));
            }
            let access = access(&variable, &url)?;
            // Neither fails for http and https.
            let _ = (url.set_username(""), url.set_password(None));
            churn_common::aws::install_tls_provider();
            // A redirected POST would arrive as a GET; and a token is for this server alone.
            let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build();
            let http = http.map_err(|e| Unusable::Client(e.to_string()))?;
            Ok(Self { url, access, experiment, model: settings.mlflow_model, http })
        };
        Some(open())
    }
}

fn access(variable: &impl Fn(&str) -> Option<String>, url: &Url) -> Result<Access, Unusable> {
    let (user, password) = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD");
    match (variable(user), variable(password)) {
        (Some(user), Some(password)) => return Ok(Access::Basic(user, password)),
        (Some(_), None) => return Err(Unusable::Half { given: user, missing: password }),
        (None, Some(_)) => return Err(Unusable::Half { given: password, missing: user }),
        (None, None) => {}
    }
    if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        let mut header = HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| Unusable::Token)?;
        header.set_sensitive(true);
        return Ok(Access::Bearer(header));
    }
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    Ok(match (url.username(), url.password()) {
        ("", None) => Access::Open,
        (user, password) => Access::Basic(decoded(user), decoded(password.unwrap_or_default())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(variables: &[(&str, &str)]) -> Option<Result<Server, Unusable>> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Server::from_variables(variable, TrackingSettings::default())
    }

    const URI: (&str, &str) = ("MLFLOW_TRACKING_URI", "https://mlflow.example:5000/tracking/");
    const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ann");
    const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "open sesame");
    const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "sesame");

    #[test]
    fn access_is_what_mlflow_s_own_client_makes_of_the_variables() {
        assert!(server(&[]).is_none() && server(&[("MLFLOW_TRACKING_URI", " "), TOKEN]).is_none());
        let open = server(&[URI]).unwrap().unwrap();
        assert_eq!((open.url.as_str(), open.experiment.as_str(), open.model.as_str()), (URI.1, "churn", "churn"));
        assert!(matches!(open.access, Access::Open));
        let named = server(&[URI, ("MLFLOW_EXPERIMENT_NAME", "nightly"), TOKEN]).unwrap().unwrap();
        assert_eq!(named.experiment, "nightly");
        assert!(matches!(named.access, Access::Bearer(token) if token == "Bearer sesame"));
        let both = server(&[URI, USER, PASSWORD, TOKEN]).unwrap().unwrap();
        assert!(matches!(both.access, Access::Basic(user, password) if (&*user, &*password) == (USER.1, PASSWORD.1)));
        let inside = server(&[("MLFLOW_TRACKING_URI", "http://ann:open%20sesame@127.0.0.1:5000")]).unwrap().unwrap();
        assert_eq!(inside.url.as_str(), "http://127.0.0.1:5000/");
        assert!(matches!(inside.access, Access::Basic(user, password) if (&*user, &*password) == (USER.1, PASSWORD.1)));
    }

    #[test]
    fn what_cannot_be_used_is_told_by_variable_and_without_secrets() {
        for (variables, told) in [
            (vec![("MLFLOW_TRACKING_URI", "postgresql://ann:sesame@db/mlflow")], "begins with postgresql:"),
            (vec![("MLFLOW_TRACKING_URI", "./sesame")], "MLFLOW_TRACKING_URI is no URL"),
            (vec![("MLFLOW_TRACKING_URI", "http://ann:sesame@:5000")], "MLFLOW_TRACKING_URI is no URL"),
            (vec![("MLFLOW_TRACKING_URI", "databricks")], "MLFLOW_TRACKING_URI is no URL"),
            (vec![URI, USER], "MLFLOW_TRACKING_USERNAME is set without MLFLOW_TRACKING_PASSWORD"),
            (vec![URI, PASSWORD], "MLFLOW_TRACKING_PASSWORD is set without MLFLOW_TRACKING_USERNAME"),
            (vec![URI, ("MLFLOW_TRACKING_TOKEN", "sesa\nme")], "MLFLOW_TRACKING_TOKEN has characters"),
        ] {
            let why = server(&variables).unwrap().err().unwrap();
            assert!(why.to_string().contains(told), "{why}");
            assert!(!format!("{why}{why:?}").contains("sesa"), "{why:?}");
        }
    }

    #[test]
    fn the_registered_model_s_name_is_one_that_mlflow_takes() {
        let named = |name: &str| TrackingSettings::from_variables(|_| Some(name.to_owned()));
        assert_eq!(named("Churn, EU").unwrap().mlflow_model, "Churn, EU");
        for bad in ["", "a/b", "models:churn"] {
            assert!(named(bad).unwrap_err().to_string().starts_with("setting mlflow_model is"), "{bad}");
        }
    }
}
