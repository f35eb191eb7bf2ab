//! Which hosts and ports the options, the URL and the environment name together, as in libpq.

use super::environment::Environment;
use super::host_list::{BAD_HOST, GivenHost, split_hosts};
use super::url::ConnectionUrl;
use crate::db::connect::{Host, SessionAttributes};
use crate::error::{Error, Result};

/// The hosts and ports of the options, else of the URL, else of the environment.
pub fn read_hosts(
    host: Option<&str>,
    port: Option<u32>,
    url: &ConnectionUrl,
    environment: &Environment,
) -> Result<Vec<Host>> {
    let split = |text: &str, field: &str| split_hosts(text).ok_or_else(|| Error::invalid_input(field, BAD_HOST));
    let hosts = match (host, url.host.as_deref(), environment.get("PGHOST")) {
        (Some(text), ..) => split(text, "host")?,
        (None, Some(text), _) => split(text, "connectionString")?,
        (None, None, _) if !url.authority.is_empty() => url.authority.clone(),
        (None, None, Some(text)) => split(text, "PGHOST")?,
        (None, None, None) => split("localhost", "host")?,
    };
    let fallback = fallback_ports(hosts.len(), url, environment)?;
    hosts
        .into_iter()
        .zip(fallback)
        .map(|(GivenHost { name, port: own }, fallback)| {
            let port = match (port, own) {
                (Some(port), _) => port_number(&port.to_string(), "port")?,
                (None, Some(own)) => port_number(&own, if host.is_some() { "host" } else { "connectionString" })?,
                (None, None) => fallback,
            };
            Ok(Host { name, port })
        })
        .collect()
}

/// The port of each host that has none of its own.
fn fallback_ports(hosts: usize, url: &ConnectionUrl, environment: &Environment) -> Result<Vec<u16>> {
    if let Some(ports) = &url.port {
        return one_for_each(ports.split(','), hosts, "connectionString");
    }
    // Hosts from elsewhere keep the URL's ports.
    let written: Vec<&str> = url.authority.iter().filter_map(|host| host.port.as_deref()).collect();
    if !written.is_empty() && (written.len() == 1 || written.len() == hosts) {
        return one_for_each(written.into_iter(), hosts, "connectionString");
    }
    match environment.get("PGPORT") {
        Some(ports) => one_for_each(ports.split(','), hosts, "PGPORT"),
        None => Ok(vec![DEFAULT_PORT; hosts]),
    }
}

const DEFAULT_PORT: u16 = 5432;

fn one_for_each<'p>(ports: impl Iterator<Item = &'p str>, hosts: usize, field: &str) -> Result<Vec<u16>> {
    let ports: Vec<u16> = ports.map(|port| port_number(port, field)).collect::<Result<_>>()?;
    match ports.as_slice() {
        [port] => Ok(vec![*port; hosts]),
        _ if ports.len() == hosts => Ok(ports),
        _ => Err(Error::invalid_input(field, "must have one port for all hosts, or one for each")),
    }
}

fn port_number(text: &str, field: &str) -> Result<u16> {
    text.parse::<u16>()
        .ok()
        .filter(|port| *port > 0)
        .ok_or_else(|| Error::invalid_input(field, "must have ports between 1 and 65535"))
}

/// libpq's `target_session_attrs`.
pub fn read_session_attributes(text: &str, field: &str) -> Result<SessionAttributes> {
    match text {
        "any" => Ok(SessionAttributes::Any),
        "read-write" => Ok(SessionAttributes::ReadWrite),
        "read-only" => Ok(SessionAttributes::ReadOnly),
        "primary" => Ok(SessionAttributes::Primary),
        "standby" => Ok(SessionAttributes::Standby),
        "prefer-standby" => Ok(SessionAttributes::PreferStandby),
        _ => Err(Error::invalid_input(
            field,
            "must have a target_session_attrs of any, read-write, read-only, primary, standby or prefer-standby",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::{Environment, read_hosts};
    use crate::options::url::ConnectionUrl;

    fn hosts(url: &str, host: Option<&str>, port: Option<u32>, environment: &str) -> Option<Vec<(String, u16)>> {
        let url = ConnectionUrl::read(url).ok()?;
        let read = read_hosts(host, port, &url, &Environment::read(environment)).ok()?;
        Some(read.into_iter().map(|host| (host.name, host.port)).collect())
    }

    #[test]
    fn reads_lists_of_hosts() {
        for (url, host, port, environment, expected) in [
            ("postgres://", None, None, "{}", vec![("localhost", 5432)]),
            ("postgres://a:1,b:2/d", None, None, "{}", vec![("a", 1), ("b", 2)]),
            ("postgres://a,b:9/d", None, None, r#"{"PGPORT":"7"}"#, vec![("a", 9), ("b", 9)]),
            ("postgres://a,b/d?port=7,8", None, None, "{}", vec![("a", 7), ("b", 8)]),
            ("postgres://a:1/d?host=x,y&port=3", None, None, "{}", vec![("x", 3), ("y", 3)]),
            ("postgres://a:1/d", Some("x,[::1]"), None, "{}", vec![("x", 1), ("::1", 1)]),
            ("postgres://a:1,b:2/d", Some("x,y:5"), None, "{}", vec![("x", 1), ("y", 5)]),
            ("postgres://a:1,b:2/d", Some("::1"), Some(6), "{}", vec![("::1", 6)]),
            ("postgres:///d?host=/run/a:b", None, None, "{}", vec![("/run/a:b", 5432)]),
            ("postgres:///d", None, None, r#"{"PGHOST":"x,y","PGPORT":"1,2"}"#, vec![("x", 1), ("y", 2)]),
            ("postgres://a:/d", None, None, "{}", vec![("a", 5432)]),
        ] {
            let expected = expected.into_iter().map(|(name, port)| (name.to_owned(), port)).collect();
            assert_eq!(hosts(url, host, port, environment), Some(expected), "{url} {host:?}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for url in [
            "postgres://a,,b",
            "postgres://a:0",
            "postgres://a:65536",
            "postgres://a:b",
            "postgres://[::1",
            "postgres://[x]",
            "postgres://a,b,c?port=1,2",
        ] {
            assert_eq!(hosts(url, None, None, "{}"), None, "{url}");
        }
        assert_eq!(hosts("postgres://", Some("a b"), None, "{}"), None);
        assert_eq!(hosts("postgres://", Some("a"), Some(0), "{}"), None);
    }
}
