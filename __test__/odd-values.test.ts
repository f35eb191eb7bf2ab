/** Values that are not what they seem: Dates with changed prototypes, objects of classes, getters, deep nesting. */
import { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectInvalidInput } from './helpers/errors';
import { makeWorld, type World } from './helpers/families';
import {
  apiKeyInput,
  emailTokenInput,
  eventInput,
  memberInput,
  oauthLink,
  organizationInput,
  sessionInput,
  totpDeviceInput,
  twoFactorSessionInput,
  unique,
  userInput,
} from './helpers/fixtures';

const db = useDatabase();
let world: World;

beforeAll(async () => {
  world = await makeWorld(db.storage);
});

describe('a Date is read by its getTime(), not by its toJSON()', () => {
  const { toJSON } = Date.prototype;
  const time = new Date('2030-06-01T12:00:00.123Z');

  /** What applications do to see local times in their JSON; five hours off, without an offset and with a wrong one. */
  const RECIPES: Record<string, (this: Date) => string> = {
    'text of another time': function () {
      return new Date(this.getTime() - 5 * 3_600_000).toISOString();
    },
    'text without an offset': function () {
      return this.toISOString().slice(0, -1);
    },
    'a number': function () {
      return this.getTime() as never;
    },
  };

  afterEach(() => {
    Date.prototype.toJSON = toJSON;
  });

  const writes: [string, () => Promise<unknown>][] = [
    [
      'createSession',
      async () => {
        const { id } = await db.storage.createSession(sessionInput(world.userId, { expiresAt: time }));
        return (await db.storage.getSession(id))?.expiresAt;
      },
    ],
    [
      'updateSession',
      async () => {
        const { id } = await db.storage.createSession(sessionInput(world.userId));
        return (await db.storage.updateSession(id, { expiresAt: time })).expiresAt;
      },
    ],
    [
      'createApiKey',
      async () => (await db.storage.createApiKey(apiKeyInput(world.userId, { expiresAt: time }))).expiresAt,
    ],
    [
      'rotateApiKey',
      async () => {
        const { id } = await db.storage.createApiKey(apiKeyInput(world.userId, { expiresAt: null }));
        await db.storage.rotateApiKey(id, { expiresOldKeysAt: time });
        return (await db.storage.getApiKey(id))?.expiresAt;
      },
    ],
    [
      'createEmailVerificationToken',
      async () => (await db.storage.createEmailVerificationToken(emailTokenInput({ expiresAt: time }))).expiresAt,
    ],
    [
      'emitEvent',
      async () => {
        const type = unique('event');
        await db.storage.emitEvent(eventInput({ type, timestamp: time }));
        return (await db.query('SELECT timestamp FROM auth_events WHERE type = $1', [type]))[0].timestamp;
      },
    ],
    [
      'linkOAuthAccount',
      async () => {
        const { id } = await db.storage.createUser({});
        const user = await db.storage.linkOAuthAccount(id, 'google', oauthLink('google', { linkedAt: time }));
        return user.oauth?.google?.linkedAt;
      },
    ],
    [
      'createOrganization',
      async () => {
        const members = [memberInput(world.userId, { joinedAt: time })];
        return (await db.storage.createOrganization(organizationInput({ members }))).members[0]?.joinedAt;
      },
    ],
    [
      'createBackupCodes',
      async () => {
        const codes = [{ code: 'x', used: true, usedAt: time }];
        return (await db.storage.createBackupCodes(world.userId, codes))[0]?.usedAt;
      },
    ],
    [
      'createTwoFactorDevice',
      async () => {
        const device = totpDeviceInput(world.userId, { lastUsedAt: time, verificationCodeExpiresAt: time });
        const made = await db.storage.createTwoFactorDevice(device);
        expect(made.verificationCodeExpiresAt).toStrictEqual(made.lastUsedAt);
        return made.lastUsedAt;
      },
    ],
    [
      'createTwoFactorSession',
      async () => {
        const session = twoFactorSessionInput(world.userId, world.deviceId, { expiresAt: time });
        return (await db.storage.createTwoFactorSession(session)).expiresAt;
      },
    ],
    [
      'storeTenantSAMLConfig',
      async () => {
        const tenantId = unique('tenant');
        await db.storage.storeTenantSAMLConfig({ tenantId, createdAt: time });
        return (await db.storage.getTenantSAMLConfig(tenantId))?.createdAt;
      },
    ],
  ];

  it.each(writes)('in %s', async (_, write) => {
    for (const recipe of Object.values(RECIPES)) {
      Date.prototype.toJSON = recipe;
      expect(await write()).toEqual(time);
    }
  });

  it('when it belongs to a class of its own', async () => {
    class LocalDate extends Date {
      override toJSON() {
        return 'noon';
      }
      override toISOString() {
        return '2001-01-01T00:00:00.000Z';
      }
    }
    const expiresAt = new LocalDate(time);
    const { id } = await db.storage.createSession(sessionInput(world.userId, { expiresAt }));
    expect((await db.storage.getSession(id))?.expiresAt).toEqual(time);
    await expectInvalidInput(
      db.storage.createSession(sessionInput(world.userId, { expiresAt: new LocalDate(Number.NaN) })),
      'expiresAt',
    );
  });

  it('without changing the objects of the caller', async () => {
    const members = [memberInput(world.userId, { joinedAt: time })];
    const input = organizationInput({ members });
    await db.storage.createOrganization(input);
    expect(input.members).toBe(members);
    expect(members[0]?.joinedAt).toBe(time);
  });
});

