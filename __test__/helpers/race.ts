import { InternalError } from '@kitiumai/auth-postgres';

export interface Outcome<T> {
  fulfilled: T[];
  rejected: InternalError[];
}

/**
 * Starts `n` calls at once and waits for all. With a list of competitors (several adapters, say),
 * they take turns. A rejection that is not an `InternalError` fails the race.
 */
export function race<T>(n: number, call: (index: number) => Promise<T>): Promise<Outcome<T>>;
export function race<C, T>(
  n: number,
  competitors: readonly C[],
  call: (competitor: C, index: number) => Promise<T>,
): Promise<Outcome<T>>;
export async function race<C, T>(
  n: number,
  competitorsOrCall: readonly C[] | ((index: number) => Promise<T>),
  call?: (competitor: C, index: number) => Promise<T>,
): Promise<Outcome<T>> {
  const start = (index: number) => {
    if (typeof competitorsOrCall === 'function') return competitorsOrCall(index);
    const competitor = competitorsOrCall[index % competitorsOrCall.length] as C;
    return (call as NonNullable<typeof call>)(competitor, index);
  };
  const settled = await Promise.allSettled(Array.from({ length: n }, (_, index) => start(index)));

  const outcome: Outcome<T> = { fulfilled: [], rejected: [] };
  for (const result of settled) {
    if (result.status === 'fulfilled') outcome.fulfilled.push(result.value);
    else if (result.reason instanceof InternalError) outcome.rejected.push(result.reason);
    else throw result.reason;
  }
  return outcome;
}
