//! The endpoint of a service: the configured one, or the public one of the region's partition.

use aws_smithy_runtime_api::client::endpoint::error::ResolveEndpointError;
use aws_smithy_runtime_api::client::endpoint::{EndpointFuture, EndpointResolverParams, ResolveEndpoint};
use aws_smithy_types::endpoint::Endpoint;
use aws_types::SdkConfig;
use aws_types::service_config::ServiceConfigKey;

/// The names of a service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Service {
    /// The id in configuration: `Lambda` reads `AWS_ENDPOINT_URL_LAMBDA`.
    pub id: &'static str,
    /// The name in host names and signatures.
    pub name: &'static str,
}

/// The endpoint of a service; `None` if there is neither an endpoint nor a region in the configuration.
///
/// As with the SDK's own clients, a missing region is an error of each call, not of the constructor.
#[derive(Debug)]
pub(super) struct ServiceEndpoint {
    url: Option<String>,
}

impl ServiceEndpoint {
    pub(super) fn new(config: &SdkConfig, service: Service) -> Self {
        let public = || {
            let region = config.region()?.as_ref();
            let fips = config.use_fips().unwrap_or(false);
            Some(public_url(service, region, fips, config.use_dual_stack().unwrap_or(false)))
        };
        Self { url: configured_url(config, service).or_else(public) }
    }
}

impl ResolveEndpoint for ServiceEndpoint {
    fn resolve_endpoint<'a>(&'a self, _: &'a EndpointResolverParams) -> EndpointFuture<'a> {
        EndpointFuture::ready(match &self.url {
            Some(url) => Ok(Endpoint::builder().url(url.clone()).build()),
            None => Err(ResolveEndpointError::message("no AWS region is configured").into()),
        })
    }
}

/// In this order: the endpoint set in code; the service-specific one of the environment or profile; the one for all
/// services.
fn configured_url(config: &SdkConfig, service: Service) -> Option<String> {
    let of_all_services = || config.endpoint_url().map(str::to_owned);
    if config.get_origin("endpoint_url").is_client_config() {
        return of_all_services();
    }
    let key =
        ServiceConfigKey::builder().service_id(service.id).env("AWS_ENDPOINT_URL").profile("endpoint_url").build();
    let of_service = config.service_config().zip(key.ok()).and_then(|(settings, key)| settings.load_config(key));
    of_service.or_else(of_all_services)
}

/// Host name suffixes of a partition.
struct Partition {
    /// The start of the names of its regions.
    regions: &'static str,
    suffix: &'static str,
    dual_stack_suffix: &'static str,
}

/// For every region outside of [`PARTITIONS`], `us-gov-…` included.
const STANDARD: Partition = Partition { regions: "", suffix: "amazonaws.com", dual_stack_suffix: "api.aws" };

/// The partitions of the SDK, as of aws-sdk-lambda 1.156.
const PARTITIONS: [Partition; 6] = [
    Partition { regions: "cn-", suffix: "amazonaws.com.cn", dual_stack_suffix: "api.amazonwebservices.com.cn" },
    Partition { regions: "eusc-", suffix: "amazonaws.eu", dual_stack_suffix: "api.amazonwebservices.eu" },
    Partition { regions: "us-iso-", suffix: "c2s.ic.gov", dual_stack_suffix: "api.aws.ic.gov" },
    Partition { regions: "us-isob-", suffix: "sc2s.sgov.gov", dual_stack_suffix: "api.aws.scloud" },
    Partition { regions: "eu-isoe-", suffix: "cloud.adc-e.uk", dual_stack_suffix: "api.cloud-aws.adc-e.uk" },
    Partition { regions: "us-isof-", suffix: "csp.hci.ic.gov", dual_stack_suffix: "api.aws.hci.ic.gov" },
];

