//! HTTP client for the stack's endpoints.

use reqwest::{Client, redirect};

/// A client for plain HTTP on loopback: no proxy, no redirects, no root certificates.
///
/// # Errors
/// The client cannot be built.
pub fn client() -> reqwest::Result<Client> {
    // The builder requires a TLS provider even for plain HTTP.
    churn_common::aws::install_tls_provider();
    Client::builder().no_proxy().redirect(redirect::Policy::none()).tls_certs_only([]).build()
}
