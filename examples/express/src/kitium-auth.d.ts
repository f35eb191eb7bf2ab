/** What the site uses of the library, written down from its documentation. Delete this file where the library is installed. */
declare module '@kitiumai/auth' {
  export class KitiumError extends Error {}
  export function toKitiumError(error: unknown): KitiumError;
  export function getErrorHandler(): Promise<import('express').ErrorRequestHandler>;
}
