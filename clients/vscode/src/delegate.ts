// Asking for the words: the one box of "Delegate…", and the picker of several places. What the words mean is the server's.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import { distinct, type PlaceRow, placeRows, targetsOf } from './places';
import { OURS } from './problems';
import type { Matches, Outcome, Place, Places } from './protocol';
import { remember } from './recents';
import { told } from './rows';

const RECENTS = 'backburner.recents';
const WORDS = 'Words that work anywhere: @agent  /review  !quick  after 12  in 8h  $0.50  step';

/** Why nothing can be delegated from where the person is, and what to do about it. */
export function noPlace(): string {
  const scheme = vscode.window.activeTextEditor?.document.uri.scheme;
  if (scheme === 'untitled') {
    return 'This text has no file yet: save it first.';
  }
  if (scheme === undefined ? vscode.window.activeNotebookEditor : scheme === 'vscode-notebook-cell') {
    return 'A cell of a notebook is no file: open the notebook as text first.';
  }
  return 'Put the cursor in a file of this computer first.';
}

/** The place at the cursor, the first when there are several. */
export function placeHere(ctx: Ctx): Place | undefined {
  return placesHere(ctx)[0];
}

/** One place for each cursor: the selection, or the symbol around it, with other servers' problems there. */
export function placesHere(ctx: Ctx): Place[] {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || editor.document.uri.scheme !== 'file') {
    return [];
  }
  return editor.selections.map((selection) => placeAt(ctx, editor.document, selection));
}

function placeAt(ctx: Ctx, document: vscode.TextDocument, selection: vscode.Selection): Place {
  const problems = vscode.languages
    .getDiagnostics(document.uri)
    .filter((problem) => problem.source !== OURS && problem.range.intersection(selection) !== undefined);
  const place: Place = {
    uri: document.uri.toString(),
    start_line: selection.start.line,
    start_character: selection.start.character,
    end_line: selection.isEmpty ? -1 : selection.end.line,
    end_character: selection.isEmpty ? 0 : selection.end.character,
  };
  return problems.length > 0 ? { ...place, diagnostics: toProtocol(ctx, problems) } : place;
}

/** One box, Enter starts. `prompt` is the placeholder when the server has sent one. */
export async function delegateInOneBox(ctx: Ctx, targets: readonly Place[], prompt?: string): Promise<void> {
  const [first] = targets;
  if (first === undefined) {
    void vscode.window.showInformationMessage(noPlace());
    return;
  }
  const asked = new Box(ctx, prompt ?? defaultPrompt(targets));
  const known = prompt === undefined ? eachOnce(ctx, targets, first, asked) : targets;
  const instruction = await asked.answer;
  if (!instruction) {
    return;
  }
  await ctx.extension.globalState.update(RECENTS, remember(ctx.extension.globalState.get(RECENTS, []), instruction));
  await delegate(ctx, { instruction, targets: await known });
}

/** The places that these cursors come to, each once, when the server has said which symbols they are in; and the box says so. */
async function eachOnce(ctx: Ctx, targets: readonly Place[], first: Place, box: Box): Promise<readonly Place[]> {
  try {
    const answer = await ctx.send<Places | null>('backburner.places', { place: first });
    const places = distinct(targets, answer?.places ?? []);
    box.setPlaceholder(places.length === 1 ? answer?.prompt : defaultPrompt(places));
    return places;
  } catch (error) {
    ctx.log.debug(`prompt: ${error}`);
    return targets;
  }
}

/** Sends a delegation. */
export async function delegate(ctx: Ctx, argument: object): Promise<void> {
  acknowledge(await ctx.send<Outcome | null>('backburner.delegate', argument));
}

/** The acknowledgement is the mark at the line; here it is said in passing, and only what must be known is a message. */
export function acknowledge(outcome: Outcome | null | undefined): void {
  const sentence = told(outcome);
  if (sentence) {
    void vscode.window.showInformationMessage(sentence);
  } else if (outcome?.tasks?.length) {
    const numbers = outcome.tasks.map((task) => `#${task}`);
    const several = numbers.length > 3 ? `${numbers[0]} to ${numbers[numbers.length - 1]}` : numbers.join(', ');
    vscode.window.setStatusBarMessage(`$(flame) ${several} on the back burner`, 3000);
  }
}

