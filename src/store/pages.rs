//! Lists in pages. Items have a total order, the newest first. A page begins after the position of the last item of the page
//! before, even if that item has been deleted. So no item appears twice or is left out because others come and go.

use crate::clock::Timestamp;
use crate::error::{Error, Result};
use crate::input::{PageLimit, Text};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Serialize;
use sha2::{Digest, Sha256};

/// A page of a table, as SQL: the rows that are not older than `$1`, come after the position (`$2`, `$3`) and meet the
/// further conditions; `$4` of them at most. A comparison of both columns at once is one range of an index.
macro_rules! page {
    ($table:ident $(, $condition:expr)*) => {
        concat!(
            "SELECT ",
            $crate::store::columns!($table),
            " FROM ",
            stringify!($table),
            " WHERE created_at >= COALESCE($1::timestamptz, '-infinity')
                AND (created_at, id) < (COALESCE($2::timestamptz, 'infinity'), COALESCE($3, ''))",
            $(" AND ", $condition,)*
            " ORDER BY created_at DESC, id DESC LIMIT $4"
        )
    };
}
pub(crate) use page;

/// Some of the items of a list, in order.
#[derive(Debug, Serialize)]
pub struct Page<T> {
    pub items: Vec<T>,
    /// The cursor of the next page; `None` if this is the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Where an item stands in its list. The next page has what comes after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    pub time: Timestamp,
    pub id: String,
}

/// A filter of a list, as the digest in its cursors covers it.
pub enum Filter<'f> {
    Text(Option<&'f str>),
    Time(Option<Timestamp>),
    Flag(bool),
}

/// One page of one list with its filters, as it was asked for.
pub struct PageRequest {
    /// Covers the list and its filters.
    digest: Sha256,
    limit: u32,
    /// `None` for the first page.
    pub after: Option<Position>,
}

/// How many bytes of a cursor are a digest of its list, filters and position. The digest only finds mistakes: it is not
/// secret, and anybody could compute it.
const DIGEST_BYTES: usize = 12;

impl PageRequest {
    /// `list` is the method's name, with what else makes the list another one, such as the id of its owner.
    pub fn new(list: &[&str], filters: &[Filter], limit: Option<PageLimit>, after: Option<&Text>) -> Result<Self> {
        let mut digest = Sha256::new();
        for name in list {
            add_text(&mut digest, name);
        }
        for filter in filters {
            match filter {
                Filter::Text(None) | Filter::Time(None) => digest.update([0]),
                Filter::Text(Some(text)) => add_text(&mut digest, text),
                Filter::Time(Some(time)) => add_text(&mut digest, &time.millis().to_string()),
                Filter::Flag(is_set) => digest.update([1, u8::from(*is_set)]),
            }
        }
        let PageLimit(limit) = limit.unwrap_or_default();
        let mut request = Self { digest, limit, after: None };
        if let Some(Text(cursor)) = after {
            request.after = Some(request.position_of(cursor).ok_or_else(refused)?);
        }
        Ok(request)
    }

    /// How many rows to read: one more than the page has, which tells whether there is a next page.
    pub fn rows(&self) -> i64 {
        i64::from(self.limit) + 1
    }

    /// The time before which the page begins, where the list itself ends before `until`.
    pub fn time(&self, until: Option<Timestamp>) -> Option<Timestamp> {
        self.after.as_ref().map_or(until, |position| Some(position.time))
    }

    /// The id that goes with the time.
    pub fn id(&self) -> Option<&str> {
        self.after.as_ref().map(|position| position.id.as_str())
    }

    pub fn page<T>(&self, mut items: Vec<T>, position: impl Fn(&T) -> Position) -> Page<T> {
        let limit = self.limit as usize;
        let has_more = items.len() > limit;
        items.truncate(limit);
        let next = items.last().filter(|_| has_more).map(|last| self.cursor(&position(last)));
        Page { items, next }
    }

    fn cursor(&self, position: &Position) -> String {
        let time = position.time.millis().to_be_bytes();
        let bytes = [self.digest(position).as_slice(), time.as_slice(), position.id.as_bytes()].concat();
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn position_of(&self, cursor: &str) -> Option<Position> {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
        let (digest, rest) = bytes.split_at_checked(DIGEST_BYTES)?;
        let (time, id) = rest.split_first_chunk()?;
        let time = Timestamp::from_millis(i64::from_be_bytes(*time))?;
        let position = Position { time, id: std::str::from_utf8(id).ok()?.to_owned() };
        (digest == self.digest(&position)).then_some(position)
    }

    fn digest(&self, position: &Position) -> Vec<u8> {
        let mut digest = self.digest.clone();
        digest.update(position.time.millis().to_be_bytes());
        digest.update(position.id.as_bytes());
        digest.finalize()[..DIGEST_BYTES].to_vec()
    }
}

/// The error for a cursor that does not belong to the list.
pub fn refused() -> Error {
    Error::invalid_input("after", "is no cursor of this list with these filters: take it from `next`")
}

/// Adds a text with its length in front, so that two texts never look like another pair of texts.
fn add_text(digest: &mut Sha256, text: &str) {
    digest.update([2]);
    digest.update((text.len() as u64).to_be_bytes());
    digest.update(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::{Filter, Page, PageRequest, Position, Text, Timestamp};

    fn position(ms: i64, id: &str) -> Position {
        Position { time: Timestamp::from_millis(ms).unwrap(), id: id.to_owned() }
    }

    fn request(list: &[&str], filter: Option<&str>, after: Option<&Text>) -> Option<PageRequest> {
        PageRequest::new(list, &[Filter::Text(filter), Filter::Flag(true)], None, after).ok()
    }

    fn cursor(list: &[&str], filter: Option<&str>, at: &Position) -> Text {
        Text(request(list, filter, None).unwrap().cursor(at))
    }

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        for at in [position(0, "a"), position(-62_135_596_800_000, ""), position(253_402_300_799_999, "ü\u{10ffff}")] {
            let cursor = cursor(&["listUsers"], Some("x"), &at);
            assert_eq!(request(&["listUsers"], Some("x"), Some(&cursor)).unwrap().after, Some(at));
        }
    }

    #[test]
    fn a_cursor_of_another_list_or_of_other_filters_is_refused() {
        let at = position(1, "a");
        for (list, filter) in [
            (["listUsers", "a"].as_slice(), None),
            (&["listUsers"], Some("x")),
            (&["listUsers"], Some("")),
            (&["listUser", "s"], None),
            (&[], None),
        ] {
            let cursor = cursor(&["listUsers"], None, &at);
            assert!(request(list, filter, Some(&cursor)).is_none(), "{list:?} {filter:?}");
        }
    }

    #[test]
    fn a_cursor_with_another_character_is_refused() {
        let Text(cursor) = cursor(&["listUsers"], None, &position(1, "an id"));
        for at in 0..cursor.len() {
            for other in ["", "A", "B", "_", "é", "=", "AA"] {
                let text = [&cursor[..at], other, &cursor[at + 1..]].concat();
                let is_same = text == cursor;
                assert_eq!(request(&["listUsers"], None, Some(&Text(text))).is_some(), is_same);
            }
        }
    }

    #[test]
    fn the_last_page_has_no_cursor() {
        let request = PageRequest::new(&["x"], &[], None, None).unwrap();
        let of = |rows: u32| -> Page<u32> { request.page((0..rows).collect(), |_| position(1, "a")) };
        assert_eq!((of(50).items.len(), of(50).next), (50, None));
        assert_eq!((of(51).items.len(), of(51).next.is_some()), (50, true));
        assert_eq!((of(0).items.len(), of(0).next), (0, None));
    }
}
