//! The tracking server and its credentials, from MLflow's own environment variables, and the name of the registered
//! model.

use churn_common::settings::{Ranged, Settings, SettingsError, check_ranges};
use reqwest::header::HeaderValue;
use reqwest::{Url, redirect};
use serde::{Deserialize, Serialize};

/// Settings of tracking, used only if `MLFLOW_TRACKING_URI` is set.
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

/// A tracking server. No `Debug`, because it contains secrets.
pub struct Server {
    /// Without user and password.
    pub url: Url,
    pub credentials: Credentials,
    /// Name of the experiment.
    pub experiment: String,
    /// Name of the registered model.
    pub model: String,
    pub http: reqwest::Client,
}

pub enum Credentials {
    None,
    /// User and password.
    Basic(String, String),
    /// The `Authorization` header with a token.
    Bearer(HeaderValue),
}

/// Why the variables are invalid. Messages contain no secrets, and no URLs, which may contain some.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    #[error("MLFLOW_TRACKING_URI must be http:// or https:// and a host, got {0}")]
    Address(String),
    /// Names of variables.
    #[error("{given} is set without {missing}")]
    Incomplete { given: &'static str, missing: &'static str },
    #[error("MLFLOW_TRACKING_TOKEN has characters that are invalid in an HTTP header")]
    Token,
    /// For example without root certificates.
    #[error("no HTTP client for MLFLOW_TRACKING_URI: {0}")]
    Client(String),
}

impl Server {
    /// `None` if `MLFLOW_TRACKING_URI` is not set. As in MLflow's own client, user and password take precedence over a
    /// token, and an empty variable counts as not set.
    pub fn from_variables(
        variable: impl Fn(&str) -> Option<String>,
        settings: TrackingSettings,
    ) -> Option<Result<Self, InvalidServer>> {
        let variable = |name: &str| variable(name).filter(|value| !value.trim().is_empty());
        let uri = variable("MLFLOW_TRACKING_URI")?;
        let experiment = variable("MLFLOW_EXPERIMENT_NAME").unwrap_or_else(|| "churn".into());
        let connect = || {
            let mut url = parse(uri.trim()).map_err(InvalidServer::Address)?;
            let credentials = credentials(&variable, &url)?;
            // Neither fails for an HTTP URL.
            let _ = (url.set_username(""), url.set_password(None));
            churn_common::aws::install_tls_provider();
            // A redirected POST would become a GET, and the token is for this server only.
            let http = reqwest::Client::builder().redirect(redirect::Policy::none()).build();
            let http = http.map_err(|e| InvalidServer::Client(e.to_string()))?;
            Ok(Self { url, credentials, experiment, model: settings.mlflow_model, http })
        };
        Some(connect())
    }
}

/// The URL of a server on HTTP. MLflow's other addresses are directories, databases and Databricks profiles, which only its own
/// client can use.
///
/// # Errors
/// What the address is instead, without the parts that may be secret.
fn parse(address: &str) -> Result<Url, String> {
    let scheme = address.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let Some(scheme) = scheme else { return Err("an address without http://".into()) };
    let rest = address.get(scheme.len()..).unwrap_or_default().strip_prefix("://");
    match (scheme.to_ascii_lowercase().as_str(), rest) {
        ("http" | "https", Some("")) => Err("no host".into()),
        // A URL parser would read the next segment as the host.
        ("http" | "https", Some(rest)) if rest.starts_with(['/', '\\', '?', '#']) => Err("no host".into()),
        ("http" | "https", Some(_)) => Url::parse(address).map_err(|error| format!("an invalid address: {error}")),
        _ => Err(format!("an address that starts with {scheme}:")),
    }
}

/// Whether `text` is a scheme (RFC 3986, section 3.1).
fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

