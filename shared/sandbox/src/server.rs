//! Starting a stand-in on an address, and stopping it without cutting answers off.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes};
use axum::response::Response;
use futures_util::stream;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Why a stand-in did not start.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox cannot listen on {address}")]
pub struct StartError {
    address: String,
    #[source]
    source: io::Error,
}

/// A stand-in that runs in tasks of its own. Dropped, it stops too, but without waiting.
#[derive(Debug)]
pub(crate) struct Running {
    /// `http://127.0.0.1:4711`.
    pub(crate) url: String,
    stop: watch::Sender<bool>,
    task: JoinHandle<io::Result<()>>,
}

impl Running {
    /// Listens on `address`, port 0 for any free one.
    pub(crate) async fn start(address: &str, router: Router) -> Result<Self, StartError> {
        let failed = |source| StartError { address: address.to_owned(), source };
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let local: SocketAddr = listener.local_addr().map_err(failed)?;
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(serve_until(listener, router, stopped));
        Ok(Self { url: format!("http://{local}"), stop, task })
    }

    /// Takes no more requests, answers those it has, and ends.
    pub(crate) async fn stop(self) -> io::Result<()> {
        self.stop.send_replace(true);
        self.task.await.map_err(io::Error::other)?
    }
}

/// What a stand-in of a shop holds, and the routes that lead to it.
pub trait Premises {
    /// The routes, to be served by anyone.
    fn router(&self) -> Router;
}

/// A shop that runs.
pub struct Stand<S> {
    /// Its address: what `url` of the shop is set to.
    pub url: String,
    state: S,
    running: Running,
}

impl<S: Premises> Stand<S> {
    /// Starts on `address`, `127.0.0.1:0` for any free port.
    ///
    /// # Errors
    /// [`StartError`] if it can't listen there.
    pub async fn start(address: &str, state: S) -> Result<Self, StartError> {
        let running = Running::start(address, state.router()).await?;
        Ok(Self { url: running.url.clone(), state, running })
    }

    /// The state, to put orders in and read what came of them.
    #[must_use]
    pub fn state(&self) -> &S {
        &self.state
    }

    /// Answers what it has taken, then ends.
    ///
    /// # Errors
    /// If the listener failed before.
    pub async fn stop(self) -> io::Result<()> {
        self.running.stop().await
    }
}

async fn serve_until(
    listener: TcpListener,
    router: Router,
    mut stopped: watch::Receiver<bool>,
) -> io::Result<()> {
    let stop = async move {
        // An error means that the handle was dropped: that is an end too.
        if stopped.wait_for(|stop| *stop).await.is_err() {}
    };
    axum::serve(listener, router).with_graceful_shutdown(stop).await
}

/// The work is done; the caller waits, then its connection breaks.
pub(crate) async fn broken(wait: Duration) -> Response {
    tokio::time::sleep(wait).await;
    let end = stream::once(async { Err::<Bytes, _>(io::Error::other("the connection broke")) });
    Response::new(Body::from_stream(end))
}
