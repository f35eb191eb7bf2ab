/** Says what to set where a bundler has left this package without a `require` that works. */

/** Outside of the `try` block, because Rollup leaves what is required in one as it is. */
const requireNode = () => require('node:module');

try {
  requireNode();
} catch (cause) {
  const reason = /** @type {Error} */ (cause).message;
  throw new Error(
    `@kitiumai/auth-postgres is part of a bundle in which Node's own modules cannot be required (${reason}), as in an ES ` +
      "module of esbuild's. Leave the package out (esbuild: external: ['@kitiumai/auth-postgres']) and install it beside the " +
      "bundle, or write CommonJS (esbuild: format: 'cjs').",
  );
}