fn credentials(variable: &impl Fn(&str) -> Option<String>, url: &Url) -> Result<Credentials, InvalidServer> {
    let (user, password) = ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD");
    match (variable(user), variable(password)) {
        (Some(user), Some(password)) => return Ok(Credentials::Basic(user, password)),
        (Some(_), None) => return Err(InvalidServer::Incomplete { given: user, missing: password }),
        (None, Some(_)) => return Err(InvalidServer::Incomplete { given: password, missing: user }),
        (None, None) => {}
    }
    if let Some(token) = variable("MLFLOW_TRACKING_TOKEN") {
        let mut header =
            HeaderValue::from_str(&format!("Bearer {}", token.trim())).map_err(|_| InvalidServer::Token)?;
        header.set_sensitive(true);
        return Ok(Credentials::Bearer(header));
    }
    let decoded = |part: &str| percent_encoding::percent_decode_str(part).decode_utf8_lossy().into_owned();
    Ok(match (url.username(), url.password()) {
        ("", None) => Credentials::None,
        (user, password) => Credentials::Basic(decoded(user), decoded(password.unwrap_or_default())),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(variables: &[(&str, &str)]) -> Option<Result<Server, InvalidServer>> {
        let variable = |name: &str| variables.iter().find(|(n, _)| *n == name).map(|(_, v)| (*v).to_owned());
        Server::from_variables(variable, TrackingSettings::default())
    }

    const URI: (&str, &str) = ("MLFLOW_TRACKING_URI", "https://mlflow.example:5000/tracking/");
    const USER: (&str, &str) = ("MLFLOW_TRACKING_USERNAME", "ann");
    const PASSWORD: (&str, &str) = ("MLFLOW_TRACKING_PASSWORD", "open sesame");
    const TOKEN: (&str, &str) = ("MLFLOW_TRACKING_TOKEN", "sesame");

    #[test]
    fn credentials_are_read_as_by_mlflow_s_own_client() {
        assert!(server(&[]).is_none() && server(&[("MLFLOW_TRACKING_URI", " "), TOKEN]).is_none());
        let open = server(&[URI]).unwrap().unwrap();
        assert_eq!((open.url.as_str(), open.experiment.as_str(), open.model.as_str()), (URI.1, "churn", "churn"));
        assert!(matches!(open.credentials, Credentials::None));
        let named = server(&[URI, ("MLFLOW_EXPERIMENT_NAME", "nightly"), TOKEN]).unwrap().unwrap();
        assert_eq!(named.experiment, "nightly");
        assert!(matches!(named.credentials, Credentials::Bearer(token) if token == "Bearer sesame"));
        let both = server(&[URI, USER, PASSWORD, TOKEN]).unwrap().unwrap();
        assert!(
            matches!(both.credentials, Credentials::Basic(user, password) if (&*user, &*password) == (USER.1, PASSWORD.1))
        );
        let inside = server(&[("MLFLOW_TRACKING_URI", "http://ann:open%20sesame@127.0.0.1:5000")]).unwrap().unwrap();
        assert_eq!(inside.url.as_str(), "http://127.0.0.1:5000/");
        assert!(
            matches!(inside.credentials, Credentials::Basic(user, password) if (&*user, &*password) == (USER.1, PASSWORD.1))
        );
    }

    #[test]
    fn errors_name_the_variable_and_contain_no_secrets() {
        for (variables, expected) in [
            (vec![URI, USER], "MLFLOW_TRACKING_USERNAME is set without MLFLOW_TRACKING_PASSWORD"),
            (vec![URI, PASSWORD], "MLFLOW_TRACKING_PASSWORD is set without MLFLOW_TRACKING_USERNAME"),
            (vec![URI, ("MLFLOW_TRACKING_TOKEN", "sesa\nme")], "MLFLOW_TRACKING_TOKEN has characters"),
        ] {
            let error = server(&variables).unwrap().err().unwrap();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(!format!("{error}{error:?}").contains("sesa"), "{error:?}");
        }
    }

    #[test]
    fn every_address_but_http_is_named_without_secrets() {
        for (address, got) in [
            ("file:///sesame/mlruns", "an address that starts with file:"),
            ("sqlite:///sesame.db", "an address that starts with sqlite:"),
            ("postgresql://ann:sesame@db/mlflow", "an address that starts with postgresql:"),
            ("mysql+pymysql://ann:sesame@db/mlflow", "an address that starts with mysql+pymysql:"),
            ("databricks://sesame", "an address that starts with databricks:"),
            ("uc:sesame", "an address that starts with uc:"),
            ("arn:aws:sagemaker:sesame", "an address that starts with arn:"),
            ("ftp://sesame", "an address that starts with ftp:"),
            ("localhost:5000", "an address that starts with localhost:"),
            ("http:sesame:5000", "an address that starts with http:"),
            ("https:/sesame", "an address that starts with https:"),
            ("databricks", "an address without http://"),
            ("./sesame", "an address without http://"),
            ("/sesame/mlruns", "an address without http://"),
            ("127.0.0.1:5000", "an address without http://"),
            ("//sesame:5000", "an address without http://"),
            (":5000", "an address without http://"),
            ("http://", "no host"),
            ("HTTPS:///sesame", "no host"),
            ("http://?sesame", "no host"),
            ("http://:5000", "an invalid address: empty host"),
            ("http://ann:sesame@:5000", "an invalid address: empty host"),
            ("http://sesame:port", "an invalid address: invalid port number"),
            ("http://se same", "an invalid address: invalid international domain name"),
        ] {
            let error = server(&[("MLFLOW_TRACKING_URI", address)]).unwrap().err().unwrap().to_string();
            let expected = format!("MLFLOW_TRACKING_URI must be http:// or https:// and a host, got {got}");
            assert_eq!(error, expected, "{address}");
        }
        for address in ["http://h", " HTTP://h:5000/ml ", "https://ann:sesame@h/"] {
            assert!(server(&[("MLFLOW_TRACKING_URI", address)]).unwrap().is_ok(), "{address}");
        }
    }

    #[test]
    fn name_of_the_registered_model_is_checked() {
        let named = |name: &str| TrackingSettings::from_variables(|_| Some(name.to_owned()));
        assert_eq!(named("Churn, EU").unwrap().mlflow_model, "Churn, EU");
        for bad in ["", "a/b", "models:churn"] {
            assert!(named(bad).unwrap_err().to_string().starts_with("setting mlflow_model is"), "{bad}");
        }
    }
}
