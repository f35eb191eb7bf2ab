/** Beyond so many keys the oldest ones are forgotten, so that memory has a bound. */
const MOST_KEYS = 100_000;

interface Window {
  count: number;
  endsAt: number;
}

/**
 * Counts attempts by key, so many in a window of time. An attempt is counted before it is made, so that parallel ones count
 * as well. Each process counts for itself: with several of them the limit is that of all together only if a proxy sends the
 * requests of one address to one process.
 */
export class RateLimit {
  readonly #limit: number;
  readonly #windowMs: number;
  readonly #windows = new Map<string, Window>();

  constructor(limit: number, windowMs: number) {
    this.#limit = limit;
    this.#windowMs = windowMs;
  }

  /** Counts an attempt. Returns 0 if it may be made, or else after how many seconds the next one may. */
  take(key: string, now = Date.now()): number {
    let window = this.#windows.get(key);
    if (!window || window.endsAt <= now) {
      this.#windows.delete(key);
      window = { count: 0, endsAt: now + this.#windowMs };
      this.#windows.set(key, window);
      if (this.#windows.size > MOST_KEYS) this.#forgetOldest();
    }
    window.count += 1;
    return window.count <= this.#limit ? 0 : Math.ceil((window.endsAt - now) / 1_000);
  }

  #forgetOldest(): void {
    for (const key of this.#windows.keys()) {
      this.#windows.delete(key);
      return;
    }
  }
}
