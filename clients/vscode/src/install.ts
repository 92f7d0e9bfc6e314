// What to do when there is no server: say so once, with buttons.

import * as vscode from 'vscode';
import { activeInterpreter, configuredPath, privateEnvFolder } from './connection';
import type { Ctx } from './ctx';
import { makePrivateEnv } from './privateEnv';
import { bundledWheel } from './server';

const INSTALL = 'Install It for This Editor';
const CHOOSE = 'Choose a Program…';
const LOG = 'Show Log';

let offered: Promise<void> | undefined;

/** One message at a time, however often the server is missed. */
export function offerServer(ctx: Ctx): Promise<void> {
  offered ??= offer(ctx).finally(() => {
    offered = undefined;
  });
  return offered;
}

async function offer(ctx: Ctx): Promise<void> {
  const configured = configuredPath();
  const sentence = configured
    ? `The Backburner server ${configured} of the setting backburner.server.path does not run, and no other was found.`
    : 'The Backburner server was not found in the Python environment or on PATH.';
  const buttons = wheelOf(ctx) === undefined ? [CHOOSE, LOG] : [INSTALL, CHOOSE, LOG];
  const choice = await vscode.window.showWarningMessage(sentence, ...buttons);
  if (choice === INSTALL) {
    await installServer(ctx);
  } else if (choice === CHOOSE) {
    await chooseServer(ctx);
  } else if (choice === LOG) {
    ctx.log.show();
  }
}

/** Makes the private environment and starts the server that is in it. */
export async function installServer(ctx: Ctx): Promise<void> {
  const wheel = wheelOf(ctx);
  if (wheel === undefined) {
    void vscode.window.showErrorMessage('This extension came without a server.');
    return;
  }
  if (!vscode.workspace.isTrusted) {
    void vscode.window.showErrorMessage('Backburner runs nothing in a folder that is not trusted.');
    return;
  }
  const interpreter = await activeInterpreter(ctx);
  const pythons = [
    ...(interpreter ? [interpreter] : []),
    'python3',
    'python',
    'python3.13',
    'python3.12',
    'python3.11',
  ];
  const location = vscode.ProgressLocation.Notification;
  const options = { location, title: 'Backburner', cancellable: true };
  const made = await vscode.window.withProgress(options, (progress, token) => {
    const ended = new AbortController();
    token.onCancellationRequested(() => ended.abort());
    const log = (line: string) => ctx.log.info(line);
    const step = (message: string) => progress.report({ message });
    return makePrivateEnv(privateEnvFolder(ctx), wheel, pythons, log, step, ended.signal);
  });
  if ('program' in made) {
    await ctx.connection.restartNow('the server was installed');
    return;
  }
  const choice = await vscode.window.showErrorMessage(made.error, CHOOSE, LOG);
  if (choice === CHOOSE) {
    await chooseServer(ctx);
  } else if (choice === LOG) {
    ctx.log.show();
  }
}

/** Asks for the program and keeps it as the person's own setting (the scope is the machine). */
export async function chooseServer(ctx: Ctx): Promise<void> {
  const [chosen] =
    (await vscode.window.showOpenDialog({ title: 'The program "backburner"', canSelectMany: false })) ?? [];
  if (chosen !== undefined) {
    const configuration = vscode.workspace.getConfiguration('backburner');
    await configuration.update('server.path', chosen.fsPath, vscode.ConfigurationTarget.Global);
    await ctx.connection.restartNow('a program was chosen');
  }
}

function wheelOf(ctx: Ctx): string | undefined {
  return bundledWheel(vscode.Uri.joinPath(ctx.extension.extensionUri, 'wheel').fsPath);
}
