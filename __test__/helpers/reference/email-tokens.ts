import {
  key,
  metadata,
  newId,
  oneOf,
  optional,
  type Row,
  readOptionalText,
  readText,
  required,
  text,
  time,
} from './fields';
import { type Fault, Faults, refuse } from './refusal';
import { insert, isExpired, newestFirst, one, readRecord, type State, visible } from './state';
import { emailKey } from './users';

const TYPES = ['verify_email', 'reset_password', 'change_email', 'login_link'];

const TOKEN = {
  fields: {
    id: newId,
    email: required(key),
    code: required(text),
    codeHash: required(key),
    type: required(oneOf(...TYPES)),
    userId: optional(key),
    metadata: metadata(),
    expiresAt: required(time),
    usedAt: optional(time),
  },
  ours: ['createdAt', 'updatedAt'],
};

export function emailTokens(state: State) {
  const constraints = ({ userId }: Row): Fault[] =>
    userId === undefined || state.users.has(userId as string) ? [] : [{ code: 'invalid_reference', field: 'userId' }];

  return {
    async createEmailVerificationToken(token: unknown) {
      const record = readRecord(token, 'token', TOKEN);
      return visible(insert(state, state.tokens, record, constraints(record), ['createdAt']));
    },

    async getEmailVerificationTokens(email: unknown, type?: unknown) {
      const faults = new Faults();
      const wanted = emailKey(readText(email, 'email', faults) ?? '');
      const kind = readOptionalText(type, 'type', faults);
      faults.settle();
      const isUsable = (token: Row) =>
        emailKey(token.email as string) === wanted &&
        (kind === undefined || token.type === kind) &&
        token.usedAt === undefined &&
        !isExpired(token);
      return newestFirst([...state.tokens.values()].filter(isUsable)).map((token) => visible(token));
    },

    async getEmailVerificationTokenById(id: unknown) {
      const token = state.tokens.get(one(id, 'id'));
      return token && !isExpired(token) ? visible(token) : null;
    },

    async markEmailVerificationTokenAsUsed(id: unknown) {
      const token = state.tokens.get(one(id, 'id')) ?? refuse('not_found');
      if (token.usedAt !== undefined) refuse('already_used');
      if (isExpired(token)) refuse('expired');
      token.usedAt = state.sources.time(['usedAt']);
      return visible(token);
    },

    async deleteExpiredEmailVerificationTokens() {
      return state.deleteWhere(state.tokens, isExpired);
    },

    async getEmailVerificationTokenAttempts(id: unknown) {
      return state.attempts.get(one(id, 'id')) ?? 0;
    },

    async incrementEmailVerificationTokenAttempts(id: unknown) {
      const token = one(id, 'id');
      if (!state.tokens.has(token)) refuse('not_found');
      const attempts = (state.attempts.get(token) ?? 0) + 1;
      state.attempts.set(token, attempts);
      return attempts;
    },
  };
}
