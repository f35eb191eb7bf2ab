/** The Express example when many requests come at once: by fetch, since no browser is quick enough. */
import { TOTP } from 'otpauth';
import { Client } from 'pg';
import { useDatabase } from '../helpers/database';
import { useExpressSite } from './helpers/express-site';
import { PASSWORD } from './helpers/people';
import { type Answer, Visitor } from './helpers/visitor';

const database = useDatabase();
const running = useExpressSite(database);

const times = <T>(count: number, make: () => Promise<T>) => Promise.all(Array.from({ length: count }, make));
const withStatus = (answers: Answer[], status: number) => answers.filter((answer) => answer.status === status);

/** Somebody with an account who is signed in. */
async function somebody(email: string): Promise<Visitor> {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  await visitor.fill('/sign-up', { name: 'Ada', email });
  const [link = ''] = await site.linksTo(email);
  await visitor.get(link);
  await visitor.post('/choose-password', { token: new URL(link).searchParams.get('token') ?? '', password: PASSWORD });
  const answer = await visitor.fill('/sign-in', { email, password: PASSWORD });
  expect(answer.headers.get('location')).toBe('/');
  return visitor;
}

it('64 sign-ups with one e-mail at once make one account, and all get the same answer', async () => {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  await visitor.get('/sign-up');
  const answers = await times(64, () => visitor.post('/sign-up', { name: 'Ada', email: 'ada@example.com' }));
  expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
  expect(withStatus(answers, 200)).toHaveLength(64);
  const users = await database.query("SELECT id FROM users WHERE lower(email) = 'ada@example.com'");
  expect(users).toHaveLength(1);
  const events = await database.query("SELECT principal_id FROM auth_events WHERE type = 'user.signed_up'");
  expect(events.filter(({ principal_id }) => principal_id === users[0]?.id)).toHaveLength(1);
  // Nor does anybody get a mail for each.
  const links = await site.linksTo('ada@example.com');
  expect(links.length).toBeGreaterThan(0);
  expect(links.length).toBeLessThanOrEqual(5);
});

it('Of 16 who use a link at once, one sets the password', async () => {
  const { site } = running;
  const visitor = new Visitor(site.origin);
  await visitor.fill('/sign-up', { name: 'Ada', email: 'link@example.com' });
  const [link = ''] = await site.linksTo('link@example.com');
  await visitor.get(link);
  const token = new URL(link).searchParams.get('token') ?? '';
  const passwords = Array.from({ length: 16 }, (_, at) => `the password of number ${at}`);
  const answers = await Promise.all(passwords.map((password) => visitor.post('/choose-password', { token, password })));
  expect(withStatus(answers, 303)).toHaveLength(1);
  expect(withStatus(answers, 410)).toHaveLength(15);
  const winner = passwords[answers.findIndex(({ status }) => status === 303)] ?? '';
  const signedIn = await visitor.fill('/sign-in', { email: 'link@example.com', password: winner });
  expect(signedIn.headers.get('location')).toBe('/');
});

it('Of 5 who enter the same code at once, one is signed in', async () => {
  const { site } = running;
  const visitor = await somebody('code@example.com');
  await visitor.get('/account/two-factor');
  await visitor.post('/account/two-factor/set-up', { password: PASSWORD });
  const page = await visitor.get('/account/two-factor');
  const [, secret = ''] = /id="totp-key">([^<]+)/.exec(page.text) ?? [];
  const totp = new TOTP({ secret: secret.replaceAll(' ', '') });
  const confirmed = await visitor.post('/account/two-factor/confirm', { code: totp.generate() });
  expect(confirmed.text).toContain('Your backup codes');

  // Each has entered the password in a browser of its own.
  const others = await times(5, async () => {
    const other = new Visitor(site.origin);
    await other.fill('/sign-in', { email: 'code@example.com', password: PASSWORD });
    await other.get('/sign-in/code');
    return other;
  });
  const code = totp.generate({ timestamp: Date.now() + 30_000 });
  await Promise.all(others.map((other) => other.post('/sign-in/code', { code })));
  expect(others.filter(({ cookies }) => cookies.has('session'))).toHaveLength(1);

  // And a backup code that five use in one and the same sign-in.
  const [, backupCode = ''] = /<li><code>([^<]+)/.exec(confirmed.text) ?? [];
  const last = new Visitor(site.origin);
  await last.fill('/sign-in', { email: 'code@example.com', password: PASSWORD });
  await last.get('/sign-in/code');
  const answers = await times(5, () => last.post('/sign-in/code', { code: backupCode }));
  const sessions = answers.flatMap(({ headers }) =>
    headers.getSetCookie().filter((each) => /^session=[^;]/.test(each)),
  );
  expect(sessions).toHaveLength(1);
});

it('Two owners who take the role from each other at once leave one owner', async () => {
  const { site } = running;
  const [first, second] = [await somebody('one@example.com'), await somebody('two@example.com')];
  const created = await first.fill('/organizations', { name: 'Two heads' });
  const path = created.headers.get('location') ?? '';
  const ids = new Map(
    (await database.query('SELECT id, email FROM users')).map(({ id, email }) => [email as string, id as string]),
  );
  await first.get(path);
  await first.post(`${path}/invitations`, { email: 'two@example.com', role: 'owner' });
  const [link = ''] = await site.linksTo('two@example.com');
  await second.get(link);
  await second.post('/invitations', { token: new URL(link).searchParams.get('token') ?? '' });
  await second.get(path);

  // Both have found two owners before either of them can change anything.
  const orgId = path.split('/')[2] ?? '';
  const locker = new Client({ connectionString: database.url });
  await locker.connect();
  await locker.query('BEGIN');
  await locker.query('SELECT id FROM organizations WHERE id = $1 FOR UPDATE', [orgId]);
  const changes = [
    first.post(`${path}/members/role`, { userId: ids.get('two@example.com') ?? '', role: 'member' }),
    second.post(`${path}/members/role`, { userId: ids.get('one@example.com') ?? '', role: 'member' }),
  ];
  const waiting = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
  while ((await database.query(waiting)).length < 2) await new Promise((resolve) => setTimeout(resolve, 20));
  await locker.query('COMMIT');
  await locker.end();
  const answers = await Promise.all(changes);
  // Whoever comes second is no owner any more, and so may not do it.
  expect(answers.map(({ status }) => status).sort()).toEqual([303, 403]);
  const organization = await database.storage.getOrganization(orgId);
  expect(organization?.members.map(({ role }) => role).sort()).toEqual(['member', 'owner']);
});

it('40 wrong passwords at once are looked at 10 times, and then not even the right one is', async () => {
  const { site } = running;
  await somebody('slow@example.com');
  const visitor = new Visitor(site.origin);
  await visitor.get('/sign-in');
  // One has been used for signing in.
  const answers = await times(40, () => visitor.post('/sign-in', { email: 'slow@example.com', password: 'a guess' }));
  expect(withStatus(answers, 401)).toHaveLength(9);
  expect(withStatus(answers, 429)).toHaveLength(31);
  const right = await visitor.post('/sign-in', { email: 'SLOW@example.com', password: PASSWORD });
  expect([right.status, Number(right.headers.get('retry-after')) > 0]).toEqual([429, true]);
});
