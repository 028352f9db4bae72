//! A stub of the Lambda Runtime API for one process: it measures from the moment before the invocation is sent until its
//! response is read.

use crate::http::Message;
use anyhow::{Context, bail, ensure};
use serde_json::Value;
use std::io::Write;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A process of a function.
pub struct Process {
    child: Child,
    payloads: Sender<Arc<[u8]>>,
    events: Receiver<anyhow::Result<Event>>,
    /// From the start of the process to its first poll.
    pub start: Duration,
}

enum Event {
    Polled(Instant),
    Responded { after: Duration, body: Vec<u8> },
}

/// What the connections of a process share.
struct Shared {
    payloads: Mutex<Receiver<Arc<[u8]>>>,
    sent_at: Mutex<Option<Instant>>,
    events: Sender<anyhow::Result<Event>>,
}

impl Process {
    /// Starts `program` and waits until it polls for the first time.
    pub fn start(program: &Path, environment: &[(String, String)]) -> anyhow::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let (payloads, receiver) = channel();
        let (sender, events) = channel();
        let shared =
            Arc::new(Shared { payloads: Mutex::new(receiver), sent_at: Mutex::default(), events: sender.clone() });
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || {
                    if let Err(error) = shared.serve(stream) {
                        let _ = shared.events.send(Err(error));
                    }
                });
            }
        });
        let mut command = Command::new(program);
        command.env_clear().envs(environment.iter().map(|(name, value)| (name, value)));
        command.env("AWS_LAMBDA_RUNTIME_API", address.to_string());
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let started = Instant::now();
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        let mut process = Self { child, payloads, events, start: Duration::ZERO };
        match process.next_event()? {
            Event::Polled(at) => process.start = at - started,
            Event::Responded { .. } => bail!("a response without an invocation"),
        }
        Ok(process)
    }

    /// Invokes the function. Returns the time until its response, whose `statusCode` must be 200.
    pub fn invoke(&mut self, payload: &Arc<[u8]>) -> anyhow::Result<Duration> {
        self.payloads.send(Arc::clone(payload))?;
        loop {
            if let Event::Responded { after, body } = self.next_event()? {
                let response: Value = serde_json::from_slice(&body)?;
                ensure!(response["statusCode"] == 200, "{response}");
                return Ok(after);
            }
        }
    }

    /// Most resident memory so far, in bytes.
    pub fn peak_memory(&self) -> anyhow::Result<u64> {
        crate::process::peak(self.child.id())
    }

    /// CPU time so far.
    pub fn cpu(&self) -> anyhow::Result<Duration> {
        crate::process::cpu(self.child.id())
    }

    fn next_event(&mut self) -> anyhow::Result<Event> {
        self.events.recv_timeout(Duration::from_secs(30)).context("the function does not answer")?
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shared {
    fn serve(&self, mut stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        while let Some(request) = Message::read(&mut stream)? {
            let now = Instant::now();
            let path = request.start().split(' ').nth(1).unwrap_or_default();
            if path.ends_with("/invocation/next") {
                self.events.send(Ok(Event::Polled(now)))?;
                // The end of the measurement.
                let Ok(payload) = self.payloads.lock().unwrap_or_else(PoisonError::into_inner).recv() else {
                    return Ok(());
                };
                let head = format!(
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nlambda-runtime-aws-request-id: 1\r\n\
                     lambda-runtime-deadline-ms: 4102444800000\r\nlambda-runtime-invoked-function-arn: arn\r\n\
                     content-length: {}\r\n\r\n",
                    payload.len()
                );
                let message = [head.as_bytes(), &payload].concat();
                *self.sent_at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
                stream.write_all(&message)?;
                continue;
            }
            ensure!(path.ends_with("/response"), "{path}: {}", String::from_utf8_lossy(&request.body));
            let sent_at = self.sent_at.lock().unwrap_or_else(PoisonError::into_inner).take();
            let after = now - sent_at.context("a response without an invocation")?;
            stream.write_all(b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n")?;
            self.events.send(Ok(Event::Responded { after, body: request.body }))?;
        }
        Ok(())
    }
}
