// A project, a person's folder and a server for one test: nothing of it is shared, all of it is removed.
const { execFileSync } = require('node:child_process');
const fs = require('node:fs');
const os = require('node:os');
const path = require('node:path');

const root = path.resolve(__dirname, '../../../..');
const PROGRAM = process.env.BACKBURNER_PROGRAM || path.join(root, '.venv/bin/backburner');

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

/** `agent`: name of the agent in config.toml; '' for a person who has none. */
function makeWorld({ agent = 'cook', program = PROGRAM } = {}) {
  const base = fs.realpathSync(fs.mkdtempSync(path.join(os.tmpdir(), 'bb-')));
  const folder = path.join(base, 'project');
  const home = path.join(base, 'home');
  fs.mkdirSync(folder);
  fs.mkdirSync(home, { mode: 0o700 });
  fs.writeFileSync(path.join(folder, 'lexer.py'), LEXER);
  fs.writeFileSync(path.join(folder, 'imports.py'), IMPORTS);
  const git = (...args) => execFileSync('git', args, { cwd: folder, stdio: 'pipe' });
  git('init', '--quiet', '--initial-branch=main');
  git('add', '.');
  git('-c', 'user.name=t', '-c', 'user.email=t@example.invalid', 'commit', '--quiet', '-m', 'start');
  if (agent) {
    const script = fs.readFileSync(path.join(__dirname, 'kitchen.toml'), 'utf8');
    const config = [
      `agent = "${agent}"`,
      `[agents.${agent}]`,
      'provider = "scripted"',
      `script = ${JSON.stringify(script)}`,
      '[sandbox]',
      'commands = false',
    ];
    fs.writeFileSync(path.join(home, 'config.toml'), `${config.join('\n')}\n`);
  }
  // Only what a server needs, so that no agent or key of the machine is found.
  const tools = path.join(base, 'bin');
  fs.mkdirSync(tools);
  for (const name of ['git', 'python3', 'sh', 'env']) {
    fs.symlinkSync(
      execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim(),
      path.join(tools, name),
    );
  }
  const env = { BACKBURNER_HOME: home, PATH: tools, VIRTUAL_ENV: undefined };
  for (const name of Object.keys(process.env)) {
    if (/_API_KEY$|^(ANTHROPIC|OPENAI|OLLAMA)_/.test(name)) {
      env[name] = undefined;
    }
  }
  const daemon = (verb) => {
    try {
      return execFileSync(program, ['daemon', verb], {
        env: { ...process.env, ...env },
        encoding: 'utf8',
        stdio: 'pipe',
      });
    } catch (error) {
      return String(error.stdout ?? '');
    }
  };
  return {
    base,
    folder,
    home,
    program,
    env,
    settings: program ? { 'backburner.server.path': program } : {},
    file: (name) => path.join(folder, name),
    read: (name) => fs.readFileSync(path.join(folder, name), 'utf8'),
    daemon,
    remove() {
      if (program) {
        daemon('stop');
      }
      fs.rmSync(base, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

module.exports = { makeWorld, PROGRAM, LEXER };
