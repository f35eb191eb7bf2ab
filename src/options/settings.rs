//! PostgreSQL's start-up options, such as `-c geqo=off --work_mem=4MB`: the option and URL parameter `options`.

use super::environment::Environment;
use super::url::ConnectionUrl;
use crate::db::connect::PROBE_SETTING;
use crate::db::migrate::quote_identifier;
use crate::error::{Error, Result};
use crate::input::Natural;
use std::time::Duration;

/// A limit in milliseconds, where 0 means none.
pub fn limit(option: Option<Natural>, default: u32) -> Option<Duration> {
    let ms = option.map_or(default, |Natural(ms)| ms);
    (ms > 0).then(|| Duration::from_millis(ms.into()))
}

/// A server setting's name and its value.
pub type Setting = (String, String);

#[expect(clippy::struct_field_names, reason = "the names are the options'")]
pub struct Limits {
    pub statement_timeout: Option<Natural>,
    pub lock_timeout: Option<Natural>,
    pub idle_in_transaction_session_timeout: Option<Natural>,
}

/// Settings of each connection, unless the caller sets them differently.
///
/// - `plan_cache_mode`: all statements find rows by indexes, so that one plan is good for all values. Without this setting,
///   the server would plan look-ups of two to nine keys each time, which takes longer than the look-ups.
/// - `enable_seqscan`: a plan that was made while a table was empty must not read the whole table after it has grown. Where
///   there is no index, the table is read all the same.
/// - `jit`: such a table has a high estimated cost, because of which the server would compile the statement.
/// - `default_transaction_isolation`: statements are written for PostgreSQL's own default. A role or a database may have a
///   stricter one, under which calls would fail instead of waiting for each other.
const DEFAULTS: [(&str, &str); 4] = [
    ("plan_cache_mode", "force_generic_plan"),
    ("enable_seqscan", "off"),
    ("jit", "off"),
    ("default_transaction_isolation", "read committed"),
];

pub struct StartUp {
    pub settings: Vec<Setting>,
    /// Words that are not settings, but tell Neon's proxy where to route the connection.
    pub routing: Vec<String>,
    pub probe: String,
    pub statement_timeout: Option<Duration>,
    pub lock_timeout: Option<Duration>,
}

/// The settings of each connection; what an option says wins over the same setting among the start-up options.
pub fn start_up(
    options: Option<String>,
    url: &ConnectionUrl,
    environment: &Environment,
    limits: &Limits,
    schema: Option<&str>,
) -> Result<StartUp> {
    let (text, field) = match (options, &url.options, environment.get("PGOPTIONS")) {
        (Some(text), ..) => (text, "options"),
        (None, Some(text), _) => (text.clone(), "connectionString"),
        (None, None, text) => (text.unwrap_or_default().to_owned(), "PGOPTIONS"),
    };
    let (given, routing) = read_settings(&text)
        .map_err(|reason| Error::invalid_input(field, &format!("has start-up options that {reason}")))?;
    let mut settings: Vec<Setting> =
        DEFAULTS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).chain(given).collect();
    let in_text = |wanted: &str| settings.iter().rev().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
    let statement_timeout = match (limits.statement_timeout, in_text("statement_timeout")) {
        (None, Some((_, value))) => read_duration(value)
            .ok_or_else(|| Error::invalid_input(field, "has a statement_timeout that is no time"))
            .map(|limit| (!limit.is_zero()).then_some(limit))?,
        (option, _) => limit(option, 5_000),
    };
    // The server refuses a value that is not a time.
    let lock_timeout = match (limits.lock_timeout, in_text("lock_timeout")) {
        (None, Some((_, value))) => read_duration(value).filter(|limit| !limit.is_zero()),
        (option, _) => limit(option, 0),
    };
    let mut set = |name: &str, value: String| settings.push((name.to_owned(), value));
    set("statement_timeout", statement_timeout.map_or(0, |limit| limit.as_millis()).to_string());
    for (name, value) in [
        ("lock_timeout", limits.lock_timeout),
        ("idle_in_transaction_session_timeout", limits.idle_in_transaction_session_timeout),
    ] {
        if let Some(Natural(value)) = value {
            set(name, value.to_string());
        }
    }
    if let Some(schema) = schema {
        set("search_path", quote_identifier(schema));
    }
    let probe = crate::id::secret_handle();
    set(PROBE_SETTING, probe.clone());
    settings.iter_mut().filter(|(name, _)| is_search_path(name)).for_each(put_temporary_last);
    Ok(StartUp { settings, routing, probe, statement_timeout, lock_timeout })
}