class WithGetters {
  get email() {
    return 'ada@example.com';
  }
}
class WithPrivateFields {
  #email = 'ada@example.com';
  show() {
    return this.#email;
  }
}
class WithFields {
  email = `${unique()}@example.com`;
  entitlements = ['read'];
  describe() {
    return this.email;
  }
}
class Model {
  constructor(private readonly fields: object) {}
  get email() {
    return 'of the model';
  }
  toJSON() {
    return this.fields;
  }
}

/** JSON.stringify turns each of these into `{}`. */
const HIDDEN: [string, () => object][] = [
  ['a Map', () => new Map([['email', 'ada@example.com']])],
  ['a Set', () => new Set(['email'])],
  ['URLSearchParams', () => new URLSearchParams('email=ada@example.com')],
  ['Headers', () => new Headers({ email: 'ada@example.com' })],
  ['a promise that was not awaited', () => Promise.resolve({ email: 'ada@example.com' })],
  ['an object of a class with getters', () => new WithGetters()],
  ['an object of a class with getters, and further fields', () => Object.assign(new WithGetters(), { name: 'Ada' })],
  ['an object of a class with private fields', () => new WithPrivateFields()],
  ['an object that inherits its fields', () => Object.create({ email: 'ada@example.com' })],
  ['an Error', () => Object.assign(new Error('email'), { name: 'Ada' })],
];

describe.each(HIDDEN)('%s', (_, make) => {
  it('is rejected as a record, as an item of a list, as a JSON field and as options', async () => {
    const before = await db.query('SELECT count(*) FROM users');
    await expectInvalidInput(db.storage.createUser(make()), 'user');
    await expectInvalidInput(db.storage.updateUser(world.userId, make()), 'patch');
    await expectInvalidInput(db.storage.createUser({ metadata: make() as never }), 'metadata');
    await expectInvalidInput(db.storage.emitEvent(eventInput({ data: make() as never })), 'data');
    await expectInvalidInput(db.storage.createBackupCodes(world.userId, [make() as never]), 'codes[0]');
    await expectInvalidInput(
      db.storage.createOrganization(organizationInput({ members: [make() as never] })),
      'members[0]',
    );
    await expectInvalidInput(db.storage.getUser('x', make()), 'options');
    await expectInvalidInput(db.storage.deleteUserSessions('x', make()), 'options');
    await expectInvalidInput(db.storage.disconnect(make()), 'options');
    expect(() => new PostgresStorageAdapter(db.url, make())).toThrow(/`options` must be a plain object/);
    expect(() => new PostgresStorageAdapter(db.url, { ssl: make() })).toThrow(/`ssl` must be a plain object/);
    expect(await db.query('SELECT count(*) FROM users')).toEqual(before);
  });
});

