/** Random calls in a transaction, which is committed, rolled back, or ended by the first call that fails. */
import type { PostgresTransaction } from '@kitiumai/auth-postgres';
import { InternalError } from '@kitiumai/auth-postgres';
import fc from 'fast-check';
import { Call, type Command, type Model } from './call';
import { Mismatch, outcomeOf } from './compare';

/** All assignments of a transaction have the same time, and nobody promises the order of those in an export. */
const LEFT_OUT = new Set(['assignRoleToUser']);

class Transaction implements Command {
  constructor(
    private readonly calls: Call[],
    private readonly commits: boolean,
  ) {}

  check(): boolean {
    return true;
  }

  async run(model: Model): Promise<void> {
    const takeBack = model.state.remember();
    const rollBack = new Error('rolled back');
    let first: unknown;
    let mismatch: unknown;
    const work = async (tx: PostgresTransaction) => {
      for (const { method, args } of this.calls) {
        if (first !== undefined) await checkAborted(tx, method);
        else {
          const outcome = await model.call(method, args, tx);
          if ('error' in outcome) first = outcome.error;
        }
      }
      if (!this.commits) throw rollBack;
    };
    const storage = model.next();
    const whole = await outcomeOf(() =>
      storage.transaction((tx) => {
        model.facts.readThrough(tx, model.state);
        return work(tx).catch((error) => {
          if (error !== rollBack) mismatch = error;
          throw error;
        });
      }),
    );
    model.facts.readThrough(undefined);
    if (mismatch !== undefined) throw mismatch;
    const expected = this.commits ? first : rollBack;
    const actual = 'error' in whole ? whole.error : undefined;
    if (actual !== expected) throw new Mismatch(`the transaction: expected ${expected}, got ${actual}`);
    if (expected !== undefined) takeBack();
  }

  toString(): string {
    return `transaction([${this.calls.join(', ')}], ${this.commits ? 'commits' : 'rolls back'})`;
  }
}

async function checkAborted(tx: PostgresTransaction, method: string): Promise<void> {
  const outcome = await outcomeOf(() => tx.getUser('a'));
  const error = 'error' in outcome ? outcome.error : undefined;
  if (error instanceof InternalError && error.code === 'auth_postgres/transaction_aborted') return;
  throw new Mismatch(`a call before ${method} should have ended the transaction: ${JSON.stringify(outcome)}`);
}

/** Transactions of these calls. */
export function transactionOf(calls: fc.Arbitrary<Command>[]): fc.Arbitrary<Command> {
  const inside = fc
    .oneof(...calls)
    .filter((command): command is Call => command instanceof Call && !LEFT_OUT.has(command.method));
  return fc
    .tuple(fc.array(inside, { minLength: 1, maxLength: 8 }), fc.boolean())
    .map(([list, commits]) => new Transaction(list, commits));
}
