//! Which known name a caller probably meant by an unknown one.

/// Names with fewer letters than this may differ in one letter and still mean something else.
const MIN_TYPO_LETTERS: usize = 4;

/// The known name that is most like `name`, if any is like it at all.
pub fn nearest<'k>(name: &str, known: &[&'k str]) -> Option<&'k str> {
    let name = name.to_ascii_lowercase();
    let likeness = |known: &&'k str| strsim::jaro_winkler(&known.to_ascii_lowercase(), &name);
    let best = known.iter().map(|known| (likeness(known), *known)).max_by(|a, b| a.0.total_cmp(&b.0));
    best.filter(|(likeness, _)| *likeness > 0.8).map(|(_, known)| known)
}

/// Whether `key` is `name` with a typing error: spelled in another case, or with one letter wrong, missing, added, or
/// swapped with its neighbour. This is stricter than [`nearest`], because it is asked where any other name is allowed.
pub fn is_typo(key: &str, name: &str) -> bool {
    let letters = |text: &str| text.replace(['_', '-'], "").to_ascii_lowercase();
    let (key, name) = (letters(key), letters(name));
    let is_long = key.chars().count().min(name.chars().count()) >= MIN_TYPO_LETTERS;
    key == name || is_long && strsim::osa_distance(&key, &name) == 1
}

pub fn to_camel_case(snake_case: &str) -> String {
    let mut words = snake_case.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |name, word| {
        let (head, tail) = word.split_at(word.len().min(1));
        name + &head.to_ascii_uppercase() + tail
    })
}
