/** What is measured: each operation as a function that makes one call with fresh arguments. */
import { apiKeyHash, email, organizationOf, SESSIONS_PER_USER, sessionId, userId, userOf } from './data.mjs';

/**
 * @typedef {import('./candidates/types.js').Candidate} Candidate
 * @typedef {() => PromiseLike<unknown>} Call
 */

const HOUR = 3_600_000;

/** Draws keys from a table of so many sessions. @param {number} sessions */
function draws(sessions) {
  const users = Math.ceil(sessions / SESSIONS_PER_USER);
  const upTo = (/** @type {number} */ count) => 1 + Math.floor(Math.random() * count);
  return {
    session: () => sessionId(upTo(sessions)),
    user: () => upTo(users),
    /** A session, and the organization of its user. */
    request: () => {
      const session = upTo(sessions);
      return { session: sessionId(session), organization: organizationOf(userOf(session, sessions)) };
    },
    // Differs from call to call: an update that changes nothing is another thing.
    expiry: () => new Date(Date.now() + HOUR + upTo(1_000_000)),
  };
}

/** One literal: spreads took an eighth of JavaScript's thread at 256 in flight, from all candidates alike. */
function event(/** @type {string} */ type, /** @type {string} */ principalId) {
  return { type, principalId, data: { ip: '127.0.0.1' }, timestamp: new Date() };
}

/** Never twice, in no process. */
const newUser = () => ({ email: `new-${Math.random()}-${performance.now()}-${process.pid}@example.com`, name: 'New' });

/**
 * Each takes a candidate and the number of sessions, and is `undefined` for a candidate that cannot do it.
 *
 * @type {Record<string, (candidate: Candidate, sessions: number) => Call | undefined>}
 */
export const OPERATIONS = {
  'session by id': (candidate, sessions) => {
    const draw = draws(sessions);
    const find = candidate.getSession;
    return find && (() => find(draw.session()));
  },
  'user by e-mail': (candidate, sessions) => {
    const draw = draws(sessions);
    const find = candidate.getUserByEmail;
    return find && (() => find(email(draw.user())));
  },
  'API key by hash': (candidate, sessions) => {
    const draw = draws(sessions);
    const find = candidate.getApiKeyByHash;
    return find && (() => find(apiKeyHash(draw.user())));
  },
  'roles of a user': (candidate, sessions) => {
    const draw = draws(sessions);
    const roles = candidate.getUserRoles;
    if (!roles) return undefined;
    return () => {
      const user = draw.user();
      return roles(userId(user), organizationOf(user));
    };
  },
  'request context': (candidate, sessions) => {
    const draw = draws(sessions);
    const context = candidate.getSessionContext;
    if (!context) return undefined;
    return () => {
      const { session, organization } = draw.request();
      return context(session, organization);
    };
  },
  'request context, extended': (candidate, sessions) => {
    const draw = draws(sessions);
    const context = candidate.getSessionContext;
    if (!context) return undefined;
    return () => {
      const { session, organization } = draw.request();
      return context(session, organization, draw.expiry());
    };
  },
  'create session': (candidate, sessions) => {
    const draw = draws(sessions);
    const create = candidate.createSession;
    return create && (() => create(newSession(userId(draw.user()), draw.expiry())));
  },
  'update session': (candidate, sessions) => {
    const draw = draws(sessions);
    const update = candidate.updateSession;
    return update && (() => update(draw.session(), { expiresAt: draw.expiry() }));
  },
  'emit event': (candidate, sessions) => {
    const draw = draws(sessions);
    const emit = candidate.emitEvent;
    return emit && (() => emit(event('session.seen', userId(draw.user()))));
  },
  'sign-up': (candidate, sessions) => {
    const draw = draws(sessions);
    if (!candidate.createUser || !candidate.createSession || !candidate.emitEvent) return undefined;
    return () => signUp(candidate, draw.expiry());
  },
  'sign-up in a transaction': ({ transaction }, sessions) => {
    const draw = draws(sessions);
    return transaction && (() => transaction((tx) => signUp(tx, draw.expiry())));
  },
  'request mix': mix,
};

/** @param {import('./candidates/types.js').Calls} calls @param {Date} expiry */
async function signUp({ createUser, createSession, emitEvent }, expiry) {
  if (!createUser || !createSession || !emitEvent) throw new Error('This candidate cannot make an account.');
  const { id } = await createUser(newUser());
  await createSession(newSession(id, expiry));
  await emitEvent(event('user.signed-up', id));
}

/** 80 % session, 10 % roles, 5 % API key, 4 % update, 1 % sign-in. @type {typeof OPERATIONS[string]} */
function mix(candidate, sessions) {
  const draw = draws(sessions);
  const { getUserByEmail, createSession, emitEvent } = candidate;
  const parts = ['session by id', 'roles of a user', 'API key by hash', 'update session'].map((name) =>
    OPERATIONS[name]?.(candidate, sessions),
  );
  const [session, roles, apiKey, update] = parts;
  if (!session || !roles || !apiKey || !update || !getUserByEmail || !createSession || !emitEvent) return undefined;
  const signIn = async () => {
    const user = draw.user();
    await getUserByEmail(email(user));
    await createSession(newSession(userId(user), draw.expiry()));
    await emitEvent(event('user.signed-in', userId(user)));
  };
  return () => {
    const dice = Math.random();
    if (dice < 0.8) return session();
    if (dice < 0.9) return roles();
    if (dice < 0.95) return apiKey();
    if (dice < 0.99) return update();
    return signIn();
  };
}

function newSession(/** @type {string} */ userId, /** @type {Date} */ expiresAt) {
  return { userId, expiresAt, metadata: { ip: '127.0.0.1' } };
}
