/**
 * The facade: what the application sees. Promises, Dates and errors are made here, in the caller's own realm
 * (under jest each test file has one), around the native core's call ids and JSON text.
 */

const { AsyncLocalStorage, AsyncResource } = require('node:async_hooks');
const { createPrivateKey } = require('node:crypto');
const { homedir, tmpdir } = require('node:os');
const { setImmediate, setInterval, setTimeout, clearTimeout } = require('node:timers');
const { isDate, isNativeError, isPromise, isUint8Array } = require('node:util/types');
const native = require('./native.js');

class InternalError extends Error {
  constructor({ message, code, kind, severity, statusCode, retryable, context, cause }) {
    super(message);
    this.code = code;
    this.kind = kind;
    this.severity = severity;
    this.statusCode = statusCode;
    this.retryable = retryable;
    this.context = context;
    if (cause) Object.defineProperty(this, 'cause', { value: causeOf(cause), configurable: true, writable: true });
  }

  toJSON() {
    const { name, message, code, kind, severity, statusCode, retryable, context, cause } = this;
    return {
      ...{ name, message, code, kind, severity, statusCode, retryable, context },
      ...(cause && { cause: { name: cause.name, message: cause.message, ...cause } }),
    };
  }
}
Object.defineProperty(InternalError.prototype, 'name', { value: 'InternalError', configurable: true, writable: true });

/** The reason given by the server, the system or the TLS library. */
function causeOf({ name, message, ...details }) {
  const cause = new Error(message);
  Object.defineProperty(cause, 'name', { value: name, configurable: true, writable: true });
  // It was not thrown anywhere in JavaScript.
  cause.stack = `${name}: ${message}`;
  return Object.assign(cause, details);
}

function invalidInput(name, reason) {
  const field = quoted(name);
  return {
    message: `\`${field}\` ${reason}`,
    ...{ code: 'auth_postgres/invalid_input', kind: 'validation', severity: 'warning', statusCode: 422 },
    retryable: false,
    context: { field },
  };
}

/** For calls that were never made. */
function cancelled(reason) {
  return {
    message: reason,
    ...{ code: 'auth_postgres/cancelled', kind: 'dependency', severity: 'warning', statusCode: 503 },
    retryable: true,
    context: {},
  };
}

function internal(message) {
  return {
    message,
    ...{ code: 'auth_postgres/internal', kind: 'internal', severity: 'error', statusCode: 500 },
    retryable: false,
    context: {},
  };
}

/** What a call came to when it failed; becomes an InternalError where the caller's stack is known. */
class Failure {
  constructor(fields) {
    this.fields = fields;
  }
}

function errorOf({ fields }, operation) {
  const isNamed = fields.context.operation !== undefined;
  return new InternalError({
    ...fields,
    message: isNamed ? fields.message : `${operation}: ${fields.message}`,
    context: { operation, ...fields.context },
  });
}

// ── Arguments ────────────────────────────────────────────────────────────────────────────────────

const LONE_SURROGATE = /\p{Surrogate}/u;

function text(name) {
  return (value) => {
    if (typeof value !== 'string') {
      throw new Failure(invalidInput(name, value == null ? 'is required' : 'must be a string'));
    }
    // napi would replace it without a word.
    if (LONE_SURROGATE.test(value)) throw new Failure(invalidInput(name, 'must not contain lone surrogates'));
    return value;
  };
}

function optionalText(name) {
  const required = text(name);
  return (value) => (value == null ? undefined : required(value));
}

/** `null` takes something away: it must not come about by leaving the argument out. */
function textOrNull(name) {
  const required = text(name);
  return (value) => (value === null ? null : required(value));
}

/** JSON text; what JSON.stringify would turn into null or drop without a word is refused. */
function json(name) {
  return (value) => {
    if (value === undefined) throw new Failure(invalidInput(name, 'is required'));
    let readable;
    try {
      readable = readArgument(value, name);
    } catch (error) {
      throw unreadable(name, error);
    }
    try {
      return JSON.stringify(readable) ?? 'null';
    } catch {
      throw new Failure(invalidInput(fieldThatFails(readable) ?? name, 'cannot be written as JSON'));
    }
  };
}

/**
 * The same value for JSON.stringify: Dates have become text, for their `toJSON` may have been replaced. It goes one
 * level deep; what is inside metadata and the like follows JSON's own rules. Copies only what holds a Date.
 */
function readArgument(value, name) {
  if (Array.isArray(value)) return readList(value, name, name, 1);
  return isObject(value) && !isDate(value) ? readRecord(value, name, '') : readValue(value, name);
}

