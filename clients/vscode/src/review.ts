// Side by side: left the person's live file (or, of a draft, what the agent began from), right the proposal as it merges
// into the text now. The right side is a file of our own file system: saving it keeps the edits to the proposal, and only
// the server's accept changes the left. Follows what is typed.

import * as vscode from 'vscode';
import { type Ctx, Sentence } from './ctx';
import { hunkAt, neighbour, openHunks, starts } from './hunks';
import type { Hunk, Proposal, ProposalFile } from './protocol';
import { type About, about, rowOf, sameTask } from './rows';
import { isDraft, type Named, Texts } from './texts';

const FOLLOW_MS = 250;

interface Review {
  whom: About;
  draft: boolean;
  proposal: Proposal;
  /** There is something to decide in it, or was while it was open. */
  undecided: boolean;
}

interface Here extends Review {
  file: ProposalFile;
  side: 'live' | 'merged';
}

export class Reviews {
  private readonly open = new Map<string, Review>();
  /** By the URI of a right side: the person's text that it was merged into. */
  private readonly mergedInto = new Map<string, string | null | undefined>();
  private readonly texts: Texts;
  private timer: NodeJS.Timeout | undefined;

  constructor(private readonly ctx: Ctx) {
    this.texts = new Texts(
      (whom, draft) => this.load(whom, draft).then(() => {}),
      async ({ whom, kind, file }, text) => {
        const live = this.mergedInto.get(Texts.uri(whom, kind, file).toString());
        await ctx.send('backburner.proposal', { ...whom, path: file.path, text, live });
        await this.load(whom, false);
      },
    );
    ctx.extension.subscriptions.push(
      vscode.workspace.registerFileSystemProvider(Texts.scheme, this.texts, { isCaseSensitive: true }),
      vscode.workspace.onDidChangeTextDocument((event) => this.changed(event.document.uri)),
      // While it was saved it still counted as unsaved, and nothing that the server said meanwhile was shown.
      vscode.workspace.onDidSaveTextDocument(({ uri }) => uri.scheme === Texts.scheme && this.follow()),
      vscode.window.tabGroups.onDidChangeTabs(() => {
        this.forgetClosed();
        setReviewed();
      }),
      vscode.window.tabGroups.onDidChangeTabGroups(setReviewed),
      ctx.onDidChange(() => this.follow()),
      { dispose: () => clearTimeout(this.timer) },
    );
  }

