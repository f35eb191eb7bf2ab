/** Lists in pages: what is in them, in which order, and that rows which come and go move no others. */
import type { Page, Pages, PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import {
  anHourAgo,
  eventInput,
  inAnHour,
  memberInput,
  organizationInput,
  sessionInput,
  unique,
} from './helpers/fixtures';
import { anotherMillisecond, ids, tie } from './helpers/order';
import { Relay } from './helpers/relay';

const db = useDatabase();

type Options = { limit?: number | null; after?: string | null };
type Row = { id: string };

/** A list with its own rows, and how to make one more and to remove one. */
interface List {
  table: string;
  /** Where the time is, if not in `created_at`. */
  column?: string;
  list(options?: Options, storage?: PostgresStorageAdapter): Pages<Row>;
  create(): Promise<Row>;
  remove(id: string): Promise<void>;
}

const LISTS: Record<string, () => Promise<List>> = {
  listEvents: async () => {
    const principalId = unique('principal');
    // So that some ids have a digit more than others.
    await db.query(
      `SELECT setval('auth_events_id_seq', (10 ^ length(last_value::text))::bigint - 4) FROM auth_events_id_seq`,
    );
    const idOf = async () =>
      (await db.query('SELECT id FROM auth_events WHERE principal_id = $1 ORDER BY id DESC LIMIT 1', [principalId]))[0];
    return {
      table: 'auth_events',
      column: 'timestamp',
      list: (options = {}, storage = db.storage) => storage.listEvents(Object.assign(options, { principalId })),
      create: async () => {
        await db.storage.emitEvent(eventInput({ principalId, timestamp: new Date() }));
        return idOf();
      },
      remove: (id) => db.query('DELETE FROM auth_events WHERE id = $1', [id]) as Promise<unknown> as Promise<void>,
    };
  },
  listUsers: async () => {
    const plan = unique('plan');
    return {
      table: 'users',
      list: (options = {}, storage = db.storage) => storage.listUsers(Object.assign(options, { plan })),
      create: () => db.storage.createUser({ plan }),
      remove: (id) => db.storage.deleteUser(id),
    };
  },
  listUserSessions: async () => {
    const { id: userId } = await db.storage.createUser({});
    return {
      table: 'sessions',
      list: (options, storage = db.storage) => storage.listUserSessions(userId, options),
      create: () => db.storage.createSession(sessionInput(userId)),
      remove: (id) => db.storage.deleteSession(id),
    };
  },
  listOrganizations: async () => {
    await db.query('DELETE FROM organizations');
    return {
      table: 'organizations',
      list: (options, storage = db.storage) => storage.listOrganizations(options),
      create: () => db.storage.createOrganization(organizationInput()),
      remove: (id) => db.storage.deleteOrganization(id),
    };
  },
  listUserOrganizations: async () => {
    const { id: userId } = await db.storage.createUser({});
    return {
      table: 'organizations',
      list: (options, storage = db.storage) => storage.listUserOrganizations(userId, options),
      create: () => db.storage.createOrganization(organizationInput({ members: [memberInput(userId)] })),
      remove: (id) => db.storage.deleteOrganization(id),
    };
  },
};

async function many(create: () => Promise<Row>, count: number): Promise<Row[]> {
  const rows: Row[] = [];
  for (let row = 0; row < count; row += 1) rows.push(await create());
  return rows;
}

async function collect<T>(pages: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of pages) all.push(item);
  return all;
}

