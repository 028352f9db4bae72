//! Worker processes: as on AWS, each function runs in its own process with Lambda's environment, and is restarted when it
//! exits.

use super::function::{Function, Worker};
use super::{Lambda, REGION};
use crate::s3::{ACCESS_KEY, SECRET_KEY};
use anyhow::Context;
use std::ffi::OsString;
use std::fs::File;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Consecutive failed starts after which a function is broken.
const FAILED_STARTS: u32 = 3;

/// Pause after the first failed start; twice as long after the second.
const PAUSE: Duration = Duration::from_millis(200);

/// Variables that workers inherit from this process, besides those with the prefixes.
const INHERITED: [&str; 9] = [
    "PATH",
    "LD_LIBRARY_PATH",
    "AWS_LAMBDA_LOG_FORMAT",
    "AWS_LAMBDA_LOG_LEVEL",
    "RUST_LOG",
    "RUST_BACKTRACE",
    "TMPDIR",
    "LLVM_PROFILE_FILE",
    "SSL_CERT_FILE",
];

const INHERITED_PREFIXES: [&str; 3] = ["CHURN_", "MLFLOW_", "POWERTOOLS_"];

#[derive(Debug, Clone)]
pub struct FunctionConfig {
    pub name: String,
    /// Program and arguments.
    pub command: Vec<OsString>,
    /// Number of processes, which is the number of concurrent invocations.
    pub workers: usize,
    pub timeout: Duration,
    /// `AWS_LAMBDA_FUNCTION_MEMORY_SIZE` in MB. Not enforced.
    pub memory_mb: u32,
    /// Additional environment variables. They override all others.
    pub env: Vec<(String, String)>,
}

impl FunctionConfig {
    /// A function with one worker, 512 MB and a timeout of one minute.
    pub fn new(name: &str, command: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        Self {
            name: name.to_owned(),
            command: command.into_iter().map(Into::into).collect(),
            workers: 1,
            timeout: Duration::from_secs(60),
            memory_mb: 512,
            env: Vec::new(),
        }
    }
}

/// Output of the workers.
#[derive(Debug, Clone)]
pub enum Output {
    /// Appended to this file.
    File(PathBuf),
    /// The output of this process.
    Inherit,
}

pub struct Workers {
    tasks: TaskTracker,
    stop: CancellationToken,
}

impl Workers {
    /// Starts the workers of all `functions`. `api` is the Lambda endpoint, `env` the environment of every function.
    ///
    /// # Errors
    /// The output file cannot be opened.
    pub fn start(
        lambda: &Lambda,
        functions: &[FunctionConfig],
        api: &str,
        env: &[(String, String)],
        output: &Output,
    ) -> anyhow::Result<Self> {
        let workers = Self { tasks: TaskTracker::new(), stop: CancellationToken::new() };
        for config in functions {
            let function = lambda.function(&config.name)?;
            for number in 0..config.workers {
                let supervisor = Supervisor {
                    function: Arc::clone(function),
                    number,
                    runtime_api: format!("{api}/{}", config.name),
                    env: environment(config, number, env),
                    command: config.command.clone(),
                    output: output.clone(),
                };
                workers.tasks.spawn(workers.stop.clone().run_until_cancelled_owned(supervisor.run()));
            }
        }
        workers.tasks.close();
        Ok(workers)
    }

    /// Kills all workers and waits until they have exited.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.wait().await;
    }
}

impl Drop for Workers {
    fn drop(&mut self) {
        // Dropping a supervisor kills its child.
        self.stop.cancel();
    }
}

fn environment(config: &FunctionConfig, worker: usize, env: &[(String, String)]) -> Vec<(String, OsString)> {
    let inherited = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        is_inherited(&name).then_some((name, value))
    });
    let own = [
        ("AWS_LAMBDA_FUNCTION_NAME", config.name.clone()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", config.memory_mb.to_string()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", config.name)),
        ("AWS_LAMBDA_LOG_STREAM_NAME", format!("local/{worker}")),
        ("AWS_REGION", REGION.to_owned()),
        ("AWS_DEFAULT_REGION", REGION.to_owned()),
        ("AWS_ACCESS_KEY_ID", ACCESS_KEY.to_owned()),
        ("AWS_SECRET_ACCESS_KEY", SECRET_KEY.to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
        ("TZ", ":UTC".to_owned()),
        ("NO_COLOR", "1".to_owned()), // the output goes to a file
    ];
    let own = own.map(|(name, value)| (name.to_owned(), OsString::from(value)));
    let given = env.iter().chain(&config.env).map(|(name, value)| (name.clone(), OsString::from(value)));
    inherited.chain(own).chain(given).collect()
}

