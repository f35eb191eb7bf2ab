/** `npm run test:plans`: the plans of all statements with a million rows in every table (takes minutes). */
import { runJest } from './run-jest.mjs';
import { setup } from './setup.mjs';

process.env.PLANS_ROWS ??= '1000000';
setup();
process.exitCode = runJest('plans', ['plans', ...process.argv.slice(2)]) ? 0 : 1;
