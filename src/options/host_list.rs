//! How a list of hosts is written, in a URL, an option or a variable.

use std::net::Ipv6Addr;

/// A host as it is written, with its own port or without.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenHost {
    pub name: String,
    pub port: Option<String>,
}

pub const BAD_HOST: &str = "must name each host as name, name:port, [IPv6 address]:port or /directory";

/// Reads `host[:port][,host[:port]…]`. Returns `None` if the text does not have that form.
pub fn split_hosts(text: &str) -> Option<Vec<GivenHost>> {
    text.split(',')
        .map(|text| {
            let (name, port) = split_port(text)?;
            let is_name = !name.is_empty() && (name.starts_with('/') || !name.contains(['@', '?', ' ', ':']));
            (is_name || name.parse::<Ipv6Addr>().is_ok())
                .then(|| GivenHost { name: name.to_owned(), port: port.map(str::to_owned) })
        })
        .collect()
}

/// Reads one host with its port. Returns `None` if the text cannot be a host.
fn split_port(text: &str) -> Option<(&str, Option<&str>)> {
    if text.starts_with('/') {
        return Some((text, None));
    }
    if let Some(rest) = text.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        address.parse::<Ipv6Addr>().ok()?;
        return if rest.is_empty() { Some((address, None)) } else { Some((address, Some(rest.strip_prefix(':')?))) };
    }
    // An IPv6 address without brackets: every colon is its own.
    if text.parse::<Ipv6Addr>().is_ok() {
        return Some((text, None));
    }
    match text.split_once(':') {
        None => Some((text, None)),
        Some((name, port)) => Some((name, (!port.is_empty()).then_some(port))),
    }
}
