import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Up is from the client to the server. */
export type Direction = 'up' | 'down';

/** The two halves of one connection through the proxy. */
export interface Link {
  client: Socket;
  server: Socket;
  /** From 0, in the order of arrival. */
  number: number;
}

/** What happens to a chunk: these bytes are passed on, or its connection is cut. */
export type Passage = Buffer | 'cut';

type Alteration = (bytes: Buffer, direction: Direction) => { bytes: Buffer; cut: boolean };

/** The proxies that are listening. Those that a failed test leaves open would keep jest from ending. */
const listening = new Set<TcpProxy>();
afterAll(async () => {
  await Promise.all([...listening].map((proxy) => proxy.close()));
});

/**
 * A TCP proxy between an adapter and its server that breaks the line in every way a network can.
 * Faults last until `heal()`; connections that a fault has cut off stay as they are.
 */
export class TcpProxy {
  private readonly links = new Set<Link>();
  /** Connections that were accepted and get no answer. */
  private readonly ignored = new Set<Socket>();
  private readonly listener = createServer((client) => this.meet(client));
  private readonly target: URL;
  private greeting: 'pass' | 'reset' | 'silence' = 'pass';
  private held = false;
  private delayMs = 0;
  private openingMs = 0;
  private bytesPerMs = Number.POSITIVE_INFINITY;
  private alteration: Alteration | undefined;
  private accepted = 0;
  private port = 0;

  protected constructor(target: string) {
    this.target = new URL(target);
  }

  /** Starts a proxy to the server of a database's URL. */
  static async start(target: string): Promise<TcpProxy> {
    const proxy = new TcpProxy(target);
    await proxy.listen();
    return proxy;
  }

  /** The database's URL through the proxy, in plain text so that bytes and messages can be told apart. */
  get url(): string {
    const url = new URL(this.target);
    url.hostname = '127.0.0.1';
    url.port = String(this.port);
    url.searchParams.set('sslmode', 'disable');
    return url.href;
  }

  /** New connections are reset at once; those that are open stay. */
  refuse(): void {
    this.greeting = 'reset';
  }

  /** New connections are accepted and get no answer; those that are open stay. */
  silence(): void {
    this.greeting = 'silence';
  }

  /** Ends `refuse()` and `silence()`. */
  allow(): void {
    this.greeting = 'pass';
  }

  /** Nothing passes either way any more, as if the network had gone; connections stay open. */
  hold(): void {
    this.held = true;
    this.holdOpen();
  }

  /** The same for the connections that are open now. */
  holdOpen(): void {
    for (const { client, server } of this.links) {
      client.pause();
      server.pause();
    }
  }

  /** Ends `hold()` and `holdOpen()`; what was held back arrives. */
  release(): void {
    this.held = false;
    for (const { client, server } of this.links) {
      client.resume();
      server.resume();
    }
  }

  /** Delays every chunk by that time. */
  delay(ms: number): void {
    this.delayMs = ms;
  }

  /** New connections reach the server only after that time. */
  delayOpening(ms: number): void {
    this.openingMs = ms;
  }

  /** No more than so many bytes a second pass in either direction of a connection. */
  throttle(bytesPerSecond: number): void {
    this.bytesPerMs = bytesPerSecond / 1000;
  }

  /** Passes so many more bytes in that direction, counted over all connections, then resets the one that reached it; again and again. */
  cutAfter(bytes: number, direction: Direction): void {
    let left = bytes;
    this.alteration = (chunk, way) => {
      if (way !== direction) return { bytes: chunk, cut: false };
      if (chunk.length <= left) {
        left -= chunk.length;
        return { bytes: chunk, cut: false };
      }
      const passed = chunk.subarray(0, left);
      left = bytes;
      return { bytes: passed, cut: true };
    };
  }

  /** Flips the bits of every nth byte in that direction, counted over all connections. */
  corruptEvery(bytes: number, direction: Direction): void {
    let left = bytes;
    this.alteration = (chunk, way) => {
      if (way !== direction || chunk.length < left) {
        if (way === direction) left -= chunk.length;
        return { bytes: chunk, cut: false };
      }
      const changed = Buffer.from(chunk);
      for (let at = left - 1; at < chunk.length; at += bytes) changed[at] = (changed[at] as number) ^ 0xff;
      left = bytes - ((chunk.length - left) % bytes);
      return { bytes: changed, cut: false };
    };
  }

