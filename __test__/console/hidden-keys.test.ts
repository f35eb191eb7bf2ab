/** Which values of metadata and event data are not shown, on pages and in files. */
import { useDatabase } from '../helpers/database';
import { eventInput, unique, userInput } from '../helpers/fixtures';
import { makeConsole, textOf, Visitor } from './helpers';

const db = useDatabase();

const SECRET = [
  ...['password', 'passwordHint', 'pass.word', 'passwd', 'PASSPHRASE', 'pass', 'user_pass', 'dbPass', 'pwd', 'oldPwd'],
  ...['userpwd', 'pin', 'pinCode', 'pincode', 'user-PIN', 'PINHint', 'pins', 'sid', 'connect.sid', 'sessionSid'],
  ...['PHPSESSID', 'session', 'sessionId', 'session_id', 'sessionID', 'currentSessionId', 'revokedSessionIds', 'seed'],
  ...[
    'totpSeed',
    'seed_phrase',
    'otp',
    'otpauthUrl',
    'emailOTP',
    'totp',
    'privKey',
    'private_key',
    'pem',
    'privatePem',
  ],
  ...['signingKeyPem', 'salt', 'apiKey', 'apiKeys', 'x-api-key', 'apikey2', 'key', 'keys', 'accessToken', 'tokens'],
  ...['code', 'codes', 'backupCodes', 'login_code', 'magicLink', 'Set-Cookie', 'Authorization', 'clientSecret', 'jwt'],
];
const SHOWN = [
  ...[
    'passenger',
    'passengers',
    'passed',
    'compass',
    'bypass',
    'pinterest',
    'pinned',
    'opinion',
    'shippingId',
    'inside',
  ],
  ...[
    'sidebar',
    'residence',
    'presidentId',
    'seedling',
    'seeded',
    'temperature',
    'pemberton',
    'salty',
    'keyId',
    'keyboard',
  ],
  ...['prefix', 'lastFour', 'sessions', 'sessionCount', 'zipCode', 'countryCode', 'statusCode', 'signedInAt', 'author'],
];

/** An object in which the value of each key is the key, marked. */
const marked = (keys: string[]) => Object.fromEntries(keys.map((key) => [key, `<${key}>`]));
/** The keys whose values stand in a text. */
const found = (text: string) => [...SECRET, ...SHOWN].filter((key) => text.includes(`<${key}>`));

it('are those of keys that name a secret, and no others', async () => {
  const visitor = new Visitor(makeConsole(db.storage));
  const metadata = { ...marked(SHOWN), list: [{ deep: marked(SECRET) }] };
  const user = await db.storage.createUser(userInput({ metadata }));
  const type = unique('type');
  const data = { ...marked(SECRET), deep: marked(SHOWN) };
  await db.storage.emitEvent(eventInput({ type, principalId: user.id, data }));

  expect(found(textOf(await visitor.read(`/admin/users/${user.id}`)))).toEqual(SHOWN);
  expect(found(textOf(await visitor.read(`/admin/events?type=${type}`)))).toEqual(SHOWN);
  expect(found(await (await visitor.post('/admin/events/export', { type })).text())).toEqual(SHOWN);
  expect(found(await (await visitor.post(`/admin/users/${user.id}/export`)).text())).toEqual(SHOWN);
});