it('a signal in place of the options is rejected', async () => {
  const { signal } = new AbortController();
  await expectInvalidInput(db.storage.getUser('x', signal as never), 'options');
  await expectInvalidInput(db.storage.deleteUserSessions('x', signal as never), 'options');
});

it('call options may be an object of a class with getters', async () => {
  class Request {
    get signal() {
      return AbortSignal.abort();
    }
  }
  await expect(db.storage.getUser('x', new Request())).rejects.toMatchObject({ code: 'auth_postgres/cancelled' });
});

it('an object of a class with own fields, one without a prototype, and one with a toJSON() are accepted as records', async () => {
  const { email } = await db.storage.createUser(new WithFields());
  expect(email).toMatch(/@/);
  const bare = Object.assign(Object.create(null), { name: 'bare' });
  await expect(db.storage.createUser(bare)).resolves.toMatchObject({ name: 'bare' });
  const model = new Model({ name: 'modelled' });
  await expect(db.storage.createUser(model as never)).resolves.toMatchObject({ name: 'modelled' });
  await expect(db.storage.createUser({ metadata: model as never })).resolves.toMatchObject({
    metadata: { name: 'modelled' },
  });
  await expectInvalidInput(db.storage.createUser(new Model({ emial: 'x' }) as never), 'emial');
  await expectInvalidInput(db.storage.createUser(new Model({ name: Number.NaN }) as never), 'name');
});

it.each([513, 6_000, 100_000])('lists nested %d levels deep are rejected as invalid input', async (depth) => {
  const deep = Array.from({ length: depth }).reduce<unknown>((inner) => [inner], 'x') as never;
  await expectInvalidInput(db.storage.createApiKeyWithSecret(world.userId, deep), 'scopes');
  await expectInvalidInput(db.storage.createUser({ entitlements: deep }), 'entitlements');
  await expectInvalidInput(db.storage.createUser({ metadata: { deep } }), 'metadata');
  await expectInvalidInput(db.storage.storeTenantSAMLConfig({ tenantId: 'deep', deep }), 'deep');
  await expectInvalidInput(db.storage.createBackupCodes(world.userId, deep), 'codes');
});

it('a list in place of a text in `entitlements` is rejected, and the error names its position', async () => {
  await expectInvalidInput(db.storage.createUser({ entitlements: [['a']] as never }), 'entitlements[0]');
});

describe('the message of an invalid_input error', () => {
  const noise = `${'x'.repeat(5_000)}`;

  it.each([
    ['a\nb', 'a\\nb'],
    ['\u001b[2J', '\\u{1b}[2J'],
    ['a\u2028b\u202ec', 'a\\u{2028}b\\u{202e}c'],
    ['back\\slash', 'back\\\\slash'],
    ['Größe 😀', 'Größe 😀'],
    ['e\u0301 \'x\' "y"', 'e\u0301 \'x\' "y"'],
    ['\0\r\t\uffff\u00a0', '\\0\\r\\t\\u{ffff}\\u{a0}'],
    [noise, `${'x'.repeat(100)}…`],
  ])('quotes the key %j as %j', async (key, quoted) => {
    const error = await expectInvalidInput(db.storage.createUser({ [key]: 1 } as never), quoted);
    expect(error.message).toBe(`createUser: \`${quoted}\` is not known here`);
    // Refused on JavaScript's side, before anything crosses.
    const early = await expectInvalidInput(db.storage.createUser({ [key]: Number.NaN } as never), quoted);
    expect(early.message).toBe(`createUser: \`${quoted}\` must be a finite number`);
    const option = await expectInvalidInput(db.storage.getUser('x', { [key]: 1 } as never), quoted);
    expect(option.message).toBe(`getUser: \`${quoted}\` is not known here`);
  });

  it('is given when a toJSON() inside metadata throws', async () => {
    const metadata = { deep: { toJSON: () => JSON.parse('no JSON') } };
    await expectInvalidInput(db.storage.createUser({ metadata }), 'metadata');
  });
});

