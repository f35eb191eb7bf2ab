/** The tables of the reference, what they take from outside, and what goes with a deleted row. */
import { randomBytes, randomUUID } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { bool, optional, type Row, readNew, readOptions, readPatch, readText, type Shape, time } from './fields';
import { copyOf, isObject, plainOf, setOwn } from './plain';
import { type Fault, Faults, Refusal, refuse } from './refusal';

export type Path = (string | number)[];

/** What a database makes up. A comparison takes these from the other side's answer, where `path` is their place. */
export interface Sources {
  id(path: Path): string;
  time(path: Path): Date;
  /** The cursor of a page that follows. */
  cursor(path: Path): string;
  /** 64 hexadecimal digits; `path` is the place of the key that ends in them. */
  secret(path: Path): string;
  /** A time that no answer shows. */
  storedTime(table: string, column: string, row: Row): Promise<Date>;
}

export const ownSources: Sources = {
  id: () => randomUUID(),
  time: () => new Date(),
  cursor: () => randomUUID(),
  secret: () => randomBytes(32).toString('hex'),
  storedTime: async () => new Date(),
};

export type Table = Map<string, Row>;

const table = (): Table => new Map();

export class State {
  sources: Sources;
  users = table();
  passwordHashes = new Map<string, string>();
  sessions = table();
  apiKeys = table();
  organizations = table();
  tokens = table();
  attempts = new Map<string, number>();
  events: Row[] = [];
  roles = table();
  /** By user, role and organization. */
  assignments: Row[] = [];
  providers = table();
  links = table();
  ssoSessions = table();
  samlConfigs = table();
  /** When each configuration was stored and changed. */
  samlTimes = table();
  devices = table();
  /** The latest step of each device that has been used. */
  steps = new Map<string, number>();
  backupCodes = table();
  twoFactorSessions = table();
  /** Where the pages behind cursors begin, and of which list with which filters they are. */
  cursors = new Map<string, { list: string; row: Row }>();

  constructor(sources: Sources) {
    this.sources = sources;
  }

  /** Returns what takes all tables back to how they are now. Cursors are only places, and stay. */
  remember(): () => void {
    const { sources, cursors, ...tables } = this;
    const before = Object.entries(tables).map(([name, rows]) => [name, copyOfTable(rows)] as const);
    return () => {
      for (const [name, rows] of before) Object.assign(this, { [name]: rows });
    };
  }

  async deleteUser(id: string): Promise<void> {
    if (!this.users.delete(id)) return;
    this.passwordHashes.delete(id);
    for (const owned of [this.sessions, this.tokens, this.links, this.ssoSessions, this.devices]) {
      this.deleteWhere(owned, ({ userId }) => userId === id);
    }
    this.deleteWhere(this.backupCodes, ({ userId }) => userId === id);
    this.deleteWhere(this.twoFactorSessions, ({ userId }) => userId === id);
    this.deleteWhere(this.apiKeys, ({ principalId, principalKind }) => principalKind === 'user' && principalId === id);
    this.assignments = this.assignments.filter(({ userId }) => userId !== id);
    for (const organization of this.organizations.values()) {
      const members = organization.members as Row[];
      const others = members.filter(({ userId }) => userId !== id);
      if (others.length === members.length) continue;
      organization.members = others;
      organization.updatedAt = await this.sources.storedTime('organizations', 'updated_at', { id: organization.id });
    }
    this.dropOrphans();
  }

  async deleteOrganization(id: string): Promise<void> {
    if (!this.organizations.delete(id)) return;
    for (const owned of [this.roles, this.providers]) this.deleteWhere(owned, ({ orgId }) => orgId === id);
    this.deleteWhere(
      this.apiKeys,
      ({ principalId, principalKind }) => principalKind === 'organization' && principalId === id,
    );
    for (const session of this.sessions.values()) {
      if (session.orgId !== id) continue;
      delete session.orgId;
      session.updatedAt = await this.sources.storedTime('sessions', 'updated_at', { id: session.id });
    }
    this.dropOrphans();
  }

  deleteWhere(from: Table, isGone: (row: Row) => boolean): number {
    const gone = [...from.entries()].filter(([, row]) => isGone(row));
    for (const [id] of gone) from.delete(id);
    this.dropOrphans();
    return gone.length;
  }

  /** What belongs to a role, a provider, a device or a token goes with it. */
  private dropOrphans(): void {
    this.assignments = this.assignments.filter(({ roleId }) => this.roles.has(roleId as string));
    for (const [id] of this.attempts) if (!this.tokens.has(id)) this.attempts.delete(id);
    for (const owned of [this.links, this.ssoSessions]) {
      for (const [id, { providerId }] of owned) if (!this.providers.has(providerId as string)) owned.delete(id);
    }
    for (const id of this.steps.keys()) if (!this.devices.has(id)) this.steps.delete(id);
    for (const [id, { deviceId }] of this.twoFactorSessions) {
      if (!this.devices.has(deviceId as string)) this.twoFactorSessions.delete(id);
    }
  }
}

