// What the extension puts into VS Code: keys that were free, commands that exist, settings in the right scope.
import assert from 'node:assert/strict';
import * as vscode from 'vscode';
import type { Api } from '../../src/extension';
import { SERVER_COMMANDS } from '../../src/generated';

interface Binding {
  key: string;
  command: string;
}

const id = 'backburner.backburner';

async function extension(): Promise<vscode.Extension<Api>> {
  const found = vscode.extensions.getExtension<Api>(id);
  assert.ok(found);
  await found.activate();
  return found;
}

/** The editor's own list of keys, which holds those of extensions too. It is JSON with comments. */
async function defaultKeys(): Promise<Binding[]> {
  const uri = vscode.Uri.parse('vscode://defaultsettings/keybindings.json');
  const text = (await vscode.workspace.openTextDocument(uri)).getText();
  const found = text.matchAll(/"key":\s*"((?:[^"\\]|\\.)*)",\s*"command":\s*"((?:[^"\\]|\\.)*)"/g);
  return [...found].map(([, key, command]) => ({ key: key ?? '', command: command ?? '' }));
}

describe('keys', () => {
  it('are in the chord space of Ctrl+K and free in this version', async () => {
    const bound = (await extension()).packageJSON.contributes.keybindings as Binding[];
    // Only keeps a key away from the code for a moment.
    const ours = bound.filter(({ command }) => command !== 'noop');
    const all = await defaultKeys();
    assert.ok(all.length > 500, `only ${all.length} keys were read`);
    for (const { key, command } of ours) {
      assert.match(key, /^ctrl\+k [a-z]$/);
      assert.ok(
        all.some((other) => other.key === key && other.command === command),
        `${key} is not known to the editor`,
      );
      const taken = all.filter(
        (other) => (other.key === key || other.key.startsWith(`${key} `)) && !other.command.startsWith('backburner.'),
      );
      assert.deepEqual(taken, []);
    }
  });
});

describe('commands', () => {
  it('of the palette, and those that only the server calls, all exist before the server runs', async () => {
    const contributed = (await extension()).packageJSON.contributes.commands as { command: string }[];
    const existing = new Set(await vscode.commands.getCommands(true));
    const wanted = [...contributed.map((each) => each.command), ...SERVER_COMMANDS];
    assert.deepEqual(
      wanted.filter((command) => !existing.has(command)),
      [],
    );
  });

  it('named in menus, keys, welcome texts and first steps are contributed', async () => {
    const { contributes } = (await extension()).packageJSON;
    const known = new Set<string>([
      ...contributes.commands.map((each: { command: string }) => each.command),
      ...SERVER_COMMANDS,
    ]);
    const text = JSON.stringify([
      contributes.menus,
      contributes.keybindings,
      contributes.viewsWelcome,
      contributes.walkthroughs,
    ]);
    const named = [...text.matchAll(/backburner(?:\.ui)?\.[a-z][A-Za-z]+/g)].map(([name]) => name);
    const contexts = ['state', 'filtered', 'reviewed', 'said'].map((name) => `backburner.${name}`);
    const notCommands = new Set(['backburner.queue', ...contexts]);
    assert.deepEqual(
      named.filter((name) => !known.has(name) && !notCommands.has(name)),
      [],
    );
  });
});

describe('settings', () => {
  it('that choose a program belong to the machine and are not heeded in an untrusted folder', async () => {
    const { contributes, capabilities } = (await extension()).packageJSON;
    assert.equal(contributes.configuration.properties['backburner.server.path'].scope, 'machine');
    assert.ok(capabilities.untrustedWorkspaces.restrictedConfigurations.includes('backburner.server.path'));
  });

  it('never hold a key', async () => {
    const properties = Object.keys((await extension()).packageJSON.contributes.configuration.properties);
    assert.deepEqual(
      properties.filter((name) => /key|token|secret/i.test(name)),
      [],
    );
  });
});

describe('activation', () => {
  it('takes less than 50 ms of our own work', async () => {
    const { activationMs } = (await extension()).exports;
    console.log(`      activation: ${activationMs.toFixed(1)} ms of our own work`);
    assert.ok(activationMs < 50, `${activationMs} ms`);
  });
});
