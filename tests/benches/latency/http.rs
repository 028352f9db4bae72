//! HTTP/1.1 on blocking connections, as far as the measurement needs it: its own work must not hide what it measures.

use anyhow::{Context, bail};
use std::io::{Read, Write};
use std::net::TcpStream;

/// A request or a response.
#[derive(Debug)]
pub struct Message {
    /// The first line and the headers, with the empty line at the end.
    pub head: String,
    pub body: Vec<u8>,
}

impl Message {
    /// Reads the next message; `None` if the connection was closed before it.
    pub fn read(stream: &mut impl Read) -> anyhow::Result<Option<Self>> {
        let mut bytes = Vec::with_capacity(16 << 10);
        let mut buffer = vec![0; 64 << 10];
        let end = loop {
            if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
                break at + 4;
            }
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) if bytes.is_empty() => return Ok(None),
                Ok(0) => bail!("the connection was closed within the headers"),
                Ok(n) => bytes.extend_from_slice(&buffer[..n]),
                Err(error) => return Err(error.into()),
            }
        };
        let body = bytes.split_off(end);
        let mut message = Self { head: String::from_utf8(bytes)?, body };
        let is_chunked = message.header("transfer-encoding").is_some_and(|value| value.contains("chunked"));
        let length: usize = message.header("content-length").unwrap_or("0").parse()?;
        message.body.reserve(length.saturating_sub(message.body.len()));
        while if is_chunked { !message.body.ends_with(b"0\r\n\r\n") } else { message.body.len() < length } {
            match stream.read(&mut buffer)? {
                0 => bail!("the connection was closed within the body"),
                n => message.body.extend_from_slice(&buffer[..n]),
            }
        }
        Ok(Some(message))
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().skip(1);
        lines.filter_map(|line| line.split_once(':')).find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.trim())
    }

    /// The first line.
    pub fn start(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub fn write(&self, stream: &mut impl Write) -> anyhow::Result<()> {
        stream.write_all(self.head.as_bytes())?;
        stream.write_all(&self.body)?;
        Ok(stream.flush()?)
    }
}

/// A client with one connection, which it keeps open.
pub struct Client {
    stream: TcpStream,
    host: String,
}

impl Client {
    /// Connects to a URL such as `http://127.0.0.1:8080`.
    pub fn connect(url: &str) -> anyhow::Result<Self> {
        let host = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let stream = TcpStream::connect(&host).with_context(|| format!("cannot connect to {host}"))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, host })
    }

    /// Sends `POST /predict` and reads the response, which must have the status 200.
    pub fn predict(&mut self, body: &[u8]) -> anyhow::Result<()> {
        let (host, length) = (&self.host, body.len());
        let mut request = format!(
            "POST /predict HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        )
        .into_bytes();
        request.extend_from_slice(body);
        self.stream.write_all(&request)?;
        let response = Message::read(&mut self.stream)?.context("the connection was closed")?;
        if !response.start().contains(" 200") {
            bail!("{}: {}", response.start(), String::from_utf8_lossy(&response.body));
        }
        Ok(())
    }
}
