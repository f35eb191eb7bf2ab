/**
 * Ids in paths. An id may be any text, also `..` or one with slashes, which servers and proxies read in their own ways. So
 * whatever is not plain is written as a tilde and base64url: no path of the console has a percent sign.
 */

const PLAIN = /^[\w-]{1,255}$/;
/** What stands for an action where an id could stand. */
const RESERVED = new Set(['create', 'export', 'sweep']);
const ENCODED = /^~[\w-]{1,2048}$/;

/** @param {string} id */
function toSegment(id) {
  return PLAIN.test(id) && !RESERVED.has(id) ? id : `~${Buffer.from(id).toString('base64url')}`;
}

/**
 * The id that a part of a path stands for; `null` if it stands for none.
 *
 * @param {string} segment
 */
function fromSegment(segment) {
  if (PLAIN.test(segment)) return RESERVED.has(segment) ? null : segment;
  if (!ENCODED.test(segment)) return null;
  const id = Buffer.from(segment.slice(1), 'base64url').toString();
  // Broken UTF-8 and other spellings do not come back as they were.
  return toSegment(id) === segment && !id.includes('\0') ? id : null;
}

/**
 * The path of a request below the base path, without a slash at its end; `null` if it is not below it.
 *
 * @param {string} url
 * @param {string} basePath
 */
function pathBelow(url, basePath) {
  const { pathname } = new URL(url);
  if (pathname !== basePath && !pathname.startsWith(`${basePath}/`)) return null;
  const below = pathname.slice(basePath.length);
  return below.length > 1 && below.endsWith('/') ? below.slice(0, -1) : below || '/';
}

module.exports = { fromSegment, pathBelow, toSegment };
