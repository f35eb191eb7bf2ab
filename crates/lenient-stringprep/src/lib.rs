//! Stands in for the crate of the same name, of which sqlx uses one function, to prepare the user and the password for
//! SCRAM. That one refuses what SASLprep (RFC 4013) prohibits, such as an emoji or a tab, and its error quotes the
//! character. PostgreSQL's own clients and its server use the password as it is then, and prepare it with steps in
//! another order: with a password prepared otherwise nobody could log in.
//!
//! Source: `src/common/saslprep.c` and `src/interfaces/libpq/fe-auth-scram.c` of PostgreSQL.

mod unassigned;

use std::convert::Infallible;
use std::fmt;
use std::ops::Deref;
use unassigned::UNASSIGNED;
use unicode_bidi::{BidiClass, bidi_class};
use unicode_normalization::UnicodeNormalization;

/// A user or a password, prepared.
pub struct Prepared(String);

/// What is hashed.
impl Deref for Prepared {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

/// What is sent. sqlx writes only the user into a message, as `n=user`. There it is left empty, as libpq does: the
/// server takes the one of the start-up message, and a comma in a name would end it.
impl fmt::Display for Prepared {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("n=")
    }
}

/// Never fails: what is prohibited stays as it is.
pub fn saslprep(text: &str) -> Result<Prepared, Infallible> {
    Ok(Prepared(prepare(text).unwrap_or_else(|| text.to_owned())))
}

/// `None` for what SASLprep prohibits. As in PostgreSQL, that is looked for in what has not been normalised yet.
fn prepare(text: &str) -> Option<String> {
    if text.is_ascii() {
        return Some(text.to_owned());
    }
    let mapped: Vec<char> = text
        .chars()
        .map(|char| if is_space(char) { ' ' } else { char })
        .filter(|char| !is_mapped_to_nothing(*char))
        .collect();
    let is_prepared = !mapped.is_empty() && !mapped.iter().copied().any(is_prohibited) && is_one_direction(&mapped);
    is_prepared.then(|| mapped.into_iter().nfkc().collect())
}

/// RFC 3454, table C.1.2.
fn is_space(char: char) -> bool {
    matches!(char, '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200b}' | '\u{202f}' | '\u{205f}' | '\u{3000}')
}

/// RFC 3454, table B.1.
fn is_mapped_to_nothing(char: char) -> bool {
    matches!(
        char,
        '\u{ad}' | '\u{34f}' | '\u{1806}' | '\u{180b}'..='\u{180d}' | '\u{200b}'..='\u{200d}' | '\u{2060}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
    )
}

/// RFC 3454, the tables C.1.2 to C.9, and A.1. What is mapped before is not repeated.
fn is_prohibited(char: char) -> bool {
    let is_in_a_table = matches!(
        char,
        // C.2: control characters.
        '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{6dd}' | '\u{70f}' | '\u{180e}' | '\u{2028}' | '\u{2029}'
            | '\u{2061}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{fff9}'..='\u{fffc}' | '\u{1d173}'..='\u{1d17a}'
            // C.3: private use.
            | '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}'
            // C.4: code points that are no characters; those that end each plane follow below.
            | '\u{fdd0}'..='\u{fdef}'
            // C.6 and C.7: inappropriate for plain text, and for canonical representation.
            | '\u{fffd}' | '\u{2ff0}'..='\u{2ffb}'
            // C.8: change the display, or are deprecated.
            | '\u{340}' | '\u{341}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
            // C.9: tags.
            | '\u{e0001}' | '\u{e0020}'..='\u{e007f}'
    );
    is_in_a_table || u32::from(char) & 0xfffe == 0xfffe || is_unassigned(char)
}

fn is_unassigned(char: char) -> bool {
    let code = u32::from(char);
    let at = UNASSIGNED.partition_point(|(_, last)| *last < code);
    UNASSIGNED.get(at).is_some_and(|(first, _)| *first <= code)
}

/// RFC 3454, 6: text from right to left has none of the other direction in it, nor anything else at its ends.
fn is_one_direction(chars: &[char]) -> bool {
    let is_rtl = |char: &char| matches!(bidi_class(*char), BidiClass::R | BidiClass::AL);
    let is_ltr = |char: &char| bidi_class(*char) == BidiClass::L;
    let ends_are_rtl = chars.first().is_some_and(is_rtl) && chars.last().is_some_and(is_rtl);
    !chars.iter().any(is_rtl) || (ends_are_rtl && !chars.iter().any(is_ltr))
}

#[cfg(test)]
mod tests {
    use super::{prepare, saslprep};

    /// RFC 4013, 3, and what PostgreSQL makes of the rest.
    #[test]
    fn prepares_as_postgresql_does() {
        for (text, prepared) in [
            ("user", Some("user")),
            ("I\u{ad}X", Some("IX")),
            ("\u{aa}", Some("a")),
            ("\u{2168}", Some("IX")),
            ("a\u{a0}b", Some("a b")),
            ("e\u{301}", Some("\u{e9}")),
            ("\u{627}\u{628}", Some("\u{627}\u{628}")),
            // Only text that is not all ASCII is looked at.
            ("\u{7}", Some("\u{7}")),
            ("\u{e9}\u{7}", None),
            ("\u{627}\u{31}", None),
            ("\u{627}a\u{628}", None),
            ("\u{1f511}", None),
            // It would normalise to an "A", but was not assigned in Unicode 3.2.
            ("\u{1f130}", None),
            ("\u{ad}", None),
            ("\u{e000}", None),
        ] {
            assert_eq!(prepare(text).as_deref(), prepared, "{text:?}");
            let Ok(whole) = saslprep(text);
            assert_eq!(&*whole, prepared.unwrap_or(text), "{text:?}");
        }
    }

    #[test]
    fn sends_no_user_name() {
        let Ok(user) = saslprep("n=o'brien, junior");
        assert_eq!(user.to_string(), "n=");
    }
}
