use super::{Environment, Options};
use crate::db::connect::{Password, SessionAttributes};
use crate::db::tls::Verification;
use crate::error::Result;
use std::sync::Arc;
use std::time::Duration;

const URL: &str = "postgres://u:hunter2@localhost:5433/db";

fn read_in(url: &str, json: &str, environment: &str) -> Result<Options> {
    let ask = Arc::new(|| -> futures_core::future::BoxFuture<'static, Result<String>> {
        Box::pin(std::future::ready(Ok(String::new())))
    });
    Options::read(url, json, &Environment::read(environment), ask)
}

fn read(url: &str, json: &str) -> Options {
    read_in(url, json, "{}").unwrap()
}

fn fault(url: &str, json: &str) -> (String, String) {
    match read_in(url, json, "{}") {
        Ok(_) => panic!("accepted {json}"),
        Err(error) => (error.context.field.unwrap_or_default(), error.message.into_owned()),
    }
}

fn verification(url: &str, json: &str, environment: &str) -> Option<Verification> {
    read_in(url, json, environment).unwrap().pool.target.tls.as_ref().map(|tls| tls.verification)
}

#[test]
fn has_the_documented_defaults() {
    let options = read(URL, "{}");
    assert_eq!((options.pool.max, options.pool.min, options.pool.max_retries), (10, 0, 2));
    assert_eq!(options.pool.idle_timeout, Some(Duration::from_secs(10)));
    assert_eq!(options.pool.connection_timeout, Some(Duration::from_secs(30)));
    assert_eq!(options.pool.max_lifetime, Some(Duration::from_mins(30)));
    assert_eq!(options.pool.statement_timeout, Some(Duration::from_secs(5)));
    assert_eq!(options.pool.target.application_name, "auth-postgres");
    assert_eq!(options.pool.target.session, SessionAttributes::Any);
    assert!(options.pool.target.tls.is_none());
    assert!(options.migrates && options.schema.is_none() && options.log_level.is_none());
}

#[test]
fn zero_means_no_limit() {
    let options = read(
        URL,
        r#"{"idleTimeoutMillis":0,"connectionTimeoutMillis":0,"maxLifetimeSeconds":0,"statementTimeoutMs":0}"#,
    )
    .pool;
    assert_eq!(
        (options.idle_timeout, options.connection_timeout, options.max_lifetime, options.statement_timeout),
        (None, None, None, None)
    );
    assert_eq!(read("postgres://h/?connect_timeout=0", "{}").pool.connection_timeout, None);
}

#[test]
fn options_override_the_url_and_the_url_the_environment() {
    let environment = r#"{"PGHOST":"e","PGPORT":"1","PGUSER":"e","PGDATABASE":"e","PGPASSWORD":"e","PGAPPNAME":"e"}"#;
    let of = |url: &str, json: &str| {
        let target = read_in(url, json, environment).unwrap().pool.target;
        let password = match &target.password {
            Password::Text(text) => text.clone(),
            _ => String::new(),
        };
        format!(
            "{}:{} {} {} {password} {}",
            target.hosts[0].name,
            target.hosts[0].port,
            target.user.clone().unwrap_or_default(),
            target.database.clone().unwrap_or_default(),
            target.application_name
        )
    };
    let json = r#"{"host":"o","port":3,"user":"o","database":"o","password":"o","application_name":"o"}"#;
    let url = "postgres://u:u@u:2/u?application_name=u";
    assert_eq!(of("postgres://", "{}"), "e:1 e e e e");
    assert_eq!(of(url, "{}"), "u:2 u u u u");
    assert_eq!(of(url, json), "o:3 o o o o");
    assert_eq!(of("postgres://", json), "o:3 o o o o");
}

