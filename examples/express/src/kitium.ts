import type { ErrorRequestHandler } from 'express';

/**
 * The error handler of `@kitiumai/auth` for the API, if the library is installed. It answers 500 to whatever is not of its own
 * class, so that errors are converted before: `toKitiumError` keeps code, kind and status, and a conflict stays a 409.
 */
export async function libraryErrorHandler(): Promise<ErrorRequestHandler | undefined> {
  try {
    const { getErrorHandler, toKitiumError } = await import('@kitiumai/auth');
    const handle = await getErrorHandler();
    return (error, request, response, next) => handle(toKitiumError(error), request, response, next);
  } catch (error) {
    const isMissing = error instanceof Error && 'code' in error && error.code === 'ERR_MODULE_NOT_FOUND';
    if (isMissing && error.message.includes("'@kitiumai/auth'")) return undefined;
    throw error;
  }
}