/** The names of a record's fields begin with `prefix`. */
function readRecord(given, name, prefix) {
  // Where a class says what its JSON is, that is the record.
  const hasJson = typeof given.toJSON === 'function' && !Object.hasOwn(given, 'toJSON');
  const record = hasJson ? given.toJSON('') : given;
  if (!isObject(record)) return record;
  checkPlain(record, name);
  let copy;
  for (const key of Object.keys(record)) {
    let value;
    let read;
    try {
      value = record[key];
      read = Array.isArray(value) ? readList(value, prefix + key, prefix + key, 1) : readValue(value, prefix + key);
    } catch (error) {
      throw unreadable(prefix + key, error);
    }
    if (!Object.is(read, value)) {
      // A copy has a `__proto__` of its own as a field, too.
      copy ??= { ...record };
      copy[key] = read;
    }
  }
  return copy ?? record;
}

/** `root` is the field that holds the outermost of nested lists. */
function readList(list, name, root, depth) {
  if (depth > MAX_DEPTH) throw new Failure(invalidInput(root, `must not nest deeper than ${MAX_DEPTH} levels`));
  let copy;
  for (let at = 0; at < list.length; at += 1) {
    const value = list[at];
    const itemName = `${name}[${at}]`;
    let read;
    if (Array.isArray(value)) read = readList(value, itemName, root, depth + 1);
    else if (isObject(value) && !isDate(value)) read = readRecord(value, itemName, `${itemName}.`);
    else read = readValue(value, itemName);
    if (!Object.is(read, value)) {
      copy ??= [...list];
      copy[at] = read;
    }
  }
  return copy ?? list;
}

/** A field or an item that is no list. */
function readValue(value, name) {
  switch (typeof value) {
    case 'function':
    case 'symbol':
    case 'bigint':
      throw new Failure(invalidInput(name, `must not be a ${typeof value}`));
    case 'number':
      if (!Number.isFinite(value)) throw new Failure(invalidInput(name, 'must be a finite number'));
      return value;
    case 'object':
      if (value === null) return value;
      if (isDate(value)) return dateText(value, name);
      // With a `toJSON` it says itself what it holds.
      if (typeof value.toJSON !== 'function') checkPlain(value, name);
      return value;
    default:
      return value;
  }
}

const { toISOString } = Date.prototype;

/** By its `getTime()`, whatever has become of the methods that make text of it. */
function dateText(date, name) {
  const time = date.getTime();
  const isTime = typeof time === 'number' && Math.abs(time) <= MAX_TIME;
  if (!isTime) throw new Failure(invalidInput(name, 'must be a valid Date'));
  return Reflect.apply(toISOString, new Date(time), []);
}

/** The last time that a Date can hold. */
const MAX_TIME = 8.64e15;

/** As deep as the core reads JSON. */
const MAX_DEPTH = 512;

const isObject = (value) => typeof value === 'object' && value !== null && !Array.isArray(value);

/** Refuses objects that keep elsewhere what JSON.stringify looks for in their own fields: it would find `{}`. */
function checkPlain(object, name) {
  const prototype = Object.getPrototypeOf(object);
  if (prototype === Object.prototype || prototype === null || !hidesFields(object)) return;
  const tag = Object.prototype.toString.call(object).slice(8, -1);
  const reason = tag === 'Object' ? 'its class keeps fields where JSON does not see them' : `it is a ${quoted(tag)}`;
  throw new Failure(invalidInput(name, `must be a plain object: ${reason}`));
}

/** Whether fields are inherited, made by getters of a class, or nowhere to be seen. */
function hidesFields(object) {
  let prototype = Object.getPrototypeOf(object);
  // A plain object, of another realm.
  if (isObjectPrototype(prototype)) return false;
  if (isNativeError(object) || isPromise(object) || Object.keys(object).length === 0) return true;
  for (; prototype !== null && !isObjectPrototype(prototype); prototype = Object.getPrototypeOf(prototype)) {
    if (Object.values(Object.getOwnPropertyDescriptors(prototype)).some(isField)) return true;
  }
  return false;
}

/** Of a prototype. */
const isField = ({ get, enumerable, value }) => get !== undefined || (enumerable && typeof value !== 'function');

/** Of any realm. */
const isObjectPrototype = (prototype) =>
  Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype, 'isPrototypeOf');

/** What a getter or a proxy threw, as the fault of the field. */
function unreadable(name, error) {
  return error instanceof Failure ? error : new Failure(invalidInput(name, `cannot be read: ${textOf(error)}`));
}

/** The text of an error that somebody else threw. */
function textOf(error) {
  try {
    return quoted(String(error?.message ?? error));
  } catch {
    return 'an error without a text';
  }
}

const MAX_QUOTED = 100;

