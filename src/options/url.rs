//! The connection URL, as libpq and node-postgres read it. No error repeats any part of it: it holds a password.

use super::hosts::{BAD_HOST, GivenHost, split_hosts};
use crate::error::{Error, Result};
use crate::input::nearest;
use percent_encoding::percent_decode_str;

/// What a URL says; `None` where it is silent.
#[derive(Default)]
pub struct ConnectionUrl {
    /// Those before the path.
    pub authority: Vec<GivenHost>,
    /// The parameters of these names.
    pub host: Option<String>,
    pub port: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub database: Option<String>,
    pub ssl: Option<String>,
    pub ssl_mode: Option<String>,
    pub ssl_root_cert: Option<String>,
    pub ssl_cert: Option<String>,
    pub ssl_key: Option<String>,
    /// libpq's meanings of `sslmode` instead of node-postgres' stricter ones.
    pub uses_libpq_meanings: bool,
    pub application_name: Option<String>,
    pub options: Option<String>,
    /// In seconds.
    pub connect_timeout: Option<String>,
    pub target_session_attrs: Option<String>,
}

const PARAMETERS: [&str; 15] = [
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "ssl",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "uselibpqcompat",
    "application_name",
    "options",
    "connect_timeout",
    "target_session_attrs",
];

pub fn fault(reason: &str) -> Error {
    Error::invalid_input("connectionString", reason)
}

impl ConnectionUrl {
    pub fn read(text: &str) -> Result<Self> {
        let rest = match text.split_once("://") {
            Some(("postgres" | "postgresql", rest)) => rest,
            Some(_) => return Err(fault("must begin with postgres:// or postgresql://")),
            None => return Err(fault("must be a URL such as postgres://user:password@host:5432/database")),
        };
        if rest.contains('#') {
            return Err(fault("must have every # written as %23"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        let mut url = Self { database: non_empty(decode(database)?), ..Self::default() };
        let hosts = match authority.rsplit_once('@') {
            None => authority,
            Some((credentials, hosts)) => {
                let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
                url.user = non_empty(decode(user)?);
                url.password = non_empty(decode(password)?);
                hosts
            }
        };
        if !hosts.is_empty() {
            url.authority = split_hosts(hosts).ok_or_else(|| fault(BAD_HOST))?;
            for host in &mut url.authority {
                // A port is split off first: a socket's directory is written with %2F, and may hold a colon.
                host.name = decode(&host.name)?;
            }
        }
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            // As node-postgres does: a plus sign is a space here.
            url.set(&decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?)?;
        }
        Ok(url)
    }

    fn set(&mut self, name: &str, value: String) -> Result<()> {
        let value = non_empty(value);
        match name {
            "host" => self.host = value,
            "port" => self.port = value,
            "user" => self.user = value,
            "password" => self.password = value,
            "dbname" => self.database = value,
            "ssl" => self.ssl = value,
            "sslmode" => self.ssl_mode = value,
            "sslrootcert" => self.ssl_root_cert = value,
            "sslcert" => self.ssl_cert = value,
            "sslkey" => self.ssl_key = value,
            "uselibpqcompat" => self.uses_libpq_meanings = value.as_deref() == Some("true"),
            "application_name" => self.application_name = value,
            "options" => self.options = value,
            "connect_timeout" => self.connect_timeout = value,
            "target_session_attrs" => self.target_session_attrs = value,
            _ => return Err(unknown_parameter(name)),
        }
        Ok(())
    }
}

/// The value may hold a secret; the name cannot, unless the URL is broken: then it is not repeated.
fn unknown_parameter(name: &str) -> Error {
    match nearest(name, &PARAMETERS) {
        Some(known) => fault(&format!("has an unknown parameter; did you mean `{known}`?")),
        None => fault(&format!("has an unknown parameter; known are {}", PARAMETERS.join(", "))),
    }
}

fn decode(part: &str) -> Result<String> {
    match percent_decode_str(part).decode_utf8() {
        Ok(text) if text.contains('\0') => Err(fault("must not contain NUL characters")),
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(fault("must be percent-encoded UTF-8")),
    }
}

fn non_empty(text: String) -> Option<String> {
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::ConnectionUrl;

    #[test]
    fn reads_every_part() {
        let url = ConnectionUrl::read("postgresql://us%40er:p%2F@ss@[::1]:6543/d%20b?application_name=a+b").unwrap();
        let text = |part: &Option<String>| part.clone().unwrap_or_default();
        assert_eq!((text(&url.user), text(&url.password)), ("us@er".to_owned(), "p/@ss".to_owned()));
        assert_eq!((url.authority[0].name.as_str(), url.authority[0].port.as_deref()), ("::1", Some("6543")));
        assert_eq!(text(&url.database), "d b");
        assert_eq!(text(&url.application_name), "a b");
    }

    #[test]
    fn reads_a_socket_in_place_of_the_host() {
        let url = ConnectionUrl::read("postgres://u@%2Frun%2Fa%3Ab:6543/d").unwrap();
        assert_eq!((url.authority[0].name.as_str(), url.authority[0].port.as_deref()), ("/run/a:b", Some("6543")));
    }

    #[test]
    fn leaves_out_what_is_empty() {
        let url = ConnectionUrl::read("postgres://").unwrap();
        assert!(url.authority.is_empty() && url.user.is_none() && url.password.is_none() && url.database.is_none());
    }

    #[test]
    fn never_repeats_the_url() {
        for url in [
            "",
            "hunter2",
            "mysql://u:hunter2@h/d",
            "postgres://u:hunter2@h/d?hunter2=1",
            "postgres://u:hunter2@h/d?sslmod=hunter2",
            "postgres://u:hunter2%ff@h/d",
            "postgres://u:hunter2%00@h/d",
            "postgres://u:hunter2#x@h/d",
        ] {
            let error = ConnectionUrl::read(url).err().unwrap();
            assert_eq!(error.context.field.as_deref(), Some("connectionString"), "{url}");
            assert!(!error.message.contains("hunter2"), "{}", error.message);
        }
    }
}
