// A Python environment of our own, made from the wheel inside the extension. Made only when the person asks for it.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs/promises';
import * as path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);
const OLDEST = 'import sys; sys.exit(sys.version_info < (3, 11))';

export type Made = { program: string } | { error: string; reason: 'no-python' | 'failed' };

/** The first interpreter that is new enough. */
export async function findPython(tried: readonly string[], log: (line: string) => void): Promise<string | undefined> {
  for (const python of tried) {
    try {
      await run(python, ['-c', OLDEST], { timeout: 10_000 });
      log(`python: ${python}: good`);
      return python;
    } catch (error) {
      const missing = (error as NodeJS.ErrnoException).code === 'ENOENT';
      log(`python: ${python}: ${missing ? 'none' : 'older than 3.11, or it does not run'}`);
    }
  }
  return undefined;
}

/**
 * Makes `folder` anew and installs the wheel there. A half-made environment is removed, so that it is never taken for a
 * server. `step` says what is going on, `signal` ends it.
 */
export async function makePrivateEnv(
  folder: string,
  wheel: string,
  pythons: readonly string[],
  log: (line: string) => void,
  step: (sentence: string) => void,
  signal?: AbortSignal,
): Promise<Made> {
  const python = await findPython(pythons, log);
  if (python === undefined) {
    return { reason: 'no-python', error: 'Backburner needs Python 3.11 or newer, and none was found.' };
  }
  const bin = path.join(folder, process.platform === 'win32' ? 'Scripts' : 'bin');
  const tool = (name: string) => path.join(bin, process.platform === 'win32' ? `${name}.exe` : name);
  try {
    await fs.rm(folder, { recursive: true, force: true });
    await fs.mkdir(path.dirname(folder), { recursive: true });
    step('Making a Python environment');
    await run(python, ['-m', 'venv', folder], { timeout: 120_000, signal });
    step('Installing the server');
    const pip = ['-m', 'pip', 'install', '--disable-pip-version-check', '--no-input', wheel];
    const { stdout } = await run(tool('python'), pip, { timeout: 600_000, maxBuffer: 16 << 20, signal });
    log(stdout.trim());
    await fs.access(tool('backburner'));
    return { program: tool('backburner') };
  } catch (error) {
    const { stderr, message } = error as { stderr?: string; message: string };
    log(`private environment: ${message}\n${stderr ?? ''}`);
    await fs.rm(folder, { recursive: true, force: true });
    const last = stderr?.trim().split('\n').pop();
    return { reason: 'failed', error: `The server could not be installed: ${last || message.split('\n', 1)[0]}` };
  }
}
