//! The connection URL, as libpq and node-postgres read it. It contains a password. So errors repeat nothing of it but the
//! name of a parameter, and that only if it cannot be a part of the password.

use super::given::PostgresStorageAdapterOptions;
use super::host_list::{BAD_HOST, GivenHost, split_hosts};
use super::parameters::{Fate, fate_of};
use crate::error::{Error, Result};
use crate::input::nearest;
use percent_encoding::percent_decode_str;

/// The parts of a URL. Those that it does not have are `None`.
#[derive(Default)]
pub struct ConnectionUrl {
    /// The hosts before the path.
    pub authority: Vec<GivenHost>,
    /// The parameters of these names.
    pub host: Option<String>,
    pub port: Option<String>,
    pub user: Option<String>,
    pub password: Option<String>,
    pub password_file: Option<String>,
    pub database: Option<String>,
    pub ssl: Option<String>,
    pub ssl_mode: Option<String>,
    pub ssl_root_cert: Option<String>,
    pub ssl_cert: Option<String>,
    pub ssl_key: Option<String>,
    /// Prisma's.
    pub ssl_accept: Option<String>,
    pub channel_binding: Option<String>,
    /// libpq's meanings of `sslmode` instead of node-postgres' stricter ones.
    pub uses_libpq_meanings: bool,
    pub application_name: Option<String>,
    pub fallback_application_name: Option<String>,
    pub options: Option<String>,
    /// In seconds.
    pub connect_timeout: Option<String>,
    pub target_session_attrs: Option<String>,
    pub keepalives: Option<String>,
    /// These have the meanings that Prisma gave them.
    pub pgbouncer: Option<String>,
    pub connection_limit: Option<String>,
    pub pool_timeout: Option<String>,
    pub max_connection_lifetime: Option<String>,
    pub max_idle_connection_lifetime: Option<String>,
    pub schema: Option<String>,
    /// Parameters that have no meaning here, with a remark on some.
    pub ignored: Vec<(String, Option<&'static str>)>,
}

const PARAMETERS: [&str; 26] = [
    "host",
    "port",
    "user",
    "password",
    "passfile",
    "dbname",
    "ssl",
    "sslmode",
    "sslrootcert",
    "sslcert",
    "sslkey",
    "sslaccept",
    "channel_binding",
    "uselibpqcompat",
    "application_name",
    "fallback_application_name",
    "options",
    "connect_timeout",
    "target_session_attrs",
    "keepalives",
    "pgbouncer",
    "connection_limit",
    "pool_timeout",
    "max_connection_lifetime",
    "max_idle_connection_lifetime",
    "schema",
];

/// The advice of an error if a `/`, `?` or `#` in the password seems to have ended it.
const UNENCODED: &str = "must have every @ / ? # and % of the user, the password and the database percent-encoded, as encodeURIComponent does (@ is %40, / is %2F)";

pub fn fault(reason: &str) -> Error {
    Error::invalid_input("connectionString", reason)
}

impl ConnectionUrl {
    /// Reads a URL. White space around it is ignored, because it often comes from a line of a file.
    pub fn read(text: &str) -> Result<Self> {
        let rest = match text.trim().split_once("://") {
            Some((scheme, rest))
                if scheme.eq_ignore_ascii_case("postgres") || scheme.eq_ignore_ascii_case("postgresql") =>
            {
                rest
            }
            Some(_) => return Err(fault("must begin with postgres:// or postgresql://")),
            None => return Err(fault("must be a URL such as postgres://user:password@host:5432/database")),
        };
        if rest.contains('#') {
            return Err(fault(UNENCODED));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, database) = rest.split_once('/').unwrap_or((rest, ""));
        // What comes before such an @ may be a part of the password, so that it must not be used as a host.
        if database.contains('@') {
            return Err(fault(UNENCODED));
        }
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
        let pairs: Vec<(String, String)> =
            query.split('&').filter(|pair| !pair.is_empty()).map(read_pair).collect::<Result<_>>()?;
        let is_whole = is_whole(query, &pairs);
        if !hosts.is_empty() {
            let reason = if is_whole { BAD_HOST } else { UNENCODED };
            url.authority = split_hosts(hosts).ok_or_else(|| fault(reason))?;
            for host in &mut url.authority {
                // The port is split off before decoding, because the directory of a socket, which is written with %2F, may
                // contain a colon.
                host.name = decode(&host.name)?;
            }
        }
        for (name, value) in pairs {
            url.set(&name, value, is_whole)?;
        }
        Ok(url)
    }

