//! Which address of a host a connection is made to.
//!
//! A name often has several addresses, and some of them may not answer: `localhost` is `::1` and `127.0.0.1`, and a
//! hosted database has a few of each kind. Waiting for the first one until the system gives up takes minutes, so they
//! are tried as RFC 8305 says ("Happy Eyeballs"): the next one follows soon after, and the first to answer is taken.
//!
//! sqlx opens the connection and speaks with the server in one step, in which nobody can see what it waits for.
//! Therefore it gets the first address as if there were no other, and only when it takes long are the addresses
//! asked for a plain TCP connection.

use super::host::Host;
use super::refused::is_about_tls;
use crate::db::driver_panic::catch_driver_panic;
use crate::db::tls::Tls;
use futures_core::future::BoxFuture;
use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use sqlx::postgres::PgConnectOptions;
use sqlx::{Connection as _, PgConnection};
use std::future::{pending, ready};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::sleep;

/// How long an address may take before the next one is tried as well; the value is RFC 8305's.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// How long a server may take to greet a client whose TCP connection it has taken, before a second one is opened.
const GREETING_LIMIT: Duration = Duration::from_secs(2);

/// Why there is no connection.
pub enum Fault {
    /// The host's name has no address.
    Name(io::Error),
    Driver(sqlx::Error),
}

impl From<sqlx::Error> for Fault {
    fn from(error: sqlx::Error) -> Self {
        Self::Driver(error)
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Driver(error.into())
    }
}

impl Fault {
    /// Whether another address may do better, because no server has answered at this one.
    fn is_silence(&self) -> bool {
        match self {
            Self::Driver(sqlx::Error::Io(io)) => !is_about_tls(io),
            _ => false,
        }
    }
}

type Dialled = Result<PgConnection, Fault>;

/// The options that decide how a host is reached, besides those of the driver.
pub struct Dialer<'t> {
    pub tls: Option<&'t Tls>,
    /// Whether the system probes idle connections to the server.
    pub keeps_alive: bool,
    /// The directory for the Unix sockets of `relay.rs`, on systems where a socket needs a file.
    pub temporary_directory: &'t Path,
}

impl Dialer<'_> {
    /// Opens a connection to the first address of the host that answers.
    pub async fn dial(&self, host: &Host, options: PgConnectOptions) -> Dialled {
        let server_name = self.tls.and_then(|tls| tls.server_name.as_deref());
        if host.is_socket() {
            return Ok(direct(&options).await?);
        }
        if cfg!(unix) && (server_name.is_some() || self.keeps_alive) {
            let (_, server) = first_to_answer(&resolve(host).await?).await?;
            return self.through(server, host, options.host(server_name.unwrap_or(&host.name))).await;
        }
        if host.name.parse::<IpAddr>().is_ok() {
            return Ok(direct(&options).await?);
        }
        if self.tls.is_some() {
            // The server's certificate is checked against the host's name, so the driver gets the name and resolves it
            // itself.
            return self.race(host, direct(&options), Box::pin(resolve(host)), &options).await;
        }
        let addresses = resolve(host).await?;
        let first = by_address(&options, addresses.first());
        match addresses.len() {
            1 => Ok(direct(&first).await?),
            _ => self.race(host, direct(&first), Box::pin(ready(Ok(addresses))), &options).await,
        }
    }

    /// Waits for the connection to the first address. If that fails or takes long, the others are tried as well.
    async fn race(
        &self,
        host: &Host,
        first: BoxFuture<'_, sqlx::Result<PgConnection>>,
        addresses: BoxFuture<'_, Result<Vec<SocketAddr>, Fault>>,
        options: &PgConnectOptions,
    ) -> Dialled {
        let mut first = pin!(async { Dialled::Ok(first.await?) });
        let mut fault = tokio::select! {
            biased;
            dialled = &mut first => match dialled {
                Err(fault) if Fault::is_silence(&fault) => Some(fault),
                dialled => return dialled,
            },
            () = sleep(ATTEMPT_DELAY) => None,
        };
        let has_failed = fault.is_some();
        let mut others = pin!(async {
            let addresses = addresses.await?;
            if addresses.len() == 1 {
                return Err(io::Error::from(io::ErrorKind::NotConnected).into());
            }
            let (at, server) = first_to_answer(&addresses).await?;
            if at == 0 && !has_failed {
                sleep(GREETING_LIMIT).await;
            }
            if self.tls.is_none() {
                return Ok(direct(&by_address(options, addresses.get(at))).await?);
            }
            self.through(server, host, options.clone()).await
        });
        loop {
            let dialled = tokio::select! {
                dialled = &mut first, if fault.is_none() => dialled,
                dialled = &mut others => {
                    // What happened to the first address says more than what happened to the last one.
                    return match (dialled, fault) {
                        (Err(other), Some(fault)) if other.is_silence() => Err(fault),
                        (dialled, Some(_)) => dialled,
                        (Err(other), None) if other.is_silence() => first.await,
                        (dialled, None) => dialled,
                    };
                }
            };
            match dialled {
                Err(silent) if silent.is_silence() => fault = Some(silent),
                dialled => return dialled,
            }
        }
    }

    #[cfg(unix)]
    async fn through(&self, server: TcpStream, host: &Host, options: PgConnectOptions) -> Dialled {
        socket2::SockRef::from(&server).set_keepalive(self.keeps_alive)?;
        let relay = super::relay::Relay::to(server, host.port, self.temporary_directory)?;
        Ok(direct(&options.socket(relay.directory())).await?)
    }

    /// On a system without Unix sockets the driver has to resolve the host itself.
    #[cfg(not(unix))]
    async fn through(&self, _: TcpStream, _: &Host, options: PgConnectOptions) -> Dialled {
        Ok(direct(&options).await?)
    }
}

