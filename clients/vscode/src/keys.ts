// API keys: kept in the editor's secret storage, handed over through the environment of the bridge's process and in no
// other way. Never in a setting, a log line, a message or an argument.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import { KEYS } from './generated';

/** Names (not values) of the variables whose keys we hold. */
const NAMES = 'backburner.keys';

/** Variables whose key was removed in this window: handed over empty, since the daemon keeps what it was given. */
const removed = new Set<string>();

/** The environment that the bridge gets on top of its own. */
export async function keysFor(ctx: Ctx): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const name of removed) {
    found[name] = process.env[name] ?? '';
  }
  for (const name of known(ctx)) {
    const key = await ctx.extension.secrets.get(name);
    if (key) {
      found[name] = key;
    }
  }
  return found;
}

/**
 * Asks for the key of a variable (else for its provider first), keeps it, and starts the bridge anew so that it has it.
 */
export async function setKey(ctx: Ctx, variable?: string): Promise<void> {
  const name = variable || (await pickVariable(ctx, 'Whose key?'));
  if (name === undefined) {
    return;
  }
  const key = await vscode.window.showInputBox({
    title: name,
    prompt: 'Kept in the secret storage of this editor, handed to the server through its environment.',
    password: true,
    ignoreFocusOut: true,
    validateInput: (text) => (/\s/.test(text.trim()) ? 'A key has no spaces.' : undefined),
  });
  if (!key?.trim()) {
    return;
  }
  await ctx.extension.secrets.store(name, key.trim());
  await ctx.extension.globalState.update(NAMES, [...new Set([...known(ctx), name])]);
  await ctx.connection.restartNow('a key was set');
}

export async function removeKey(ctx: Ctx): Promise<void> {
  const name = await vscode.window.showQuickPick(known(ctx), { title: 'Remove which key?' });
  if (name === undefined) {
    return;
  }
  await ctx.extension.secrets.delete(name);
  removed.add(name);
  await ctx.extension.globalState.update(
    NAMES,
    known(ctx).filter((other) => other !== name),
  );
  await ctx.connection.restartNow('a key was removed');
}

function known(ctx: Ctx): string[] {
  return ctx.extension.globalState.get<string[]>(NAMES, []);
}

async function pickVariable(ctx: Ctx, title: string): Promise<string | undefined> {
  const have = new Set(known(ctx));
  const items: vscode.QuickPickItem[] = KEYS.map(([label, name]) => ({
    label,
    description: name,
    detail: have.has(name) ? 'set; a new one replaces it' : undefined,
  }));
  items.push({ label: 'Another…', description: 'the variable that an agent in config.toml names with key_env' });
  const chosen = await vscode.window.showQuickPick(items, { title });
  if (chosen === undefined || KEYS.some(([label]) => label === chosen.label)) {
    return chosen?.description;
  }
  return vscode.window.showInputBox({
    title: 'Name of the variable',
    validateInput: (text) => (/^[A-Z][A-Z0-9_]*$/.test(text) ? undefined : 'Capital letters, digits and underscores.'),
  });
}
