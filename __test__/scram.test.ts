/** Users and passwords that SASLprep (RFC 4013) changes or prohibits can log in, as with libpq and node-postgres. */
import { randomUUID } from 'node:crypto';
import type { PostgresStorageAdapter } from '@kitiumai/auth-postgres';
import { Client } from 'pg';
import { asSuperuser, useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';

const db = useDatabase();

const PASSWORDS: [string, string][] = [
  ['is plain', 'hunter2'],
  ['holds spaces and signs', 'a b,c=d n=e'],
  ['begins as the user does in SCRAM', 'n=hunter2,r=x'],
  ['holds an emoji', 'key 🔑 2'],
  ['holds control characters', 'a\tb\u0007c'],
  ['holds a control character beside an umlaut', 'ä\u0007'],
  ['holds text of two directions', 'שלום and more'],
  ['is text from right to left', 'שלום'],
  ['holds a letter that Unicode 3.2 did not have', 'ẞ🄰ꞵ'],
  ['is nothing but a soft hyphen', '\u00ad'],
  ['holds a character for private use', 'a\ue000'],
  ['is normalised', 'ﬁ e\u0301 Ⅸ'],
  ['holds a space that is not ASCII', 'a\u00a0b\u3000c'],
];

/** Runs something with an adapter of a role that has just been made. */
async function withRole(
  name: string,
  password: string,
  work: (login: (user: string, password: string) => PostgresStorageAdapter) => Promise<void>,
) {
  const quoted = `"${name.replaceAll('"', '""')}"`;
  await asSuperuser((client) =>
    client.query(`CREATE ROLE ${quoted} LOGIN SUPERUSER PASSWORD ${client.escapeLiteral(password)}`),
  );
  try {
    await work((user, text) => db.adapter({ user, password: text, max: 1 }));
  } finally {
    await asSuperuser((client) => client.query(`DROP ROLE ${quoted}`));
  }
}

it.each(PASSWORDS)('a password that %s can log in, and a similar one cannot', async (_, password) => {
  const user = randomUUID();
  await withRole(user, password, async (login) => {
    await expect(login(user, password).getUser('x')).resolves.toBeNull();
    const error = await expectCode(login(user, `${password}!`).connect(), 'authentication_failed');
    expect(error.context).toMatchObject({ sqlState: '28P01' });
  });
});

it('a password can log in when only the server’s copy was normalised by SASLprep', async () => {
  await withRole('normal', 'ﬁ Ⅸ', async (login) => {
    await expect(login('normal', 'fi IX').getUser('x')).resolves.toBeNull();
  });
});

it.each(['a,b', 'a=b', '🔑', 'ä\u0007', 'שלום x'])('the user %j can log in, as in node-postgres', async (user) => {
  await withRole(user, 'hunter2', async (login) => {
    await expect(login(user, 'hunter2').getUser('x')).resolves.toBeNull();
    // Just as node-postgres does.
    const { hostname: host, port } = new URL(db.url);
    const client = new Client({ host, port: Number(port), user, password: 'hunter2', database: db.name });
    await client.connect();
    await client.end();
  });
});

it('the error for a wrong password contains no part of it', async () => {
  for (const password of ['🔑secret', 'secret\u0007ä', 'שלוםsecret']) {
    const error = await expectCode(db.adapter({ password }).connect(), 'authentication_failed');
    const told = [error.stack, JSON.stringify(error), error.cause?.stack, error.cause?.message].join();
    for (const char of ['🔑', 'secret', '\u0007', 'ם']) expect(told).not.toContain(char);
  }
});
