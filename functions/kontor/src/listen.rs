//! Takes connections: no more than there is room for, none that dawdles, and never more of a request than it may be long.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use kontor_flow::remedy::BoxError;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

use crate::up::stopped;

/// What one caller, or all together, may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// Connections at the same time; whoever comes then waits to be let in.
    pub(crate) connections: usize,
    /// For a request's head, from the moment the connection stands or the answer before is sent.
    pub(crate) head: Duration,
    /// Of a request's head, in bytes.
    pub(crate) longest_head: usize,
    /// Header lines.
    pub(crate) headers: usize,
}

/// Shops send a handful of short headers at once. Behind a proxy it keeps a few connections open, and that is all.
pub(crate) const LIMITS: Limits =
    Limits { connections: 512, head: Duration::from_secs(30), longest_head: 32 * 1024, headers: 64 };

/// How long requests that were begun have to be answered once the process is to stop.
const FAREWELL: Duration = Duration::from_secs(30);

/// Serves until `stop` turns true and every request begun is answered.
pub(crate) async fn serve(
    listener: TcpListener,
    routes: Router,
    limits: Limits,
    stop: watch::Receiver<bool>,
) -> Result<(), BoxError> {
    let places = Arc::new(Semaphore::new(limits.connections));
    let graceful = GracefulShutdown::new();
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(limits.head);
    server.max_buf_size(limits.longest_head).max_headers(limits.headers);
    let mut end = std::pin::pin!(stopped(stop));
    loop {
        let place = tokio::select! {
            place = Arc::clone(&places).acquire_owned() => place?,
            () = &mut end => break,
        };
        let stream = tokio::select! {
            stream = accept(&listener) => stream,
            () = &mut end => break,
        };
        let service = TowerToHyperService::new(routes.clone());
        let connection = graceful.watch(server.serve_connection(TokioIo::new(stream), service));
        tokio::spawn(async move {
            // A caller that goes away, dawdles or speaks no HTTP; what it sent may be anything, so it is not told.
            if connection.await.is_err() {
                tracing::debug!("a connection ended before its time");
            }
            drop(place);
        });
    }
    drop(listener);
    if tokio::time::timeout(FAREWELL, graceful.shutdown()).await.is_err() {
        tracing::warn!("some requests were not answered before the end");
    }
    Ok(())
}

/// The next connection. While there can be none (no file handles are left), waits.
async fn accept(listener: &TcpListener) -> TcpStream {
    loop {
        match listener.accept().await {
            Ok((stream, _)) => {
                if let Err(error) = stream.set_nodelay(true) {
                    tracing::debug!(cause = %error, "a connection answers late");
                }
                return stream;
            }
            Err(error) => {
                tracing::warn!(cause = %error, "a connection could not be taken");
                tokio::time::sleep(Duration::from_millis(200)).await;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    /// A server of its own, and its address.
    async fn served(limits: Limits) -> (std::net::SocketAddr, watch::Sender<bool>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (sender, receiver) = watch::channel(false);
        let routes = Router::new().route("/", get(async || "here"));
        tokio::spawn(serve(listener, routes, limits, receiver));
        (address, sender)
    }

    /// What comes back for `sent`, until the other side hangs up or nothing comes for two seconds.
    async fn told(stream: &mut TcpStream, sent: &[u8]) -> Option<String> {
        // The other side may have hung up already.
        stream.write_all(sent).await.ok()?;
        let mut answer = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(2), stream.read_to_end(&mut answer)).await;
        (read.is_ok() || !answer.is_empty()).then(|| String::from_utf8_lossy(&answer).into_owned())
    }

    const QUICK: Limits = Limits { head: Duration::from_millis(300), ..LIMITS };

    #[tokio::test]
    async fn who_dawdles_is_hung_up_on() {
        let (address, _stop) = served(QUICK).await;
        for sent in ["", "GET / HTTP/1.1\r\nhost: x\r\nx-slow: "] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let answer = told(&mut stream, sent.as_bytes()).await;
            let answer = answer.expect("the connection is still open");
            assert!(!answer.contains("here"), "{answer}");
        }
        let mut stream = TcpStream::connect(address).await.unwrap();
        assert!(told(&mut stream, b"GET / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap().contains("here"));
    }

    #[tokio::test]
    async fn a_head_has_an_end() {
        let (address, _stop) = served(QUICK).await;
        let long = format!("GET / HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "x".repeat(64 * 1024));
        let many = format!("GET / HTTP/1.1\r\nhost: x\r\n{}\r\n", "x: y\r\n".repeat(100));
        for head in [long, many] {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let answer = told(&mut stream, head.as_bytes()).await.unwrap_or_default();
            assert!(answer.is_empty() || answer.starts_with("HTTP/1.1 431"), "{answer}");
        }
    }

    #[tokio::test]
    async fn no_more_are_let_in_than_there_is_room_for() {
        let (address, _stop) =
            served(Limits { connections: 1, head: Duration::from_secs(60), ..LIMITS }).await;
        let first = TcpStream::connect(address).await.unwrap();
        let mut second = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
        assert_eq!(told(&mut second, request).await, None, "the second was let in beside the first");
        drop(first);
        let mut answer = String::new();
        second.read_to_string(&mut answer).await.unwrap();
        assert!(answer.contains("here"), "{answer}");
    }
}
