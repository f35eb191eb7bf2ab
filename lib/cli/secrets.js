/** Keeps passwords out of whatever the command says about itself. */

/** `scheme://user:password@`, up to the last `@` of the word, because a password may hold further ones. */
const IN_URL = /([a-z][a-z+.-]*:\/\/[^:@\s/]*):\S*@/gi;
/** `password=…` in the query of a URL or in a connection string. */
const IN_PARAMETER = /\b((?:ssl)?password|passphrase)=[^\s&]+/gi;

/** @type {Set<string>} */
const known = new Set();

/**
 * From now on this text is not shown.
 *
 * @param {string | undefined} secret
 */
function hide(secret) {
  if (secret) known.add(secret);
}

/**
 * Hides the passwords of a URL, as they stand there and decoded.
 *
 * @param {string} url
 */
function hidePasswordsOf(url) {
  const [, inAuthority] = /:\/\/[^:@\s/]*:(\S*)@/.exec(url) ?? [];
  const inQuery = [...url.matchAll(/[?&](?:ssl)?password=([^&]+)/gi)].map(([, password]) => password);
  for (const password of [inAuthority, ...inQuery]) {
    hide(password);
    try {
      hide(password && decodeURIComponent(password));
    } catch {
      // It holds a % that encodes nothing.
    }
  }
}

/**
 * The text without any password.
 *
 * @param {string} text
 */
function redact(text) {
  let redacted = text.replace(IN_URL, '$1:***@').replace(IN_PARAMETER, '$1=***');
  for (const secret of known) redacted = redacted.split(secret).join('***');
  return redacted;
}

module.exports = { hide, hidePasswordsOf, redact };