function copyOfTable(rows: Row[] | Map<string, unknown>): unknown {
  if (Array.isArray(rows)) return rows.map(copyOf);
  return new Map([...rows].map(([id, row]) => [id, copyOf(row)]));
}

/** A row as a caller sees it: absent fields are absent. */
export function visible(row: Row, ...hidden: string[]): Row {
  const record: Row = {};
  for (const [key, value] of Object.entries(row)) {
    if (value !== undefined && !hidden.includes(key)) setOwn(record, key, copyOf(value));
  }
  return record;
}

/** *Expired* means `expires_at <= now`; a row without an expiry never is. */
export function isExpired(row: Row): boolean {
  return row.expiresAt !== undefined && (row.expiresAt as Date).getTime() <= Date.now();
}

/** `by` DESC, `id` DESC, ids by their bytes. */
export function newestFirst(rows: Row[], by = 'createdAt', id = 'id'): Row[] {
  const timeOf = (row: Row) => (row[by] as Date).getTime();
  const idOf = (row: Row) => Buffer.from(row[id] as string);
  return rows.sort((a, b) => timeOf(b) - timeOf(a) || Buffer.compare(idOf(b), idOf(a)));
}

type Constraints = (row: Row) => Fault[];

function settle(faults: Fault[]): void {
  if (faults.length > 0) throw new Refusal(faults);
}

/** The one string argument of a method. */
export function one(value: unknown, argument: string): string {
  const faults = new Faults();
  const text = readText(value, argument, faults);
  faults.settle();
  return text;
}

/** Reads one record argument of a create. */
export function readRecord(value: unknown, argument: string, shape: Shape): Row {
  const faults = new Faults();
  const record = readNew(plainOf(value, argument, faults), shape, argument, '', faults);
  faults.settle();
  return record;
}

/** The id of a new row, once nothing else stands against it. */
export function idOf(state: State, rows: Table, record: Row, faults: Fault[], path: Path = ['id']): string {
  const given = record.id as string | undefined;
  if (given !== undefined && rows.has(given)) faults.push({ code: 'conflict', field: 'id' });
  settle(faults);
  return given ?? state.sources.id(path);
}

/** Puts a new row into its table; `times` are ours. */
export function insert(state: State, rows: Table, record: Row, faults: Fault[], times: string[]): Row {
  const id = idOf(state, rows, record, faults);
  const row = merge(record, { id });
  for (const field of times) row[field] ??= state.sources.time([field]);
  rows.set(id, row);
  return row;
}

export const IF_UPDATED_AT = { ifUpdatedAt: optional(time) };
const UPDATE_OPTIONS = { fields: { ...IF_UPDATED_AT, mergeMetadata: optional(bool) }, ours: [] };

/** Refuses to change what is no longer as it was read. */
export function checkUnchanged({ updatedAt }: Row, { ifUpdatedAt }: Row): void {
  if (ifUpdatedAt === undefined) return;
  if ((ifUpdatedAt as Date).getTime() !== (updatedAt as Date).getTime()) refuse('conflict', 'updatedAt');
}

/** The first level of RFC 7396. */
function mergeMetadata(stored: Row, changes: Row): Row {
  return merge(
    stored,
    Object.entries(changes).reduce<Row>((all, [key, value]) => setOwn(all, key, value ?? undefined), {}),
  );
}

/** Changes a row; one that stays the same is not touched. What is wrong with a patch itself, `ownFaults` finds. */
export function update(
  state: State,
  rows: Table,
  [id, patch, options]: [unknown, unknown, unknown],
  shape: Shape,
  constraints: (row: Row, patch: Row) => Fault[],
  ownFaults: Constraints = () => [],
): Row {
  const faults = new Faults();
  readText(id, 'id', faults);
  const given = readOptions(options, UPDATE_OPTIONS, faults);
  const { id: _, ...fields } = shape.fields;
  const changeable = { ...shape, fields, ours: [...shape.ours, 'id'] };
  const plain = plainOf(patch, 'patch', faults);
  const changes = readPatch(plain, changeable, 'patch', faults);
  faults.settle();
  settle(ownFaults(changes));
  const stored = rows.get(id as string) ?? refuse('not_found');
  checkUnchanged(stored, given);
  if (given.mergeMetadata && isObject(plain) && isObject(plain.metadata)) {
    changes.metadata = mergeMetadata(stored.metadata as Row, changes.metadata as Row);
  }
  const changed = merge(stored, changes);
  if (Object.keys(changes).length > 0) settle(constraints(changed, changes));
  if (isDeepStrictEqual(changed, stored)) return stored;
  changed.updatedAt = state.sources.time(['updatedAt']);
  rows.set(id as string, changed);
  return changed;
}

export function merge(stored: Row, changes: Row): Row {
  const changed: Row = {};
  for (const [key, value] of [...Object.entries(stored), ...Object.entries(changes)]) setOwn(changed, key, value);
  for (const [key, value] of Object.entries(changed)) if (value === undefined) delete changed[key];
  return changed;
}
