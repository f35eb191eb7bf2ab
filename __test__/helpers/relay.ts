import { type Direction, type Link, type Passage, TcpProxy } from './proxy';
import { type Message, Splitter, sqlOf, typedMessage, untypedMessage } from './wire';

/** Decides about a message before it is passed on; `'cut'` closes its connection instead. */
export type Intercept = (message: Message) => 'pass' | 'cut';

type Reader = (chunk: Buffer) => Generator<{ type: string; bytes: Buffer }>;

/**
 * A proxy that reads PostgreSQL's protocol both ways, so that a test can count round trips, see
 * statements, and break the line at a chosen message.
 */
export class Relay extends TcpProxy {
  /** All messages since the start or the last `reset()`, in the order they arrived. */
  messages: Message[] = [];
  /** Connections accepted since the start or the last `reset()`. */
  connections = 0;

  private readonly readers = new WeakMap<Link, Record<Direction, Reader>>();
  private intercept: Intercept = () => 'pass';

  /** Starts a relay to the server of a database's URL. */
  static override async start(target: string): Promise<Relay> {
    const relay = new Relay(target);
    await relay.listen();
    return relay;
  }

  /** How often the client has asked the server to answer: its Sync, Query and Flush messages. */
  get roundTrips(): number {
    return this.messages.filter(({ from, type }) => from === 'client' && 'SQH'.includes(type)).length;
  }

  /** The SQL of every Query and Parse message, in order. */
  get statements(): string[] {
    return this.messages.filter(({ from }) => from === 'client').flatMap((message) => sqlOf(message) ?? []);
  }

  /** Forgets what was recorded. */
  reset(): void {
    this.messages = [];
    this.connections = 0;
  }

  /** Asks about each message from now on; without an argument all pass. */
  onMessage(intercept: Intercept = () => 'pass'): void {
    this.intercept = intercept;
  }

  protected override opened(link: Link): void {
    this.connections += 1;
    this.readers.set(link, readersOfConnection());
  }

  protected override read(link: Link, direction: Direction, chunk: Buffer): Passage {
    const reader = this.readers.get(link)?.[direction];
    const passed: Buffer[] = [];
    for (const { type, bytes } of reader?.(chunk) ?? []) {
      const message: Message = {
        from: direction === 'up' ? 'client' : 'server',
        ...{ type, bytes, connection: link.number },
      };
      this.messages.push(message);
      if (this.intercept(message) === 'cut') return 'cut';
      passed.push(bytes);
    }
    return Buffer.concat(passed);
  }
}

function readersOfConnection(): Record<Direction, Reader> {
  // Until the start-up message has passed, the client's messages have no type, and the server's
  // answer to an SSLRequest is a single byte.
  let started = false;
  let encrypted = false;
  let awaitsByte = false;
  const up = new Splitter();
  const down = new Splitter();
  return {
    up: (chunk) =>
      up.push(chunk, (buffered) => {
        if (encrypted) return { type: 'encrypted', length: buffered.length };
        if (started) return typedMessage(buffered);
        const head = untypedMessage(buffered);
        if (head && buffered.length >= head.length) {
          started = head.type === 'StartupMessage';
          awaitsByte = head.type === 'SSLRequest' || head.type === 'GSSENCRequest';
        }
        return head;
      }),
    down: (chunk) =>
      down.push(chunk, (buffered) => {
        if (encrypted) return { type: 'encrypted', length: buffered.length };
        if (!awaitsByte) return typedMessage(buffered);
        awaitsByte = false;
        const answer = String.fromCharCode(buffered[0] as number);
        encrypted = answer !== 'N';
        return { type: `answer ${answer}`, length: 1 };
      }),
  };
}
