// A house is a person's folder (settings, state, daemon) for the tests that share it; a world is a project in it, for one test.
// All of it is removed.
const assert = require('node:assert/strict');
const { execFileSync, spawn } = require('node:child_process');
const { once } = require('node:events');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '../../../..');
const PROGRAM = process.env.BACKBURNER_PROGRAM || path.join(root, '.venv/bin/backburner');
// The interpreter itself: what stands first on PATH may be a script that needs more of PATH.
const PYTHON = execFileSync(
  path.join(path.dirname(PROGRAM), 'python'),
  ['-c', 'import sys; print(sys._base_executable)'],
  {
    encoding: 'utf8',
  },
).trim();

/** Where nobody answers (the discard port): a key that a test hands over goes nowhere. */
const NOBODY = 'http://127.0.0.1:9';

// Where there is no bubblewrap, checks run bare, and say so.
const sandbox = found('bwrap') !== '';

function found(name) {
  return execFileSync('sh', ['-c', `command -v ${name} || true`], { encoding: 'utf8' }).trim();
}

const LEXER = `import re


def parse_v1(text):
    return text.split()


def parse(text):
    words = []
    for word in re.findall(r"\\w+", text):
        words.append(word)
    return words


def count(text):
    return len(parse(text))
`;
const IMPORTS = `import json

import os

import sys


def main():
    return 0
`;

/** An environment in which every provider that takes a key is what answers at `base`. */
function addresses(base) {
  const found = { ANTHROPIC_BASE_URL: base, GROQ_BASE_URL: `${base}/openai/v1` };
  for (const name of ['OPENAI', 'CEREBRAS', 'OPENROUTER', 'DEEPSEEK']) {
    found[`${name}_BASE_URL`] = `${base}/v1`;
  }
  return found;
}

/** The emulated providers of the tests, which take one key only and play the scripted agent. Answers `{ env, stop }`. */
async function emulate(key) {
  const program = path.join(path.dirname(PROGRAM), 'python');
  const script = path.join(__dirname, 'kitchen.toml');
  const child = spawn(program, ['-m', 'emulator', '--until-eof', '--key', key, '--script', script], {
    cwd: path.join(root, 'tests'),
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = await once(child.stdout, 'data');
  return { env: addresses(String(line).trim()), stop: () => child.stdin.end() };
}

/**
 * `agent`: name of the agent in config.toml; '' for a person who has none. `program`: the server; '' for nobody who has
 * installed one. `python` false: there is none on PATH. `env` goes over the environment.
 */
function makeHouse({ agent = 'cook', program = PROGRAM, python = true, env: more = {} } = {}) {
  const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'bb-')));
  const home = path.join(base, 'home');
  fs.mkdirSync(home, { mode: 0o700 });
  if (agent) {
    const script = fs.readFileSync(path.join(__dirname, 'kitchen.toml'), 'utf8');
    const config = [
      `agent = "${agent}"`,
      `[agents.${agent}]`,
      'provider = "scripted"',
      `script = ${JSON.stringify(script)}`,
      '[check]',
      'command = "true"',
      ...(sandbox ? [] : ['[sandbox]', 'unsandboxed = true']),
    ];
    fs.writeFileSync(path.join(home, 'config.toml'), `${config.join('\n')}\n`);
  }
  // Only what a server needs, so that no agent or key of the machine is found.
  const tools = path.join(base, 'bin');
  fs.mkdirSync(tools);
  for (const name of ['git', 'sh', 'env', ...(sandbox ? ['bwrap'] : [])]) {
    fs.symlinkSync(found(name), path.join(tools, name));
  }
  fs.symlinkSync('/bin/true', path.join(tools, 'true'));
  if (python) {
    fs.symlinkSync(PYTHON, path.join(tools, 'python3'));
  }
  const env = {
    BACKBURNER_HOME: home,
    PATH: tools,
    VIRTUAL_ENV: undefined,
    OLLAMA_BASE_URL: NOBODY,
    ...addresses(NOBODY),
    ...more,
  };
  for (const name of Object.keys(process.env)) {
    if (/_API_KEY$|^(ANTHROPIC|OPENAI|OLLAMA)_/.test(name)) {
      env[name] = undefined;
    }
  }
  const daemon = (verb) => {
    try {
      return execFileSync(PROGRAM, ['daemon', verb], {
        env: { ...process.env, ...env },
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (error) {
      return String(error.stdout ?? '');
    }
  };
  const settings = program ? { 'backburner.server.path': program } : {};
  return {
    base,
    home,
    env,
    settings,
    daemon,
    /** The daemon's process. */
    pid: () => {
      const status = daemon('status');
      return Number(/process (\d+)/.exec(status)?.[1] ?? assert.fail(`no daemon: ${status}`));
    },
    remove() {
      // Also that of a server which a journey installed: any of them may ask it.
      if (fs.existsSync(path.join(home, 'state'))) {
        daemon('stop');
      }
      fs.rmSync(base, { recursive: true, force: true, maxRetries: 20, retryDelay: 100 });
    },
  };
}

let worlds = 0;

/** A project in a house: a Git repository with a few Python files, and those of `files` (text by name). */
function makeWorld(house, files = {}) {
  worlds += 1;
  const folder = path.join(house.base, `project${worlds === 1 ? '' : worlds}`);
  fs.mkdirSync(folder);
  for (const [name, text] of Object.entries({ 'lexer.py': LEXER, 'imports.py': IMPORTS, ...files })) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    fs.writeFileSync(path.join(folder, name), text);
  }
  const git = (...args) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.invalid', 'commit', '--quiet', '-m', 'start');
  const file = (name) => path.join(folder, name);
  return {
    house,
    folder,
    file,
    read: (name) => fs.readFileSync(file(name), 'utf8'),
    has: (name) => fs.existsSync(file(name)),
  };
}

module.exports = { makeHouse, makeWorld, emulate, PROGRAM, LEXER };
