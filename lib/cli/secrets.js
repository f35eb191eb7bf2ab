/** Keeps passwords out of whatever the command prints. */

/** `scheme://user:password@`, up to the last `@` of the word, because a password may hold further ones. */
const IN_URL = /([a-z][a-z+.-]*:\/\/[^:\s/]*):\S*@/gi;
/** `password=…` in the query of a URL or in a connection string, where spaces and quotes may be around it. */
const IN_PARAMETER = /\b((?:ssl)?password|passphrase)\s*=\s*('(?:\\.|[^'\\])+'|[^\s&]+)/gi;

/** A database's URL, or one with a password. */
const SECRET_URL = /^(postgres(ql)?:\/\/|[a-z][\w+.-]*:\/\/[^/]*:[^/]*@)/i;

/** @type {Set<string>} */
const known = new Set();

/**
 * From now on the passwords of the command line and of the environment are not shown, as they stand there and decoded.
 *
 * @param {string[]} args
 */
function hidePasswords(args) {
  const { AUTH_POSTGRES_URL = '', DATABASE_URL = '', PGPASSWORD } = process.env;
  if (PGPASSWORD) known.add(PGPASSWORD);
  for (const url of [...args, AUTH_POSTGRES_URL, DATABASE_URL]) {
    const inQuery = url.matchAll(/[?&](?:ssl)?password=([^&]+)/gi);
    // A password may hold further `@` and slashes, and so may what follows it.
    const upToHost = url.matchAll(/:\/\/[^:/]*:([^/?#]+)@/g);
    for (const [, password = ''] of [...url.matchAll(/:\/\/[^:/]*:(.+)@/gs), ...upToHost, ...inQuery]) {
      known.add(password);
      try {
        known.add(decodeURIComponent(password));
      } catch {
        // It holds a % that encodes nothing.
      }
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
 * What was wrong with the arguments, without a URL, which goes on to the last quote, and without what is before the last `@`
 * of one that has lost its beginning.
 *
 * @param {string} text
 */
const withoutUrl = (text) =>
  redact(text.replace(/[a-z][\w+.-]*:\/\/(.*(?=')|.*)/is, '***').replace(/(?<!^error):.*@/s, ':***@'));

module.exports = { hidePasswords, redact, redactResult, SECRET_URL, withoutUrl };