/** Text of the caller's, fit for a message: on one line, with nothing in it that cannot be seen, and not long. */
function quoted(text) {
  // A character has up to two code units.
  const characters = Array.from(text.slice(0, 2 * MAX_QUOTED + 2));
  const escaped = characters.slice(0, MAX_QUOTED).join('').replace(UNSEEN, escapeOf);
  return characters.length > MAX_QUOTED ? `${escaped}…` : escaped;
}

const UNSEEN = /(?! )[\\\p{C}\p{Z}]/gu;
const SHORT_ESCAPES = { '\0': '\\0', '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };
const escapeOf = (character) => SHORT_ESCAPES[character] ?? `\\u{${character.codePointAt(0).toString(16)}}`;

function fieldThatFails(value) {
  return Object.keys(value).find((key) => {
    try {
      JSON.stringify(value[key]);
      return false;
    } catch {
      return true;
    }
  });
}

function optionalJson(name) {
  const required = json(name);
  return (value) => (value == null ? undefined : required(value));
}

/** Options of a method's own; `signal` and `timeoutMs` among them are the call's. */
function options(name) {
  const encode = json(name);
  return (value) => {
    if (value == null) return undefined;
    if (!isObject(value)) throw new Failure(invalidInput(name, 'must be an object'));
    // What is wrong with these two is found where they are read.
    const { signal, timeoutMs, ...own } = readOptionsObject(value, name);
    return encode(own);
  };
}

function callOptions(value) {
  if (value == null) return {};
  if (!isObject(value)) throw new Failure(invalidInput('options', 'must be an object'));
  const { signal, timeoutMs } = readOptionsObject(value, 'options');
  if (signal != null && !isSignal(signal)) throw new Failure(invalidInput('signal', 'must be an AbortSignal'));
  if (timeoutMs != null && !(Number.isFinite(timeoutMs) && timeoutMs >= 0 && timeoutMs <= MAX_TIMEOUT_MS)) {
    throw new Failure(invalidInput('timeoutMs', 'must be a number of milliseconds between 0 and 2147483647'));
  }
  return { signal: signal ?? undefined, timeoutMs: timeoutMs ?? undefined };
}

/** All fields of options, each read once. The two of every call may come from a class. */
function readOptionsObject(value, name) {
  try {
    const { signal, timeoutMs } = value;
    if (signal === undefined && timeoutMs === undefined) checkPlain(value, name);
    return { ...value, signal, timeoutMs };
  } catch (error) {
    throw unreadable(name, error);
  }
}

function isSignal(value) {
  try {
    const { aborted, addEventListener, removeEventListener } = value;
    return typeof aborted === 'boolean' && [addEventListener, removeEventListener].every(isFunction);
  } catch {
    return false;
  }
}

const isFunction = (value) => typeof value === 'function';

/** Node's timers hold no more. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

function onlyCallOptions(value) {
  const read = callOptions(value);
  const unknown = Object.keys(value ?? {}).find((key) => key !== 'signal' && key !== 'timeoutMs');
  if (unknown !== undefined) throw new Failure(invalidInput(unknown, 'is not known here'));
  return read;
}

// ── Results ──────────────────────────────────────────────────────────────────────────────────────

/** Turns the named fields, where they are present, into Dates. */
function dates(...fields) {
  return (record) => {
    for (const field of fields) {
      if (record[field] !== undefined) record[field] = new Date(record[field]);
    }
    return record;
  };
}

const same = (value) => value;
const nothing = () => undefined;
const nullable = (shape) => (value) => (value === null ? null : shape(value));
const list = (shape) => (values) => values.map(shape);

const stored = dates('createdAt', 'updatedAt');
const expiring = dates('expiresAt', 'createdAt', 'updatedAt');
const oauthLink = dates('linkedAt');
const user = (record) => {
  if (record.oauth) Object.values(record.oauth).forEach(oauthLink);
  return stored(record);
};
const member = dates('joinedAt');
const organization = (record) => {
  record.members.forEach(member);
  return stored(record);
};
const apiKeyWithSecret = (result) => {
  expiring(result.record);
  return result;
};
const emailToken = dates('expiresAt', 'createdAt', 'usedAt');
const ssoLink = dates('linkedAt', 'lastAuthAt');
const ssoSession = dates('expiresAt', 'linkedAt', 'lastAuthAt');
const device = dates('createdAt', 'updatedAt', 'lastUsedAt', 'verificationCodeExpiresAt');
const backupCode = dates('createdAt', 'usedAt');
const twoFactorSession = dates('expiresAt', 'createdAt', 'completedAt');
/** These two fields of a tenant's configuration are its own: they come back as Dates only if they were given as such. */
const tenantConfig = (config) => {
  for (const field of ['createdAt', 'updatedAt']) {
    const date = new Date(config[field]);
    if (!Number.isNaN(date.getTime()) && date.toISOString() === config[field]) config[field] = date;
  }
  return config;
};

// ── Methods ──────────────────────────────────────────────────────────────────────────────────────

/** A method by its arguments and its result; the call options are its last argument. */
const method = (args, shape) => ({ args, shape, callOptionsOf: (given) => onlyCallOptions(given[args.length]) });
/** The same for a method whose own options hold the call options as well. */
const methodWithOptions = (args, shape) => ({
  args: [...args, options('options')],
  shape,
  callOptionsOf: (given) => callOptions(given[args.length]),
});

const METHODS = {
  connect: method([], nothing),
  // Its `timeoutMs` is no call option: it says how long running calls may take.
  disconnect: { args: [optionalJson('options')], shape: nothing, callOptionsOf: () => ({}) },
  rollback: methodWithOptions([], same),
  healthCheck: method([], same),

  createUser: method([json('user')], user),
  getUser: method([text('id')], nullable(user)),
  getUserByEmail: method([text('email')], nullable(user)),
  getUserByOAuth: method([text('provider'), text('sub')], nullable(user)),
  updateUser: method([text('id'), json('patch')], user),
  deleteUser: method([text('id')], nothing),
  setPasswordHash: method([text('userId'), textOrNull('hash')], nothing),
  getPasswordHash: method([text('userId')], same),
  linkOAuthAccount: method([text('userId'), text('provider'), json('link')], user),
  unlinkOAuthAccount: method([text('userId'), text('provider')], user),

  createSession: method([json('session')], expiring),
  getSession: method([text('id')], nullable(expiring)),
  updateSession: method([text('id'), json('patch')], expiring),
  deleteSession: method([text('id')], nothing),
  deleteUserSessions: methodWithOptions([text('userId')], same),
  deleteExpiredSessions: methodWithOptions([], same),

  createApiKey: method([json('apiKey')], expiring),
  getApiKey: method([text('id')], nullable(expiring)),
  getApiKeyByHash: method([text('hash')], nullable(expiring)),
  getApiKeysByPrefixAndLastFour: method([text('prefix'), text('lastFour')], list(expiring)),
  updateApiKey: method([text('id'), json('patch')], expiring),
  deleteApiKey: method([text('id')], nothing),
  listApiKeys: method([text('principalId')], list(expiring)),
  createApiKeyWithSecret: method([text('principalId'), json('scopes'), optionalText('prefix')], apiKeyWithSecret),
  verifyApiKeySecret: method([text('key')], nullable(expiring)),
  rotateApiKey: methodWithOptions([text('id')], apiKeyWithSecret),

  createOrganization: method([json('organization')], organization),
  getOrganization: method([text('id')], nullable(organization)),
  updateOrganization: method([text('id'), json('patch')], organization),
  deleteOrganization: method([text('id')], nothing),

  createEmailVerificationToken: method([json('token')], emailToken),
  getEmailVerificationTokens: method([text('email'), optionalText('type')], list(emailToken)),
  getEmailVerificationTokenById: method([text('id')], nullable(emailToken)),
  markEmailVerificationTokenAsUsed: method([text('id')], emailToken),
  deleteExpiredEmailVerificationTokens: method([], same),
  getEmailVerificationTokenAttempts: method([text('id')], same),
  incrementEmailVerificationTokenAttempts: method([text('id')], same),

  emitEvent: method([json('event')], nothing),

  createRole: method([json('role')], stored),
  getRole: method([text('id')], nullable(stored)),
  updateRole: method([text('id'), json('patch')], stored),
  deleteRole: method([text('id')], nothing),
  listRoles: method([text('orgId')], list(stored)),
  assignRoleToUser: method([text('userId'), text('roleId'), text('orgId')], stored),
  revokeRoleFromUser: method([text('userId'), text('roleId'), text('orgId')], nothing),
  getUserRoles: method([text('userId'), text('orgId')], list(stored)),

  createSSOProvider: method([json('provider')], stored),
  getSSOProvider: method([text('id')], nullable(stored)),
  updateSSOProvider: method([text('id'), json('patch')], stored),
  deleteSSOProvider: method([text('id')], nothing),
  listSSOProviders: method([optionalText('orgId')], list(stored)),
  createSSOLink: method([json('link')], ssoLink),
  getSSOLink: method([text('id')], nullable(ssoLink)),
  getUserSSOLinks: method([text('userId')], list(ssoLink)),
  deleteSSOLink: method([text('id')], nothing),
  createSSOSession: method([json('session')], ssoSession),
  getSSOSession: method([text('id')], nullable(ssoSession)),
  storeTenantSAMLConfig: method([json('config')], nothing),
  getTenantSAMLConfig: method([text('tenantId')], nullable(tenantConfig)),
  updateTenantSAMLConfig: method([text('tenantId'), json('patch')], nothing),
  deleteTenantSAMLConfig: method([text('tenantId')], nothing),

  createTwoFactorDevice: method([json('device')], device),
  getTwoFactorDevice: method([text('id')], nullable(device)),
  updateTwoFactorDevice: method([text('id'), json('patch')], device),
  listTwoFactorDevices: method([text('userId')], list(device)),
  deleteTwoFactorDevice: method([text('id')], nothing),
  createBackupCodes: method([text('userId'), json('codes')], list(backupCode)),
  getBackupCodes: method([text('userId')], list(backupCode)),
  markBackupCodeUsed: method([text('id')], nothing),
  createTwoFactorSession: method([json('session')], twoFactorSession),
  getTwoFactorSession: method([text('id')], nullable(twoFactorSession)),
  completeTwoFactorSession: method([text('id')], nothing),
  incrementTwoFactorSessionAttempts: method([text('id')], same),
};

/** `query_timeout` is no limit for these. */
const LIFECYCLE = new Set(['connect', 'disconnect', 'rollback', 'healthCheck']);

/** Timers and sockets have their turn between. */
const RESULTS_PER_TURN = 16;

// ── Calls ────────────────────────────────────────────────────────────────────────────────────────

/** Holds the process open while calls are pending; the core's own wake-up never does. */
const hold = {
  count: 0,
  timer: undefined,
  take() {
    this.count += 1;
    if (this.count > 1) return;
    if (this.timer === undefined) {
      native.withoutContext(() => {
        this.timer = setInterval(() => {}, MAX_TIMEOUT_MS);
      });
    }
    this.timer.ref();
  },
  release(count = 1) {
    this.count -= count;
    if (this.count === 0) this.timer.unref();
  },
};

const gaveUpAfter = (ms) => `gave up after ${ms} ms`;

/** The calls that each signal ends: one listener for all of them, or Node would warn of a leak. */
const watched = new WeakMap();

/** Calls back when the signal is aborted; returns what undoes it. */
function watch(signal, onAbort) {
  let watchers = watched.get(signal);
  if (watchers === undefined) {
    const callbacks = new Set();
    const run = () => {
      for (const callback of callbacks) callback();
    };
    watchers = { callbacks, run };
    watched.set(signal, watchers);
  }
  const { callbacks, run } = watchers;
  try {
    if (callbacks.size === 0) signal.addEventListener('abort', run);
  } catch (error) {
    throw new Failure(invalidInput('signal', `cannot be listened to: ${textOf(error)}`));
  }
  callbacks.add(onAbort);
  return () => {
    callbacks.delete(onAbort);
    try {
      if (callbacks.size === 0) signal.removeEventListener('abort', run);
    } catch {
      // A listener without callbacks does nothing, and others wait for their results.
    }
  };
}

const BLOCK_SIZE = 1024;

/**
 * Who waits, by the calls' ids, which follow each other: in blocks. The table of a Map would be made anew again and
 * again, and each one that V8 takes for old would keep the results of its calls until all memory is searched.
 */
class Pending {
  constructor() {
    this.blocks = new Map();
    this.newest = undefined;
  }

  add(id, resolve) {
    const number = Math.floor(id / BLOCK_SIZE);
    if (this.newest?.number !== number) this.begin(number);
    this.newest.resolves[id % BLOCK_SIZE] = resolve;
    this.newest.count += 1;
  }

  /** `undefined` when nothing waits under that id. */
  take(id) {
    const block = this.blocks.get(Math.floor(id / BLOCK_SIZE));
    const at = id % BLOCK_SIZE;
    const resolve = block?.resolves[at];
    if (resolve === undefined) return undefined;
    block.resolves[at] = undefined;
    block.count -= 1;
    if (block !== this.newest) this.dropIfEmpty(block);
    return resolve;
  }

  isEmpty() {
    return [...this.blocks.values()].every(({ count }) => count === 0);
  }

  begin(number) {
    if (this.newest !== undefined) this.dropIfEmpty(this.newest);
    // It is there already when the ids have begun again.
    this.newest = this.blocks.get(number) ?? { number, count: 0, resolves: new Array(BLOCK_SIZE) };
    this.blocks.set(number, this.newest);
  }

  dropIfEmpty({ number, count }) {
    if (count === 0) this.blocks.delete(number);
  }
}

/** Takes hold of the async context that the caller is in: what is run by the result, runs in it. */
const snapshot =
  AsyncLocalStorage.snapshot ??
  (() => {
    const resource = new AsyncResource('AuthPostgresCall');
    return (work, ...args) => resource.runInAsyncScope(work, null, ...args);
  });

/** One adapter's native half and the calls that wait for it. */
class Core {
  constructor(connectionString, { logger, password, json, holdsOpen, queryTimeoutMs }) {
    const pending = new Pending();
    this.pending = pending;
    this.queryTimeoutMs = queryTimeoutMs;
    this.holdsOpen = holdsOpen;
    this.isHeldOpen = false;
    // The contexts of the calls that wait, where something is to be run in them: functions of the caller's.
    const contexts = logger != null || typeof password === 'function' ? new Map() : undefined;
    this.contexts = contexts;
    // Must not refer to the core itself, or neither would ever be collected.
    const answerOrLog = (value) => ('ask' in value ? answerPassword(value.ask, password) : log(logger, value));
    const note = (value) => {
      const inContext = contexts?.get(value.call);
      if (inContext === undefined) answerOrLog(value);
      else inContext(answerOrLog, value);
    };
    const core = new WeakRef(this);
    const inbox = new Inbox(pending, contexts, note, () => core.deref()?.gather());
    this.inbox = inbox;
    this.drain = (chunks) => inbox.take(chunks);
    this.isGathering = false;
    this.isListening = false;
    this.isClosed = false;
    this.native = new native.PostgresStorageAdapter(connectionString, json, environment());
  }

  /** Resolves with the result, or with a Failure. */
  call(name, args, { signal, timeoutMs = LIFECYCLE.has(name) ? undefined : this.queryTimeoutMs }) {
    if (signal?.aborted) return Promise.resolve(new Failure(cancelled('the signal had been aborted')));
    if (timeoutMs === 0) return Promise.resolve(new Failure(cancelled(gaveUpAfter(0))));
    if (!this.isListening) this.listen();
    const mayGiveUp = signal !== undefined || timeoutMs !== undefined;
    if (mayGiveUp) return this.callUntilGivenUp(name, args, signal, timeoutMs);
    const id = this.native[name](...args);
    hold.take();
    this.contexts?.set(id, snapshot());
    return new Promise((resolve) => this.pending.add(id, resolve));
  }

  /** The core answers a call that is given up like any other: with an error, at once. */
  callUntilGivenUp(name, args, signal, timeoutMs) {
    let id;
    const giveUp = (reason) => id !== undefined && this.native.giveUp(id, reason);
    // First, for a signal is the caller's, and may throw: then the call is not made.
    const unwatch = signal && watch(signal, () => giveUp('the signal was aborted'));
    try {
      this.native.expectGiveUp();
      id = this.native[name](...args);
    } finally {
      if (id === undefined) unwatch?.();
    }
    hold.take();
    this.contexts?.set(id, snapshot());
    const timer = timeoutMs === undefined ? undefined : setTimeout(giveUp, timeoutMs, gaveUpAfter(timeoutMs));
    return new Promise((resolve) => {
      this.pending.add(id, (outcome) => {
        clearTimeout(timer);
        unwatch?.();
        resolve(outcome);
      });
    });
  }

  listen() {
    native.withoutContext(() => this.native.listen(this.drain));
    this.isListening = true;
  }

  /** What watches for open handles (jest does, if asked to) would take a closed adapter's for one. */
  stopListening() {
    if (!this.isClosed || !this.isListening || !this.pending.isEmpty()) return;
    this.isListening = false;
    this.native.stopListening();
  }

  /** Many results lead to many calls: the core gathers them until this turn of the event loop ends, or the last one. */
  gather() {
    if (this.isGathering) return;
    this.isGathering = true;
    this.native.openTurn();
    const end = () => {
      this.isGathering = false;
      this.native.closeTurn(this.inbox.isScheduled);
    };
    // A tick that a microtask asks for comes when no microtask is left.
    queueMicrotask(() => process.nextTick(end));
  }

  /** With `allowExitOnIdle: false` an open adapter holds the process. */
  setOpen(isOpen) {
    if (!this.holdsOpen || isOpen === this.isHeldOpen) return;
    this.isHeldOpen = isOpen;
    if (isOpen) hold.take();
    else hold.release();
  }
}

/** What has come out of the core, on its way to those who wait for it: in order, so many in each turn of the event loop. */
class Inbox {
  constructor(pending, contexts, note, onMany) {
    this.pending = pending;
    this.contexts = contexts;
    this.note = note;
    this.onMany = onMany;
    this.chunks = [];
    this.entries = [];
    this.at = 0;
    this.settledInTurn = 0;
    this.isScheduled = false;
  }

  /** May be called again and again without a turn between. */
  take(chunks) {
    for (const chunk of chunks) this.chunks.push(chunk);
    if (!this.isScheduled) this.settle();
  }

  /** A later turn settles what an earlier one has left, and ends the gathering. */
  settle({ isLater = false } = {}) {
    if (isLater) this.settledInTurn = 0;
    const before = this.settledInTurn;
    while (this.settledInTurn < RESULTS_PER_TURN && this.hasEntry()) {
      const id = this.entries[this.at];
      const value = this.entries[this.at + 1];
      this.at += 2;
      if (id === 0) this.note(value);
      else this.settledInTurn += this.answer(id, value);
    }
    this.isScheduled = this.settledInTurn >= RESULTS_PER_TURN;
    if (this.isScheduled) setImmediate(() => this.settle({ isLater: true }));
    const settled = this.settledInTurn - before;
    if (settled > 0) hold.release(settled);
    if (settled > 1 || isLater) this.onMany();
  }

  /** A chunk is a JSON array of pairs: `id, result` · `-id, error` · `0, log line or question`. */
  hasEntry() {
    if (this.at < this.entries.length) return true;
    const chunk = this.chunks.shift();
    this.entries = chunk === undefined ? [] : JSON.parse(chunk);
    this.at = 0;
    return chunk !== undefined;
  }

  answer(id, value) {
    const resolve = this.pending.take(Math.abs(id));
    if (resolve === undefined) return 0;
    this.contexts?.delete(Math.abs(id));
    resolve(id > 0 ? value : new Failure(value));
    return 1;
  }
}

/** A logger that throws or rejects must not keep others from their results, or end the process. */
function log(logger, { level, message, fields }) {
  const warn = (error) => process.emitWarning(`the logger threw: ${textOf(error)}`, 'AuthPostgresWarning');
  try {
    const returned = logger[level](message, fields);
    if (typeof returned === 'object' && returned !== null) Promise.resolve(returned).then(undefined, warn);
  } catch (error) {
    warn(error);
  }
}

/** Asks the caller's function for a password; what it throws may hold one, so only its name and code pass on. */
async function answerPassword(id, password) {
  try {
    const text = await password();
    const isText = typeof text === 'string' && !LONE_SURROGATE.test(text) && !text.includes('\0');
    native.answerQuestion(id, isText ? text : null, 'it must return a string, or a promise of one', null);
  } catch (error) {
    const { name, code } = wordsOf(error);
    native.answerQuestion(id, null, `it threw: ${name ?? 'error'}`, code);
  }
}

/** What an error calls itself, if that can be read at all. */
function wordsOf(error) {
  try {
    return { name: wordOf(error?.name), code: wordOf(error?.code) };
  } catch {
    return { name: null, code: null };
  }
}

/** An identifier, as errors have for names and codes; anything else could hold a secret. */
const wordOf = (value) => (typeof value === 'string' && /^[A-Za-z_][\w.]{0,63}$/.test(value) ? value : null);

/**
 * What the core knows of the environment, as this realm and this thread have it. Native code must not read it itself:
 * another thread's `getenv` would crash when the application sets a variable meanwhile.
 */
function environment() {
  const variables = Object.entries(process.env).filter(([name]) => name.startsWith('PG'));
  const { APPDATA, NODE_EXTRA_CA_CERTS } = process.env;
  return JSON.stringify({
    ...Object.fromEntries(variables),
    ...{ APPDATA, HOME: home(), NODE_EXTRA_CA_CERTS, TMPDIR: tmpdir() },
  });
}

/** An account may have none. */
function home() {
  try {
    return homedir();
  } catch {
    return undefined;
  }
}

/**
 * Where an adapter keeps its core. A property is found through proxies and by objects that inherit from the adapter;
 * since it cannot be changed, no proxy can show another value for it.
 */
const CORE = Symbol('core');

function coreOf(adapter, method) {
  let core;
  try {
    core = adapter[CORE];
  } catch {
    // There is no `this` at all, or a proxy that keeps to itself what it stands for.
  }
  if (core instanceof Core) return core;
  throw new Failure(
    invalidInput(
      'this',
      `is no PostgresStorageAdapter: call \`storage.${method}(…)\`, or bind the method: \`storage.${method}.bind(storage)\``,
    ),
  );
}

/** Throws after its `await`: the error's stack reaches the caller's own frame. */
async function run(adapter, name, args) {
  const { args: encoders, shape, callOptionsOf } = METHODS[name];
  let core;
  let outcome;
  try {
    core = coreOf(adapter, name);
    const encoded = encoders.map((encode, at) => encode(args[at]));
    outcome = core.call(name, encoded, callOptionsOf(args));
  } catch (error) {
    outcome = error instanceof Failure ? error : new Failure(internal(`the call could not be made: ${textOf(error)}`));
  }
  outcome = await outcome;
  if (outcome instanceof Failure) {
    // A closed adapter answers calls, too.
    core?.stopListening();
    throw errorOf(outcome, name);
  }
  return shape(outcome);
}

const LOG_METHODS = ['debug', 'info', 'warn', 'error'];

/** Takes out of the options what is JavaScript's: functions. */
function readOptions(given) {
  if (given == null) return { json: '{}', holdsOpen: false };
  if (!isObject(given)) throw new Failure(invalidInput('options', 'must be an object'));
  checkPlain(given, 'options');
  const { logger } = given;
  if (logger != null && !LOG_METHODS.every((level) => typeof logger[level] === 'function')) {
    throw new Failure(invalidInput('logger', 'must be an object with the functions debug, info, warn and error'));
  }
  const { password, ssl } = given;
  if (password != null && typeof password !== 'string' && typeof password !== 'function') {
    throw new Failure(invalidInput('password', 'must be a string or a function'));
  }
  // A function crosses as `true`: where one is known it stays here, elsewhere the core refuses it with the reason.
  const plain = withoutFunctions({ ...given, logger: logger == null ? undefined : true });
  if (isObject(ssl)) plain.ssl = readSsl(ssl);
  return {
    ...{ logger, password },
    json: json('options')(plain),
    holdsOpen: given.allowExitOnIdle === false,
    queryTimeoutMs: given.query_timeout || undefined,
  };
}

const withoutFunctions = (object) =>
  Object.fromEntries(Object.entries(object).map(([key, value]) => [key, typeof value === 'function' ? true : value]));

/** PEM arrives as text, as a Buffer, or as a list of them; a protected key is opened here, with Node's own means. */
function readSsl(given) {
  checkPlain(given, 'ssl');
  const ssl = withoutFunctions(given);
  for (const name of ['ca', 'cert', 'key']) {
    if (ssl[name] != null) ssl[name] = pem(ssl[name], `ssl.${name}`);
  }
  if (ssl.key != null && ssl.passphrase != null) {
    const passphrase = text('ssl.passphrase')(ssl.passphrase);
    try {
      ssl.key = createPrivateKey({ key: ssl.key, format: 'pem', passphrase }).export({ type: 'pkcs8', format: 'pem' });
    } catch {
      throw new Failure(invalidInput('ssl.key', 'cannot be opened with `ssl.passphrase`'));
    }
    ssl.passphrase = undefined;
  }
  return ssl;
}

function pem(value, name) {
  const parts = Array.isArray(value) ? value : [value];
  if (!parts.every((part) => typeof part === 'string' || isUint8Array(part))) {
    throw new Failure(invalidInput(name, 'must be PEM text, a Buffer, or an array of them'));
  }
  return parts.map((part) => (typeof part === 'string' ? part : Buffer.from(part).toString('utf8'))).join('\n');
}

/** Of several calls of `connect` and `disconnect` under way, the last one says whether the adapter is open. */
function takeTurn(adapter) {
  const core = adapter?.[CORE] ?? {};
  const turn = {};
  core.lifecycle = turn;
  return () => core.lifecycle === turn;
}

class PostgresStorageAdapter {
  constructor(connectionString, options) {
    try {
      const core = new Core(text('connectionString')(connectionString), readOptions(options));
      Object.defineProperty(this, CORE, { value: core });
    } catch (error) {
      throw errorOf(error instanceof Failure ? error : new Failure(fromNative(error)), 'constructor');
    }
  }

  async connect(options) {
    const isLast = takeTurn(this);
    await run(this, 'connect', [options]);
    if (!isLast()) return;
    const core = this[CORE];
    core.isClosed = false;
    core.setOpen(true);
  }

  async disconnect(options) {
    const isLast = takeTurn(this);
    await run(this, 'disconnect', [options]);
    const core = this[CORE];
    if (isLast()) {
      core.setOpen(false);
      core.isClosed = true;
    }
    // Also when a later one, which has said that the adapter is closed, has ended before.
    core.stopListening();
  }

  /** Never rejects, whatever it is given. */
  async healthCheck(options) {
    const started = Date.now();
    try {
      return await run(this, 'healthCheck', [options]);
    } catch ({ code, message }) {
      const pool = { total: 0, idle: 0, waiting: 0 };
      return { status: 'error', latencyMs: Date.now() - started, pool, code, message };
    }
  }
}

/** The native constructor can only throw; its message is the error as JSON. */
function fromNative(error) {
  try {
    return JSON.parse(error.message);
  } catch {
    return internal(`the native core could not be made: ${textOf(error)}`);
  }
}

for (const name of Object.keys(METHODS)) {
  if (name in PostgresStorageAdapter.prototype) continue;
  const { [name]: value } = {
    [name](...args) {
      return run(this, name, args);
    },
  };
  Object.defineProperty(PostgresStorageAdapter.prototype, name, { value, configurable: true, writable: true });
}

module.exports = { PostgresStorageAdapter, InternalError };