describe('what throws while it is read is invalid input that is named, without the text of what was thrown', () => {
  type Call = (given: never) => unknown;
  const fail = () => {
    throw new Error('hunter2');
  };
  const getter = (field: string) => Object.defineProperty({}, field, { enumerable: true, get: fail });
  const revoked = (target: object) => {
    const { proxy, revoke } = Proxy.revocable(target, {});
    revoke();
    return proxy;
  };
  const make = (options: unknown) => new PostgresStorageAdapter(db.url, options as never);
  const expectUnreadable = async (call: Call, given: unknown, field: string) => {
    const error = await expectInvalidInput((async () => call(given as never))(), field);
    expect(error.message).toContain(`\`${field}\` `);
    expect(error.message).not.toMatch(/hunter2|revoked/);
  };

  it.each<[string, Call, string]>([
    ['options of the constructor', make, 'options'],
    ['ssl', (ssl) => make({ ssl }), 'ssl'],
    ['ssl.ca', (ca) => make({ ssl: { ca } }), 'ssl.ca'],
    ['a logger', (logger) => make({ logger }), 'logger'],
    ['another option of the constructor', (host) => make({ host }), 'host'],
    ['call options', (options) => db.storage.getUser('x', options), 'options'],
    ['options of a method’s own', (options) => db.storage.deleteUserSessions('x', options), 'options'],
    ['options of a list', (options) => db.storage.listUsers(options), 'options'],
    ['options of a transaction', (options) => db.storage.transaction(async () => 1, options), 'options'],
    ['options of disconnect', (options) => db.storage.disconnect(options), 'options'],
    ['a signal', (signal) => db.storage.getUser('x', { signal }), 'signal'],
    ['a record', (user) => db.storage.createUser(user), 'user'],
    ['a field', (metadata) => db.storage.createUser({ metadata }), 'metadata'],
    ['a list', (codes) => db.storage.createBackupCodes('x', codes), 'codes'],
  ])('%s', async (_, call, field) => {
    const isList = field === 'codes';
    for (const given of [
      revoked({}),
      revoked([]),
      new Proxy({ a: 1 }, { ownKeys: fail, get: fail }),
      new Proxy({ a: 1 }, { getPrototypeOf: fail, get: fail }),
      new Proxy(isList ? [1] : {}, { get: fail, getPrototypeOf: fail }),
    ]) {
      await expectUnreadable(call, given, field);
    }
  });

  it.each(['password', 'logger', 'ssl', 'max', 'slowCallMs', 'allowExitOnIdle', 'query_timeout', 'schema', 'noOption'])(
    'the option `%s`',
    (option) => expectUnreadable(make, getter(option), option),
  );

  it.each(['ca', 'key', 'passphrase', 'servername', 'noOption'])('the option `ssl.%s`', (option) =>
    expectUnreadable((ssl) => make({ ssl }), getter(option), `ssl.${option}`),
  );

  it.each(['debug', 'error'])('the function `%s` of a logger', (level) =>
    expectUnreadable((logger) => make({ logger }), getter(level), 'logger'),
  );

  it('a field of a record, of an item and of options', async () => {
    await expectUnreadable((user) => db.storage.createUser(user), getter('email'), 'email');
    await expectUnreadable((code) => db.storage.createBackupCodes('x', [code]), getter('code'), 'codes[0].code');
    await expectUnreadable((options) => db.storage.getUser('x', options), getter('timeoutMs'), 'options');
    await expectUnreadable((options) => db.storage.deleteUserSessions('x', options), getter('keep'), 'options');
  });

  it.each([1, 2, 3])('`aborted` of a signal, when it is read for the %s. time', async (last) => {
    for (const call of [
      (options: object) => db.storage.getUser('x', options),
      (options: object) => db.storage.listUsers(options),
      (options: object) => db.storage.transaction(async () => 1, options),
    ]) {
      let reads = 0;
      const signal = Object.defineProperty(new EventTarget(), 'aborted', {
        get: () => {
          reads += 1;
          return reads < last ? false : fail();
        },
      });
      await expectUnreadable(call, { signal }, 'signal');
    }
  });
});

it('a record from another realm is accepted', async () => {
  const { runInNewContext } = require('node:vm');
  const input = runInNewContext('({ entitlements: ["a"], metadata: { since: new Date(0) } })');
  await expect(db.storage.createUser({ ...userInput(), ...input })).resolves.toMatchObject({ entitlements: ['a'] });
  await expect(db.storage.createUser(input)).resolves.toMatchObject({ entitlements: ['a'] });
});
