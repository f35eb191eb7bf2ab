/** `node --import …`: lets an application find a stand-in for `@kitiumai/auth`, which no public registry has. */
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url);
