/** @type {import('next').NextConfig} */
export default {
  distDir: process.env.NEXT_DIRECTORY ?? '.next',
  // The application is below another project's directory here.
  ...{ outputFileTracingRoot: import.meta.dirname, turbopack: { root: import.meta.dirname } },
  ...JSON.parse(process.env.NEXT_SETTINGS ?? '{}'),
};
