// The one context object: owns the log, the connection and everything that has to be put away again. Commands are
// functions of it. It asks the server and says what went wrong; it decides nothing about tasks.

import * as vscode from 'vscode';
import type { Connection } from './connection';
import { paintDiffs } from './paint';
import type { Queue, Status } from './protocol';

export const IDLE: Status = {
  running: 0,
  ready: 0,
  asking: 0,
  waiting: 0,
  failed: 0,
  unread: 0,
  tooltip: '',
  text: '',
  causes: [],
  revision: 0,
};

/** Shown to the person as it is; not a bug. */
export class Sentence extends Error {}

export class Ctx {
  readonly log: vscode.LogOutputChannel;
  /** Set right after construction, by `activate`. */
  connection!: Connection;
  status: Status = IDLE;
  queue: Queue = { rows: [] };
  /** Gives a diff document of the server's its colours. */
  readonly paint: (uri: vscode.Uri) => void;

  private readonly changedEmitter = new vscode.EventEmitter<void>();
  /** Status or queue changed. */
  readonly onDidChange = this.changedEmitter.event;
  private lastFile = '';
  private asked = -1;
  private refreshing: Promise<void> | undefined;

  constructor(readonly extension: vscode.ExtensionContext) {
    this.log = vscode.window.createOutputChannel('Backburner', { log: true });
    extension.subscriptions.push(this.log, this.changedEmitter);
    this.paint = paintDiffs(extension);
    this.look(vscode.window.activeTextEditor);
    extension.subscriptions.push(vscode.window.onDidChangeActiveTextEditor((editor) => this.look(editor)));
  }

  /** `workspace/executeCommand` with one argument. Rejects with one sentence for the person. */
  async send<T>(command: string, argument: object): Promise<T> {
    const client = await this.connection.ready();
    return client.sendRequest<T>('workspace/executeCommand', { command, arguments: [argument] });
  }

  /** Runs what the person asked for and says why it did not work, since nobody else would. */
  async attempt(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const sentence = error instanceof Error ? error.message : String(error);
      this.log.warn(sentence);
      if (!(error instanceof vscode.CancellationError) && sentence) {
        void vscode.window.showWarningMessage(sentence);
      }
    }
  }

  setStatus(status: Status): void {
    this.status = status;
    this.changedEmitter.fire();
    if (status.revision !== this.asked) {
      this.asked = status.revision;
      void this.refresh();
    }
  }

  /** Asks for the queue again; calls that come meanwhile share one more round. */
  async refresh(): Promise<void> {
    if (this.refreshing !== undefined) {
      this.asked = -1;
      return this.refreshing;
    }
    this.refreshing = this.fetchQueue().finally(() => {
      this.refreshing = undefined;
    });
    await this.refreshing;
    if (this.asked !== this.status.revision) {
      this.asked = this.status.revision;
      await this.refresh();
    }
  }

  private async fetchQueue(): Promise<void> {
    const client = this.connection?.client;
    if (client === undefined) {
      return;
    }
    // Every open project, that of the file that the person is in first; a file that belongs to none: that of the window.
    for (const uri of new Set([this.lastFile, vscode.workspace.workspaceFolders?.[0]?.uri.toString() ?? ''])) {
      try {
        const params = { command: 'backburner.list', arguments: [{ uri, projects: true }] };
        const queue = await client.sendRequest<Queue | null>('workspace/executeCommand', params);
        if (queue?.rows) {
          this.queue = queue;
          this.changedEmitter.fire();
          return;
        }
      } catch (error) {
        this.log.debug(`queue of ${uri || 'the window'}: ${error instanceof Error ? error.message : String(error)}`);
      }
    }
  }

  /** Another file is before the person: its queue is asked for when it may be another project's. */
  private look(editor: vscode.TextEditor | undefined): void {
    const uri = editor?.document.uri;
    if (uri?.scheme !== 'file') {
      return;
    }
    const folder = (file: string) =>
      vscode.workspace.getWorkspaceFolder(vscode.Uri.parse(file))?.uri.toString() ?? file;
    const moved = this.lastFile === '' || folder(this.lastFile) !== folder(uri.toString());
    this.lastFile = uri.toString();
    if (moved) {
      void this.refresh();
    }
  }

  /** The connection is gone: what was known is no longer known to be true. */
  forget(): void {
    this.status = IDLE;
    this.queue = { rows: [] };
    this.asked = -1;
    this.changedEmitter.fire();
  }
}
