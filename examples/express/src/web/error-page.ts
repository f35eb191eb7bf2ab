import { InternalError } from '@kitiumai/auth-postgres';
import type { ErrorRequestHandler } from 'express';
import { TooManyRequests, WebError } from './errors.ts';
import { html } from './html.ts';
import { barePage } from './layout.ts';

export interface Refusal {
  status: number;
  message: string;
  retryAfterSeconds?: number | undefined;
}

/**
 * What an error is to whoever sent the request. The store's errors carry the status that fits, 409 for a conflict and 503 for a
 * database that cannot be reached; what they say is for the log.
 */
export function refusalOf(error: unknown): Refusal {
  if (error instanceof TooManyRequests) return { ...pick(error), retryAfterSeconds: error.retryAfterSeconds };
  if (error instanceof WebError) return pick(error);
  if (error instanceof InternalError) {
    const { statusCode } = error;
    if (statusCode === 503) {
      return { status: 503, message: 'This is not possible at the moment. Try again soon.', retryAfterSeconds: 5 };
    }
    if (statusCode < 500) return { status: statusCode, message: 'This is not possible any more. Reload the page.' };
  }
  // Those of Express, such as for a body that is too large.
  const status = error instanceof Error && 'status' in error ? Number(error.status) : 500;
  if (status >= 400 && status < 500) return { status, message: 'The request could not be understood.' };
  return { status: 500, message: 'Something went wrong. It has been noted.' };
}

/** The last handler: a page for people. Only failures of the site are logged, and never what a request contained. */
export const sendErrorPage: ErrorRequestHandler = (error, request, response, next) => {
  const { status, message, retryAfterSeconds } = refusalOf(error);
  if (status >= 500) logError(error, request.method, request.path);
  // The answer has begun, so that only breaking it off can say that it is not complete.
  if (response.headersSent) return next(error);
  if (retryAfterSeconds !== undefined) response.set('Retry-After', String(retryAfterSeconds));
  const content = html`<p>${message}</p><p><a href="/">To the first page</a></p>`;
  response
    .status(status)
    .type('html')
    .send(barePage(TITLES[status] ?? 'Not possible', content).text);
};

const TITLES: Record<number, string> = {
  403: 'Not allowed',
  404: 'Not found',
  429: 'Too many attempts',
  500: 'Something went wrong',
  503: 'Not available',
};

export function logError(error: unknown, method: string, path: string): void {
  const details =
    error instanceof InternalError ? error.toJSON() : { stack: error instanceof Error ? error.stack : error };
  console.error(JSON.stringify({ level: 'error', method, path, ...details }));
}

function pick({ status, message }: WebError): Refusal {
  return { status, message };
}
