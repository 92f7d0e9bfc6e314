// Backburner in VS Code: finds the server, talks to it, and gives the queue, the review and the conversation a face.
// All decisions about tasks are the server's. Read ctx.ts next, then commands.ts.

import * as vscode from 'vscode';
import { registerCommands } from './commands';
import { Conversations } from './comments';
import { Connection } from './connection';
import { Ctx } from './ctx';
import { offerServer } from './install';
import { QueueView } from './queue';
import { Reviews } from './review';
import { showStatus } from './status';

/** What the process had used when the bundle began to run: set by its first line. */
declare const bundleBegan: NodeJS.CpuUsage;
const loadMs = cpuMs(bundleBegan);

let ctx: Ctx | undefined;

export interface Api {
  /** CPU milliseconds of our own work, loading and activation together; the server starts after that. */
  activationMs: number;
  ctx: Ctx;
}

export function activate(extension: vscode.ExtensionContext): Api {
  const began = process.cpuUsage();
  const made = new Ctx(extension);
  ctx = made;
  made.connection = new Connection(made, () => void offerServer(made));
  showStatus(made);
  const surfaces = {
    queue: new QueueView(made),
    reviews: new Reviews(made),
    conversations: new Conversations(made),
  };
  registerCommands(made, surfaces);
  extension.subscriptions.push(
    vscode.workspace.onDidGrantWorkspaceTrust(() => start(made, 'the folder is trusted now')),
    vscode.workspace.onDidChangeConfiguration((event) => {
      if (event.affectsConfiguration('backburner.server')) {
        start(made, 'a setting changed');
      } else if (event.affectsConfiguration('backburner')) {
        // No settings along: the server asks for those that somebody set.
        void made.connection.client?.sendNotification('workspace/didChangeConfiguration', { settings: null });
      }
    }),
  );
  setImmediate(() => start(made, 'the window opened'));
  const activationMs = loadMs + cpuMs(began);
  made.log.info(`activated in ${activationMs.toFixed(1)} ms`);
  return { activationMs, ctx: made };
}

export async function deactivate(): Promise<void> {
  await ctx?.connection.dispose();
}

function cpuMs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return (user + system) / 1000;
}

function start(made: Ctx, cause: string): void {
  void made.attempt(() => made.connection.restartNow(cause));
}
