/** Keeps passwords out of whatever the command prints. */

/** `scheme://user:password@`, up to the last `@` of the word, because a password may hold further ones. */
const IN_URL = /([a-z][a-z+.-]*:\/\/[^:\s/]*):\S*@/gi;
/** `password=…` in the query of a URL or in a connection string. */
const IN_PARAMETER = /\b((?:ssl)?password|passphrase)=[^\s&]+/gi;

/** A database's URL, or one with a password. */
const SECRET_URL = /^(postgres(ql)?:\/\/|[a-z][\w+.-]*:\/\/[^/]*:[^/]*@)/i;

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
 * @param {string} [url]
 */
function hidePasswordsOf(url = '') {
  const [, inAuthority] = /:\/\/[^:/]*:(.*)@/s.exec(url) ?? [];
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
 * Hides the passwords of the command line and of the environment.
 *
 * @param {string[]} args
 */
function hidePasswords(args) {
  const { AUTH_POSTGRES_URL, DATABASE_URL, PGPASSWORD } = process.env;
  for (const url of [...args, AUTH_POSTGRES_URL, DATABASE_URL]) hidePasswordsOf(url);
  hide(PGPASSWORD);
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

/**
 * The same for results, where a word that is also a password is none unless it stands in a URL.
 *
 * @param {string} text
 */
function redactResult(text) {
  for (const secret of known) text = text.split(`:${secret}@`).join(':***@');
  return text;
}

/**
 * What was wrong with the arguments, without those that are URLs. A URL ends at the last quote, because it may hold others.
 *
 * @param {string} text
 */
const withoutUrls = (text) => redact(text.replace(/[a-z][\w+.-]*:\/\/(.*(?=')|.*)/is, '***'));

/** @param {unknown} value */
const isSecretUrl = (value) => SECRET_URL.test(String(value));

module.exports = { hidePasswords, isSecretUrl, redact, redactResult, withoutUrls };
