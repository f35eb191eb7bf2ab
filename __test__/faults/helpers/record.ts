/** What a run found out, for the table in docs/faults.md; `scripts/test/steps/faults.mjs` writes it. */
import { appendFile, mkdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import type { Growth } from './memory';

export interface Finding {
  title: string;
  /** Outcomes by their description, and how often callers saw them. */
  seen: [string, number][];
  recoveryMs: number;
  growth?: Growth;
}

const DIRECTORY = join(__dirname, '..', '..', '..', 'target', 'faults');

export async function record(finding: Finding): Promise<void> {
  const file = basename(expect.getState().testPath ?? 'unknown', '.test.ts');
  await mkdir(DIRECTORY, { recursive: true });
  await appendFile(join(DIRECTORY, `${file}.jsonl`), `${JSON.stringify({ file, ...finding })}\n`);
}