  /** Opens one file in the diff editor, several in the multi-diff editor. */
  async show(asked: About, draft: boolean, path?: string): Promise<void> {
    const row = rowOf(this.ctx.queue, asked);
    const review = await this.load(row ? about(row) : asked, draft);
    const { proposal } = review;
    const { task } = asked;
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
      await vscode.commands.executeCommand('vscode.diff', left(review, only), right(review, only), title, {
        preview: false,
        selection,
      });
      return;
    }
    // A side that is not there makes it a new or a deleted file to VS Code.
    const resources = files.map((file) => [
      vscode.Uri.parse(file.uri),
      file.kind === 'create' ? undefined : left(review, file),
      file.kind === 'delete' ? undefined : right(review, file),
    ]);
    await vscode.commands.executeCommand('vscode.changes', title, resources);
  }

  /** A text of the server's, such as the doctor's, rendered as Markdown. Read-only, follows the theme. */
  async showText(name: string, text: string): Promise<void> {
    await vscode.commands.executeCommand('markdown.showPreview', this.text(`${name}.md`, text));
  }

  /** Exactly the contents of a file: rendered, some of it would not be seen. */
  async showSource(path: string, text: string): Promise<void> {
    await vscode.window.showTextDocument(this.text(path, text), { preview: true });
  }

  private text(path: string, text: string): vscode.Uri {
    const uri = Texts.uri({ task: 0 }, 'text', { path, uri: `${Texts.scheme}:/${path}` });
    this.texts.put(uri, text, true);
    return uri;
  }

  /** The hunk at the cursor of the active editor (or at a line that a menu names) in an open review. */
  here(at?: { uri?: vscode.Uri; lineNumber?: number }): { whom: About; hunk: Hunk } | undefined {
    const editor = vscode.window.activeTextEditor;
    const uri = at?.uri ?? editor?.document.uri;
    const line = at?.lineNumber !== undefined ? at.lineNumber - 1 : editor?.selection.active.line;
    const found = uri && this.find(uri);
    if (found === undefined || line === undefined) {
      return undefined;
    }
    const { whom, file, side } = found;
    const open = openHunks(file);
    const hunk = hunkAt(file, side, line) ?? (open.length === 1 ? open[0] : undefined);
    return hunk && { whom, hunk };
  }

  /** The task whose review the active editor belongs to. */
  taskHere(at?: vscode.Uri): About | undefined {
    const uri = at ?? vscode.window.activeTextEditor?.document.uri;
    const named = (uri && Texts.read(uri)) ?? inFront();
    return named?.whom.task ? named.whom : undefined;
  }

  /** Keeps what the person wrote into the right sides of a task's review: what is accepted is what is shown. */
  async keepEdits(whom: About): Promise<void> {
    for (const document of vscode.workspace.textDocuments) {
      if (document.isDirty && isOf(document.uri, whom) && !(await document.save())) {
        const path = Texts.read(document.uri)?.file.path;
        throw new Sentence(`Your edits to the proposal for ${path} could not be kept, so nothing was done.`);
      }
    }
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

  /** Shows what is true now, and closes the reviews of tasks that have nothing left to decide. */
  async judged(): Promise<void> {
    clearTimeout(this.timer);
    for (const before of [...this.open.values()]) {
      const { whom, draft } = before;
      try {
        const review = await this.load(whom, draft);
        // One that was opened to look back, at what was decided by then, stays.
        if (review.undecided && !anyOpen(review.proposal)) {
          await this.close(review);
        }
      } catch (error) {
        this.ctx.log.debug(`review of #${whom.task}: ${error}`);
        const state = rowOf(this.ctx.queue, whom)?.state;
        if (!draft && state !== undefined && state !== 'ready') {
          await this.close(before);
        }
      }
    }
  }

  /** Puts a review away, unless the person's edits are in it. Who had it before them has the file there, at the same place. */
  private async close({ whom, draft, proposal }: Review): Promise<void> {
    const edited = vscode.workspace.textDocuments.some(({ uri, isDirty }) => isDirty && isOf(uri, whom));
    if (edited || !this.open.delete(key(whom, draft))) {
      return;
    }
    const editor = vscode.window.activeTextEditor;
    const shown = inFront()?.whom;
    const file = editor && shown && sameTask(shown, whom) ? fileOf(proposal, editor.document.uri) : undefined;
    const at = editor?.selection.active ?? new vscode.Position(0, 0);
    await vscode.window.tabGroups.close(tabsOf(whom), true);
    this.texts.drop(whom);
    if (file !== undefined && file.kind !== 'delete') {
      const selection = new vscode.Range(at, at);
      await vscode.window.showTextDocument(vscode.Uri.parse(file.uri), { selection, preserveFocus: true });
    }
  }

  private async load(whom: About, draft: boolean): Promise<Review> {
    const proposal = await this.ctx.send<Proposal>('backburner.proposal', draft ? { ...whom, draft } : whom);
    const before = this.open.get(key(whom, draft));
    const undecided = !draft && (anyOpen(proposal) || before?.undecided === true);
    const review = { whom, draft, proposal, undecided };
    this.open.set(key(whom, draft), review);
    for (const file of proposal.files) {
      if (draft) {
        this.texts.put(Texts.uri(whom, 'base', file), file.base ?? '', true);
        this.texts.put(Texts.uri(whom, 'draft', file), file.proposed ?? '', true);
        continue;
      }
      this.texts.put(Texts.uri(whom, 'empty', file), '', true);
      const uri = Texts.uri(whom, 'merged', file).toString();
      // While the person writes there, the pane stays what they see.
      if (!vscode.workspace.textDocuments.some((document) => document.isDirty && document.uri.toString() === uri)) {
        this.mergedInto.set(uri, file.live);
        this.texts.put(vscode.Uri.parse(uri), file.merged ?? '', file.kind === 'delete' || file.kind === 'binary');
      }
    }
    return review;
  }

  /** Where a text stands in a review. Several may compare the same live file: that whose tab is before the person counts. */
  private find(uri: vscode.Uri): Here | undefined {
    const ours = Texts.read(uri);
    const named = ours ?? inFront();
    const review = named && this.open.get(key(named.whom, isDraft(named)));
    const file = review && fileOf(review.proposal, uri);
    return review && file && { ...review, file, side: ours ? 'merged' : 'live' };
  }

  private changed(uri: vscode.Uri): void {
    const files = [...this.open.values()].flatMap((review) => review.proposal.files);
    if (uri.scheme === 'file' && files.some((file) => isLive(file, uri))) {
      this.follow();
    }
  }

  /** The same, soon. */
  private follow(): void {
    if (this.open.size === 0) {
      return;
    }
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.judged(), FOLLOW_MS);
  }

  private forgetClosed(): void {
    for (const [name, { whom }] of this.open) {
      if (tabsOf(whom).length === 0) {
        this.open.delete(name);
        this.texts.drop(whom);
      }
    }
  }
}

