//! The whole stack: start, wiring and ordered shutdown.

use crate::config::{self, StackConfig};
use crate::data::{ALERTS, Data, Endpoints};
use crate::dynamodb::{DynamoDb, create_tables};
use crate::eventbridge::{self, EventLog};
use crate::gateway;
use crate::json_lines::{self, JsonLines};
use crate::lambda::process::{Output, Workers};
use crate::lambda::{Lambda, REGION};
use crate::notify::{Delivery, Notifier, Subscription};
use crate::resume;
use crate::s3::{ACCESS_KEY, S3Server, SECRET_KEY};
use crate::schedule::{self, Schedule};
use crate::sns::{self, Topic};
use anyhow::Context;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_s3::config::{Credentials, SharedCredentialsProvider};
use churn_common::store::Stores;
use churn_common::store::ledger::Ledger;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Time for the servers to finish open requests.
const SERVER_GRACE: Duration = Duration::from_secs(5);

/// A running stack. Dropping it stops everything at once; [`Stack::shutdown`] stops it in order.
pub struct Stack {
    endpoints: Endpoints,
    environment: Vec<(String, String)>,
    s3: aws_sdk_s3::Client,
    dynamodb: aws_sdk_dynamodb::Client,
    lambda: Lambda,
    ledger: Ledger,
    grace: Duration,
    log: Option<PathBuf>,
    events_log: PathBuf,
    alerts_log: PathBuf,
    topic: Topic,
    // Dropped in this order: workers before the servers they call, the data folder last.
    notifier: Notifier,
    workers: Workers,
    servers: TaskTracker,
    stop: CancellationToken,
    _stop_on_drop: DropGuard,
    _data: Data,
}

