import {
  defaulted,
  key,
  metadata,
  newId,
  object,
  optional,
  type Row,
  readKey,
  readNew,
  readText,
  required,
  text,
  texts,
  time,
} from './fields';
import { pageOf } from './pages';
import { plainOf, setOwn } from './plain';
import { type Fault, Faults, Refusal, refuse } from './refusal';
import { insert, merge, one, readRecord, type State, update, visible } from './state';

const USER = {
  fields: {
    id: newId,
    email: optional(key),
    name: optional(text),
    picture: optional(text),
    plan: optional(text, 'free'),
    entitlements: defaulted(texts, []),
    metadata: metadata(object),
  },
  ours: ['oauth', 'createdAt', 'updatedAt'],
};

const NEW_USER = { ...USER, fields: { ...USER.fields, passwordHash: optional(key) } };

const LINK = {
  fields: {
    provider: required(key),
    sub: required(key),
    email: optional(text),
    name: optional(text),
    linkedAt: optional(time),
  },
  ours: [],
};

/** ASCII only. */
export function emailKey(email: string): string {
  return email.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

const show = (user: Row) => visible(user, ...(Object.keys(user.oauth as object).length === 0 ? ['oauth'] : []));

export function users(state: State) {
  const emailFaults = (user: Row): Fault[] => {
    const isTaken = [...state.users.values()].some(
      (other) =>
        other.id !== user.id &&
        other.email !== undefined &&
        emailKey(other.email as string) === emailKey(user.email as string),
    );
    return isTaken ? [{ code: 'conflict', field: 'email' }] : [];
  };
  const withOAuth = (provider: string, sub: string) =>
    [...state.users.values()].find(({ oauth }) => linkOf(oauth, provider)?.sub === sub);
  const linkOf = (oauth: unknown, provider: string): Row | undefined =>
    Object.hasOwn(oauth as object, provider) ? (oauth as Record<string, Row>)[provider] : undefined;
  const setOAuth = (user: Row, oauth: object): Row => {
    user.oauth = oauth;
    user.updatedAt = state.sources.time(['updatedAt']);
    return show(user);
  };

  return {
    async createUser(user: unknown) {
      const { passwordHash, ...record } = readRecord(user, 'user', NEW_USER);
      const faults = record.email === undefined ? [] : emailFaults(record);
      const made = insert(state, state.users, merge(record, { oauth: {} }), faults, ['createdAt', 'updatedAt']);
      if (passwordHash !== undefined) state.passwordHashes.set(made.id as string, passwordHash as string);
      return show(made);
    },

    async getUser(id: unknown) {
      const user = state.users.get(one(id, 'id'));
      return user ? show(user) : null;
    },

    async getUserByEmail(email: unknown) {
      const wanted = emailKey(one(email, 'email'));
      const user = [...state.users.values()].find(
        ({ email: own }) => own !== undefined && emailKey(own as string) === wanted,
      );
      return user ? show(user) : null;
    },

    async getUserByOAuth(provider: unknown, sub: unknown) {
      const faults = new Faults();
      const pair = [readText(provider, 'provider', faults), readText(sub, 'sub', faults)] as const;
      faults.settle();
      const user = withOAuth(...pair);
      return user ? show(user) : null;
    },

    async listUsers(options?: unknown) {
      const filters = {
        emailPrefix: optional(text),
        plan: optional(text),
        createdFrom: optional(time),
        createdTo: optional(time),
      };
      return pageOf(state, {
        name: 'listUsers',
        filters,
        options,
        show,
        rows: ({ emailPrefix, plan, createdFrom, createdTo }) =>
          [...state.users.values()].filter(
            (user) =>
              (!emailPrefix || emailKey((user.email as string) ?? '').startsWith(emailKey(emailPrefix as string))) &&
              (plan === undefined || user.plan === plan) &&
              (createdFrom === undefined || (user.createdAt as Date) >= (createdFrom as Date)) &&
              (createdTo === undefined || (user.createdAt as Date) < (createdTo as Date)),
          ),
      });
    },

    async updateUser(id: unknown, patch: unknown, options?: unknown) {
      const constraints = (user: Row) => (user.email === undefined ? [] : emailFaults(user));
      return show(update(state, state.users, [id, patch, options], USER, constraints));
    },

    async setPasswordHash(userId: unknown, hash: unknown) {
      const faults = new Faults();
      const id = readText(userId, 'userId', faults);
      const value = hash === null ? null : readKey(hash, 'hash', faults);
      faults.settle();
      if (!state.users.has(id)) refuse('not_found');
      if (value === null) state.passwordHashes.delete(id);
      else state.passwordHashes.set(id, value);
    },

    async getPasswordHash(userId: unknown) {
      return state.passwordHashes.get(one(userId, 'userId')) ?? null;
    },

    async deleteUser(id: unknown) {
      await state.deleteUser(one(id, 'id'));
    },

    async linkOAuthAccount(userId: unknown, provider: unknown, link: unknown) {
      const faults = new Faults();
      const id = readText(userId, 'userId', faults);
      const name = readKey(provider, 'provider', faults);
      const given = readNew(plainOf(link, 'link', faults), LINK, 'link', '', faults);
      faults.settle();
      if (given.provider !== name) refuse('invalid_input', 'provider');
      const user = state.users.get(id) ?? refuse('not_found');
      const holder = withOAuth(name, given.sub as string);
      if (holder && holder !== user) throw new Refusal([{ code: 'conflict', field: 'sub' }]);
      given.linkedAt ??= state.sources.time(['oauth', name, 'linkedAt']);
      const before = linkOf(user.oauth, name);
      const after = merge(given, {});
      if (before && sameLink(before, after)) return show(user);
      return setOAuth(user, setOwn(merge(user.oauth as Row, {}), name, after));
    },

    async unlinkOAuthAccount(userId: unknown, provider: unknown) {
      const faults = new Faults();
      const id = readText(userId, 'userId', faults);
      const name = readText(provider, 'provider', faults);
      faults.settle();
      const user = state.users.get(id) ?? refuse('not_found');
      if (linkOf(user.oauth, name) === undefined) return show(user);
      return setOAuth(user, merge(user.oauth as Row, setOwn({}, name, undefined)));
    },
  };
}

function sameLink(a: Row, b: Row): boolean {
  const timeOf = ({ linkedAt }: Row) => (linkedAt as Date).getTime();
  return a.sub === b.sub && a.email === b.email && a.name === b.name && timeOf(a) === timeOf(b);
}
