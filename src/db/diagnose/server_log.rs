//! Whether the server writes the parameters of statements to its log.

use super::ask::ask_what_is_amiss;
use super::check::{Check, Topic, listed};
use sqlx::PgConnection;

const LOG: Topic = Topic {
    id: "secrets.log",
    title: "parameters in the server's log",
    expected: "the server does not log the parameters of statements, among which are session ids and hashes",
};

/// Settings that have parameters logged. Before PostgreSQL 13 those of a statement are logged whenever it is. The plans of
/// `auto_explain` have them in their conditions, too.
const LOGGING: &str = "
    SELECT format('%s = %s', s.name, s.setting) AS line
         , CASE
               WHEN s.name LIKE 'auto_explain.%' THEN 'set auto_explain.log_min_duration = -1'
               WHEN s.name LIKE 'pgaudit.%' THEN 'set pgaudit.log_parameter = off'
               WHEN s.name LIKE '%_on_error' THEN 'set log_parameter_max_length_on_error = 0'
               ELSE 'set log_parameter_max_length = 0 (PostgreSQL 13 or later), or log neither statements nor durations'
           END AS repair
      FROM pg_settings s
     WHERE CASE s.name
               WHEN 'auto_explain.log_min_duration' THEN s.setting <> '-1'
               WHEN 'pgaudit.log_parameter' THEN s.setting = 'on'
               WHEN 'log_parameter_max_length_on_error' THEN s.setting <> '0'
               ELSE COALESCE(current_setting('log_parameter_max_length', true), '-1') <> '0'
                    AND CASE s.name
                            WHEN 'log_statement' THEN s.setting IN ('mod', 'all')
                            WHEN 'log_min_duration_statement' THEN s.setting <> '-1'
                            WHEN 'log_min_duration_sample'
                            THEN s.setting <> '-1' AND current_setting('log_statement_sample_rate')::float8 > 0
                            WHEN 'log_transaction_sample_rate' THEN s.setting::float8 > 0
                        END
           END
     ORDER BY 2, 1";

pub async fn check(connection: &mut PgConnection) -> Check {
    match ask_what_is_amiss(connection, LOGGING.to_owned()).await {
        Ok(amiss) if amiss.is_empty() => LOG.ok("not logged"),
        Ok(amiss) => {
            let (lines, mut repairs): (Vec<_>, Vec<_>) = amiss.into_iter().unzip();
            repairs.dedup();
            LOG.warning(format!("logged with {}", listed(&lines)), repairs.join("; "))
        }
        Err(error) => LOG.unknown(&error),
    }
}
