/** What the library's error handler does according to its documentation: 500 for whatever is not of its own class. */

class KitiumError extends Error {
  /** @param {{ code?: string, statusCode?: number }} error */
  constructor({ code = 'internal', statusCode = 500 }) {
    super('converted');
    this.code = code;
    this.statusCode = statusCode;
  }
}

/** @param {{ code?: string, statusCode?: number }} error */
export const toKitiumError = (error) => new KitiumError(error);

export async function getErrorHandler() {
  /**
   * @param {unknown} error
   * @param {unknown} _request
   * @param {{ status(code: number): { json(body: unknown): void } }} response
   */
  return (error, _request, response) => {
    const { statusCode, code } = error instanceof KitiumError ? error : new KitiumError({});
    response.status(statusCode).json({ library: code });
  };
}
