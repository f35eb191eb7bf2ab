/**
 * A pooler on the way that swallows start-up options, without a word: there would be no statement timeout, and perhaps
 * another schema. So no statement is sent over such a connection.
 */
import type { AdapterOptions } from './helpers/database';
import { useDatabase } from './helpers/database';
import { expectCode } from './helpers/errors';
import type { Direction, Link, Passage } from './helpers/proxy';
import { Relay } from './helpers/relay';

const db = useDatabase();

/** Takes the parameter `options` out of each start-up message. */
class Swallower extends Relay {
  static override async start(target: string): Promise<Swallower> {
    const relay = new Swallower(target);
    await relay.listen();
    return relay;
  }

  protected override read(link: Link, direction: Direction, chunk: Buffer): Passage {
    const passed = super.read(link, direction, chunk);
    if (direction === 'down' || passed === 'cut' || passed.length < 8 || passed.readInt32BE(4) !== 3 << 16)
      return passed;
    // A length, the protocol's version, then names and values by turns, each with a NUL behind it, and a last NUL.
    const words = passed.toString('utf8', 8).split('\0').slice(0, -2);
    const kept = words.filter((_, at) => words[at - (at % 2)] !== 'options');
    const text = `${kept.join('\0')}\0\0`;
    const message = Buffer.alloc(8 + Buffer.byteLength(text));
    message.writeInt32BE(message.length, 0);
    message.writeInt32BE(3 << 16, 4);
    message.write(text, 8);
    return message;
  }
}

it.each<[string, AdapterOptions, string]>([
  ['by default', {}, ''],
  ['with the option schema', { schema: 'public' }, ''],
  ['with target_session_attrs', {}, '&target_session_attrs=read-write'],
])(
  'connect() and calls reject a pooler that drops start-up options, and name the option to set, %s',
  async (_, options, parameters) => {
    const relay = await Swallower.start(db.url);
    const storage = db.adapter({ ...options, maxRetries: 0 }, relay.url + parameters);
    try {
      for (const call of [
        () => storage.connect(),
        () => storage.getUser('x'),
        () => storage.createUser({ id: 'never' }),
      ]) {
        const error = await expectCode(call(), 'connection_failed');
        expect(error.message).toContain("pooler: 'transaction'");
        expect(error.retryable).toBe(false);
      }
      await expect(storage.healthCheck()).resolves.toMatchObject({ status: 'error' });
      expect(relay.statements.filter((sql) => /(FROM|INTO) users\b/.test(sql))).toEqual([]);
    } finally {
      await storage.disconnect();
      await relay.close();
    }
    await expect(db.storage.getUser('never')).resolves.toBeNull();
  },
);

it("calls succeed through a pooler that drops start-up options with pooler: 'transaction', which sends none", async () => {
  const relay = await Swallower.start(db.url);
  const storage = db.adapter({ pooler: 'transaction' }, relay.url);
  await storage.connect();
  await expect(storage.getUser('x')).resolves.toBeNull();
  await storage.disconnect();
  await relay.close();
});
