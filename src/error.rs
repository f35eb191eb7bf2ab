//! The one error type of the crate. It says what went wrong in the caller's terms.

use serde::Serialize;
use std::borrow::Cow;

pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The families of errors that kitium's libraries know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    Conflict,
    Validation,
    NotFound,
    Dependency,
    Internal,
}

impl ErrorKind {
    /// The HTTP status that fits.
    const fn status_code(self) -> u16 {
        match self {
            Self::Conflict => 409,
            Self::Validation => 422,
            Self::NotFound => 404,
            Self::Dependency => 503,
            Self::Internal => 500,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Fatal,
    Error,
    Warning,
}

/// What every error with the same code has in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CodeProperties {
    pub kind: ErrorKind,
    pub severity: Severity,
    pub status_code: u16,
}

/// Declares [`Code`] from a table: variant, name, kind and severity of each code. There is no other list: the typings and
/// the facade get theirs from [`Code::ALL`].
macro_rules! codes {
    ($($variant:ident $name:literal $kind:ident $severity:ident)+) => {
        /// What went wrong.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Code {
            $($variant,)+
        }

        impl Code {
            /// In the order of the table.
            pub const ALL: &[Self] = &[$(Self::$variant,)+];

            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => concat!("auth_postgres/", $name),)+
                }
            }

            pub const fn properties(self) -> CodeProperties {
                let (kind, severity) = match self {
                    $(Self::$variant => (ErrorKind::$kind, Severity::$severity),)+
                };
                CodeProperties { kind, severity, status_code: kind.status_code() }
            }
        }
    };
}

codes! {
    ConnectionFailed     "connection_failed"     Dependency Error
    AuthenticationFailed "authentication_failed" Dependency Error
    TlsFailed            "tls_failed"            Dependency Error
    PoolTimeout          "pool_timeout"          Dependency Error
    NotConnected         "not_connected"         Dependency Error
    StatementTimeout     "statement_timeout"     Dependency Error
    LockTimeout          "lock_timeout"          Dependency Error
    Cancelled            "cancelled"             Dependency Warning
    TransactionAborted   "transaction_aborted"   Internal   Error
    SerializationFailure "serialization_failure" Dependency Error
    ReadOnly             "read_only"             Dependency Error
    ResourceExhausted    "resource_exhausted"    Dependency Error
    MigrationFailed      "migration_failed"      Internal   Fatal
    SchemaMismatch       "schema_mismatch"       Internal   Fatal
    PermissionDenied     "permission_denied"     Internal   Fatal
    Conflict             "conflict"              Conflict   Warning
    InvalidReference     "invalid_reference"     Validation Warning
    InvalidInput         "invalid_input"         Validation Warning
    NotFound             "not_found"             NotFound   Warning
    AlreadyUsed          "already_used"          Conflict   Warning
    Expired              "expired"               Validation Warning
    QueryFailed          "query_failed"          Internal   Error
    Internal             "internal"              Internal   Error
}

/// Where it happened. The facade makes it `error.context`.
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

/// Stored rows that break a rule.
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

/// The reason given by the server, the system or the TLS library. The facade makes it `error.cause`.
/// The server's detail, hint, context and query are left out because they contain values of rows.
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

/// Cheap to clone, because one failed batch answers many calls.
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

    /// Bad input. The message names the field but never repeats its value. The name is quoted because it may be a key that
    /// the caller has made up.
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

    /// Names the operation in the context and at the beginning of the message, unless that has been done already.
    pub fn in_operation(mut self, operation: &'static str) -> Self {
        if self.context.operation.is_none() {
            self.context.operation = Some(operation);
            self.message = format!("{operation}: {}", self.message).into();
        }
        self
    }

    /// Says which server it was, because there may be several, and it may not be the one that the caller expects.
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

    /// Whether the data can never be written: SQLSTATE class 22 (data exception).
    pub fn is_unwritable(&self) -> bool {
        self.context.sql_state.as_deref().is_some_and(|state| state.starts_with("22"))
    }

    pub fn is_violation_of(&self, constraint: &str) -> bool {
        self.context.constraint.as_deref() == Some(constraint)
    }
}

/// Messages show at most this many characters of a text of the caller's.
const MAX_QUOTED: usize = 100;

/// Shortens a text of the caller's and escapes what cannot be printed, so that it fits into one line of a message. The
/// facade does the same (`quote` in `lib/text.js`).
fn quoted(text: &str) -> String {
    let mut quoted = String::new();
    for character in text.chars().take(MAX_QUOTED) {
        match character {
            '"' | '\'' => quoted.push(character),
            // A combining character is printed as it is if a letter comes before it, and escaped at the start of a text.
            _ => quoted.extend(format!("_{character}").escape_debug().skip(1)),
        }
    }
    if text.chars().nth(MAX_QUOTED).is_some() {
        quoted.push('…');
    }
    quoted
}

/// The fields of the facade's `InternalError`.
impl Serialize for Error {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let CodeProperties { kind, severity, status_code } = self.code.properties();
        let mut object = serializer.serialize_struct("Error", 8)?;
        object.serialize_field("message", &self.message)?;
        object.serialize_field("code", self.code.name())?;
        object.serialize_field("kind", &kind)?;
        object.serialize_field("severity", &severity)?;
        object.serialize_field("statusCode", &status_code)?;
        object.serialize_field("retryable", &self.retryable)?;
        object.serialize_field("context", &self.context)?;
        object.serialize_field("cause", &self.cause)?;
        object.end()
    }
}
