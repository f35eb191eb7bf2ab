import type { ConsoleHandler } from './index.js';

/**
 * What `app/admin/[[...path]]/route.ts` exports: `export const { GET, POST } = nextConsole(handler)`. The path of the
 * folder has to be the `basePath` of the handler.
 */
export declare function nextConsole(handler: ConsoleHandler): {
  GET: (request: Request) => Promise<Response>;
  POST: (request: Request) => Promise<Response>;
};
