import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { type Message, Splitter, sqlOf, typedMessage, untypedMessage } from './wire';

/** Decides about a message before it is passed on; `'cut'` closes its connection instead. */
export type Intercept = (message: Message) => 'pass' | 'cut';

/**
 * A TCP relay between an adapter and its server. It reads the protocol both ways, so that a test can
 * count round trips, see statements, and break the line at a chosen message.
 */
export class Relay {
  /** All messages since the start or the last `reset()`, in the order they arrived. */
  messages: Message[] = [];
  /** Connections accepted since the start or the last `reset()`. */
  connections = 0;

  private readonly sockets = new Set<Socket>();
  private readonly server = createServer((client) => this.accept(client));
  private readonly target: URL;
  private refusing = false;
  private held = false;
  private intercept: Intercept = () => 'pass';
  private accepted = 0;
  private port = 0;

  private constructor(target: string) {
    this.target = new URL(target);
  }

  /** Starts a relay to the server of a database's URL. */
  static async start(target: string): Promise<Relay> {
    const relay = new Relay(target);
    await relay.listen();
    return relay;
  }

  /** The database's URL through the relay, in plain text so that the relay can read along. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    url.searchParams.set('sslmode', 'disable');
    return url.href;
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

  /** New connections are closed at once; those that are open stay. */
  refuse(): void {
    this.refusing = true;
  }

  /** Ends `refuse()`. */
  allow(): void {
    this.refusing = false;
  }

  /** Nothing passes either way any more, as if the network had gone; connections stay open. */
  hold(): void {
    this.held = true;
    for (const socket of this.sockets) socket.pause();
  }

  /** Ends `hold()`; what was held back arrives. */
  release(): void {
    this.held = false;
    for (const socket of this.sockets) socket.resume();
  }

  /** Breaks every open connection. */
  cut(): void {
    for (const socket of this.sockets) socket.resetAndDestroy();
  }

  /** Asks about each message from now on; without an argument all pass. */
  onMessage(intercept: Intercept = () => 'pass'): void {
    this.intercept = intercept;
  }

  /** Nobody listens on the port any more, and open connections break; `listen()` undoes it. */
  async close(): Promise<void> {
    this.cut();
    if (this.server.listening) await new Promise((resolve) => this.server.close(resolve));
  }

  /** Listens again, on the same port. */
  async listen(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(this.port, '127.0.0.1', () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    this.port = (this.server.address() as AddressInfo).port;
  }

  private accept(client: Socket): void {
    if (this.refusing) {
      client.resetAndDestroy();
      return;
    }
    this.connections += 1;
    const connection = this.accepted++;
    const server = connect(this.destination());

    // Until the start-up message has passed, the client's messages have no type, and the server's
    // answer to an SSLRequest is a single byte.
    let started = false;
    let encrypted = false;
    let awaitsByte = false;
    this.pipe(client, server, connection, 'client', (buffered) => {
      if (encrypted) return { type: 'encrypted', length: buffered.length };
      if (started) return typedMessage(buffered);
      const head = untypedMessage(buffered);
      if (head && buffered.length >= head.length) {
        started = head.type === 'StartupMessage';
        awaitsByte = head.type === 'SSLRequest' || head.type === 'GSSENCRequest';
      }
      return head;
    });
    this.pipe(server, client, connection, 'server', (buffered) => {
      if (encrypted) return { type: 'encrypted', length: buffered.length };
      if (!awaitsByte) return typedMessage(buffered);
      awaitsByte = false;
      const answer = String.fromCharCode(buffered[0] as number);
      encrypted = answer !== 'N';
      return { type: `answer ${answer}`, length: 1 };
    });
  }

  private pipe(
    source: Socket,
    sink: Socket,
    connection: number,
    from: Message['from'],
    next: (buffered: Buffer) => { type: string; length: number } | undefined,
  ): void {
    const splitter = new Splitter();
    this.sockets.add(source);
    if (this.held) source.pause();
    source.setNoDelay(true);
    source.on('data', (chunk) => {
      const passed: Buffer[] = [];
      for (const { type, bytes } of splitter.push(chunk, next)) {
        const message: Message = { from, type, bytes, connection };
        this.messages.push(message);
        if (this.intercept(message) === 'cut') {
          source.resetAndDestroy();
          sink.resetAndDestroy();
          return;
        }
        passed.push(bytes);
      }
      // One write for what came in one piece: the relay must not change the timing of packets.
      if (passed.length > 0) sink.write(Buffer.concat(passed));
    });
    source.on('end', () => sink.end());
    source.on('error', () => sink.destroy());
    source.on('close', () => {
      this.sockets.delete(source);
      sink.destroy();
    });
  }

  private destination(): { host: string; port: number } | { path: string } {
    const port = Number(this.target.port || 5432);
    const directory = this.target.searchParams.get('host');
    if (directory?.startsWith('/')) return { path: `${directory}/.s.PGSQL.${port}` };
    return { host: this.target.hostname, port };
  }
}