impl Stack {
    /// Starts everything and creates the buckets and tables that do not exist yet.
    ///
    /// # Errors
    /// The data folder is in use or damaged, a port is in use, or a server returns an error.
    pub async fn start(config: StackConfig) -> anyhow::Result<Self> {
        let data = Data::open(&config.data)?;
        let (stop, servers) = (CancellationToken::new(), TaskTracker::new());
        let stop_on_drop = stop.clone().drop_guard();
        let serve = |name: &'static str, server: futures::future::BoxFuture<'static, anyhow::Result<()>>| {
            servers.spawn(async move {
                if let Err(error) = server.await {
                    tracing::error!(server = name, error = format!("{error:#}"), "server stopped");
                }
            });
        };

        if !config.address.is_loopback() {
            let address = config.address;
            tracing::warn!(%address, "not on loopback: who reaches the HTTP API or S3 can read and erase all data");
        }
        let (http_listener, http) = listen("HTTP", config.address, config.ports.http).await?;
        let (s3_listener, s3) = listen("S3", config.address, config.ports.s3).await?;
        let (dynamodb_listener, dynamodb) = listen("DynamoDB", LOOPBACK, config.ports.dynamodb).await?;
        let (lambda_listener, lambda_url) = listen("Lambda", LOOPBACK, config.ports.lambda).await?;
        let endpoints = Endpoints { http, s3, dynamodb, lambda: lambda_url };

        let (events, received) = mpsc::unbounded_channel();
        let s3_server = S3Server::open(
            &data.join("s3"),
            events.clone(),
            config.redeliver_on_start.then_some(&config.names.logs_bucket),
        )?;
        // Before the port answers, so that a client never misses them.
        for bucket in [&config.names.logs_bucket, &config.names.store_bucket] {
            s3_server.create_bucket(bucket)?;
        }
        serve("S3", Box::pin(s3_server.serve(s3_listener, stop.clone())));
        let file = (!data.is_temporary()).then(|| data.join("dynamodb.sqlite"));
        let database = DynamoDb::open(file.as_deref())?;
        serve("DynamoDB", Box::pin(database.clone().serve(dynamodb_listener, stop.clone())));
        let timeouts = config.functions.iter().map(|function| (function.name.clone(), function.timeout));
        let lambda = Lambda::new(timeouts, &config.retry_after);
        let events_log = data.join("events.jsonl");
        let put_events = EventLog::new(JsonLines::open(&events_log)?).router();
        let alerts_log = data.join(ALERTS);
        let topic = Topic::new(JsonLines::open(&alerts_log)?);
        let other_services = put_events.merge(topic.clone().router());
        serve("Lambda", Box::pin(lambda.clone().serve(lambda_listener, other_services, stop.clone())));

        let (s3, dynamodb) = clients(&endpoints);
        create_tables(&dynamodb, &config::tables(&config.names)).await?;
        let stores = Stores::over(s3.clone(), dynamodb.clone(), &config.names);
        if let Err(error) = stores.registry().rebuild_if_missing(&stores.models()).await {
            tracing::error!(%error, "the model registry cannot be read");
        }
        let ledger = stores.ledger;
        // The lock of the data folder excludes other stacks, so that no invocation is alive.
        let unfinished = resume::release_leases(&ledger).await.unwrap_or_else(|error| {
            tracing::error!(%error, "cannot release the leases of an earlier stack; interrupted ingests wait for their ends");
            Vec::new()
        });
        if config.redeliver_on_start {
            let removals = unfinished.iter().filter_map(|entry| resume::removal(entry, &config.names.logs_bucket));
            removals.for_each(|removal| drop(events.send(removal)));
        }

        let mut environment = config::environment(&config.names);
        environment.push(("AWS_ENDPOINT_URL_S3".to_owned(), endpoints.s3.clone()));
        environment.push(("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), endpoints.dynamodb.clone()));
        environment.push(("AWS_ENDPOINT_URL_LAMBDA".to_owned(), endpoints.lambda.clone()));
        environment.push(("AWS_ENDPOINT_URL_EVENTBRIDGE".to_owned(), endpoints.lambda.clone()));
        environment.push(("AWS_ENDPOINT_URL_SNS".to_owned(), format!("{}{}", endpoints.lambda, sns::PATH)));
        environment.push(("CHURN_EVENT_BUS".to_owned(), eventbridge::BUS.to_owned()));
        environment.push(("CHURN_ALERT_TOPIC".to_owned(), sns::topic_arn()));
        let output = config.output.unwrap_or_else(|| Output::File(data.join("functions.log")));
        let workers = Workers::start(&lambda, &config.functions, &endpoints.lambda, &environment, &output)?;

        let subscription = Subscription { bucket: config.names.logs_bucket, function: config.ingest };
        let notifier = Notifier::start(lambda.clone(), subscription, received);
        serve("HTTP", Box::pin(gateway::serve(lambda.clone(), config.http, http_listener, stop.clone())));
        for (function, schedule) in config.schedules {
            let run = run_schedule(lambda.clone(), function, schedule);
            servers.spawn(stop.clone().run_until_cancelled_owned(run));
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
            ledger,
            grace: config.grace,
            log,
            events_log,
            alerts_log,
            topic,
            notifier,
            workers,
            servers,
            stop,
            _stop_on_drop: stop_on_drop,
            _data: data,
        })
    }

    pub fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// The base URL of the HTTP API.
    pub fn http_url(&self) -> &str {
        &self.endpoints.http
    }

    pub fn s3(&self) -> &aws_sdk_s3::Client {
        &self.s3
    }

    pub fn dynamodb(&self) -> &aws_sdk_dynamodb::Client {
        &self.dynamodb
    }

    pub fn lambda(&self) -> &Lambda {
        &self.lambda
    }

    /// Environment variables of every function: settings and endpoints.
    pub fn environment(&self) -> &[(String, String)] {
        &self.environment
    }

    /// File with the output of the functions; `None` if they inherit this process's output.
    pub fn functions_log(&self) -> Option<&std::path::Path> {
        self.log.as_deref()
    }

    /// File of the published events, one per line, in the envelope of EventBridge.
    pub fn events_log(&self) -> &std::path::Path {
        &self.events_log
    }

    /// The events of [`Stack::events_log`], oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn events(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        json_lines::read(&self.events_log)
    }

    /// File of the digests of alerts, one per line.
    pub fn alerts_log(&self) -> &std::path::Path {
        &self.alerts_log
    }