fn public_url(service: Service, region: &str, fips: bool, dual_stack: bool) -> String {
    let partition = PARTITIONS.iter().find(|partition| region.starts_with(partition.regions)).unwrap_or(&STANDARD);
    let suffix = if dual_stack { partition.dual_stack_suffix } else { partition.suffix };
    // The only endpoints of EventBridge and SNS in AWS GovCloud are FIPS endpoints.
    let fips =
        if fips && !(matches!(service.name, "events" | "sns") && region.starts_with("us-gov-")) { "-fips" } else { "" };
    format!("https://{}{fips}.{region}.{suffix}", service.name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use aws_types::region::Region;
    use aws_types::service_config::LoadServiceConfig;

    const LAMBDA: Service = Service { id: "Lambda", name: "lambda" };
    const EVENTS: Service = Service { id: "EventBridge", name: "events" };

    const SNS: Service = Service { id: "SNS", name: "sns" };

    /// From the endpoint tests of aws-sdk-lambda 1.156, aws-sdk-eventbridge 1.127 and aws-sdk-sns: a sample of each partition.
    #[test]
    fn public_endpoints_match_the_sdk() {
        for (service, region, fips, dual_stack, expected) in [
            (LAMBDA, "eu-west-1", false, false, "https://lambda.eu-west-1.amazonaws.com"),
            (LAMBDA, "us-east-1", true, false, "https://lambda-fips.us-east-1.amazonaws.com"),
            (LAMBDA, "us-east-1", false, true, "https://lambda.us-east-1.api.aws"),
            (LAMBDA, "cn-north-1", true, true, "https://lambda-fips.cn-north-1.api.amazonwebservices.com.cn"),
            (LAMBDA, "us-gov-west-1", true, false, "https://lambda-fips.us-gov-west-1.amazonaws.com"),
            (EVENTS, "us-west-2", true, false, "https://events-fips.us-west-2.amazonaws.com"),
            (EVENTS, "cn-northwest-1", false, false, "https://events.cn-northwest-1.amazonaws.com.cn"),
            (EVENTS, "us-gov-west-1", true, false, "https://events.us-gov-west-1.amazonaws.com"),
            (SNS, "eu-west-1", false, false, "https://sns.eu-west-1.amazonaws.com"),
            (SNS, "us-east-1", true, false, "https://sns-fips.us-east-1.amazonaws.com"),
            (SNS, "us-gov-west-1", true, false, "https://sns.us-gov-west-1.amazonaws.com"),
            (EVENTS, "us-gov-east-1", true, true, "https://events.us-gov-east-1.api.aws"),
            (EVENTS, "us-iso-west-1", false, false, "https://events.us-iso-west-1.c2s.ic.gov"),
            (EVENTS, "us-isob-east-1", true, false, "https://events-fips.us-isob-east-1.sc2s.sgov.gov"),
        ] {
            assert_eq!(public_url(service, region, fips, dual_stack), expected);
        }
    }

    /// An environment that sets an endpoint only for Lambda.
    #[derive(Debug)]
    struct LambdaOnly;

    impl LoadServiceConfig for LambdaOnly {
        fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
            assert_eq!((key.env(), key.profile()), ("AWS_ENDPOINT_URL", "endpoint_url"));
            (key.service_id() == "Lambda").then(|| "http://lambda.test".into())
        }
    }

    #[test]
    fn configured_endpoint_replaces_the_public_one() {
        let url = |config: &SdkConfig, service| ServiceEndpoint::new(config, service).url;
        let config = SdkConfig::builder().service_config(LambdaOnly).region(Region::from_static("eu-west-1")).build();
        assert_eq!(url(&config, LAMBDA).as_deref(), Some("http://lambda.test"));
        assert_eq!(url(&config, EVENTS).as_deref(), Some("https://events.eu-west-1.amazonaws.com"));
        let config = config.into_builder().endpoint_url("http://all.test").build();
        assert_eq!(url(&config, LAMBDA).as_deref(), Some("http://lambda.test"));
        assert_eq!(url(&config, EVENTS).as_deref(), Some("http://all.test"));
        assert_eq!(url(&SdkConfig::builder().build(), LAMBDA), None);
    }
}