/** Several places of this file at once: problems by kind, comments, symbols; then the one box. */
export async function delegateFromHere(ctx: Ctx): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  if (editor === undefined || editor.document.uri.scheme !== 'file') {
    void vscode.window.showInformationMessage(noPlace());
    return;
  }
  const uri = editor.document.uri;
  const problems = vscode.languages.getDiagnostics(uri).filter((problem) => problem.source !== OURS);
  const place: Place = { uri: uri.toString(), start_line: 0, whole_file: true, diagnostics: toProtocol(ctx, problems) };
  const answer = await ctx.send<Places | null>('backburner.places', { place });
  const rows = placeRows(answer?.places ?? []);
  if (rows.length === 0) {
    void vscode.window.showInformationMessage('Nothing to pick here: no problems, no TODOs, no symbols.');
    return;
  }
  const chosen = await vscode.window.showQuickPick(withHeadings(rows), {
    canPickMany: true,
    matchOnDetail: true,
    title: 'Delegate from here',
    placeHolder: 'Choose the places; each becomes a task',
  });
  if (chosen !== undefined && chosen.length > 0) {
    await delegateInOneBox(ctx, targetsOf(chosen.map((item) => item.row)));
  }
}

/** The matches of a search over the project, all of them chosen to begin with; then the one box. */
export async function delegateMatches(ctx: Ctx): Promise<void> {
  const editor = vscode.window.activeTextEditor;
  const text = await vscode.window.showInputBox({
    title: 'Delegate the matches of a search',
    prompt: 'As it stands, in all files of the project that are not ignored, unsaved text included',
    value: editor && underCursor(editor),
  });
  if (!text?.trim()) {
    return;
  }
  const uri = editor?.document.uri.scheme === 'file' ? editor.document.uri.toString() : '';
  const found = await ctx.send<Matches | null>('backburner.search', { uri, text });
  const rows = placeRows(found?.places ?? []);
  if (rows.length === 0) {
    void vscode.window.showInformationMessage(`Nothing in this project holds ${text}.`);
    return;
  }
  const others = found?.more ? `; ${found.more} more were found` : '';
  const chosen = await vscode.window.showQuickPick(
    withHeadings(rows).map((item) => ({ ...item, picked: true })),
    {
      canPickMany: true,
      matchOnDetail: true,
      matchOnDescription: true,
      title: `Delegate the matches of ${text}`,
      placeHolder: `Leave out what is not meant; those in one function become one task${others}`,
    },
  );
  if (chosen !== undefined && chosen.length > 0) {
    await delegateInOneBox(ctx, targetsOf(chosen.map((item) => item.row)));
  }
}

/** What is selected on one line, else the word at the cursor. */
function underCursor({ document, selection }: vscode.TextEditor): string {
  if (!selection.isEmpty) {
    return selection.isSingleLine ? document.getText(selection) : '';
  }
  const word = document.getWordRangeAtPosition(selection.active);
  return word === undefined ? '' : document.getText(word);
}

interface RowItem extends vscode.QuickPickItem {
  row: PlaceRow;
}

function withHeadings(rows: readonly PlaceRow[]): RowItem[] {
  return rows.flatMap((row) => {
    const item: RowItem = { label: row.label, description: row.detail, row };
    const kind = vscode.QuickPickItemKind.Separator;
    return row.heading ? [{ label: row.heading, kind, row }, item] : [item];
  });
}

function defaultPrompt(targets: readonly Place[]): string {
  const here =
    targets.length === 1 ? (targets[0]?.symbol ? `${targets[0].symbol}()` : 'this') : `${targets.length} places`;
  return `What should be done to ${here}?`;
}

function toProtocol(ctx: Ctx, problems: vscode.Diagnostic[]): unknown[] {
  return ctx.connection.client?.code2ProtocolConverter.asDiagnosticsSync(problems) ?? [];
}

/** A quick pick whose first row is what was typed and whose other rows are what was said before. */
class Box {
  readonly answer: Promise<string | undefined>;
  private readonly pick = vscode.window.createQuickPick<vscode.QuickPickItem & { typed?: boolean }>();

  constructor(ctx: Ctx, placeholder: string) {
    const { pick } = this;
    const recents = ctx.extension.globalState.get<string[]>(RECENTS, []);
    pick.placeholder = placeholder;
    pick.title = 'Delegate';
    const list = () => {
      const typed = pick.value.trim();
      const fits = (recent: string) => recent !== typed && recent.toLowerCase().includes(typed.toLowerCase());
      const before = recents.filter(fits).map((label) => ({ label, description: 'again' }));
      pick.items = typed ? [{ label: typed, detail: WORDS, alwaysShow: true, typed: true }, ...before] : before;
    };
    list();
    this.answer = new Promise((resolve) => {
      pick.onDidChangeValue(list);
      pick.onDidAccept(() => {
        // Rows lag behind a fast typist: the box itself does not. One that was there before the last letter does not count.
        const [chosen] = pick.activeItems.filter((item) => pick.items.includes(item));
        resolve(chosen === undefined || chosen.typed ? pick.value.trim() : chosen.label);
        pick.hide();
      });
      pick.onDidHide(() => {
        resolve(undefined);
        pick.dispose();
      });
    });
    pick.show();
  }

  setPlaceholder(placeholder: string | undefined): void {
    if (placeholder) {
      this.pick.placeholder = placeholder;
    }
  }
}
