/** The packages that hold a platform's binary. At most one of them is installed. */

declare module '@kitiumai/auth-postgres-*/package.json' {
  const contents: { version: string };
  export = contents;
}

declare module '@kitiumai/auth-postgres-*' {
  const native: import('./types.js').Native;
  export = native;
}
