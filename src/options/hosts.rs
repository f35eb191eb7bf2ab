//! Lists of hosts and ports, as libpq reads them.

use crate::db::connect::{Host, SessionAttributes};
use crate::error::{Error, Result};

/// libpq's `host[:port][,host[:port]…]`; a port of its own wins over `ports`, which is one for all or one for each.
/// `field` is where the hosts come from.
pub fn read_hosts(hosts: &str, ports: Option<&str>, field: &str) -> Result<Vec<Host>> {
    let names: Vec<&str> = hosts.split(',').collect();
    let ports = read_ports(ports, names.len())?;
    names
        .into_iter()
        .zip(ports)
        .map(|(text, port)| {
            let (name, own_port) = split_port(text).ok_or_else(|| Error::invalid_input(field, BAD_HOST))?;
            if name.is_empty() || name.contains(['@', '?', ' ']) {
                return Err(Error::invalid_input(field, BAD_HOST));
            }
            let port = own_port.map_or(Ok(port), |own| port_number(own, field))?;
            Ok(Host { name: name.to_owned(), port })
        })
        .collect()
}

const BAD_HOST: &str = "must name each host as name, name:port, [IPv6 address]:port or /directory";

const DEFAULT_PORT: u16 = 5432;

fn read_ports(ports: Option<&str>, hosts: usize) -> Result<Vec<u16>> {
    let Some(ports) = ports else { return Ok(vec![DEFAULT_PORT; hosts]) };
    let ports: Vec<u16> = ports.split(',').map(|port| port_number(port, "port")).collect::<Result<_>>()?;
    match ports.as_slice() {
        [port] => Ok(vec![*port; hosts]),
        _ if ports.len() == hosts => Ok(ports),
        _ => Err(Error::invalid_input("port", "must be one for all hosts, or one for each")),
    }
}

/// `None` for what cannot be a host.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('/') {
        return Some((text, None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<std::net::Ipv6Addr>().ok()?;
        return if rest.is_empty() { Some((address, None)) } else { Some((address, Some(rest.strip_prefix(':')?))) };
    }
    // An IPv6 address without brackets: every colon is its own.
    if text.parse::<std::net::Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((name, port)) => Some((name, (!port.is_empty()).then_some(port))),
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
    use super::read_hosts;

    fn hosts(hosts: &str, ports: Option<&str>) -> Option<Vec<(String, u16)>> {
        let read = read_hosts(hosts, ports, "host").ok()?;
        Some(read.into_iter().map(|host| (host.name, host.port)).collect())
    }

    #[test]
    fn reads_lists_of_hosts() {
        for (text, ports, expected) in [
            ("a", None, vec![("a", 5432)]),
            ("a:1,b:2", None, vec![("a", 1), ("b", 2)]),
            ("a,b", Some("7"), vec![("a", 7), ("b", 7)]),
            ("a,b:9", Some("7,8"), vec![("a", 7), ("b", 9)]),
            ("[::1]:6543,::2", None, vec![("::1", 6543), ("::2", 5432)]),
            ("/run/postgresql", Some("6"), vec![("/run/postgresql", 6)]),
            ("a:", None, vec![("a", 5432)]),
        ] {
            let expected = expected.into_iter().map(|(name, port)| (name.to_owned(), port)).collect();
            assert_eq!(hosts(text, ports), Some(expected), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_host() {
        for (text, ports) in
            [("a,,b", None), ("a:0", None), ("a:65536", None), ("a:b", None), ("[::1", None), ("[x]", None)]
        {
            assert_eq!(hosts(text, ports), None, "{text}");
        }
        assert_eq!(hosts("a,b,c", Some("1,2")), None);
    }
}
