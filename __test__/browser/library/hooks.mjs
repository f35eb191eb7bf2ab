/**
 * @param {string} specifier
 * @param {unknown} context
 * @param {(specifier: string, context: unknown) => unknown} next
 */
export function resolve(specifier, context, next) {
  if (specifier !== '@kitiumai/auth') return next(specifier, context);
  return { url: new URL('./auth.mjs', import.meta.url).href, shortCircuit: true };
}
