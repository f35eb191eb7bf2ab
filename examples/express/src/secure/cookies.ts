import type { Request, Response } from 'express';

/** `session` is the session's id, `pending` a sign-in that waits for its code, `visitor` what forms are bound to. */
export type CookieName = 'session' | 'pending' | 'visitor';

/** All values are ids or random, so that anything else is nobody's cookie. */
const VALUE = /^[\w-]{16,128}$/;

/** Cookies that no script can read, and that other sites cannot send along with a form. */
export class Cookies {
  readonly #isEncrypted: boolean;

  constructor(isEncrypted: boolean) {
    this.#isEncrypted = isEncrypted;
  }

  read(request: Request, name: CookieName): string | undefined {
    for (const pair of (request.headers.cookie ?? '').split(';')) {
      const [key, value = ''] = pair.trim().split('=');
      if (key === this.#fullName(name) && VALUE.test(value)) return value;
    }
    return undefined;
  }

  /** Sets a cookie that the browser forgets when it is closed. */
  set(response: Response, name: CookieName, value: string): void {
    response.cookie(this.#fullName(name), value, this.#options());
  }

  clear(response: Response, name: CookieName): void {
    response.clearCookie(this.#fullName(name), this.#options());
  }

  /** With this prefix browsers refuse a cookie that was not set by this very host, with encryption. */
  #fullName(name: CookieName): string {
    return this.#isEncrypted ? `__Host-${name}` : name;
  }

  #options() {
    return { httpOnly: true, sameSite: 'lax', secure: this.#isEncrypted, path: '/' } as const;
  }
}
