/** Prepares text that somebody else wrote for our messages. */

/** Messages show at most this many characters of such text. */
const MAX_QUOTED = 100;

/** Half of a character beyond U+FFFF. UTF-8 cannot express it, and napi would replace it silently. */
const LONE_SURROGATE = /\p{Surrogate}/u;

/** Characters that nobody would see in a message, except the space; also the backslash, which begins an escape. */
const UNPRINTABLE = /(?! )[\\\p{C}\p{Z}]/gu;

/** @type {Record<string, string>} */
const SHORT_ESCAPES = { '\0': '\\0', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** @param {string} character */
const escapeOf = (character) => SHORT_ESCAPES[character] ?? `\\u{${character.codePointAt(0)?.toString(16)}}`;

/**
 * Shortens text and escapes what cannot be printed, so that it fits into one line of a message. The core does the same
 * (`quoted` in `src/error.rs`).
 *
 * @param {string} text
 */
function quote(text) {
  // A character has up to two code units.
  const characters = Array.from(text.slice(0, 2 * MAX_QUOTED + 2));
  const escaped = characters.slice(0, MAX_QUOTED).join('').replace(UNPRINTABLE, escapeOf);
  return characters.length > MAX_QUOTED ? `${escaped}…` : escaped;
}

/**
 * The message of whatever the application's code threw.
 *
 * @param {unknown} error
 */
function messageOf(error) {
  try {
    return quote(String(/** @type {Partial<Error> | null | undefined} */ (error)?.message ?? error));
  } catch {
    return 'an error without a text';
  }
}

/** @param {string} text */
const hasLoneSurrogate = (text) => LONE_SURROGATE.test(text);

module.exports = { hasLoneSurrogate, messageOf, quote };
