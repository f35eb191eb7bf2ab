/** Random calls of `sweep`, `eraseUser` and `countRecords`. */
import fc from 'fast-check';
import { call, callWithOptional } from '../call';
import { id, readId } from '../values';

const DAY = 86_400_000;

/** Which rows go when there are more than a limit, nobody promises; options that are refused are tested by themselves. */
const sweepOptions = fc.record(
  {
    kinds: fc.subarray(
      ['emailVerificationTokens', 'twoFactorSessions', 'ssoSessions', 'apiKeys', 'backupCodes', 'sessions'],
      { minLength: 0 },
    ),
    olderThan: fc.constantFrom(-400, -40, -2, 0, 40).map((days) => new Date(Date.now() + days * DAY)),
    dryRun: fc.boolean(),
  },
  { requiredKeys: [], noNullPrototype: true },
);

/** A pseudonym is known to nobody, so that the reference could not compare the events. */
const erasure = fc.constantFrom({ events: 'keep' }, { events: 'delete' }, {}, { events: 'forget' }, { events: null });

export const housekeeping = [
  call('countRecords'),
  callWithOptional('sweep', [], sweepOptions),
  call('eraseUser', readId, erasure),
  call('eraseUser', id, erasure),
];
