import fc from 'fast-check';
import { call, callOf, callWithOptional } from '../call';
import { edit, input, patch } from '../records';
import {
  hostile,
  hostileOptions,
  id,
  jsonObject,
  key,
  pageOptions,
  readId,
  text,
  texts,
  time,
  writtenId,
} from '../values';

/** Few, and some that differ in case alone. */
const email = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('ada@example.com', 'ADA@Example.com', 'bob@example.com', 'Ä@x', 'ä@x', 'ı', 'I'),
  },
  { weight: 2, arbitrary: key },
);

const provider = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.constantFrom('google', 'a,b', 'x}y', '"quoted"', '__proto__', '$.x', "o'hara", 'constructor'),
  },
  { weight: 1, arbitrary: key },
);
const sub = fc.oneof({ weight: 6, arbitrary: fc.constantFrom('1', '2', '3') }, { weight: 1, arbitrary: key });

const USER = { email, name: text, picture: text, plan: text, metadata: jsonObject };
const USER_LISTS = { entitlements: texts };

/** Mostly a link of the provider that is the argument. */
const linkCall = fc
  .tuple(
    readId,
    fc.oneof({ weight: 12, arbitrary: provider }, { weight: 1, arbitrary: writtenId }),
    input({ sub }, { email: text, name: text, linkedAt: time }),
    fc.oneof({ weight: 12, arbitrary: fc.constant(true) }, { weight: 1, arbitrary: fc.constant(false) }),
  )
  .chain(([userId, name, link, isSame]) => {
    const isRecord = typeof link === 'object' && link !== null && Object.getPrototypeOf(link) === Object.prototype;
    const { id: _, createdAt: __, updatedAt: ___, ...rest } = (isRecord ? link : {}) as Record<string, unknown>;
    const given = isRecord ? { ...rest, ...(isSame ? { provider: name } : {}) } : link;
    return call('linkOAuthAccount', fc.constant(userId), fc.constant(name), fc.constant(given));
  });

export const users = [
  call('createUser', input({}, { ...USER, ...USER_LISTS })),
  call('createUser', input({}, { ...USER, ...USER_LISTS, passwordHash: key })),
  call('setPasswordHash', readId, fc.oneof(key, fc.constant(null), readId)),
  call('setPasswordHash', id, fc.oneof(key, fc.constant(null))),
  call('getPasswordHash', readId),
  call('getUser', readId),
  call('getUserByEmail', fc.oneof(email, readId)),
  call(
    'getUserByOAuth',
    fc.oneof({ weight: 6, arbitrary: provider }, { weight: 1, arbitrary: readId }),
    fc.oneof(sub, readId),
  ),
  callWithOptional(
    'listUsers',
    [],
    pageOptions({
      emailPrefix: fc.oneof(fc.constantFrom('', 'a', 'ADA', 'ä', '%', 'b_b'), hostile),
      plan: fc.oneof(fc.constant('free'), text, hostile),
      createdFrom: fc.oneof(time, hostile),
      createdTo: fc.oneof(time, hostile),
    }),
  ),
  callWithOptional('listUsers', [], pageOptions()),
  callWithOptional('listUserOrganizations', [readId], pageOptions()),
  callWithOptional('listOrganizations', [], pageOptions()),
  call('updateUser', readId, patch('users', USER_LISTS, USER)),
  call('updateUser', id, patch('users', USER_LISTS, USER)),
  callOf('updateUser', edit('users', patch('users', USER_LISTS, USER))),
  call('deleteUser', readId),
  linkCall,
  linkCall,
  call('unlinkOAuthAccount', readId, fc.oneof({ weight: 6, arbitrary: provider }, { weight: 1, arbitrary: readId })),
];

const SESSION = { orgId: id, plan: text, metadata: jsonObject };
const SESSION_NEEDS = { userId: id, expiresAt: time };

const contextOptions = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ orgId: id, extendTo: time }, { requiredKeys: [], noNullPrototype: true }),
  },
  { weight: 1, arbitrary: fc.record({ extendTo: hostile, orgId: hostile }, { noNullPrototype: true }) },
  { weight: 1, arbitrary: hostileOptions },
);

export const sessions = [
  call('createSession', input(SESSION_NEEDS, { ...SESSION, entitlements: texts })),
  call('createSession', input(SESSION_NEEDS, { ...SESSION, entitlements: texts })),
  call('getSession', readId),
  callWithOptional('getSessionContext', [readId], contextOptions),
  callWithOptional('getSessionContext', [id], contextOptions),
  callWithOptional('listUserSessions', [readId], pageOptions({ includeExpired: fc.oneof(fc.boolean(), hostile) })),
  call('updateSession', readId, patch('sessions', { ...SESSION_NEEDS, entitlements: texts }, SESSION)),
  callOf('updateSession', edit('sessions', patch('sessions', { ...SESSION_NEEDS, entitlements: texts }, SESSION))),
  call('deleteSession', readId),
  callWithOptional(
    'deleteUserSessions',
    [readId],
    fc.oneof(fc.record({ except: fc.oneof(id, hostile) }, { noNullPrototype: true }), hostileOptions),
  ),
  callWithOptional(
    'deleteExpiredSessions',
    [],
    fc.oneof(
      // Which rows go when there are more than the limit, nobody promises.
      fc.constantFrom({ limit: 0 }, { limit: 1_000 }, { limit: null }, {}, null),
      fc.record({ limit: hostile.filter((value) => typeof value !== 'number' || value < 1 || value > 1e3) }),
    ),
  ),
];
