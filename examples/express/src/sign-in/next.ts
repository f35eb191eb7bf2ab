/** Where somebody goes after signing in: a path of this site, whatever the address said. */
export function safePath(given: unknown, origin: string): string {
  if (typeof given !== 'string' || !given.startsWith('/') || !URL.canParse(given, origin)) return '/';
  const url = new URL(given, origin);
  // Browsers read `//host` and `/\host` as another site, and `/.//host` becomes `//host` here.
  const isOurs = url.origin === origin && !url.pathname.startsWith('//');
  return isOurs ? `${url.pathname}${url.search}` : '/';
}
