//! Lists of strings as elements of an array. PostgreSQL's arrays of arrays must all have the same length. So each list
//! is sent as the text of an array, which the statement casts.

use crate::input::Text;

/// The text of an array, `{"a","b"}`. The statement casts it with `::text[]`.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct TextList(String);

impl TextList {
    pub fn of(items: &[Text]) -> Self {
        let mut text = String::from("{");
        for (at, Text(item)) in items.iter().enumerate() {
            if at > 0 {
                text.push(',');
            }
            text.push('"');
            for character in item.chars() {
                if matches!(character, '"' | '\\') {
                    text.push('\\');
                }
                text.push(character);
            }
            text.push('"');
        }
        text.push('}');
        Self(text)
    }
}

#[cfg(test)]
mod tests {
    use super::TextList;
    use crate::input::Text;

    #[test]
    fn quotes_every_item() {
        for (items, text) in [
            (vec![], "{}"),
            (vec!["a", "b,c"], r#"{"a","b,c"}"#),
            (vec!["", "NULL", "{}", r#""\"#], r#"{"","NULL","{}","\"\\"}"#),
        ] {
            let items: Vec<Text> = items.into_iter().map(|item| Text(item.to_owned())).collect();
            assert_eq!(TextList::of(&items), TextList(text.to_owned()));
        }
    }
}