function left({ whom, draft }: Review, file: ProposalFile): vscode.Uri {
  if (draft) {
    return Texts.uri(whom, 'base', file);
  }
  return file.kind === 'create' ? Texts.uri(whom, 'empty', file) : liveUri(file);
}

function right({ whom, draft }: Review, file: ProposalFile): vscode.Uri {
  return Texts.uri(whom, draft ? 'draft' : 'merged', file);
}

function tabsOf(whom: About): vscode.Tab[] {
  return vscode.window.tabGroups.all.flatMap((group) => group.tabs).filter((tab) => belongs(tab.input, whom));
}

function belongs(input: unknown, whom: About): boolean {
  const uris = input instanceof vscode.TabInputText ? [input.uri] : sides(input);
  return uris.some((uri) => isOf(uri, whom));
}

function isOf(uri: vscode.Uri, whom: About): boolean {
  const named = Texts.read(uri);
  return named !== undefined && sameTask(named.whom, whom);
}

function anyOpen({ files }: Proposal): boolean {
  return files.some((file) => openHunks(file).length > 0);
}

/** The file whose live text or whose right side this is. */
function fileOf({ files }: Proposal, uri: vscode.Uri): ProposalFile | undefined {
  const ours = Texts.read(uri);
  return files.find((file) => (ours ? ours.file.path === file.path : isLive(file, uri)));
}

/** What the review in the tab before the person is about. */
function inFront(): Named | undefined {
  const [first] = sides(vscode.window.tabGroups.activeTabGroup.activeTab?.input);
  return first && Texts.read(first);
}

/** Menus and keys for verdicts are for what can be judged, from either side. */
function setReviewed(): void {
  void vscode.commands.executeCommand('setContext', 'backburner.reviewed', inFront()?.kind === 'merged');
}

/** The right sides of a diff editor, or of a multi-diff editor, whose type came only after the API that we name. */
function sides(input: unknown): vscode.Uri[] {
  if (input instanceof vscode.TabInputTextDiff) {
    return [input.modified];
  }
  const diffs = (input as { textDiffs?: { modified?: vscode.Uri }[] } | undefined)?.textDiffs ?? [];
  return diffs.flatMap((diff) => diff.modified ?? []);
}

function liveUri(file: ProposalFile): vscode.Uri {
  return vscode.Uri.parse(file.live_uri ?? file.uri);
}

function isLive(file: ProposalFile, uri: vscode.Uri): boolean {
  return liveUri(file).toString() === uri.toString();
}

function key({ task, uri }: About, draft: boolean): string {
  return `${uri ?? ''} ${task}${draft ? ' draft' : ''}`;
}
