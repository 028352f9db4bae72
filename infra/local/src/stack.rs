//! The whole stack: started, wired together, and stopped in order.

use crate::config::{self, StackConfig};
use crate::data::{Data, Endpoints};
use crate::dynamodb::{DynamoDb, create_tables};
use crate::eventbridge::{self, EventLog};
use crate::gateway;
use crate::lambda::process::{Output, Workers};
use crate::lambda::{Lambda, REGION};
use crate::notify::{Delivery, Notifier, Subscription};
use crate::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::schedule::{self, Schedule};
use anyhow::{Context, anyhow};
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use aws_sdk_s3::error::DisplayErrorContext;
use std::path::PathBuf;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

/// Time the servers have to finish what they are doing.
const GRACE: Duration = Duration::from_secs(5);

/// A running stack. Dropping it stops everything at once; [`Stack::shutdown`] does so in order.
pub struct Stack {
    endpoints: Endpoints,
    environment: Vec<(String, String)>,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: Lambda,
    log: Option<PathBuf>,
    events_log: PathBuf,
    // Dropped in this order: workers go before what they talk to, the data folder last.
    notifier: Notifier,
    workers: Workers,
    servers: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    _data: Data,
}

impl Stack {
    /// Starts everything, and creates the buckets and tables that don't exist yet.
    ///
    /// # Errors
    /// The data folder is taken or damaged, a port is taken, or a server refuses.
    pub async fn start(config: StackConfig) -> anyhow::Result<Self> {
        let data = Data::open(&config.data)?;
        let (stop, servers) = (CancellationToken::new(), TaskTracker::new());
        let stop_on_drop = stop.clone().drop_guard();
        let serve = |name: &'static str, server: futures::future::BoxFuture<'static, anyhow::Result<()>>| {
            servers.spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(server = name, error = format!("{error:#}"), "a server ended");
                }
            });
        };

        let (http_listener, http) = listen("HTTP", config.ports.http).await?;
        let (s3_listener, s3) = listen("S3", config.ports.s3).await?;
        let (dynamodb_listener, dynamodb) = listen("DynamoDB", config.ports.dynamodb).await?;
        let (lambda_listener, lambda_url) = listen("Lambda", config.ports.lambda).await?;
        let endpoints = Endpoints { http, s3, dynamodb, lambda: lambda_url };

        let (events, received) = mpsc::unbounded_channel();
        let s3_server =
            S3Server::open(&data.join("s3"), events, config.redeliver_on_start.then_some(&config.names.logs_bucket))?;
        serve("S3", Box::pin(s3_server.serve(s3_listener, stop.clone())));
        let file = (!data.is_temporary()).then(|| data.join("dynamodb.sqlite"));
        let database = DynamoDb::open(file.as_deref())?;
        serve("DynamoDB", Box::pin(database.clone().serve(dynamodb_listener, stop.clone())));
        let timeouts = config.functions.iter().map(|function| (function.name.clone(), function.timeout));
        let lambda = Lambda::new(timeouts, &config.retry_after);
        let events_log = data.join("events.jsonl");
        let put_events = EventLog::open(&events_log)?.router();
        serve("Lambda", Box::pin(lambda.clone().serve(lambda_listener, put_events, stop.clone())));

        let (s3, dynamodb) = clients(&endpoints);
        for bucket in [&config.names.logs_bucket, &config.names.store_bucket] {
            create_bucket(&s3, bucket).await?;
        }
        create_tables(&dynamodb, &config::tables(&config.names)).await?;

        let mut environment = config::environment(&config.names);
        environment.push(("AWS_ENDPOINT_URL_S3".to_owned(), endpoints.s3.clone()));
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoints.dynamodb.clone()));
        environment.push(("AWS_ENDPOINT_URL_LAMBDA".to_owned(), endpoints.lambda.clone()));
        environment.push(("AWS_ENDPOINT_URL_EVENTBRIDGE".to_owned(), endpoints.lambda.clone()));
        environment.push(("CHURN_EVENT_BUS".to_owned(), eventbridge::BUS.to_owned()));
        let output = config.output.unwrap_or_else(|| Output::File(data.join("functions.log")));
        let workers = Workers::start(&lambda, &config.functions, &endpoints.lambda, &environment, &output)?;

        let subscription = Subscription { bucket: config.names.logs_bucket, function: config.ingest };
        let notifier = Notifier::start(lambda.clone(), subscription, received);
        serve("HTTP", Box::pin(gateway::serve(lambda.clone(), config.http, http_listener, stop.clone())));
        for (function, schedule) in config.schedules {
            let firing = run_schedule(lambda.clone(), function, schedule);
            servers.spawn(stop.clone().run_until_cancelled_owned(firing));
        }
        servers.spawn(stop.clone().run_until_cancelled_owned(sweep(database, config.sweep_every)));
        servers.close();

        data.publish(&endpoints)?;
        let log = match output {
            Output::File(path) => Some(path),
            Output::Inherit => None,
        };
        Ok(Self {
            endpoints,
            environment,
            s3,
            dynamodb,
            lambda,
            log,
            events_log,
            notifier,
            workers,
            servers,
            stop,
            _stop_on_drop: stop_on_drop,
            _data: data,
        })
    }

    /// Where the stack listens.
    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The base URL of the HTTP API.
    pub fn http_url(&self) -> &str {
        &self.endpoints.http
    }

    /// An S3 client for this stack. It has room for the connections of a test or a demo.
    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    /// A DynamoDB client for this stack.
    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    /// The functions.
    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// The settings and endpoints that every function is given as environment variables.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// The file that functions write to, if they do.
    pub fn functions_log(&self) -> Option<&std::path::Path> {
        self.log.as_deref()
    }

    /// The file of the events that functions have put on the bus, one a line, in EventBridge's envelope.
    pub fn events_log(&self) -> &std::path::Path {
        &self.events_log
    }

    /// The events of [`Stack::events_log`], oldest first.
    ///
    /// # Errors
    /// The file can't be read.
    pub fn events(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        let unreadable = || format!("can't read {}", self.events_log.display());
        let text = std::fs::read_to_string(&self.events_log).with_context(unreadable)?;
        text.lines().map(|line| serde_json::from_str(line).with_context(unreadable)).collect()
    }

    /// The results for all objects put into or removed from the logs bucket from now on: subscribe before the upload.
    pub fn ingest_results(&self) -> UnboundedReceiver<Delivery> {
        self.notifier.deliveries()
    }

    /// Stops everything: first what calls functions, then the functions, then the servers.
    pub async fn shutdown(self) {
        self.notifier.stop();
        self.workers.stop().await;
        self.stop.cancel();
        if tokio::time::timeout(GRACE, self.servers.wait()).await.is_err() {
            tracing::warn!(seconds = GRACE.as_secs(), "some connections were still open and are cut");
        }
    }
}

