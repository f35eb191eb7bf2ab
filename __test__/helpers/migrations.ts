import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const MIGRATIONS_FOLDER = join(__dirname, '..', '..', 'migrations');

/** The ids of all migrations, in their order. */
export const MIGRATIONS = readdirSync(MIGRATIONS_FOLDER)
  .filter((name) => name.endsWith('.up.sql'))
  .map((name) => name.replace('.up.sql', ''))
  .sort();

export const LATEST = MIGRATIONS.at(-1) as string;