fn is_inherited(name: &str) -> bool {
    INHERITED_PREFIXES.iter().any(|prefix| name.starts_with(prefix)) || INHERITED.contains(&name)
}

/// Keeps one worker running.
struct Supervisor {
    function: Arc<Function>,
    number: usize,
    /// With the scheme: without it the path would be ignored.
    runtime_api: String,
    command: Vec<OsString>,
    env: Vec<(String, OsString)>,
    output: Output,
}

impl Supervisor {
    async fn run(self) {
        let (name, mut failed_starts) = (self.function.name(), 0);
        for start in 0.. {
            // A new name per process: a late message of an exited process does not count for the next one.
            let worker = format!("{}.{start}", self.number);
            let (reason, exited) = self.run_once(&worker).await;
            if exited.ready {
                failed_starts = 0;
                tracing::warn!(function = name, worker, reason, "worker exited, starting another");
                continue;
            }
            failed_starts += 1;
            let reason = exited.init_error.unwrap_or(reason);
            tracing::error!(function = name, worker, reason, failed_starts, "worker exited before it was ready");
            if failed_starts >= FAILED_STARTS {
                self.function.break_down(format!("{reason} (after {failed_starts} failed starts{})", self.log_hint()));
                return;
            }
            tokio::time::sleep(PAUSE * failed_starts).await;
        }
    }

    /// Runs the process until it exits. Returns the reason and the last state.
    async fn run_once(&self, worker: &str) -> (String, Worker) {
        let kill = self.function.worker_started(worker);
        let reason = match self.spawn(worker) {
            Err(error) => format!("{error:#}"),
            Ok(mut child) => {
                // Open as long as this process lives, so that the worker notices the end of this process.
                let _stdin = child.stdin.take();
                tokio::select! {
                    status = child.wait() => match status {
                        Ok(status) => status.to_string(),
                        Err(error) => format!("cannot wait for the process: {error}"),
                    },
                    () = kill.notified() => match child.kill().await {
                        Ok(()) => "killed after a timeout".to_owned(),
                        Err(error) => format!("cannot kill the process: {error}"),
                    },
                }
            }
        };
        let exited = self.function.worker_exited(worker, &reason);
        (reason, exited)
    }

    fn spawn(&self, worker: &str) -> anyhow::Result<Child> {
        let (program, arguments) = self.command.split_first().context("the function has no command")?;
        let mut command = Command::new(program);
        command.args(arguments).env_clear().envs(self.env.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", format!("{}/{worker}", self.runtime_api));
        command.stdin(Stdio::piped()).kill_on_drop(true);
        // In a process group of its own: Ctrl-C stops only this process, which then stops the workers in order.
        #[cfg(unix)]
        command.process_group(0);
        if let Output::File(path) = &self.output {
            let log = || File::options().create(true).append(true).open(path);
            let open = || -> std::io::Result<_> { Ok((log()?, log()?)) };
            let (stdout, stderr) = open().with_context(|| format!("cannot open {}", path.display()))?;
            command.stdout(stdout).stderr(stderr);
        }
        command.spawn().with_context(|| format!("cannot start {}", program.display()))
    }

    fn log_hint(&self) -> String {
        match &self.output {
            Output::File(path) => format!("; see {}", path.display()),
            Output::Inherit => String::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_inherit_only_listed_variables() {
        let inherited =
            ["CHURN_SEED", "MLFLOW_TRACKING_URI", "POWERTOOLS_LOG_LEVEL", "AWS_LAMBDA_LOG_FORMAT", "RUST_LOG"];
        for name in inherited {
            assert!(is_inherited(name), "{name}");
        }
        for name in ["AWS_PROFILE", "AWS_SESSION_TOKEN", "HOME", "HTTPS_PROXY"] {
            assert!(!is_inherited(name), "{name}");
        }
    }
}
