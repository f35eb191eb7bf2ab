//! Points in time, as JavaScript and PostgreSQL both know them: whole milliseconds.

use serde::{Serialize, Serializer};
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};
use std::ops::Range;
use time::format_description::well_known::Iso8601;
use time::{Date, Month, OffsetDateTime};

/// Milliseconds from the Unix epoch to PostgreSQL's, 2000-01-01T00:00:00Z.
const POSTGRES_EPOCH_MS: i64 = 946_684_800_000;
/// 0001-01-01T00:00:00.000Z.
const MIN_MS: i64 = -62_135_596_800_000;
/// 9999-12-31T23:59:59.999Z.
const MAX_MS: i64 = 253_402_300_799_999;

/// Milliseconds since the Unix epoch, between the years 1 and 9999. The facade turns it into a `Date`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(i64);

impl Timestamp {
    pub fn from_millis(ms: i64) -> Option<Self> {
        (MIN_MS..=MAX_MS).contains(&ms).then_some(Self(ms))
    }

    /// Milliseconds since the Unix epoch.
    pub fn millis(self) -> i64 {
        self.0
    }

    /// Reads an ISO 8601 date and time with `Z` or an offset. As in JavaScript, what is finer than a millisecond is cut off.
    pub fn parse(text: &str) -> Option<Self> {
        // The parser's calendar begins at year -9999 and takes years of six digits; `from_millis` holds the limits.
        let moment = of_date(text).or_else(|| OffsetDateTime::parse(text, &Iso8601::PARSING).ok())?;
        let ms = moment.unix_timestamp_nanos().div_euclid(1_000_000);
        Self::from_millis(i64::try_from(ms).ok()?)
    }
}

/// Reads what a `Date` becomes in JSON, `2026-01-31T08:00:00.000Z`: nearly all times, on JavaScript's thread.
fn of_date(text: &str) -> Option<OffsetDateTime> {
    const MARKS: [(usize, u8); 7] = [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (23, b'Z')];
    let bytes = text.as_bytes();
    if bytes.len() != 24 || MARKS.iter().any(|&(at, mark)| bytes.get(at) != Some(&mark)) {
        return None;
    }
    let number = |digits: Range<usize>| {
        bytes
            .get(digits)?
            .iter()
            .try_fold(0u16, |number, byte| byte.is_ascii_digit().then(|| number * 10 + u16::from(byte - b'0')))
    };
    let small = |digits| u8::try_from(number(digits)?).ok();
    let month = Month::try_from(small(5..7)?).ok()?;
    let date = Date::from_calendar_date(number(0..4)?.into(), month, small(8..10)?).ok()?;
    let moment = date.with_hms_milli(small(11..13)?, small(14..16)?, small(17..19)?, number(20..23)?).ok()?;
    Some(moment.assume_utc())
}

/// `2026-01-31T08:00:00.000Z`: how a time is written inside a JSON column.
impl std::fmt::Display for Timestamp {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let moment =
            OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000).map_err(|_| std::fmt::Error)?;
        write!(
            out,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
            moment.year(),
            u8::from(moment.month()),
            moment.day(),
            moment.hour(),
            moment.minute(),
            moment.second(),
            moment.millisecond()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(self.0)
    }
}

impl Type<Postgres> for Timestamp {
    fn type_info() -> PgTypeInfo {
        <OffsetDateTime as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Timestamp {
    fn array_type_info() -> PgTypeInfo {
        <OffsetDateTime as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Timestamp {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        <i64 as Encode<Postgres>>::encode((self.0 - POSTGRES_EPOCH_MS) * 1000, buffer)
    }
}

impl Decode<'_, Postgres> for Timestamp {
    fn decode(value: PgValueRef<'_>) -> Result<Self, BoxDynError> {
        let micros = <i64 as Decode<Postgres>>::decode(value)?;
        micros
            .div_euclid(1000)
            .checked_add(POSTGRES_EPOCH_MS)
            .and_then(Self::from_millis)
            .ok_or_else(|| "a stored time is infinite or outside the years 0001 to 9999".into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Iso8601, OffsetDateTime, Timestamp, of_date};

    #[test]
    fn reads_what_a_date_becomes_as_the_parser_does() {
        // Coprime with a day: all hours, minutes, seconds and thousandths come by.
        let steps = (-62_135_596_800_000..=253_402_300_799_999).step_by(86_413_577_123);
        for time in steps.map(Timestamp) {
            let text = time.to_string();
            assert_eq!(of_date(&text), OffsetDateTime::parse(&text, &Iso8601::PARSING).ok(), "{text}");
        }
    }

    #[test]
    fn reads_iso_8601_with_a_zone() {
        for (text, ms) in [
            ("1970-01-01T00:00:00.000Z", 0),
            ("1970-01-01T01:00:00+01:00", 0),
            ("1970-01-01T00:00Z", 0),
            ("2024-02-29T12:34:56.789Z", 1_709_210_096_789),
            ("1969-12-31T23:59:59.9999Z", -1),
            ("0001-01-01T00:00:00.000Z", -62_135_596_800_000),
            ("9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ] {
            assert_eq!(Timestamp::parse(text), Some(Timestamp(ms)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_instant() {
        for text in [
            "",
            "soon",
            "2024-01-01",
            "2024-01-01T00:00:00",
            "2024-02-30T00:00:00Z",
            "2023-02-29T00:00:00.000Z",
            "2024-01-01T24:00:00.000Z",
            "2024-01-01T00:60:00.000Z",
            "2024-01-01T00:00:00.00xZ",
            "2024-01-00T00:00:00.000Z",
            "+010000-01-01T00:00:00.000Z",
            "0000-12-31T23:59:59.999Z",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["0001-01-01T00:00:00.000Z", "2024-02-29T12:34:56.789Z", "9999-12-31T23:59:59.999Z"] {
            assert_eq!(Timestamp::parse(text).map(|time| time.to_string()).as_deref(), Some(text));
        }
    }
}