describe.each(Object.keys(LISTS))('%s', (name) => {
  let list: List;
  beforeAll(async () => {
    list = await (LISTS[name] as () => Promise<List>)();
  });

  it('resolves with an empty page without `next` while there is nothing', async () => {
    await expect(list.list()).resolves.toStrictEqual({ items: [] });
    await expect(collect(list.list())).resolves.toEqual([]);
  });

  it('has the newest first, and the greatest id first among rows of one time, across pages', async () => {
    const rows = await many(list.create, 5);
    const order = await tie(db, list.table, rows, list.column);
    const [newest] = await many(list.create, 1);
    const expected = [newest?.id, ...order];
    expect(ids((await list.list()).items)).toEqual(expected);
    for (const limit of [1, 2, 3, 6, 7]) {
      const found: string[] = [];
      let after: string | undefined;
      let pages = 0;
      do {
        const page: Page<Row> = await list.list({ limit, after: after ?? null });
        expect(page.items.length).toBeLessThanOrEqual(limit);
        found.push(...ids(page.items));
        after = page.next;
        pages += 1;
      } while (after !== undefined);
      expect(found).toEqual(expected);
      // A page that is full is the last one if nothing follows.
      expect(pages).toBe(Math.ceil(6 / limit));
      expect(ids(await collect(list.list({ limit })))).toEqual(expected);
    }
  });

  it('has 50 items on a page by default, and 1 000 at most', async () => {
    await many(list.create, 50);
    const page = await list.list();
    expect(page.items).toHaveLength(50);
    expect(page.next).toEqual(expect.any(String));
    expect((await list.list({ limit: 1_000 })).items.length).toBeGreaterThan(50);
    for (const limit of [0, -1, 1.5, 1_001, 2 ** 31, '5' as never]) {
      await expectInvalidInput(list.list({ limit }), 'limit');
      await expectInvalidInput(collect(list.list({ limit })), 'limit');
    }
  });

  it('walks over every row that is there throughout once, while others are inserted and removed', async () => {
    const before = ids(await collect(list.list({ limit: 1_000 })));
    await anotherMillisecond();
    const removed = new Set<string>();
    const added = new Set<string>();
    const seen: string[] = [];
    for await (const { id } of list.list({ limit: 7 })) {
      seen.push(id);
      if (seen.length % 3 !== 0) continue;
      // The item at hand, one that was seen, and one that follows.
      for (const at of [seen.length - 1, seen.length - 3, seen.length + 9]) {
        const gone = before[at];
        if (gone === undefined || removed.has(gone)) continue;
        removed.add(gone);
        await list.remove(gone);
      }
      added.add((await list.create()).id);
    }
    expect(new Set(seen).size).toBe(seen.length);
    expect(before.filter((id) => !removed.has(id) && !seen.includes(id))).toEqual([]);
    expect(removed.size).toBeGreaterThan(10);
    expect(seen.filter((id) => added.has(id))).toEqual([]);
  });

  it('rejects a cursor that was changed, that is of another list, or that is no cursor', async () => {
    const { next = '' } = await list.list({ limit: 1 });
    await expect(list.list({ after: next })).resolves.toMatchObject({ items: expect.any(Array) });
    const changed = Buffer.from(next, 'base64url');
    const flipped = [0, 12, 19, changed.length - 1].map((at) => {
      const bytes = Buffer.from(changed);
      bytes[at] = (bytes[at] as number) ^ 1;
      return bytes.toString('base64url');
    });
    const other = await (name === 'listUserSessions' ? LISTS.listUsers : LISTS.listUserSessions)?.();
    await many((other as List).create, 2);
    const { next: ofOther = '' } = await (other as List).list({ limit: 1 });
    for (const after of [...flipped, ofOther, '', 'x', next.slice(0, -1), `${next}A`, ` ${next}`, 'é', '\0']) {
      await expectInvalidInput(list.list({ after }), 'after');
    }
    await expectInvalidInput(list.list({ after: 7 as never }), 'after');
  });

  it('reads its options when it is called, and never again', async () => {
    const expected = ids(await collect(list.list({ limit: 1_000 })));
    const change: [Options, Options][] = [
      [{ limit: 7 }, { limit: 0 }],
      [{ limit: 7 }, { after: 'x' }],
      [{ limit: 7 }, { limit: 9, nobody: 'knows this' } as Options],
      [{ limit: 7 }, { signal: AbortSignal.abort(), timeoutMs: 0 } as Options],
    ];
    for (const [given, later] of change) {
      const options = { ...given };
      const pages = list.list(options);
      Object.assign(options, later);
      expect(ids((await pages).items)).toEqual(expected.slice(0, 7));
      expect(ids(await collect(pages))).toEqual(expected);
      const walked = { ...given };
      const seen: string[] = [];
      for await (const { id } of list.list(walked)) {
        seen.push(id);
        Object.assign(walked, later);
      }
      expect(seen).toEqual(expected);
    }
    const refused = { limit: 0 };
    const pages = list.list(refused);
    refused.limit = 5;
    await expectInvalidInput(pages, 'limit');
    await expectInvalidInput(collect(pages), 'limit');
  });

  it('takes `signal`, which ends a walk at any item, and `timeoutMs`, for each page', async () => {
    for (const [limit, last] of [
      [1, 1],
      [9, 1],
      [9, 5],
      [9, 9],
      [9, 10],
    ]) {
      const abort = new AbortController();
      const seen: Row[] = [];
      const walk = async () => {
        for await (const row of list.list({ limit, signal: abort.signal } as Options)) {
          seen.push(row);
          if (seen.length === last) abort.abort();
        }
      };
      const error = await expectCode(walk(), 'cancelled');
      expect(error.context.operation).toBe(name);
      expect(error.stack).toContain('lists.test.ts');
      expect(seen).toHaveLength(last as number);
    }
    await expectCode(list.list({ timeoutMs: 0 } as Options), 'cancelled');
    expect((await collect(list.list({ limit: 9, timeoutMs: 5_000 } as Options))).length).toBeGreaterThan(9);
  });
});

