/** The methods for e-mail verification tokens: lists of usable tokens, use, attempts and sweeps. */
import { useDatabase } from './helpers/database';
import { expectCode, expectInvalidInput } from './helpers/errors';
import { whileLocked } from './helpers/failing';
import { anHourAgo, emailTokenInput, unique } from './helpers/fixtures';
import { ids, tie } from './helpers/order';

const db = useDatabase();

it('getEmailVerificationTokens lists the usable tokens of an e-mail in any case, of one type or of all types', async () => {
  const email = `${unique('Kim')}@example.com`;
  const make = (overrides: object) => db.storage.createEmailVerificationToken(emailTokenInput({ email, ...overrides }));
  const usable = [await make({}), await make({ type: 'login_link' }), await make({ email: email.toUpperCase() })];
  const used = await make({});
  await db.storage.markEmailVerificationTokenAsUsed(used.id);
  await make({ expiresAt: anHourAgo() });
  const order = await tie(db, 'email_verification_tokens', usable);
  expect(ids(await db.storage.getEmailVerificationTokens(email.toLowerCase()))).toEqual(order);
  expect(ids(await db.storage.getEmailVerificationTokens(email, 'login_link'))).toEqual([usable[1]?.id]);
  expect(await db.storage.getEmailVerificationTokens(email, 'other')).toEqual([]);
  expect(await db.storage.getEmailVerificationTokens(email, '')).toEqual([]);
});

it('markEmailVerificationTokenAsUsed accepts a token once, and rejects one that is used, expired or unknown', async () => {
  const token = await db.storage.createEmailVerificationToken(emailTokenInput());
  const used = await db.storage.markEmailVerificationTokenAsUsed(token.id);
  expect(used).toStrictEqual({ ...token, usedAt: expect.any(Date) });
  expect(await db.storage.getEmailVerificationTokenById(token.id)).toStrictEqual(used);
  await expectCode(db.storage.markEmailVerificationTokenAsUsed(token.id), 'already_used');
  const late = await db.storage.createEmailVerificationToken(emailTokenInput({ expiresAt: anHourAgo() }));
  await expectCode(db.storage.markEmailVerificationTokenAsUsed(late.id), 'expired');
  await expectCode(db.storage.markEmailVerificationTokenAsUsed(unique('none')), 'not_found');
  expect(await db.storage.getEmailVerificationTokenById(late.id)).toBeNull();
  expect(await db.storage.deleteExpiredEmailVerificationTokens()).toBeGreaterThan(0);
  expect(await db.query('SELECT 1 FROM email_verification_tokens WHERE id = $1', [late.id])).toEqual([]);
});

it('incrementEmailVerificationTokenAttempts counts attempts from 1, and rejects an unknown token with not_found', async () => {
  const { id } = await db.storage.createEmailVerificationToken(emailTokenInput());
  await expect(db.storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(0);
  await expect(db.storage.incrementEmailVerificationTokenAttempts(id)).resolves.toBe(1);
  await expect(db.storage.incrementEmailVerificationTokenAttempts(id)).resolves.toBe(2);
  await expect(db.storage.getEmailVerificationTokenAttempts(unique('none'))).resolves.toBe(0);
  await expectCode(db.storage.incrementEmailVerificationTokenAttempts(unique('none')), 'not_found');
});

it('incrementEmailVerificationTokenAttempts counts up to 2 147 483 647, and then stays there', async () => {
  const { id } = await db.storage.createEmailVerificationToken(emailTokenInput());
  await db.storage.incrementEmailVerificationTokenAttempts(id);
  await db.query('UPDATE email_verification_token_attempts SET attempts = 2147483646 WHERE token_id = $1', [id]);
  for (const _ of [1, 2, 3]) {
    await expect(db.storage.incrementEmailVerificationTokenAttempts(id)).resolves.toBe(2_147_483_647);
  }
  await expect(db.storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(2_147_483_647);
});

it('getEmailVerificationTokens returns an empty list for an e-mail without tokens', async () => {
  await expect(db.storage.getEmailVerificationTokens(`${unique()}@example.com`)).resolves.toEqual([]);
  await expect(db.storage.getEmailVerificationTokens('')).resolves.toEqual([]);
  await expect(db.storage.getEmailVerificationTokens('', null)).resolves.toEqual([]);
});

it('createEmailVerificationToken rejects an unknown type, an empty e-mail or hash, an invalid date and an unknown user', async () => {
  const make = (overrides: object) => db.storage.createEmailVerificationToken(emailTokenInput(overrides) as never);
  await expectInvalidInput(make({ type: 'magic' }), 'type');
  await expectInvalidInput(make({ email: '' }), 'email');
  await expectInvalidInput(make({ codeHash: '' }), 'codeHash');
  await expectInvalidInput(make({ expiresAt: new Date(Number.NaN) }), 'expiresAt');
  await expectCode(make({ userId: unique('nobody') }), 'invalid_reference', { field: 'userId' });
});

it('deleteExpiredEmailVerificationTokens deletes used tokens once they have expired, with their count of attempts', async () => {
  const { id } = await db.storage.createEmailVerificationToken(emailTokenInput());
  const { id: living } = await db.storage.createEmailVerificationToken(emailTokenInput());
  await db.storage.incrementEmailVerificationTokenAttempts(id);
  await db.storage.markEmailVerificationTokenAsUsed(id);
  await db.query(`UPDATE email_verification_tokens SET expires_at = now() - interval '1 s' WHERE id = $1`, [id]);
  await expectCode(db.storage.markEmailVerificationTokenAsUsed(id), 'already_used');
  await db.storage.deleteExpiredEmailVerificationTokens();
  await expect(db.storage.deleteExpiredEmailVerificationTokens()).resolves.toBe(0);
  await expect(db.storage.getEmailVerificationTokenAttempts(id)).resolves.toBe(0);
  await expectCode(db.storage.markEmailVerificationTokenAsUsed(id), 'not_found');
  await expect(db.storage.getEmailVerificationTokenById(living)).resolves.toMatchObject({ id: living });
});

it('deleteExpiredEmailVerificationTokens passes over a token that somebody has locked', async () => {
  const expired = { expiresAt: anHourAgo() };
  const tokens = await Promise.all(
    [1, 2, 3].map(() => db.storage.createEmailVerificationToken(emailTokenInput(expired))),
  );
  const locked = tokens[1]?.id;
  await whileLocked(db, 'SELECT FROM email_verification_tokens WHERE id = $1 FOR UPDATE', [locked], async () => {
    await expect(db.storage.deleteExpiredEmailVerificationTokens({ timeoutMs: 10_000 })).resolves.toBe(2);
    expect(await db.query('SELECT id FROM email_verification_tokens WHERE id = ANY($1)', [ids(tokens)])).toEqual([
      { id: locked },
    ]);
  });
  await expect(db.storage.deleteExpiredEmailVerificationTokens()).resolves.toBe(1);
});
