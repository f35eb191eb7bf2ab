/**
 * An in-memory adapter, written from what the documentation promises; where that is silent it follows the product:
 * the same values, the same error codes, the same order of lists. Slow and plain on purpose.
 */
import { apiKeys } from './api-keys';
import { backupCodes } from './backup-codes';
import { contexts } from './contexts';
import { emailTokens } from './email-tokens';
import { events } from './events';
import { housekeeping } from './housekeeping';
import { organizations } from './organizations';
import { personalData } from './personal-data';
import { roles } from './roles';
import { saml } from './saml';
import { sessions } from './sessions';
import { sso } from './sso';
import { ownSources, type Sources, State } from './state';
import { twoFactor } from './two-factor';
import { users } from './users';

export { type Fault, Refusal } from './refusal';
export { type Path, type Sources, State } from './state';

export function referenceOf(state: State) {
  const tables = {
    ...users(state),
    ...sessions(state),
    ...apiKeys(state),
    ...organizations(state),
    ...emailTokens(state),
    ...events(state),
    ...roles(state),
    ...sso(state),
    ...saml(state),
    ...twoFactor(state),
    ...backupCodes(state),
    ...housekeeping(state),
  };
  return { ...tables, ...contexts(state, tables), ...personalData(state, tables) };
}

export type Reference = ReturnType<typeof referenceOf>;

/** A reference of its own, with the rows that it keeps. */
export function makeReference(sources: Sources = ownSources): { reference: Reference; state: State } {
  const state = new State(sources);
  return { reference: referenceOf(state), state };
}