describe('The filters of listUsers', () => {
  const prefix = unique('filter').toLowerCase();
  const made = new Map<string, string>();
  const emails = async (options: Parameters<PostgresStorageAdapter['listUsers']>[0]) =>
    (await collect(db.storage.listUsers({ limit: 2, ...options }))).map(({ email }) => email).sort();

  beforeAll(async () => {
    for (const [rest, plan] of [
      ['.a@x', 'free'],
      ['.A2@x', 'pro'],
      ['%@x', 'pro'],
      ['_@x', 'free'],
      ['/', 'free'],
      ['\u{10ffff}\u{10ffff}', 'pro'],
    ] as const) {
      const { id } = await db.storage.createUser({ email: prefix + rest, plan });
      made.set(rest, id);
    }
  });

  const all = (...rest: string[]) => rest.map((each) => prefix + each).sort();

  it('find e-mails by their beginning, without regard to ASCII case, and take % and _ as they are', async () => {
    expect(await emails({ emailPrefix: prefix })).toEqual(
      all('.a@x', '.A2@x', '%@x', '_@x', '/', '\u{10ffff}\u{10ffff}'),
    );
    expect(await emails({ emailPrefix: prefix.toUpperCase() })).toHaveLength(6);
    expect(await emails({ emailPrefix: `${prefix}.a` })).toEqual(all('.a@x', '.A2@x'));
    expect(await emails({ emailPrefix: `${prefix}%` })).toEqual(all('%@x'));
    expect(await emails({ emailPrefix: `${prefix}_` })).toEqual(all('_@x'));
    expect(await emails({ emailPrefix: `${prefix}\u{10ffff}` })).toEqual(all('\u{10ffff}\u{10ffff}'));
    expect(await emails({ emailPrefix: `${prefix}.é` })).toEqual([]);
    expect(await emails({ emailPrefix: `${prefix}.a@x.` })).toEqual([]);
  });

  it('combine', async () => {
    expect(await emails({ emailPrefix: prefix, plan: 'pro' })).toEqual(all('.A2@x', '%@x', '\u{10ffff}\u{10ffff}'));
    expect(await emails({ emailPrefix: `${prefix}.a`, plan: 'pro' })).toEqual(all('.A2@x'));
    expect(await emails({ emailPrefix: prefix, plan: 'Pro' })).toEqual([]);
    const between = { emailPrefix: prefix, createdFrom: anHourAgo(), createdTo: inAnHour() };
    expect(await emails(between)).toHaveLength(6);
    expect(await emails({ ...between, plan: 'free' })).toHaveLength(3);
    expect(await emails({ ...between, createdFrom: inAnHour() })).toEqual([]);
  });

  it('are those of the call, also if a Date among them changes later', async () => {
    const createdFrom = anHourAgo();
    const pages = db.storage.listUsers({ emailPrefix: prefix, createdFrom, limit: 4 });
    createdFrom.setTime(inAnHour().getTime());
    expect((await pages).items).toHaveLength(4);
    expect(await collect(pages)).toHaveLength(6);
  });

  it('have users from createdFrom on, and before createdTo', async () => {
    const at = (ms: number) => new Date(Date.UTC(2001, 0, 1) + ms);
    for (const [index, id] of [...made.values()].entries()) {
      await db.query('UPDATE users SET created_at = $2 WHERE id = $1', [id, at(index)]);
    }
    const found = async (createdFrom: Date, createdTo: Date) =>
      ids(await collect(db.storage.listUsers({ createdFrom, createdTo, limit: 1 })));
    const order = [...made.values()];
    expect(await found(at(0), at(6))).toEqual([...order].reverse());
    expect(await found(at(1), at(3))).toEqual([order[2], order[1]]);
    expect(await found(at(2), at(2))).toEqual([]);
    expect(await found(at(3), at(1))).toEqual([]);
  });

  it('belong to the cursor', async () => {
    const { next = '' } = await db.storage.listUsers({ emailPrefix: prefix, limit: 1 });
    await expect(db.storage.listUsers({ emailPrefix: prefix.toUpperCase(), after: next })).resolves.toBeDefined();
    for (const filters of [{}, { plan: 'free' }, { emailPrefix: `${prefix}.` }, { createdTo: inAnHour() }]) {
      await expectInvalidInput(
        db.storage.listUsers({
          emailPrefix: prefix,
          ...filters,
          after: next,
          ...(Object.keys(filters).length === 0 ? { emailPrefix: null } : {}),
        }),
        'after',
      );
    }
  });

  it('are checked', async () => {
    await expectInvalidInput(db.storage.listUsers({ emailPrefix: 7 as never }), 'emailPrefix');
    await expectInvalidInput(db.storage.listUsers({ plan: '\0' }), 'plan');
    await expectInvalidInput(db.storage.listUsers({ createdFrom: 'soon' }), 'createdFrom');
    await expectInvalidInput(db.storage.listUsers({ createdTo: new Date(Number.NaN) }), 'createdTo');
    await expectInvalidInput(db.storage.listUsers({ email: 'x' } as never), 'email');
  });
});

