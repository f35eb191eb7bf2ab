//! The one error of the crate: what went wrong, in the terms of the caller.

use serde::Serialize;
use std::borrow::Cow;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What happened. Each code has one kind, one HTTP status and one severity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    ConnectionFailed,
    AuthenticationFailed,
    TlsFailed,
    PoolTimeout,
    NotConnected,
    StatementTimeout,
    LockTimeout,
    Cancelled,
    SerializationFailure,
    ReadOnly,
    ResourceExhausted,
    MigrationFailed,
    SchemaMismatch,
    PermissionDenied,
    Conflict,
    InvalidReference,
    InvalidInput,
    NotFound,
    AlreadyUsed,
    Expired,
    QueryFailed,
    Internal,
}

/// kitium's families of errors.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    Conflict,
    Validation,
    NotFound,
    Dependency,
    Internal,
}

impl Code {
    pub fn name(self) -> &'static str {
        match self {
            Self::ConnectionFailed => "auth_postgres/connection_failed",
            Self::AuthenticationFailed => "auth_postgres/authentication_failed",
            Self::TlsFailed => "auth_postgres/tls_failed",
            Self::PoolTimeout => "auth_postgres/pool_timeout",
            Self::NotConnected => "auth_postgres/not_connected",
            Self::StatementTimeout => "auth_postgres/statement_timeout",
            Self::LockTimeout => "auth_postgres/lock_timeout",
            Self::Cancelled => "auth_postgres/cancelled",
            Self::SerializationFailure => "auth_postgres/serialization_failure",
            Self::ReadOnly => "auth_postgres/read_only",
            Self::ResourceExhausted => "auth_postgres/resource_exhausted",
            Self::MigrationFailed => "auth_postgres/migration_failed",
            Self::SchemaMismatch => "auth_postgres/schema_mismatch",
            Self::PermissionDenied => "auth_postgres/permission_denied",
            Self::Conflict => "auth_postgres/conflict",
            Self::InvalidReference => "auth_postgres/invalid_reference",
            Self::InvalidInput => "auth_postgres/invalid_input",
            Self::NotFound => "auth_postgres/not_found",
            Self::AlreadyUsed => "auth_postgres/already_used",
            Self::Expired => "auth_postgres/expired",
            Self::QueryFailed => "auth_postgres/query_failed",
            Self::Internal => "auth_postgres/internal",
        }
    }

    pub fn kind(self) -> ErrorKind {
        match self {
            Self::Conflict | Self::AlreadyUsed => ErrorKind::Conflict,
            Self::InvalidReference | Self::InvalidInput | Self::Expired => ErrorKind::Validation,
            Self::NotFound => ErrorKind::NotFound,
            Self::ConnectionFailed
            | Self::AuthenticationFailed
            | Self::TlsFailed
            | Self::PoolTimeout
            | Self::NotConnected
            | Self::StatementTimeout
            | Self::LockTimeout
            | Self::Cancelled
            | Self::SerializationFailure
            | Self::ReadOnly
            | Self::ResourceExhausted => ErrorKind::Dependency,
            Self::MigrationFailed
            | Self::SchemaMismatch
            | Self::PermissionDenied
            | Self::QueryFailed
            | Self::Internal => ErrorKind::Internal,
        }
    }

    pub fn severity(self) -> &'static str {
        match self {
            Self::MigrationFailed | Self::SchemaMismatch | Self::PermissionDenied => "fatal",
            Self::Conflict
            | Self::InvalidReference
            | Self::InvalidInput
            | Self::NotFound
            | Self::AlreadyUsed
            | Self::Expired
            | Self::Cancelled => "warning",
            Self::ConnectionFailed
            | Self::AuthenticationFailed
            | Self::TlsFailed
            | Self::PoolTimeout
            | Self::NotConnected
            | Self::StatementTimeout
            | Self::LockTimeout
            | Self::SerializationFailure
            | Self::ReadOnly
            | Self::ResourceExhausted
            | Self::QueryFailed
            | Self::Internal => "error",
        }
    }
}

