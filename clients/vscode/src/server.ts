// Finding the server. Each candidate tried is one line in the log; the first that answers `--version` wins.
// Never looks inside a folder that the person does not trust: callers ask only in a trusted window.

import { execFile } from 'node:child_process';
import * as fs from 'node:fs';
import * as path from 'node:path';

export interface Candidate {
  /** Where the idea comes from, for the log: `setting backburner.server.path`. */
  source: string;
  /** Absolute path of a program, or undefined when this source has none. */
  program: string | undefined;
}

export interface Found {
  source: string;
  program: string;
  version: string;
}

export interface Sources {
  setting: string;
  /** Interpreter of the active Python environment, as the Python extension tells it. */
  interpreter: string | undefined;
  virtualEnv: string | undefined;
  path: string;
  privateEnv: string;
  windows: boolean;
  exists: (file: string) => boolean;
}

/** All places where the server may be, in the order in which they are tried. */
export function candidates(sources: Sources): Candidate[] {
  const here = sources.windows ? path.win32 : path.posix;
  const name = sources.windows ? 'backburner.exe' : 'backburner';
  const existing = (file: string) => (sources.exists(file) ? file : undefined);
  const inFolder = (folder: string | undefined) => (folder ? existing(here.join(folder, name)) : undefined);
  const bin = sources.windows ? 'Scripts' : 'bin';
  const onPath = sources.path
    .split(sources.windows ? ';' : ':')
    .filter((folder) => here.isAbsolute(folder))
    .map((folder) => inFolder(folder))
    .find((file) => file !== undefined);
  return [
    { source: 'setting backburner.server.path', program: sources.setting || undefined },
    {
      source: 'active Python environment',
      program: inFolder(sources.interpreter ? here.dirname(sources.interpreter) : undefined),
    },
    {
      source: 'VIRTUAL_ENV',
      program: inFolder(sources.virtualEnv ? here.join(sources.virtualEnv, bin) : undefined),
    },
    { source: 'PATH', program: onPath },
    { source: 'private environment', program: inFolder(here.join(sources.privateEnv, bin)) },
  ];
}

export type Probe = (program: string) => Promise<{ version: string } | { error: string }>;

/** The first candidate that answers. `log` gets one line for each one tried. */
export async function find(
  tried: readonly Candidate[],
  probe: Probe,
  log: (line: string) => void,
): Promise<Found | undefined> {
  for (const { source, program } of tried) {
    if (program === undefined) {
      log(`server: ${source}: none`);
      continue;
    }
    const answer = await probe(program);
    if ('version' in answer) {
      log(`server: ${source}: ${program}: version ${answer.version}`);
      return { source, program, version: answer.version };
    }
    log(`server: ${source}: ${program}: ${answer.error}`);
  }
  return undefined;
}

/** Asks a program for its version; a program that does not answer in ten seconds is not our server. */
export const probeVersion: Probe = (program) =>
  new Promise((resolve) => {
    execFile(program, ['--version'], { timeout: 10_000, cwd: path.dirname(program) }, (error, stdout, stderr) => {
      const version = parseVersion(stdout);
      if (error) {
        const why =
          (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'no such program' : firstLine(stderr) || error.message;
        resolve({ error: why });
      } else {
        resolve(version === undefined ? { error: 'does not say its version' } : { version });
      }
    });
  });

export function parseVersion(text: string): string | undefined {
  return /\b(\d+\.\d+(?:\.\d+)?[\w.+-]*)/.exec(text)?.[1];
}

/** Extension and server are made together: up to the first stable version, the minor number has to agree as well. */
export function versionsMatch(server: string, extension: string): boolean {
  const [serverMajor, serverMinor] = server.split('.');
  const [extensionMajor, extensionMinor] = extension.split('.');
  return serverMajor === extensionMajor && (serverMajor !== '0' || serverMinor === extensionMinor);
}

/** The wheel that came with the extension, or undefined in a checkout without one. */
export function bundledWheel(folder: string): string | undefined {
  try {
    const name = fs.readdirSync(folder).find((file) => /^backburner-.*\.whl$/.test(file));
    return name === undefined ? undefined : path.join(folder, name);
  } catch {
    return undefined;
  }
}

function firstLine(text: string): string {
  return text.trim().split('\n', 1)[0] ?? '';
}