fn direct(options: &PgConnectOptions) -> BoxFuture<'_, sqlx::Result<PgConnection>> {
    Box::pin(catch_driver_panic(PgConnection::connect_with(options)))
}

/// The driver cannot read an IPv6 address with a scope, so for such an address it gets the host's name.
fn by_address(options: &PgConnectOptions, address: Option<&SocketAddr>) -> PgConnectOptions {
    let has_scope = |address: &SocketAddr| matches!(address, SocketAddr::V6(v6) if v6.scope_id() != 0);
    match address.filter(|address| !has_scope(address)) {
        Some(address) => options.clone().host(&address.ip().to_string()),
        None => options.clone(),
    }
}

/// Asks the system's resolver, on a thread that may block.
async fn resolve(host: &Host) -> Result<Vec<SocketAddr>, Fault> {
    let addresses: Vec<_> = lookup_host((host.name.as_str(), host.port)).await.map_err(Fault::Name)?.collect();
    if addresses.is_empty() {
        return Err(Fault::Name(io::Error::other("the name has no address")));
    }
    Ok(by_turns(addresses))
}

/// IPv6 and IPv4 take turns, beginning with the kind of the first one, as RFC 8305 has it: often a whole kind is dead.
fn by_turns(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let begins_with_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (these, those): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == begins_with_v6);
    let mut those = those.into_iter();
    let mut mixed: Vec<_> = these.into_iter().flat_map(|this| [Some(this), those.next()]).flatten().collect();
    mixed.extend(those);
    mixed
}

/// Opens a TCP connection to the address that answers first, and says which one that is.
async fn first_to_answer(addresses: &[SocketAddr]) -> io::Result<(usize, TcpStream)> {
    let mut waiting = addresses.iter().enumerate();
    let mut attempts = FuturesUnordered::new();
    let mut fault = None;
    loop {
        let next = waiting.next();
        if let Some((at, address)) = next {
            attempts.push(async move { TcpStream::connect(address).await.map(|stream| (at, stream)) });
        }
        let delay = async { if next.is_some() { sleep(ATTEMPT_DELAY).await } else { pending().await } };
        tokio::select! {
            biased;
            answer = attempts.next() => match answer {
                Some(Ok(answered)) => return Ok(answered),
                Some(Err(error)) => drop(fault.get_or_insert(error)),
                None => return Err(fault.unwrap_or_else(|| io::ErrorKind::AddrNotAvailable.into())),
            },
            () = delay => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{SocketAddr, by_turns, first_to_answer};
    use std::time::Instant;

    #[test]
    fn kinds_of_addresses_take_turns() {
        let read = |text: &str| -> Vec<SocketAddr> { text.split(' ').map(|part| part.parse().unwrap()).collect() };
        let mixed = by_turns(read("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1"));
        assert_eq!(mixed, read("[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1"));
        assert_eq!(by_turns(read("1.1.1.1:1 2.2.2.2:1 [::1]:1")), read("1.1.1.1:1 [::1]:1 2.2.2.2:1"));
    }

    #[test]
    fn takes_the_first_address_that_answers() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
            let open = listener.local_addr().unwrap();
            let closed: SocketAddr = "127.0.0.1:1".parse().unwrap();
            let started = Instant::now();
            assert_eq!(first_to_answer(&[closed, closed, open]).await.unwrap().0, 2);
            assert!(started.elapsed() < super::ATTEMPT_DELAY);
            let refused = first_to_answer(&[closed]).await.err().unwrap();
            assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
            assert!(first_to_answer(&[]).await.is_err());
        });
    }
}
