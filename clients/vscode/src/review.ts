// Side by side: left the person's live file (or, of a draft, what the agent began from), right the proposal as it merges
// into the text now. The right side is a file of our own file system: saving it keeps the edits to the proposal, and only
// the server's accept changes the left. Follows what is typed.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import { hunkAt, neighbour, openHunks, starts } from './hunks';
import type { Hunk, Proposal, ProposalFile } from './protocol';
import { Texts } from './texts';

const FOLLOW_MS = 250;

export class Reviews {
  private readonly open = new Map<string, Proposal>();
  private readonly texts: Texts;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly ctx: Ctx) {
    this.texts = new Texts(
      (task, draft) => this.load(task, draft).then(() => {}),
      async (task, path, text) => {
        await ctx.send('backburner.proposal', { task, path, text });
        await this.load(task, false);
      },
    );
    ctx.extension.subscriptions.push(
      vscode.workspace.registerFileSystemProvider(Texts.scheme, this.texts, { isCaseSensitive: true }),
      vscode.workspace.onDidChangeTextDocument((event) => this.changed(event.document.uri)),
      vscode.window.tabGroups.onDidChangeTabs(() => this.forgetClosed()),
      ctx.onDidChange(() => this.follow()),
      { dispose: () => clearTimeout(this.timer) },
    );
  }

  /** Opens one file in the diff editor, several in the multi-diff editor. */
  async show(task: number, draft: boolean, path?: string): Promise<void> {
    const proposal = await this.load(task, draft);
    const files = proposal.files.filter((file) => path === undefined || path === '' || file.path === path);
    const title = `#${task} ${proposal.title}`;
    const [only] = files;
    if (only === undefined) {
      void vscode.window.showInformationMessage(`#${task} changes no file.`);
      return;
    }
    if (files.length === 1) {
      const line = draft ? 0 : (starts(only, 'merged')[0] ?? 0);
      const selection = new vscode.Range(line, 0, line, 0);
      await vscode.commands.executeCommand(
        'vscode.diff',
        this.left(proposal, only),
        this.right(proposal, only),
        title,
        {
          preview: false,
          selection,
        },
      );
      return;
    }
    const resources = files.map((file) => [
      vscode.Uri.parse(file.uri),
      this.left(proposal, file),
      this.right(proposal, file),
    ]);
    await vscode.commands.executeCommand('vscode.changes', title, resources);
  }

  /** A text of the server's, such as the doctor's, rendered as Markdown. Read-only, follows the theme. */
  async showText(name: string, text: string): Promise<void> {
    const uri = Texts.uri(0, 'text', `${name}.md`);
    this.texts.put(uri, text, true);
    await vscode.commands.executeCommand('markdown.showPreview', uri);
  }

  /** The hunk at the cursor of the active editor (or at a line that a menu names) in an open review. */
  here(at?: { uri?: vscode.Uri; lineNumber?: number }): { proposal: Proposal; hunk: Hunk } | undefined {
    const editor = vscode.window.activeTextEditor;
    const uri = at?.uri ?? editor?.document.uri;
    const line = at?.lineNumber !== undefined ? at.lineNumber - 1 : editor?.selection.active.line;
    const found = uri && this.find(uri);
    if (found === undefined || line === undefined) {
      return undefined;
    }
    const { proposal, file, side } = found;
    const open = openHunks(file);
    const hunk = hunkAt(file, side, line) ?? (open.length === 1 ? open[0] : undefined);
    return hunk && { proposal, hunk };
  }

  /** The task whose review the active editor belongs to. */
  taskHere(at?: vscode.Uri): number | undefined {
    const uri = at ?? vscode.window.activeTextEditor?.document.uri;
    return (uri && (Texts.read(uri)?.task ?? this.find(uri)?.proposal.task)) || undefined;
  }

  /** Moves the cursor to the next or previous hunk of the file that is reviewed. */
  step(direction: 1 | -1): void {
    const editor = vscode.window.activeTextEditor;
    const found = editor && this.find(editor.document.uri);
    if (editor === undefined || found === undefined) {
      return;
    }
    const line = neighbour(starts(found.file, found.side), editor.selection.active.line, direction);
    if (line !== undefined) {
      const position = new vscode.Position(line, 0);
      editor.selection = new vscode.Selection(position, position);
      editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    }
  }

  /** After a verdict: shows what is true now, and closes the review of a task that has nothing left to decide. */
  async judged(task: number): Promise<void> {
    if (!this.open.has(key(task, false))) {
      return;
    }
    const before = vscode.window.activeTextEditor;
    const proposal = await this.load(task, false).catch(() => undefined);
    if (proposal?.files.some((file) => openHunks(file).length > 0)) {
      return;
    }
    const tabs = this.tabsOf(task).filter((tab) => !tab.isDirty || before?.document.uri.scheme !== Texts.scheme);
    const file = before && this.find(before.document.uri)?.file;
    const line = before?.selection.active.line ?? 0;
    if (tabs.length > 0) {
      await vscode.window.tabGroups.close(tabs);
    }
    if (file !== undefined && file.kind !== 'delete') {
      await vscode.window.showTextDocument(vscode.Uri.parse(file.uri), {
        selection: new vscode.Range(line, 0, line, 0),
      });
    }
  }

  private async load(task: number, draft: boolean): Promise<Proposal> {
    const proposal = await this.ctx.send<Proposal>('backburner.proposal', draft ? { task, draft } : { task });
    this.open.set(key(task, draft), { ...proposal, task, draft });
    for (const file of proposal.files) {
      if (draft) {
        this.texts.put(Texts.uri(task, 'base', file.path), file.base ?? '', true);
        this.texts.put(Texts.uri(task, 'draft', file.path), file.proposed ?? '', true);
      } else {
        this.texts.put(Texts.uri(task, 'merged', file.path), file.merged ?? '', file.kind !== 'edit');
        this.texts.put(Texts.uri(task, 'empty', file.path), '', true);
      }
    }
    return proposal;
  }

  private left(proposal: Proposal, file: ProposalFile): vscode.Uri {
    if (proposal.draft) {
      return Texts.uri(proposal.task, 'base', file.path);
    }
    return file.kind === 'create' ? Texts.uri(proposal.task, 'empty', file.path) : vscode.Uri.parse(file.uri);
  }

  private right(proposal: Proposal, file: ProposalFile): vscode.Uri {
    return Texts.uri(proposal.task, proposal.draft ? 'draft' : 'merged', file.path);
  }

  private find(uri: vscode.Uri): { proposal: Proposal; file: ProposalFile; side: 'live' | 'merged' } | undefined {
    const ours = Texts.read(uri);
    for (const proposal of this.open.values()) {
      for (const file of proposal.files) {
        if (ours !== undefined ? ours.task === proposal.task && ours.path === file.path : sameFile(file, uri)) {
          return { proposal, file, side: ours === undefined ? 'live' : 'merged' };
        }
      }
    }
    return undefined;
  }

  private changed(uri: vscode.Uri): void {
    if (uri.scheme === 'file' && this.find(uri) !== undefined) {
      this.follow();
    }
  }

  /** Asks again, soon, for every review that is open. */
  private follow(): void {
    if (this.open.size === 0) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      for (const { task, draft } of [...this.open.values()]) {
        this.load(task, draft === true).catch((error) => this.ctx.log.debug(`review of #${task}: ${error}`));
      }
    }, FOLLOW_MS);
  }

  private forgetClosed(): void {
    for (const [name, proposal] of this.open) {
      if (this.tabsOf(proposal.task).length === 0) {
        this.open.delete(name);
        this.texts.drop(proposal.task);
      }
    }
  }

  private tabsOf(task: number): vscode.Tab[] {
    return vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => belongs(tab.input, task));
  }
}

function belongs(input: unknown, task: number): boolean {
  if (input instanceof vscode.TabInputTextDiff) {
    return Texts.read(input.modified)?.task === task;
  }
  if (input instanceof vscode.TabInputText) {
    return Texts.read(input.uri)?.task === task;
  }
  // The multi-diff editor has a type of its own only in later versions; there its inputs carry `textDiffs`.
  const several = (input as { textDiffs?: { modified: vscode.Uri }[] } | undefined)?.textDiffs;
  return several?.some((diff) => Texts.read(diff.modified)?.task === task) ?? false;
}

function sameFile(file: ProposalFile, uri: vscode.Uri): boolean {
  return vscode.Uri.parse(file.uri).toString() === uri.toString();
}

function key(task: number, draft: boolean): string {
  return draft ? `${task} draft` : `${task}`;
}
