import { readdirSync } from 'node:fs';
import { join } from 'node:path';

export const MIGRATIONS_FOLDER = join(__dirname, '..', '..', 'migrations');

/** The ids of the migrations, in the order in which they are applied. */
export const MIGRATIONS = readdirSync(MIGRATIONS_FOLDER)
  .flatMap((file) => /^(.*)\.up\.sql$/.exec(file)?.[1] ?? [])
  .sort();

export const FIRST = MIGRATIONS[0] as string;
export const LAST = MIGRATIONS[MIGRATIONS.length - 1] as string;

/** In the order in which `rollback()` undoes them. */
export const NEWEST_FIRST = [...MIGRATIONS].reverse();

/** The key of the advisory lock of those who migrate: "auth" and "pgmi" in ASCII. */
export const MIGRATION_LOCK = 0x6175_7468_7067_6d69n.toString();
