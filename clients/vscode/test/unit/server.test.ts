import assert from 'node:assert/strict';
import { mkdtempSync, writeFileSync } from 'node:fs';
import { chmod, mkdir, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { findPython, makePrivateEnv } from '../../src/privateEnv';
import {
  bundledWheel,
  candidates,
  find,
  parseVersion,
  probeVersion,
  type Sources,
  versionsMatch,
} from '../../src/server';

const nothing: Sources = {
  setting: '',
  interpreter: undefined,
  virtualEnv: undefined,
  path: '',
  privateEnv: '/private',
  windows: false,
  exists: () => false,
};

test('the places are tried in the documented order', () => {
  const all = candidates({
    ...nothing,
    setting: '/set/backburner',
    interpreter: '/env/bin/python',
    virtualEnv: '/venv',
    path: '/usr/bin:/opt/bin',
    exists: () => true,
  });
  assert.deepEqual(
    all.map((candidate) => candidate.program),
    [
      '/set/backburner',
      '/env/bin/backburner',
      '/venv/bin/backburner',
      '/usr/bin/backburner',
      '/private/bin/backburner',
    ],
  );
});

test('a place without the program is listed and has none', () => {
  assert.ok(candidates(nothing).every((candidate) => candidate.program === undefined));
});

test('a relative entry of PATH, such as the open folder, is never looked into', () => {
  const found = candidates({ ...nothing, path: '.:bin:/good', exists: (file) => !file.startsWith('/private') });
  assert.equal(found.find((candidate) => candidate.source === 'PATH')?.program, '/good/backburner');
});

test('on Windows the names and separators are those of Windows', () => {
  const found = candidates({ ...nothing, windows: true, path: 'C:\\a;C:\\b', privateEnv: 'C:\\p', exists: () => true });
  assert.equal(found[3]?.program, 'C:\\a\\backburner.exe');
  assert.equal(found[4]?.program, 'C:\\p\\Scripts\\backburner.exe');
});

test('the first program that answers wins, and every candidate tried is one line of the log', async () => {
  const lines: string[] = [];
  const answers: Record<string, { version: string } | { error: string }> = {
    '/broken': { error: 'does not say its version' },
    '/good': { version: '0.1.0' },
  };
  const found = await find(
    [
      { source: 'one', program: undefined },
      { source: 'two', program: '/broken' },
      { source: 'three', program: '/good' },
      { source: 'four', program: '/never asked' },
    ],
    async (program) => answers[program] ?? { error: 'asked for nothing' },
    (line) => lines.push(line),
  );
  assert.deepEqual(found, { source: 'three', program: '/good', version: '0.1.0' });
  assert.deepEqual(lines, [
    'server: one: none',
    'server: two: /broken: does not say its version',
    'server: three: /good: version 0.1.0',
  ]);
});

test('a program is asked for its version, and one that fails says why', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  const script = async (name: string, body: string) => {
    const file = join(folder, name);
    writeFileSync(file, `#!/bin/sh\n${body}\n`);
    await chmod(file, 0o755);
    return file;
  };
  assert.deepEqual(await probeVersion(await script('good', 'echo backburner 0.3.1')), { version: '0.3.1' });
  assert.deepEqual(await probeVersion(await script('bad', 'echo it is broken >&2; exit 3')), { error: 'it is broken' });
  assert.deepEqual(await probeVersion(await script('other', 'echo hello')), { error: 'does not say its version' });
  assert.deepEqual(await probeVersion(join(folder, 'absent')), { error: 'no such program' });
});

test('versions agree by major number, and by minor number before 1.0', () => {
  assert.ok(versionsMatch('0.1.4', '0.1.0'));
  assert.ok(!versionsMatch('0.2.0', '0.1.0'));
  assert.ok(versionsMatch('1.2.0', '1.9.3'));
  assert.ok(!versionsMatch('2.0.0', '1.9.3'));
  assert.equal(parseVersion('backburner 0.1.0.dev1\n'), '0.1.0.dev1');
});

test('the wheel in the extension is found, and its absence is no error', () => {
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  assert.equal(bundledWheel(folder), undefined);
  assert.equal(bundledWheel(join(folder, 'absent')), undefined);
  writeFileSync(join(folder, 'backburner-0.1.0-py3-none-any.whl'), '');
  assert.equal(bundledWheel(folder), join(folder, 'backburner-0.1.0-py3-none-any.whl'));
});

test('without a Python that is new enough the person is told so, and nothing is left behind', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  const old = join(folder, 'python-old');
  writeFileSync(old, '#!/bin/sh\nexit 1\n');
  await chmod(old, 0o755);
  const lines: string[] = [];
  const say = (line: string) => lines.push(line);
  const made = await makePrivateEnv(join(folder, 'env'), '/w.whl', [old, join(folder, 'absent')], say, () => {});
  assert.ok('error' in made && made.reason === 'no-python');
  assert.equal(lines.length, 2);
  assert.deepEqual(await readdir(folder), ['python-old']);
});

test('an environment that could not be finished is removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'bb-'));
  const python = await findPython(['python3', 'python3.13', 'python3.12', 'python3.11'], () => {});
  assert.ok(python, 'this test needs Python 3.11 or newer');
  await mkdir(join(folder, 'env'));
  const made = await makePrivateEnv(
    join(folder, 'env'),
    join(folder, 'absent.whl'),
    [python],
    () => {},
    () => {},
  );
  assert.ok('error' in made && made.reason === 'failed' && made.error.startsWith('The server could not be installed'));
  assert.deepEqual(await readdir(folder), []);
});