#[test]
fn merges_start_up_options() {
    let limit = |url: &str, json: &str| read(url, json).pool.statement_timeout;
    let url = "postgres://h/d?options=-c%20statement_timeout%3D2s%20-c%20geqo%3Doff";
    assert_eq!(limit(url, "{}"), Some(Duration::from_secs(2)));
    assert_eq!(limit(url, r#"{"statement_timeout":7}"#), Some(Duration::from_millis(7)));
    assert_eq!(limit(url, r#"{"options":"--statement-timeout=0"}"#), None);
    let target = read(url, r#"{"schema":"s","lock_timeout":3}"#).pool.target;
    let settings: Vec<_> = target
        .settings
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .filter(|s| !s.contains("probe"))
        .collect();
    assert_eq!(
        settings,
        [
            "plan_cache_mode=force_generic_plan",
            "enable_seqscan=off",
            "jit=off",
            "default_transaction_isolation=read committed",
            "statement_timeout=2s",
            "geqo=off",
            "statement_timeout=2000",
            "lock_timeout=3",
            "search_path=\"s\", pg_temp"
        ]
    );
    assert_eq!(fault(URL, r#"{"options":"-e"}"#).0, "options");
    assert_eq!(fault(URL, r#"{"options":"-c statement_timeout=soon"}"#).0, "options");
}

#[test]
fn is_never_weaker_than_node_postgres() {
    for mode in ["allow", "prefer", "require", "verify-ca", "verify-full"] {
        let url = format!("postgres://h/d?sslmode={mode}");
        assert_eq!(verification(&url, "{}", "{}"), Some(Verification::Full), "{mode}");
    }
    let full = Some(Verification::Full);
    assert_eq!(verification(URL, "{}", r#"{"PGSSLMODE":"require"}"#), full);
    assert_eq!(verification("postgres://h/d?uselibpqcompat=true", "{}", r#"{"PGSSLMODE":"require"}"#), full);
    assert_eq!(verification("postgres://h/d?ssl=true", "{}", "{}"), full);
    assert_eq!(verification("postgres://h/d?sslrootcert=system", "{}", "{}"), full);
    assert_eq!(verification("postgres://h/d?sslmode=require&sslrootcert=system&uselibpqcompat=true", "{}", "{}"), full);
    assert_eq!(verification("postgres://h/d?sslmode=disable", r#"{"ssl":true}"#, "{}"), full);
    assert_eq!(verification("postgres://h/d?sslmode=require", r#"{"ssl":false}"#, "{}"), None);
    let none = Some(Verification::None);
    for mode in ["prefer", "require"] {
        let url = format!("postgres://h/d?sslmode={mode}&uselibpqcompat=true");
        assert_eq!(verification(&url, "{}", "{}"), none, "{mode}");
    }
    assert_eq!(verification("postgres://h/d?sslmode=no-verify", "{}", "{}"), none);
    assert_eq!(fault("postgres://h/d?sslmode=verify-ca&uselibpqcompat=true", "{}").0, "connectionString");
}

#[test]
fn refuses_by_name() {
    for (json, field) in [
        (r#"{"maxx":1}"#, "maxx"),
        (r#"{"max":0}"#, "max"),
        (r#"{"max":-1}"#, "max"),
        (r#"{"max":"10"}"#, "max"),
        (r#"{"min":11}"#, "min"),
        (r#"{"port":70000}"#, "port"),
        (r#"{"host":""}"#, "host"),
        (r#"{"host":"a,,b"}"#, "host"),
        (r#"{"schema":""}"#, "schema"),
        (r#"{"schema":"pg_x"}"#, "schema"),
        (r#"{"schema":"$user"}"#, "schema"),
        (r#"{"lockTimeout":5}"#, "lockTimeout"),
        (r#"{"pooler":"session"}"#, "pooler"),
        (r#"{"ssl":"require"}"#, "ssl"),
        (r#"{"ssl":{"ca":"x"}}"#, "ssl.ca"),
        (r#"{"ssl":{"cert":"x"}}"#, "ssl.cert"),
        (r#"{"ssl":{"key":"x"}}"#, "ssl.key"),
        (r#"{"ssl":{"cert_":"x"}}"#, "ssl.cert_"),
        (r#"{"ssl":{"servername":"a b"}}"#, "ssl.servername"),
        (r#"{"logLevel":"loud"}"#, "logLevel"),
        (r#"{"types":{}}"#, "types"),
        (r#"{"password":1}"#, "password"),
        (r#"{"legacyTimeZone":1}"#, "legacyTimeZone"),
        ("[]", "options"),
    ] {
        assert_eq!(fault(URL, json).0, field, "{json}");
    }
    assert!(fault(URL, r#"{"idleTimeoutMilis":1}"#).1.contains("`idleTimeoutMillis`"));
    assert!(fault(URL, r#"{"ssl":{"rejectUnauthorised":false}}"#).1.contains("`rejectUnauthorized`"));
}

#[test]
fn never_shows_a_secret() {
    for url in [
        "postgres://u:hunter2@h:99999/d",
        "postgres://u:hunter2@h/d?sslmode=hunter2",
        "postgres://u:hunter2@h/d?target_session_attrs=hunter2",
        "postgres://u:hunter2@h/d?connect_timeout=hunter2",
        "postgres://u:pass@word@hunter2:x/d",
    ] {
        let (field, message) = fault(url, "{}");
        assert_eq!(field, "connectionString", "{url}");
        assert!(!message.contains("hunter2"), "{message}");
    }
    let options = read(URL, r#"{"password":"hunter2"}"#);
    assert!(!format!("{options:?}").contains("hunter2"));
}