    /// The digests of [`Stack::alerts_log`], oldest first.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn alerts(&self) -> anyhow::Result<Vec<serde_json::Value>> {
        json_lines::read(&self.alerts_log)
    }

    /// The digests of alerts that are published from now on.
    pub fn digests(&self) -> UnboundedReceiver<sns::Published> {
        self.topic.messages()
    }

    /// Results of `ingest` for all changes of the logs bucket from now on. To be called before the upload.
    pub fn ingest_results(&self) -> UnboundedReceiver<Delivery> {
        self.notifier.deliveries()
    }

    /// Waits up to the grace period for deliveries and invocations that no caller waits for, then stops event deliveries,
    /// functions and servers. Returns the names of the work that is not complete. The leases on its objects are released, so
    /// that the next start with `redeliver_on_start` continues at once.
    pub async fn shutdown(self) -> Vec<String> {
        let pending = self.lambda.pending();
        let left = match tokio::time::timeout(self.grace, pending.wait()).await {
            Ok(()) => Vec::new(),
            Err(_) => pending.names(),
        };
        self.notifier.stop();
        self.workers.stop().await;
        if !left.is_empty()
            && let Err(error) = resume::release_leases(&self.ledger).await
        {
            tracing::warn!(%error, "cannot release the leases; the next start releases them");
        }
        self.stop.cancel();
        if tokio::time::timeout(SERVER_GRACE, self.servers.wait()).await.is_err() {
            tracing::warn!(seconds = SERVER_GRACE.as_secs(), "closing connections that are still open");
        }
        left
    }
}

/// Clients for the stack at these endpoints, which may run in another process.
pub fn clients(endpoints: &Endpoints) -> (aws_sdk_s3::Client, aws_sdk_dynamodb::Client) {
    let shared = sdk_config();
    let s3 = aws_sdk_s3::config::Builder::from(&shared).endpoint_url(&endpoints.s3).force_path_style(true).build();
    let dynamodb = aws_sdk_dynamodb::config::Builder::from(&shared).endpoint_url(&endpoints.dynamodb).build();
    (aws_sdk_s3::Client::from_conf(s3), aws_sdk_dynamodb::Client::from_conf(dynamodb))
}

/// Region and credentials for clients of any stack. The caller sets the endpoint.
pub fn sdk_config() -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "local stack");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .http_client(churn_common::aws::http_client())
        .build()
}

/// Returns the listener, and its address for clients on this machine.
async fn listen(name: &str, address: IpAddr, port: u16) -> anyhow::Result<(TcpListener, String)> {
    let option = name.to_lowercase();
    let failed = || match address {
        LOOPBACK => format!("cannot listen on port {port} for {name}: choose another with --{option}-port"),
        _ => format!("cannot listen on {address}, port {port} for {name}: see --bind and --{option}-port"),
    };
    let listener = TcpListener::bind((address, port)).await.with_context(failed)?;
    let mut reachable = listener.local_addr()?;
    if address.is_unspecified() {
        reachable.set_ip(LOOPBACK);
    }
    Ok((listener, format!("http://{reachable}")))
}

async fn run_schedule(lambda: Lambda, function: String, schedule: Schedule) {
    let mut last = OffsetDateTime::now_utc();
    while let Some(next) = schedule.next_after(last) {
        tracing::info!(function, at = %next, "next scheduled run");
        // Short sleeps, because the system clock may change.
        while let Ok(left) = Duration::try_from(next - OffsetDateTime::now_utc())
            && !left.is_zero()
        {
            tokio::time::sleep(left.min(Duration::from_secs(30))).await;
        }
        let event = schedule::event(&function, next).to_string().into_bytes();
        let pending = lambda.pending().begin(format!("scheduled run of {function}"));
        let outcome = lambda.invoke(&function, event).await;
        drop(pending);
        match outcome {
            Ok(_) => tracing::info!(function, "scheduled run succeeded"),
            Err(error) => tracing::error!(function, %error, "scheduled run failed"),
        }
        // A run that is longer than its interval skips runs instead of queueing them.
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
            Err(error) => tracing::error!(error = format!("{error:#}"), "cannot delete expired items"),
        }
    }
}
