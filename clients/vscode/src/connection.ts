// The connection to the server: found, started, kept. Replacements are serialised; an end that nobody asked for is
// followed by a new start after a delay that grows. Nothing starts in a folder that is not trusted.

import * as fs from 'node:fs';
import * as path from 'node:path';
import * as vscode from 'vscode';
import type { LanguageClient } from 'vscode-languageclient/node';
import { Backoff } from './backoff';
import { type Ctx, Sentence } from './ctx';
import { keysFor } from './keys';
import { STATUS, type Status } from './protocol';
import { Serial } from './serial';
import { candidates, type Found, find, probeVersion, versionsMatch } from './server';

export type State = 'off' | 'untrusted' | 'missing' | 'starting' | 'running' | 'waiting';

const COMPLAIN_AFTER = 4;

export class Connection {
  client: LanguageClient | undefined;
  state: State = 'off';

  private readonly replacing: Serial;
  private readonly backoff = new Backoff();
  private readonly stateEmitter = new vscode.EventEmitter<State>();
  readonly onDidChangeState = this.stateEmitter.event;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private saidMismatch = false;
  private disposed = false;

  constructor(
    private readonly ctx: Ctx,
    private readonly offerServer: () => void,
  ) {
    this.replacing = new Serial(() => this.replace());
  }

  /** Stops what runs and starts anew. Returns when the new one runs, or when it is clear that it does not. */
  restart(cause: string): Promise<void> {
    this.ctx.log.info(`start: ${cause}`);
    clearTimeout(this.timer);
    return this.replacing.request();
  }

  /** As asked for by the person: forgets earlier failures. */
  restartNow(cause: string): Promise<void> {
    this.backoff.reset();
    this.failures = 0;
    return this.restart(cause);
  }

  /** The running client; waits while one starts. Throws a sentence when there is none to be had. */
  async ready(): Promise<LanguageClient> {
    if (this.state !== 'running') {
      if (!vscode.workspace.isTrusted) {
        throw new Sentence('Backburner does not run in a folder that is not trusted.');
      }
      clearTimeout(this.timer);
      await this.replacing.join();
    }
    if (this.client === undefined || this.state !== 'running') {
      throw new Sentence(this.state === 'missing' ? '' : 'The Backburner server does not run. The log says why.');
    }
    return this.client;
  }

  async dispose(): Promise<void> {
    this.disposed = true;
    clearTimeout(this.timer);
    this.stateEmitter.dispose();
    await this.stop();
  }

  private async replace(): Promise<void> {
    await this.stop();
    if (this.disposed) {
      return;
    }
    if (!vscode.workspace.isTrusted) {
      this.become('untrusted');
      return;
    }
    this.become('starting');
    const found = await find(await this.candidates(), probeVersion, (line) => this.ctx.log.info(line));
    if (found === undefined) {
      this.become('missing');
      this.offerServer();
      return;
    }
    await this.start(found);
  }

  private async start(found: Found): Promise<void> {
    const secrets = await keysFor(this.ctx);
    // A bundle of its own: the protocol library is ten times the rest of the extension, and not needed to activate.
    const { makeClient } = await import('./client.js');
    const client = makeClient({ program: found.program, secrets }, this.ctx.log, () => this.closed(client));
    client.onNotification(STATUS, (status: Status) => this.ctx.setStatus(status));
    this.client = client;
    try {
      await client.start();
    } catch (error) {
      this.ctx.log.error(`start: ${error instanceof Error ? error.message : String(error)}`);
      this.closed(client);
      return;
    }
    if (this.client !== client) {
      return;
    }
    this.backoff.started(Date.now());
    this.failures = 0;
    this.become('running');
    const version = client.initializeResult?.serverInfo?.version ?? found.version;
    this.ctx.log.info(`start: running, server ${version}, ${found.source}`);
    this.sayMismatch(version);
    void this.ctx.refresh();
  }

  /** The connection ended by itself. */
  private closed(client: LanguageClient): void {
    if (this.client !== client || this.disposed) {
      return;
    }
    this.client = undefined;
    this.ctx.forget();
    const delay = this.backoff.ended(Date.now());
    this.failures += 1;
    this.ctx.log.warn(`start: the server ended; again in ${delay / 1000} s`);
    this.become('waiting');
    if (this.failures === COMPLAIN_AFTER) {
      void this.complain();
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.restart('after it ended'), delay);
    client.dispose().catch(() => {});
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    if (client !== undefined) {
      this.ctx.forget();
      await client.dispose(2_000).catch(() => {});
    }
  }

  private async candidates() {
    const { setting, interpreter } = { setting: configuredPath(), interpreter: await activeInterpreter(this.ctx) };
    return candidates({
      setting,
      interpreter,
      virtualEnv: process.env.VIRTUAL_ENV,
      path: process.env.PATH ?? '',
      privateEnv: privateEnvFolder(this.ctx),
      windows: process.platform === 'win32',
      exists: (file) => fs.existsSync(file),
    });
  }

  private async complain(): Promise<void> {
    const sentence = 'The Backburner server does not stay up.';
    const choice = await vscode.window.showErrorMessage(sentence, 'Restart', 'Show Log');
    if (choice === 'Restart') {
      await this.restartNow('asked for');
    } else if (choice === 'Show Log') {
      this.ctx.log.show();
    }
  }

  private sayMismatch(version: string): void {
    const extension = String(this.ctx.extension.extension.packageJSON.version);
    if (versionsMatch(version, extension) || this.saidMismatch) {
      return;
    }
    this.saidMismatch = true;
    const sentence = `The Backburner server is version ${version}, this extension is ${extension}. They may not understand each other.`;
    this.ctx.log.warn(sentence);
    void vscode.window.showWarningMessage(sentence, 'Use the Server That Came Along').then((choice) => {
      if (choice !== undefined) {
        void vscode.commands.executeCommand('backburner.ui.installServer');
      }
    });
  }

  private become(state: State): void {
    if (!this.disposed && this.state !== state) {
      this.state = state;
      void vscode.commands.executeCommand('setContext', 'backburner.state', state);
      this.stateEmitter.fire(state);
    }
  }
}

export function configuredPath(): string {
  const value = vscode.workspace.getConfiguration('backburner').inspect<string>('server.path');
  return (value?.globalValue ?? '').trim();
}

/** One for each version of the extension, so that an update never runs an old server unseen. */
export function privateEnvFolder(ctx: Ctx): string {
  const version = String(ctx.extension.extension.packageJSON.version);
  return path.join(ctx.extension.globalStorageUri.fsPath, `server-${version}`);
}

/** What the Python extension says; undefined without it. */
export async function activeInterpreter(ctx: Ctx): Promise<string | undefined> {
  const python = vscode.extensions.getExtension('ms-python.python');
  if (python === undefined) {
    return undefined;
  }
  try {
    const api = (await python.activate()) as {
      environments?: { getActiveEnvironmentPath(resource?: vscode.Uri): { path: string } };
    };
    const found = api.environments?.getActiveEnvironmentPath(vscode.workspace.workspaceFolders?.[0]?.uri).path;
    return found !== undefined && path.isAbsolute(found) ? found : undefined;
  } catch (error) {
    ctx.log.warn(`server: the Python extension does not answer: ${error instanceof Error ? error.message : error}`);
    return undefined;
  }
}
