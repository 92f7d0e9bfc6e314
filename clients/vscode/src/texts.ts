// A file system of our own for the texts of a review: `backburner:/PATH/OF/THE/FILE?{…}`. The path is the file's own, as VS Code
// takes two sides with different paths for a rename; what tells the sides apart stands in the query. Holds what the server
// said, asks again for what it does not hold (after a reload of the window), and hands what is saved to the server.

import * as vscode from 'vscode';
import type { ProposalFile } from './protocol';
import { type About, sameTask } from './rows';

export type Kind = 'merged' | 'base' | 'draft' | 'empty' | 'text';

/** Which side of which file of which task. */
export interface Named {
  whom: About;
  kind: Kind;
  file: Pick<ProposalFile, 'path' | 'uri'>;
}

/** Of a task's changes so far, not of its result. */
export function isDraft({ kind }: Named): boolean {
  return kind === 'draft' || kind === 'base';
}

interface Entry {
  data: Uint8Array;
  mtime: number;
  readonly: boolean;
}

export class Texts implements vscode.FileSystemProvider {
  static readonly scheme = 'backburner';

  private readonly entries = new Map<string, Entry>();
  private readonly changeEmitter = new vscode.EventEmitter<vscode.FileChangeEvent[]>();
  readonly onDidChangeFile = this.changeEmitter.event;
  private ticks = Date.now();

  constructor(
    private readonly load: (whom: About, draft: boolean) => Promise<void>,
    private readonly save: (named: Named, text: string) => Promise<void>,
  ) {}

  static uri(whom: About, kind: Kind, { path, uri }: Named['file']): vscode.Uri {
    const query = JSON.stringify({ kind, path, task: whom.task, project: whom.uri });
    return vscode.Uri.from({ scheme: Texts.scheme, path: vscode.Uri.parse(uri).path, query });
  }

  static read(uri: vscode.Uri): Named | undefined {
    if (uri.scheme !== Texts.scheme) {
      return undefined;
    }
    const { kind, path, task, project } = JSON.parse(uri.query);
    const whom = project ? { task, uri: project } : { task };
    return { whom, kind, file: { path, uri: uri.with({ scheme: 'file', query: '' }).toString() } };
  }

  put(uri: vscode.Uri, text: string, readonly: boolean): void {
    const name = uri.toString();
    const data = new TextEncoder().encode(text);
    const old = this.entries.get(name);
    if (old !== undefined && old.readonly === readonly && Buffer.compare(old.data, data) === 0) {
      return;
    }
    this.ticks += 1;
    this.entries.set(name, { data, mtime: this.ticks, readonly });
    if (old !== undefined) {
      this.changeEmitter.fire([{ type: vscode.FileChangeType.Changed, uri }]);
    }
  }

  drop(whom: About): void {
    for (const name of [...this.entries.keys()]) {
      const named = Texts.read(vscode.Uri.parse(name));
      if (named !== undefined && sameTask(named.whom, whom)) {
        this.entries.delete(name);
      }
    }
  }

  watch(): vscode.Disposable {
    return new vscode.Disposable(() => {});
  }

  async stat(uri: vscode.Uri): Promise<vscode.FileStat> {
    const { data, mtime, readonly } = await this.entry(uri);
    const permissions = readonly ? vscode.FilePermission.Readonly : undefined;
    return { type: vscode.FileType.File, ctime: 0, mtime, size: data.byteLength, permissions };
  }

  async readFile(uri: vscode.Uri): Promise<Uint8Array> {
    return (await this.entry(uri)).data;
  }

  async writeFile(uri: vscode.Uri, content: Uint8Array): Promise<void> {
    const named = Texts.read(uri);
    if (named?.kind !== 'merged' || this.entries.get(uri.toString())?.readonly) {
      throw vscode.FileSystemError.NoPermissions('This side is only to be read.');
    }
    const text = new TextDecoder().decode(content);
    await this.save(named, text);
    this.put(uri, text, false);
  }

  readDirectory(): [string, vscode.FileType][] {
    return [];
  }

  createDirectory(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  delete(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  rename(): void {
    throw vscode.FileSystemError.NoPermissions();
  }

  private async entry(uri: vscode.Uri): Promise<Entry> {
    const known = this.entries.get(uri.toString());
    if (known !== undefined) {
      return known;
    }
    const named = Texts.read(uri);
    if (named === undefined || named.kind === 'text') {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    try {
      await this.load(named.whom, isDraft(named));
    } catch (error) {
      throw vscode.FileSystemError.Unavailable(error instanceof Error ? error.message : String(error));
    }
    const loaded = this.entries.get(uri.toString());
    if (loaded === undefined) {
      throw vscode.FileSystemError.FileNotFound(uri);
    }
    return loaded;
  }
}