impl ErrorKind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Conflict => "conflict",
            Self::Validation => "validation",
            Self::NotFound => "not_found",
            Self::Dependency => "dependency",
            Self::Internal => "internal",
        }
    }

    pub fn status_code(self) -> u16 {
        match self {
            Self::Conflict => 409,
            Self::Validation => 422,
            Self::NotFound => 404,
            Self::Dependency => 503,
            Self::Internal => 500,
        }
    }
}

/// Where it happened; becomes `error.context`.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Context {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub operation: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub migration: Option<String>,
    /// The server that a connection could not be made to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub violations: Option<Vec<Violation>>,
}

/// Stored rows that stand against a rule.
#[derive(Debug, Clone, Serialize, sqlx::FromRow)]
pub struct Violation {
    pub rule: String,
    pub table: String,
    pub reason: String,
    /// How many rows there are.
    pub count: i64,
    /// The first of their ids.
    pub ids: Vec<String>,
}

/// The reason given by the server, the system or the TLS library; becomes `error.cause`.
/// It never carries a server's detail, hint, where or query: they print row values.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Cause {
    pub name: &'static str,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub severity: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sql_state: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub constraint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub table: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
}

/// Cheap to clone: one failed batch answers many calls.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    pub code: Code,
    pub message: Cow<'static, str>,
    pub retryable: bool,
    pub context: Box<Context>,
    pub cause: Option<Box<Cause>>,
}

impl Error {
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), retryable: false, context: Box::default(), cause: None }
    }

    /// Bad input; `field` names where, and the message never repeats the value. A name may be the caller's, who wrote
    /// something into a key that is none.
    pub fn invalid_input(field: impl AsRef<str>, reason: &str) -> Self {
        let field = quoted(field.as_ref());
        Self::new(Code::InvalidInput, format!("`{field}` {reason}")).with_field(field)
    }

    pub fn not_found(what: &str) -> Self {
        Self::new(Code::NotFound, format!("there is no such {what}"))
    }

    pub fn with_field(mut self, field: impl Into<String>) -> Self {
        self.context.field = Some(field.into());
        self
    }

    /// Names the operation, and puts it in front of the message.
    pub fn in_operation(mut self, operation: &'static str) -> Self {
        if self.context.operation.is_none() {
            self.context.operation = Some(operation);
            self.message = format!("{operation}: {}", self.message).into();
        }
        self
    }

    /// Says which server it was, for there may be several, and the one that is meant may be another one.
    pub fn at_host(mut self, host: &str, port: u16) -> Self {
        let is_socket = host.starts_with('/');
        let is_v6 = host.contains(':');
        let place = match (is_socket, is_v6) {
            (true, _) => format!("{host}/.s.PGSQL.{port}"),
            (_, true) => format!("[{host}]:{port}"),
            _ => format!("{host}:{port}"),
        };
        self.message = format!("{} ({place})", self.message).into();
        self.context.host = Some(host.to_owned());
        self.context.port = Some(port);
        self
    }

    /// Whether the data cannot be written at all, at whatever time: SQLSTATE class 22 (data exception).
    pub fn is_unwritable(&self) -> bool {
        self.context.sql_state.as_deref().is_some_and(|state| state.starts_with("22"))
    }

    pub fn is_violation_of(&self, constraint: &str) -> bool {
        self.context.constraint.as_deref() == Some(constraint)
    }
}

/// A longer text of the caller's is cut in a message.
const MAX_QUOTED: usize = 100;

/// Text of the caller's, fit for a message: on one line, with nothing in it that cannot be seen, and not long.
/// The facade has the same.
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars().take(MAX_QUOTED) {
        match character {
            '"' | '\'' => quoted.push(character),
            // What combines with a letter before it is seen; at the start of a text it would be escaped.
            _ => quoted.extend(format!("_{character}").escape_debug().skip(1)),
        }
    }
    if text.chars().nth(MAX_QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

/// What the facade makes an `InternalError` of.
impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let kind = self.code.kind();
        let mut object = serializer.serialize_struct("Error", 8)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("code", self.code.name())?;
        object.serialize_field("kind", kind.name())?;
        object.serialize_field("severity", self.code.severity())?;
        object.serialize_field("statusCode", &kind.status_code())?;
        object.serialize_field("retryable", &self.retryable)?;
        object.serialize_field("context", &self.context)?;
        object.serialize_field("cause", &self.cause)?;
        object.end()
    }
}
