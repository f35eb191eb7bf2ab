/** `npm run demo -- --console`: what the demo has made, in the console. */
import { once } from 'node:events';
import colors from 'picocolors';
import serve from '../../console/lib/cli/serve.js';
import { chapter, say } from './output.mjs';

/** Serves the console until Ctrl-C. @param {import('@kitiumai/auth-postgres').PostgresStorageAdapter} storage */
export async function showConsole(storage) {
  chapter('The console');
  const { link, stop } = await serve.serveLocally(storage, { name: 'demo', can: ['*'] }, { port: 0, title: 'Demo' });
  say(`  Open this link; it works once. Ctrl-C ends it.\n  ${colors.cyan(link)}`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await stop();
}
