//! The AWS configuration, and the HTTP client that all service clients share.
//!
//! TLS is rustls with ring as its crypto provider. Compared with aws-lc, ring compiles much faster, collects no
//! CPU-jitter entropy at start-up, and makes a smaller binary.

use aws_config::{BehaviorVersion, SdkConfig};
use aws_sdk_s3::config::SharedHttpClient;
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};

/// The ambient AWS configuration: region, credentials and endpoints from the environment, the profile or the role.
pub async fn load_config() -> SdkConfig {
    aws_config::defaults(BehaviorVersion::latest()).http_client(http_client()).load().await
}

/// An HTTP client for AWS SDK clients. It trusts the root certificates of the operating system.
pub fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https()
}

/// Makes ring the crypto provider of HTTP clients outside of the AWS SDK. A provider that is already installed is kept.
pub fn install_tls_provider() {
    // The error is the provider that was installed first.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