fn is_search_path(name: &str) -> bool {
    name.eq_ignore_ascii_case("search_path")
}

/// A schema of temporary tables that is not named is searched first. Behind a pooler it may be another client's, and
/// our names would lead into its tables.
fn put_temporary_last((_, path): &mut Setting) {
    let names_it = path.split(',').any(|name| name.trim().trim_matches('"').eq_ignore_ascii_case("pg_temp"));
    if !names_it {
        path.push_str(if path.trim().is_empty() { "pg_temp" } else { ", pg_temp" });
    }
}

/// Source: "Client Connection Defaults" of PostgreSQL's documentation, and `postgres`'s reference page.
fn read_settings(text: &str) -> Result<(Vec<Setting>, Vec<String>), &'static str> {
    const FORM: &str = "must consist of -c name=value and --name=value";
    let mut words = split_words(text).into_iter();
    let (mut settings, mut routing) = (Vec::new(), Vec::new());
    while let Some(word) = words.next() {
        let assignment = if word == "-c" {
            words.next().ok_or(FORM)?
        } else if let Some(rest) = word.strip_prefix("--").or_else(|| word.strip_prefix("-c")) {
            rest.to_owned()
        } else if is_routing(&word) {
            routing.push(word);
            continue;
        } else {
            return Err(FORM);
        };
        let (name, value) = assignment.split_once('=').ok_or(FORM)?;
        if name.is_empty() || !name.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char)) {
            return Err(FORM);
        }
        settings.push((name.replace('-', "_"), value.to_owned()));
    }
    Ok((settings, routing))
}

/// `endpoint=…`, or `project=…` as it was called before.
fn is_routing(word: &str) -> bool {
    word.split_once('=').is_some_and(|(name, value)| {
        matches!(name, "endpoint" | "project")
            && !value.is_empty()
            && value.chars().all(|char| char.is_ascii_alphanumeric() || "_.-".contains(char))
    })
}

/// Splits a text at spaces. A character after a backslash is taken as it is.
fn split_words(text: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char.is_ascii_whitespace() {
            words.extend(word.take());
        } else {
            let literal = if char == '\\' { chars.next() } else { Some(char) };
            word.get_or_insert_default().extend(literal);
        }
    }
    words.extend(word);
    words
}

/// Reads the value of a setting that is a time: a number of milliseconds, or a number with a unit.
fn read_duration(text: &str) -> Option<Duration> {
    let text = text.trim();
    let unit_at = text.find(|char: char| char.is_ascii_alphabetic()).unwrap_or(text.len());
    let (number, unit) = text.split_at(unit_at);
    let number: f64 = number.trim().parse().ok()?;
    let milliseconds = match unit {
        "us" => 0.001,
        "" | "ms" => 1.0,
        "s" => 1_000.0,
        "min" => 60_000.0,
        "h" => 3_600_000.0,
        "d" => 86_400_000.0,
        _ => return None,
    };
    Duration::try_from_secs_f64((number * milliseconds).round() / 1_000.0).ok()
}

#[cfg(test)]
mod tests {
    use super::{read_duration, read_settings};
    use std::time::Duration;

    #[test]
    fn reads_start_up_options() {
        let text = r"-c geqo=off --work-mem=4MB endpoint=ep-a-1 -csearch_path=a\ b,c\\d -c x.y=";
        let (settings, routing) = read_settings(text).unwrap();
        assert_eq!(routing, ["endpoint=ep-a-1"]);
        let read: Vec<_> = settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(read, [("geqo", "off"), ("work_mem", "4MB"), ("search_path", r"a b,c\d"), ("x.y", "")]);
        for text in ["geqo=off", "-c", "-c geqo", "-e", "-c a'b=c", "-c =x", "endpoint=", "endpoint=a\tb"] {
            assert!(read_settings(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_times_with_units() {
        for (text, ms) in [("0", 0), ("250", 250), ("2s", 2_000), (" 1.5 min ", 90_000), ("500us", 1)] {
            assert_eq!(read_duration(text), Some(Duration::from_millis(ms)), "{text}");
        }
        for text in ["", "s", "2 weeks", "-1"] {
            assert_eq!(read_duration(text), None, "{text}");
        }
    }
}
