/** The plans that the server used for the adapter's own statements, which auto_explain sends to the client as notices. */
import type { AdapterOptions, TestDatabase } from './database';
import { Relay } from './relay';

export interface Plan {
  sql: string;
  /** Tables that were read from end to end, although the statement came with a key. */
  sequentialScans: string[];
  /** Tables, or partitions of them, that the plan opens. */
  tables: string[];
  /** Pages read, from the cache or not. */
  pages: number;
  /** Rows and entries of indexes that were looked at, also those that a condition then left out. */
  rows: number;
  /** Rows that any part of the plan has looked at: what one part returns, another one may read again and again. */
  work: number;
}

interface PlanNode {
  'Node Type': string;
  'Relation Name'?: string;
  'Index Name'?: string;
  'Actual Loops': number;
  'Actual Rows'?: number;
  'Rows Removed by Filter'?: number;
  'Rows Removed by Index Recheck'?: number;
  'Rows Removed by Join Filter'?: number;
  'Shared Hit Blocks'?: number;
  'Shared Read Blocks'?: number;
  Plans?: PlanNode[];
}

/** Settings with which the server explains each statement when it ends, also those of triggers and foreign keys. */
const EXPLAIN = {
  session_preload_libraries: 'auto_explain',
  'auto_explain.log_min_duration': '0',
  'auto_explain.log_analyze': 'on',
  'auto_explain.log_buffers': 'on',
  'auto_explain.log_timing': 'off',
  'auto_explain.log_format': 'json',
  'auto_explain.log_nested_statements': 'on',
  client_min_messages: 'log',
};

/** An adapter whose every statement is explained. */
export class Explained {
  private constructor(
    readonly storage: ReturnType<TestDatabase['adapter']>,
    private readonly relay: Relay,
  ) {}

  /** `settings` are further ones of its connections. */
  static async start(db: TestDatabase, settings: Record<string, string>, options: AdapterOptions = {}) {
    const relay = await Relay.start(db.url);
    const all = Object.entries({ ...EXPLAIN, ...settings }).map(([name, value]) => `-c ${name}=${value}`);
    const storage = db.adapter({ ...options, options: all.join(' ') }, relay.url);
    // What a new connection is asked is not part of any plan.
    await storage.healthCheck();
    return new Explained(storage, relay);
  }

  /** The plans of all statements that the work leads to. */
  async plansOf(work: () => Promise<unknown>): Promise<Plan[]> {
    this.relay.reset();
    await work();
    return this.relay.messages
      .filter(({ from, type }) => from === 'server' && type === 'N')
      .flatMap(({ bytes }) => planOf(noticeText(bytes)) ?? []);
  }

  async stop(): Promise<void> {
    await this.storage.disconnect();
    await this.relay.close();
  }
}

/** The field M of a NoticeResponse: after type and length, a letter and a string that ends with a zero, again and again. */
function noticeText(bytes: Buffer): string {
  const fields = bytes.subarray(5).toString().split('\0');
  return fields.find((field) => field.startsWith('M'))?.slice(1) ?? '';
}

function planOf(notice: string): Plan | undefined {
  const start = notice.indexOf('{');
  if (!/^duration: .* plan:/.test(notice) || start < 0) return undefined;
  const { 'Query Text': sql, Plan: plan } = JSON.parse(notice.slice(start)) as { 'Query Text': string; Plan: PlanNode };
  const scans = nodesOf(plan).filter((node) => node['Node Type'] === 'Seq Scan' && node['Actual Loops'] > 0);
  const lookedAt = (node: PlanNode) =>
    node['Actual Loops'] *
    ((node['Actual Rows'] ?? 0) +
      (node['Rows Removed by Filter'] ?? 0) +
      (node['Rows Removed by Index Recheck'] ?? 0) +
      (node['Rows Removed by Join Filter'] ?? 0));
  const sum = (nodes: PlanNode[]) => nodes.reduce((total, node) => total + lookedAt(node), 0);
  const ofTables = nodesOf(plan).filter((node) => node['Relation Name'] || node['Index Name']);
  const reading = ofTables.filter((node) => node['Node Type'].endsWith('Scan'));
  return {
    rows: sum(reading),
    work: sum(nodesOf(plan)),
    sql: sql.replace(/\s+/g, ' '),
    tables: nodesOf(plan).flatMap((node) => node['Relation Name'] ?? []),
    sequentialScans: scans.map((node) => node['Relation Name'] ?? '?'),
    pages: (plan['Shared Hit Blocks'] ?? 0) + (plan['Shared Read Blocks'] ?? 0),
  };
}

function nodesOf(node: PlanNode): PlanNode[] {
  return [node, ...(node.Plans ?? []).flatMap(nodesOf)];
}
