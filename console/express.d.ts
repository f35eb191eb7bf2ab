import type { IncomingMessage, ServerResponse } from 'node:http';
import type { ConsoleHandler } from './index.js';

/** A middleware as Express calls it. Its types are not named, so that the console needs no package for them. */
export type ExpressMiddleware = (
  request: IncomingMessage & { originalUrl?: string; protocol?: string; body?: unknown },
  response: ServerResponse,
  next: (error?: unknown) => void,
) => void;

/**
 * A middleware for `app.use('/admin', expressConsole(handler))`. The path has to be the `basePath` of the handler.
 */
export declare function expressConsole(handler: ConsoleHandler): ExpressMiddleware;
