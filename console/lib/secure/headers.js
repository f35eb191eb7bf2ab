/** The headers of every response. */

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "script-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

/** Pages are about people: nobody stores, frames or indexes them. */
const HEADERS = Object.freeze({
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=(), payment=(), usb=()',
  // With `no-referrer` browsers would send `Origin: null` with forms.
  'Referrer-Policy': 'same-origin',
  Vary: 'Cookie',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
  'X-Robots-Tag': 'noindex, nofollow',
});

/**
 * @param {Response} response
 * @param {Record<string, string>} [over]
 */
function withHeaders(response, over = {}) {
  for (const [name, value] of Object.entries({ ...HEADERS, ...over })) response.headers.set(name, value);
  return response;
}

module.exports = { HEADERS, withHeaders };
