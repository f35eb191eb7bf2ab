import type { RequestHandler } from 'express';

const POLICY = [
  "default-src 'none'",
  "style-src 'self'",
  "img-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join('; ');

const HEADERS: Record<string, string> = {
  'Cache-Control': 'no-store',
  'Content-Security-Policy': POLICY,
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Permissions-Policy': 'camera=(), geolocation=(), microphone=()',
  // Links of mails have a secret in their address. With `no-referrer` browsers would send `Origin: null` with forms.
  'Referrer-Policy': 'same-origin',
  'X-Content-Type-Options': 'nosniff',
  'X-Frame-Options': 'DENY',
};

/** The headers of every answer: nothing is run, framed, cached, or told to other sites. */
export function secureHeaders(isEncrypted: boolean): RequestHandler {
  const headers = isEncrypted ? { ...HEADERS, 'Strict-Transport-Security': 'max-age=63072000' } : HEADERS;
  return (_request, response, next) => {
    response.set(headers);
    next();
  };
}