/// Clients for a stack, say one in another process.
pub fn clients(endpoints: &Endpoints) -> (aws_sdk_s3::Client, aws_sdk_dynamodb::Client) {
    let shared = sdk_config();
    let s3 = aws_sdk_s3::config::Builder::from(&shared).endpoint_url(&endpoints.s3).force_path_style(true).build();
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.dynamodb).build();
    (aws_sdk_s3::Client::from_conf(s3), aws_sdk_dynamodb::Client::from_conf(dynamodb))
}

/// Region and credentials for clients of any stack; the endpoint is the client's to set.
pub fn sdk_config() -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local stack");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(churn_common::aws::http_client())
        .build()
}

async fn listen(name: &str, port: u16) -> anyhow::Result<(TcpListener, String)> {
    let taken =
        || format!("can't listen on port {port} for {name}; choose another with --{}-port", name.to_lowercase());
    let listener = TcpListener::bind(("127.0.0.1", port)).await.with_context(taken)?;
    let address = listener.local_addr()?;
    Ok((listener, format!("http://{address}")))
}

async fn create_bucket(client: &aws_sdk_s3::Client, bucket: &str) -> anyhow::Result<()> {
    match client.create_bucket().bucket(bucket).send().await {
        Ok(_) => Ok(()),
        Err(error) if error.as_service_error().is_some_and(|error| error.is_bucket_already_owned_by_you()) => Ok(()),
        Err(error) => Err(anyhow!("can't create bucket {bucket}: {}", DisplayErrorContext(error))),
    }
}

async fn run_schedule(lambda: Lambda, function: String, schedule: Schedule) {
    let mut last = OffsetDateTime::now_utc();
    while let Some(next) = schedule.next_after(last) {
        tracing::info!(function, at = %next, "scheduled");
        // The system clock may be changed: check it regularly instead of one long sleep.
        while let Ok(left) = Duration::try_from(next - OffsetDateTime::now_utc())
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(Duration::from_secs(30))).await;
        }
        let event = schedule::event(&function, next).to_string().into_bytes();
        match lambda.invoke(&function, event).await {
            Ok(_) => tracing::info!(function, "a scheduled run succeeded"),
            Err(error) => tracing::error!(function, %error, "a scheduled run failed"),
        }
        // A run that outlasts its interval skips firings rather than piling them up.
        last = next.max(OffsetDateTime::now_utc());
    }
}

async fn sweep(database: DynamoDb, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    loop {
        ticks.tick().await;
        match database.sweep().await {
            Ok(0) => {}
            Ok(deleted) => tracing::info!(deleted, "expired items deleted"),
            Err(error) => tracing::error!(error = format!("{error:#}"), "can't delete expired items"),
        }
    }
}