  /** Every open connection loses its server without a word to the client, whose bytes go nowhere from now on. */
  halfOpen(): void {
    for (const link of this.links) {
      this.links.delete(link);
      this.ignore(link.client);
      // Its end would be passed on.
      link.server.removeAllListeners('close').destroy();
    }
  }

  /** Resets every open connection. */
  cut(): void {
    for (const { client, server } of this.links) {
      reset(client);
      reset(server);
    }
    for (const client of this.ignored) reset(client);
  }

  /** Nobody listens on the port any more, and open connections break; `listen()` undoes it. */
  async close(): Promise<void> {
    listening.delete(this);
    this.cut();
    if (this.listener.listening) await new Promise((resolve) => this.listener.close(resolve));
  }

  /** Listens again, on the same port. */
  async listen(): Promise<void> {
    if (this.listener.listening) return;
    await new Promise<void>((resolve, reject) => {
      this.listener.once('error', reject);
      this.listener.listen(this.port, '127.0.0.1', () => {
        this.listener.off('error', reject);
        resolve();
      });
    });
    listening.add(this);
    this.port = (this.listener.address() as AddressInfo).port;
  }

  /** Ends all faults. */
  async heal(): Promise<void> {
    this.delayMs = 0;
    this.openingMs = 0;
    this.bytesPerMs = Number.POSITIVE_INFINITY;
    this.alteration = undefined;
    this.allow();
    this.release();
    await this.listen();
  }

  /** For a reader of the protocol: sees every chunk, and may hold back or cut. */
  protected read(_link: Link, _direction: Direction, chunk: Buffer): Passage {
    return chunk;
  }

  protected opened(_link: Link): void {}

  private meet(client: Socket): void {
    if (this.greeting === 'reset') reset(client);
    else if (this.greeting === 'silence') this.ignore(client);
    else if (this.openingMs === 0) this.join(client);
    else this.letWait(client);
  }

  private letWait(client: Socket): void {
    client.on('error', () => undefined);
    setTimeout(() => {
      if (!client.destroyed) this.join(client);
    }, this.openingMs);
  }

  private ignore(client: Socket): void {
    this.ignored.add(client);
    client.removeAllListeners('data').removeAllListeners('end').removeAllListeners('close');
    client.on('error', () => undefined);
    client.once('close', () => this.ignored.delete(client));
    // Its bytes are read, so that the client's operating system notices nothing.
    client.resume();
  }

  private join(client: Socket): void {
    const link = { client, server: connect(this.destination()), number: this.accepted++ };
    this.links.add(link);
    this.opened(link);
    this.pipe(link, 'up');
    this.pipe(link, 'down');
  }

  private pipe(link: Link, direction: Direction): void {
    const [source, sink] = direction === 'up' ? [link.client, link.server] : [link.server, link.client];
    if (this.held) source.pause();
    source.setNoDelay(true);
    source.on('data', (chunk) => {
      const passage = this.read(link, direction, chunk);
      if (passage === 'cut') this.break(link);
      else if (passage.length > 0) this.pass(link, source, sink, direction, passage);
    });
    source.on('end', () => sink.end());
    source.on('error', () => sink.destroy());
    source.on('close', () => {
      this.links.delete(link);
      sink.destroy();
    });
  }

  private pass(link: Link, source: Socket, sink: Socket, direction: Direction, chunk: Buffer): void {
    const { bytes, cut } = this.alteration?.(chunk, direction) ?? { bytes: chunk, cut: false };
    const deliver = () => {
      // One write for what came in one piece: the proxy must not change the timing of packets.
      if (!sink.destroyed) sink.write(bytes, cut ? () => this.break(link) : undefined);
    };
    const waitMs = this.delayMs + bytes.length / this.bytesPerMs;
    if (waitMs === 0) {
      deliver();
      return;
    }
    source.pause();
    setTimeout(() => {
      deliver();
      if (!this.held) source.resume();
    }, waitMs);
  }

  private break({ client, server }: Link): void {
    reset(client);
    reset(server);
  }

  private destination(): { host: string; port: number } | { path: string } {
    const port = Number(this.target.port || 5432);
    const directory = this.target.searchParams.get('host');
    if (directory?.startsWith('/')) return { path: `${directory}/.s.PGSQL.${port}` };
    return { host: this.target.hostname, port };
  }
}

/** Node never closes a socket that is reset while it is being shut down, and cannot exit: such a one is destroyed. */
function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
