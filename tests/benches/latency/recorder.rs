//! A store that answers at once: it forwards a request that it does not know to the local stack, and repeats the answer
//! afterwards. What remains is the work of the function, not that of the stack. With a certificate, it speaks TLS.

use crate::http::Message;
use anyhow::Context;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

pub struct Recorder {
    upstream: String,
    answers: Mutex<HashMap<Vec<u8>, Arc<Message>>>,
    requests: AtomicUsize,
    tls: Option<Arc<ServerConfig>>,
}

/// The certificate of 127.0.0.1 and its key, in a folder that tests/latency.sh fills.
pub fn tls(folder: &Path) -> anyhow::Result<Arc<ServerConfig>> {
    let certificates = CertificateDer::pem_file_iter(folder.join("server.pem"))?.collect::<Result<Vec<_>, _>>()?;
    let key = PrivateKeyDer::from_pem_file(folder.join("server.key"))?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(certificates, key)?;
    Ok(Arc::new(config))
}

impl Recorder {
    /// Starts a server in front of `upstream`, a URL. Returns it with its own URL.
    pub fn start(upstream: &str, tls: Option<Arc<ServerConfig>>) -> anyhow::Result<(Arc<Self>, String)> {
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let scheme = if tls.is_some() { "https" } else { "http" };
        let url = format!("{scheme}://{}", listener.local_addr()?);
        let upstream = upstream.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let (answers, requests) = (Mutex::default(), AtomicUsize::new(0));
        let recorder = Arc::new(Self { upstream, answers, requests, tls });
        let server = Arc::clone(&recorder);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = Arc::clone(&server);
                std::thread::spawn(move || {
                    if let Err(error) = server.serve(stream) {
                        eprintln!("recorder of {}: {error:#}", server.upstream);
                    }
                });
            }
        });
        Ok((recorder, url))
    }

    /// Number of requests so far.
    pub fn requests(&self) -> usize {
        self.requests.load(Ordering::SeqCst)
    }

    fn serve(&self, stream: TcpStream) -> anyhow::Result<()> {
        stream.set_nodelay(true)?;
        match &self.tls {
            None => self.answer_all(stream),
            Some(tls) => self.answer_all(StreamOwned::new(ServerConnection::new(Arc::clone(tls))?, stream)),
        }
    }

    fn answer_all(&self, mut stream: impl Read + Write) -> anyhow::Result<()> {
        while let Some(request) = Message::read(&mut stream)? {
            self.requests.fetch_add(1, Ordering::SeqCst);
            let operation = request.header("x-amz-target").unwrap_or_default();
            let condition = request.header("if-none-match").unwrap_or_default();
            let mut key = format!("{} {operation} {condition}\n", request.start()).into_bytes();
            key.extend_from_slice(&request.body);
            let known = self.answers.lock().unwrap_or_else(PoisonError::into_inner).get(&key).cloned();
            let answer = match known {
                Some(answer) => answer,
                None => {
                    let answer = Arc::new(self.forward(&request)?);
                    self.answers.lock().unwrap_or_else(PoisonError::into_inner).insert(key, Arc::clone(&answer));
                    answer
                }
            };
            answer.write(&mut stream)?;
        }
        Ok(())
    }

    fn forward(&self, request: &Message) -> anyhow::Result<Message> {
        let mut stream = TcpStream::connect(&self.upstream)?;
        request.write(&mut stream)?;
        Message::read(&mut stream)?.context("the local stack closed the connection")
    }
}