it('listUserSessions leaves out sessions that have expired, unless includeExpired is true', async () => {
  const { id: userId } = await db.storage.createUser({});
  const live = await db.storage.createSession(sessionInput(userId));
  await anotherMillisecond();
  const expired = await db.storage.createSession(sessionInput(userId, { expiresAt: anHourAgo() }));
  await db.storage.createSession(sessionInput((await db.storage.createUser({})).id));
  expect(ids((await db.storage.listUserSessions(userId)).items)).toEqual([live.id]);
  expect(ids((await db.storage.listUserSessions(userId, { includeExpired: false })).items)).toEqual([live.id]);
  const { items } = await db.storage.listUserSessions(userId, { includeExpired: true });
  expect(ids(items)).toEqual([expired.id, live.id]);
  expect(items[1]).toStrictEqual(live);
  await expectInvalidInput(db.storage.listUserSessions(userId, { includeExpired: 'yes' as never }), 'includeExpired');
});

it('a list of an unknown user, and of an empty id, is empty', async () => {
  for (const id of ['nobody', '']) {
    await expect(db.storage.listUserSessions(id)).resolves.toStrictEqual({ items: [] });
    await expect(db.storage.listUserOrganizations(id)).resolves.toStrictEqual({ items: [] });
  }
});

it('records in a list are those that the look-ups resolve with', async () => {
  const email = `${unique()}@example.com`;
  const user = await db.storage.createUser({ email, name: 'Ada', metadata: { a: [1] } });
  const linked = await db.storage.linkOAuthAccount(user.id, 'google', { provider: 'google', sub: unique() });
  expect((await db.storage.listUsers({ emailPrefix: email })).items).toStrictEqual([linked]);
  const organization = await db.storage.createOrganization(organizationInput({ members: [memberInput(user.id)] }));
  expect((await db.storage.listUserOrganizations(user.id)).items).toStrictEqual([organization]);
  expect((await db.storage.listOrganizations({ limit: 1 })).items).toStrictEqual([organization]);
});

