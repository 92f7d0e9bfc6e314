// Bundles the extension into two files, one to activate and one with the protocol library (and, with --tests, each test
// file into one of its own).
import { readdirSync } from 'node:fs';
import { build } from 'esbuild';

const shared = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20',
  external: ['vscode', 'mocha'],
  logLevel: 'warning',
};

await build({ ...shared, entryPoints: ['src/client.ts'], outfile: 'dist/client.js', minify: true });
await build({
  ...shared,
  entryPoints: ['src/extension.ts'],
  outfile: 'dist/extension.js',
  external: [...shared.external, './client.js'],
  minify: true,
  banner: { js: 'const bundleBegan=process.cpuUsage();' },
});
if (process.argv.includes('--tests')) {
  const inside = (folder) =>
    readdirSync(folder)
      .filter((name) => name.endsWith('.test.ts') || name === 'index.ts')
      .map((name) => `${folder}/${name}`);
  const entryPoints = [...inside('test/unit'), ...inside('test/inhost')];
  await build({ ...shared, entryPoints, outdir: 'dist/test', outbase: 'test', outExtension: { '.js': '.cjs' } });
}
