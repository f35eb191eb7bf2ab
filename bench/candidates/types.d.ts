/** What every candidate can be asked for; one that has no such method of its own leaves it out. */
export interface Candidate {
  getSession?(id: string): PromiseLike<unknown>;
  getUserByEmail?(email: string): PromiseLike<unknown>;
  getApiKeyByHash?(hash: string): PromiseLike<unknown>;
  getUserRoles?(userId: string, orgId: string): PromiseLike<unknown>;
  /** The session, its user, the organization and the roles in it; with `extendTo` the session then expires later. */
  getSessionContext?(sessionId: string, orgId: string, extendTo?: Date): PromiseLike<unknown>;
  createUser?(user: NewUser): PromiseLike<{ id: string }>;
  createSession?(session: NewSession): PromiseLike<unknown>;
  updateSession?(id: string, patch: { expiresAt: Date }): PromiseLike<unknown>;
  emitEvent?(event: NewEvent): PromiseLike<unknown>;
  /** Runs the function on a candidate whose statements are one transaction. */
  transaction?(work: (tx: Calls) => Promise<unknown>): PromiseLike<unknown>;
  close(): PromiseLike<unknown>;
}

/** What a candidate can do within a transaction, too. */
export type Calls = Omit<Candidate, 'transaction' | 'close'>;

export interface NewUser {
  email: string;
  name: string;
}

export interface NewSession {
  userId: string;
  expiresAt: Date;
  metadata: { ip: string };
}

export interface NewEvent {
  type: string;
  principalId: string;
  data: { ip: string };
  timestamp: Date;
}

export interface Target {
  url: string;
  /** Size of the pool. */
  max: number;
}

export type Open = (target: Target) => Promise<Candidate>;