describe('What a list returns', () => {
  let relay: Relay;
  let storage: PostgresStorageAdapter;
  const sent = () => relay.messages.filter(({ from, type }) => from === 'client' && type === 'B').length;

  beforeAll(async () => {
    relay = await Relay.start(db.url);
    storage = db.adapter({ max: 1 }, relay.url);
    await storage.getUser('x');
    for (let user = 0; user < 5; user += 1) await storage.createUser({ plan: 'sent' });
  });
  beforeEach(() => relay.reset());
  afterAll(async () => {
    await storage.disconnect();
    await relay.close();
  });

  const turns = () => new Promise((resolve) => setTimeout(resolve, 50));

  it('sends nothing before it is awaited or iterated over', async () => {
    storage.listUsers();
    const iterator = storage.listUsers()[Symbol.asyncIterator]();
    await turns();
    expect(sent()).toBe(0);
    await iterator.return?.();
    expect(sent()).toBe(0);
  });

  it('sends one statement when it is awaited, however often', async () => {
    const pages = storage.listUsers({ plan: 'sent', limit: 2 });
    const [first, second] = await Promise.all([pages, pages.then((page) => page)]);
    expect(second).toBe(first);
    await pages.finally(() => undefined);
    expect(sent()).toBe(1);
  });

  it('sends a statement for each page when it is iterated over, and none beyond the last item that is taken', async () => {
    expect(await collect(storage.listUsers({ plan: 'sent', limit: 2 }))).toHaveLength(5);
    expect(sent()).toBe(3);
    relay.reset();
    for await (const user of storage.listUsers({ plan: 'sent', limit: 2 })) if (user) break;
    await turns();
    expect(sent()).toBe(1);
  });

  it('is a promise to whoever asks, and what follows from it is an ordinary one', async () => {
    const pages = storage.listUsers({ plan: 'sent' });
    expect(pages).toBeInstanceOf(Promise);
    expect(Object.keys(pages)).toEqual([]);
    expect(pages.then().constructor).toBe(Promise);
    expect(pages.finally(() => undefined).constructor).toBe(Promise);
    await expect(Promise.race([pages])).resolves.toMatchObject({ items: expect.any(Array) });
    await expect(Promise.resolve(pages)).resolves.toMatchObject({ items: expect.any(Array) });
    const proxied = new Proxy(storage, {});
    await expect(proxied.listUsers({ plan: 'sent' })).resolves.toMatchObject({ items: expect.any(Array) });
    expect(await collect(proxied.listUsers({ plan: 'sent' }))).toHaveLength(5);
  });

  it('leaves no rejection unhandled, whichever half is used', async () => {
    const unhandled: unknown[] = [];
    const note = (reason: unknown) => unhandled.push(reason);
    process.on('unhandledRejection', note);
    storage.listUsers({ limit: 0 });
    await expectInvalidInput(storage.listUsers({ limit: 0 }), 'limit');
    await expectInvalidInput(collect(storage.listUsers({ limit: 0 })), 'limit');
    await storage.listUsers({ limit: 0 }).catch(() => undefined);
    await turns();
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  it('rejects with an error whose stack leads to the caller', async () => {
    async function caller() {
      await storage.listUsers({ limit: 0 });
    }
    async function walker() {
      for await (const user of storage.listUsers({ limit: 0 })) expect(user).toBeDefined();
    }
    for (const each of [caller, walker]) {
      const error = await each().catch((reason: Error) => reason);
      expect((error as Error).stack).toContain('lists.test.ts');
    }
  });
});
