//! [`Door`]: connections as they come in, so many at once.
//!
//! A connection that has not brought a whole request yet is a stranger. Where there is no place left, the stranger that
//! has been here longest makes way: whoever opens thousands of connections and says nothing, or a letter a second, keeps
//! nobody out. Those that asked something are not cut; they end by time-outs.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io,
    net::SocketAddr,
    sync::{
        Arc, Mutex, PoisonError, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use hyper::{Request, body::Incoming, service::service_fn};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{
        conn::auto::Builder,
        graceful::{GracefulShutdown, Watcher},
    },
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::{TcpListener, TcpStream},
    sync::{Notify, Semaphore},
};
use tokio_rustls::TlsAcceptor;

use crate::{answer::answer, connection::Connection, identity::Peer, state::State, tls::Certificates};

/// Where connections come in.
pub(crate) struct Door {
    state: Arc<State>,
    places: Arc<Semaphore>,
    strangers: Mutex<VecDeque<Weak<Guest>>>,
    tls: Option<TlsAcceptor>,
    graceful: GracefulShutdown,
}

/// One connection.
#[derive(Default)]
struct Guest {
    /// whether it has brought a whole request
    is_known: AtomicBool,
    leave: Notify,
}

impl Door {
    pub(crate) fn new(state: Arc<State>, certificates: Option<&Certificates>) -> Self {
        let places = Arc::new(Semaphore::new(state.limits.connections.clamp(1, Semaphore::MAX_PERMITS)));
        let tls = certificates.map(Certificates::acceptor);
        Door { state, places, strangers: Mutex::default(), tls, graceful: GracefulShutdown::new() }
    }

    /// Takes connections, for ever.
    pub(crate) async fn admit(&self, listener: &TcpListener) {
        loop {
            let (stream, address) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    // out of file descriptors, most likely: others must close first
                    tracing::warn!(%error, "a connection could not be accepted");
                    self.dismiss_a_stranger();
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    continue;
                }
            };
            let place = match self.places.clone().try_acquire_owned() {
                Ok(place) => place,
                Err(_) => {
                    self.dismiss_a_stranger();
                    let Ok(place) = self.places.clone().acquire_owned().await else { return };
                    place
                }
            };
            let guest = self.welcome();
            let visit =
                Visit { state: self.state.clone(), guest: guest.clone(), address, watcher: self.graceful.watcher() };
            let tls = self.tls.clone();
            tokio::spawn(async move {
                let _place = place;
                tokio::select! {
                    ended = visit.run(stream, tls) => if let Err(error) = ended {
                        tracing::debug!(error, "a connection broke off");
                    },
                    () = guest.leave.notified() => tracing::debug!(%address, "a connection that said nothing made way"),
                }
            });
        }
    }

    /// Waits for what is under way.
    pub(crate) async fn close(self) {
        self.graceful.shutdown().await;
    }

    fn welcome(&self) -> Arc<Guest> {
        let guest = Arc::new(Guest::default());
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        if strangers.len() >= self.state.limits.connections.saturating_mul(2) {
            strangers.retain(|guest| stranger(guest).is_some());
        }
        strangers.push_back(Arc::downgrade(&guest));
        guest
    }

    fn dismiss_a_stranger(&self) {
        let mut strangers = self.strangers.lock().unwrap_or_else(PoisonError::into_inner);
        while let Some(oldest) = strangers.pop_front() {
            if let Some(guest) = stranger(&oldest) {
                guest.leave.notify_one();
                return;
            }
        }
    }
}

/// A guest that is still here, and has asked nothing.
fn stranger(guest: &Weak<Guest>) -> Option<Arc<Guest>> {
    guest.upgrade().filter(|guest| !guest.is_known.load(Ordering::Relaxed))
}

/// What one connection does.
struct Visit {
    state: Arc<State>,
    guest: Arc<Guest>,
    address: SocketAddr,
    watcher: Watcher,
}

impl Visit {
    async fn run(self, stream: TcpStream, tls: Option<TlsAcceptor>) -> Result<(), String> {
        let _ = stream.set_nodelay(true);
        let stream = Connection::new(stream, self.state.limits.write_timeout);
        match tls {
            None => self.speak(stream).await,
            Some(tls) => {
                let hands_shaken = tokio::time::timeout(self.state.limits.header_timeout, tls.accept(stream)).await;
                let stream = hands_shaken.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
                self.speak(stream.map_err(|error| error.to_string())?).await
            }
        }
    }

    async fn speak(self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static) -> Result<(), String> {
        let Visit { state, guest, address, watcher } = self;
        let mut http = Builder::new(TokioExecutor::new()).http1_only();
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(state.limits.header_timeout)
            .max_buf_size(state.limits.header_bytes.max(8 << 10));
        let address = address.ip().to_canonical();
        let service = service_fn(move |request: Request<Incoming>| {
            guest.is_known.store(true, Ordering::Relaxed);
            let authority = request.uri().authority().map(ToString::to_string);
            let answer = answer(state.clone(), Peer { address, authority }, request);
            async { Ok::<_, Infallible>(answer.await) }
        });
        let connection = http.serve_connection_with_upgrades(TokioIo::new(stream), service).into_owned();
        watcher.watch(connection).await.map_err(|error| error.to_string())
    }
}
