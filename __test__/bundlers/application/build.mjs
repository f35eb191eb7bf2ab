/** `node build.mjs BUNDLER cjs|mjs FILE` bundles main.mjs, the package included, with no setting that is about it. */
import { basename, dirname } from 'node:path';

const [bundler = '', ending = '', file = ''] = process.argv.slice(2);
const isModule = ending === 'mjs';
const format = isModule ? 'esm' : 'cjs';
const output = { path: dirname(file), filename: basename(file) };

/** @param {any} pack webpack or Rspack @param {string} mode */
const withWebpack = (pack, mode) =>
  new Promise((resolve, reject) => {
    const asModule = isModule && { experiments: { outputModule: true } };
    const options = { mode, target: 'node', entry: './main.mjs', output: { ...output, module: isModule }, ...asModule };
    pack(options, (/** @type {unknown} */ error, /** @type {any} */ stats) => {
      const findings = stats?.toString({ all: false, errors: true, warnings: true });
      if (error || findings) reject(error ?? new Error(findings));
      else resolve(undefined);
    });
  });

/** @type {Record<string, () => Promise<unknown>>} */
const BUNDLERS = {
  async esbuild() {
    const { build } = await import('esbuild');
    await build({ entryPoints: ['main.mjs'], bundle: true, platform: 'node', format, outfile: file });
  },
  webpack: async () => withWebpack((await import('webpack')).default, 'production'),
  // The modules are evaluated from strings, which have no place.
  'webpack for development': async () => withWebpack((await import('webpack')).default, 'development'),
  rspack: async () => withWebpack((await import('@rspack/core')).rspack, 'production'),
  async rollup() {
    const { rollup } = await import('rollup');
    const plugins = [
      (await import('@rollup/plugin-node-resolve')).default({ preferBuiltins: true }),
      (await import('@rollup/plugin-commonjs')).default(),
    ];
    const bundle = await rollup({ input: 'main.mjs', plugins, onwarn: ({ message }) => console.log(message) });
    await bundle.write({ file, format });
  },
  async vite() {
    const { build } = await import('vite');
    const named = { dir: output.path, entryFileNames: output.filename, format };
    await build({
      ...{ logLevel: 'warn', ssr: { noExternal: true } },
      build: { ssr: 'main.mjs', emptyOutDir: false, rollupOptions: { output: /** @type {any} */ (named) } },
    });
  },
};

await BUNDLERS[bundler]?.();
