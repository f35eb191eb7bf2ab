/**
 * Cuts a stream of PostgreSQL's protocol into messages.
 * https://www.postgresql.org/docs/current/protocol-message-formats.html
 */

/** What a client may say before, or in place of, the start-up message. */
const SSL_REQUEST = 80877103;
const GSS_REQUEST = 80877104;
const CANCEL_REQUEST = 80877102;

export interface Message {
  from: 'client' | 'server';
  /** The type byte, or the name of what comes before there are types. */
  type: string;
  /** The whole message as it was sent. */
  bytes: Buffer;
  /** Which of the relay's connections it went over, from 0. */
  connection: number;
}

/** One direction of one connection. */
export class Splitter {
  private rest: Buffer = Buffer.alloc(0);

  /** Hands out the messages that a chunk completes. */
  *push(chunk: Buffer, next: (buffered: Buffer) => { type: string; length: number } | undefined) {
    this.rest = this.rest.length === 0 ? chunk : Buffer.concat([this.rest, chunk]);
    while (this.rest.length > 0) {
      const head = next(this.rest);
      if (!head || this.rest.length < head.length) return;
      const bytes = this.rest.subarray(0, head.length);
      this.rest = this.rest.subarray(head.length);
      yield { type: head.type, bytes };
    }
  }
}

/** A type byte, then a length that counts itself. */
export function typedMessage(buffered: Buffer): { type: string; length: number } | undefined {
  if (buffered.length < 5) return undefined;
  return { type: String.fromCharCode(buffered[0] as number), length: 1 + buffered.readInt32BE(1) };
}

/** The first message of a client, which has no type byte. */
export function untypedMessage(buffered: Buffer): { type: string; length: number } | undefined {
  if (buffered.length < 8) return undefined;
  return { type: untypedName(buffered.readInt32BE(4)), length: buffered.readInt32BE(0) };
}

function untypedName(code: number): string {
  switch (code) {
    case SSL_REQUEST:
      return 'SSLRequest';
    case GSS_REQUEST:
      return 'GSSENCRequest';
    case CANCEL_REQUEST:
      return 'CancelRequest';
    default:
      return 'StartupMessage';
  }
}

/** The SQL text of a Query or Parse message. */
export function sqlOf({ type, bytes }: Message): string | undefined {
  const text = (start: number) => bytes.toString('utf8', start, bytes.indexOf(0, start));
  if (type === 'Q') return text(5);
  // Parse: the statement's name comes first.
  if (type === 'P') return text(bytes.indexOf(0, 5) + 1);
  return undefined;
}
