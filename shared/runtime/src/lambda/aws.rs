//! The way to AWS of a deployed function: what Lambda puts into its environment, and one set of connections for all services.

use std::time::Duration;

use aws_sdk_dynamodb::config::retry::RetryConfig;
use aws_sdk_dynamodb::config::timeout::TimeoutConfig;
use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, HttpClient, Region, RuntimeComponents, SharedCredentialsProvider,
    SharedHttpClient,
};
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_runtime_api::client::connector_metadata::ConnectorMetadata;
use aws_smithy_runtime_api::client::http::{HttpConnectorSettings, SharedHttpConnector};
use aws_types::SdkConfig;

use crate::settings::{self, MissingVariable};

/// The settings all clients are made of. The search for credentials in profiles, containers and sign-on services that
/// `aws-config` does is left out: Lambda gives them as variables, and they live as long as the process.
///
/// # Errors
/// If one of the variables that Lambda always sets is missing.
pub(super) fn config() -> Result<SdkConfig, MissingVariable> {
    let credentials = Credentials::new(
        settings::required("AWS_ACCESS_KEY_ID")?,
        settings::required("AWS_SECRET_ACCESS_KEY")?,
        settings::variable("AWS_SESSION_TOKEN"),
        None,
        "Lambda",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(settings::required("AWS_REGION")?))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .timeout_config(timeouts())
        .http_client(Connections::new());
    // Emulators are reached so.
    config.set_endpoint_url(settings::variable("AWS_ENDPOINT_URL"));
    Ok(config.build())
}

fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(2))
        .operation_attempt_timeout(Duration::from_secs(8))
        .operation_timeout(Duration::from_secs(25))
        .build()
}

/// One HTTP client for all services. The SDK's own default is one for each, and each reads all root certificates twice:
/// when its service's client is made, to see that it could, and at the first request. Here it is once a process.
#[derive(Debug)]
struct Connections(SharedHttpClient);

impl Connections {
    fn new() -> Self {
        let tls = Provider::Rustls(CryptoMode::AwsLc);
        Self(aws_smithy_http_client::Builder::new().tls_provider(tls).build_https())
    }
}

impl HttpClient for Connections {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        self.0.http_connector(settings, components)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.0.connector_metadata()
    }
}