    fn set(&mut self, name: &str, value: String, is_whole: bool) -> Result<()> {
        let field = match name {
            "host" => &mut self.host,
            "port" => &mut self.port,
            "user" => &mut self.user,
            "password" => &mut self.password,
            "passfile" => &mut self.password_file,
            "dbname" => &mut self.database,
            "ssl" => &mut self.ssl,
            "sslmode" => &mut self.ssl_mode,
            "sslrootcert" => &mut self.ssl_root_cert,
            "sslcert" => &mut self.ssl_cert,
            "sslkey" => &mut self.ssl_key,
            "sslaccept" if value != "accept_invalid_certs" => &mut self.ssl_accept,
            "channel_binding" => &mut self.channel_binding,
            "application_name" => &mut self.application_name,
            "fallback_application_name" => &mut self.fallback_application_name,
            "options" => &mut self.options,
            "connect_timeout" => &mut self.connect_timeout,
            "target_session_attrs" => &mut self.target_session_attrs,
            "keepalives" => &mut self.keepalives,
            "pgbouncer" => &mut self.pgbouncer,
            "connection_limit" => &mut self.connection_limit,
            "pool_timeout" => &mut self.pool_timeout,
            "max_connection_lifetime" => &mut self.max_connection_lifetime,
            "max_idle_connection_lifetime" => &mut self.max_idle_connection_lifetime,
            "schema" => &mut self.schema,
            "uselibpqcompat" => {
                self.uses_libpq_meanings = value == "true";
                return Ok(());
            }
            "sslaccept" if value == "accept_invalid_certs" => {
                self.ignored.push((name.to_owned(), Some("the certificate is verified, unless sslmode=no-verify")));
                return Ok(());
            }
            _ => return self.set_foreign(name, &value, is_whole),
        };
        *field = non_empty(value);
        Ok(())
    }

    fn set_foreign(&mut self, name: &str, value: &str, is_whole: bool) -> Result<()> {
        match fate_of(name, value) {
            Some(Fate::Ignored(remark)) => {
                self.ignored.push((name.to_owned(), remark));
                Ok(())
            }
            Some(Fate::Refused(reason)) => Err(fault(&format!("has the parameter `{name}`, which {reason}"))),
            None => Err(unknown_parameter(name, is_whole)),
        }
    }
}

/// Reads a parameter. As in node-postgres, a plus sign stands for a space.
fn read_pair(pair: &str) -> Result<(String, String)> {
    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
    Ok((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
}

/// Whether this is certainly a query, and not a part of a password with a question mark or an ampersand.
fn is_whole(query: &str, pairs: &[(String, String)]) -> bool {
    !query.contains('@') && pairs.iter().all(|(name, _)| !name.contains("password"))
}

/// The error for an unknown parameter. It never repeats the value, which may be a secret. It repeats the name, unless the URL
/// may be broken, so that the name may be a part of the password.
fn unknown_parameter(name: &str, is_whole: bool) -> Error {
    let is_word = name.len() <= 63 && name.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char));
    let named = if is_whole && is_word { format!("parameter `{name}`") } else { "parameter".to_owned() };
    match nearest(name, &PARAMETERS) {
        _ if PostgresStorageAdapterOptions::NAMES.contains(&name) => {
            fault(&format!("has the parameter `{name}`, which is an option: give it in the second argument"))
        }
        Some(known) => fault(&format!("has an unknown {named}; did you mean `{known}`?")),
        None if !is_whole => fault(&format!("has an unknown {named}; if it is a part of the password, {UNENCODED}")),
        None => fault(&format!("has an unknown {named}; known are {}", PARAMETERS.join(", "))),
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
    fn takes_the_urls_that_hosted_databases_hand_out() {
        for url in [
            "postgresql://u:p@ep-a-pooler.eu-central-1.aws.neon.tech/d?sslmode=require&channel_binding=require",
            "postgres://postgres.ref:p@aws-0-eu.pooler.supabase.com:6543/postgres?sslmode=require&supa=base-pooler.x",
            "postgres://u:p@h:6543/postgres?pgbouncer=true&connection_limit=1&pool_timeout=20",
            "postgresql://u:p@h/d?schema=public&sslaccept=strict&sslmode=require&statement_cache_size=0",
            "postgres://u:p@h/d?keepalives=1&keepalives_idle=30&gssencmode=disable&load_balance_hosts=random",
            "POSTGRES://u:p@h/d?client_encoding=UTF8&fallback_application_name=a&sslnegotiation=direct",
            "  postgres://u:p@h/d\r\n",
        ] {
            assert_eq!(ConnectionUrl::read(url).err().map(|error| error.message), None, "{url}");
        }
        let url = ConnectionUrl::read("postgres://u:p@h/d?sslmode=require\n").unwrap();
        assert_eq!(url.ssl_mode.as_deref(), Some("require"));
    }

    #[test]
    fn names_the_parameter_that_it_refuses() {
        for (url, word) in [
            ("postgres://u:p@h/d?anything=1", "`anything`"),
            ("postgres://u:p@h/d?sslmod=require", "`sslmode`"),
            ("postgres://u:p@h/d?gssencmode=require", "`gssencmode`"),
            ("postgres://u:p@h/d?max=5", "`max`"),
        ] {
            let message = ConnectionUrl::read(url).err().unwrap().message;
            assert!(message.contains(word), "{message}");
        }
    }

    #[test]
    fn asks_for_the_encoding_of_a_password_that_breaks_the_url() {
        for url in [
            "postgres://u:hunter2/hunter3@h/d",
            "postgres://u:12/hunter2@h/d",
            "postgres://u:a@hunter2/x@h/d",
            "postgres://u:hunter2?x@h/d",
            "postgres://u:12?hunter2=@h/d",
            "postgres://u:hunter2#x@h/d",
        ] {
            let message = ConnectionUrl::read(url).err().unwrap().message;
            assert!(message.contains("%40") && !message.contains("hunter"), "{url}: {message}");
        }
    }

    #[test]
    fn never_repeats_the_url() {
        for url in [
            "",
            "hunter2",
            "mysql://u:hunter2@h/d",
            "postgres://u@h/d?password=a&hunter2=1",
            "postgres://u@h/d?password=a&hunter2",
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
