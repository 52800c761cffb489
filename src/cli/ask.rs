//! One GET request to a server of ours: enough for a command that asks a running process.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use serde_json::Value;

use crate::error::{Error, Result};

/// Time for connecting, and for each read.
const ANSWER_MAX: Duration = Duration::from_secs(10);
/// Bytes of an answer.
const ANSWER_BYTES_MAX: u64 = 16 << 20;

/// The JSON at `path` of the server at `address` (`host:port`, or `http://host:port`).
///
/// Errors: `Unavailable` when nobody answers; what a problem document says.
pub(super) fn get(address: &str, path: &str) -> Result<Value> {
    let host = address.strip_prefix("http://").unwrap_or(address).trim_end_matches('/');
    let unavailable = |e: std::io::Error| {
        Error::unavailable(format!("no answer from http://{host}"))
            .hint("name the address that the server printed at its start")
            .caused_by(e)
    };
    let answer = exchange(host, path).map_err(unavailable)?;
    let nonsense = || Error::unavailable(format!("http://{host} does not answer as rebateflow does"));
    let (head, body) = answer.split_once("\r\n\r\n").ok_or_else(nonsense)?;
    let status = head.split(' ').nth(1).unwrap_or_default();
    let json: Value = serde_json::from_str(body).map_err(|e| nonsense().caused_by(e))?;
    if status == "200" {
        return Ok(json);
    }
    let text = |key: &str| json[key].as_str().map(str::to_string);
    let error = Error::invalid(text("detail").unwrap_or_else(|| format!("http://{host}{path} answers {status}")));
    Err(match text("hint") {
        Some(hint) => error.hint(hint),
        None => error,
    })
}

/// HTTP/1.0: the answer ends with the connection.
fn exchange(host: &str, path: &str) -> std::io::Result<String> {
    let mut addresses = host.to_socket_addrs()?;
    let address = addresses.next().ok_or_else(|| std::io::Error::other("the name has no address"))?;
    let mut stream = TcpStream::connect_timeout(&address, ANSWER_MAX)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(format!("GET {path} HTTP/1.0\r\nhost: {host}\r\n\r\n").as_bytes())?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}
