/** Where somebody goes after signing in: a path of this site, whatever the address said. */
export function safePath(given: unknown, origin: string): string {
  if (typeof given !== 'string' || !given.startsWith('/')) return '/';
  // Browsers read `//host` and `/\host` as another site.
  const url = URL.canParse(given, origin) ? new URL(given, origin) : undefined;
  return url?.origin === origin ? `${url.pathname}${url.search}` : '/';
}
