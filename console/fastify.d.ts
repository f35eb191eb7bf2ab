import type { ConsoleHandler } from './index.js';

/** A plugin as Fastify registers it. Its types are not named, so that the console needs no package for them. */
// biome-ignore lint/suspicious/noExplicitAny: the reason above
export type FastifyPlugin = (app: any, options?: unknown) => Promise<void>;

/** A plugin for `app.register(fastifyConsole(handler))`. The console is served under the `basePath` of the handler. */
export declare function fastifyConsole(handler: ConsoleHandler): FastifyPlugin;
