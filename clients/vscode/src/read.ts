// Reading in place: the server's document (a diff, or Markdown) shown over the code that it is about.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import { headers } from './hunks';
import type { Reading } from './protocol';

/** Shows what `backburner.read` or `backburner.draft` answered. Closing it is Escape, and leaves everything as it was. */
export async function showReading(ctx: Ctx, reading: Reading): Promise<void> {
  const uri = vscode.Uri.parse(reading.uri);
  const document = await vscode.workspace.openTextDocument(uri);
  if (reading.language === 'markdown') {
    await vscode.commands.executeCommand('markdown.showPreviewToSide', uri);
    return;
  }
  if (document.languageId !== 'diff') {
    await vscode.languages.setTextDocumentLanguage(document, 'diff');
  }
  const place = await target(reading);
  if (place === undefined) {
    await vscode.window.showTextDocument(document, { preview: true });
    ctx.paint(uri);
    return;
  }
  const starts = [0, ...headers(document.getText())];
  const locations = starts.map((line) => new vscode.Location(uri, new vscode.Position(line, 0)));
  const selection = vscode.window.activeTextEditor?.selection;
  await vscode.commands.executeCommand('editor.action.peekLocations', place.uri, place.position, locations, 'peek');
  // A result leads with its sentence; VS Code begins at the line whose number is nearest to that of the code.
  await vscode.commands.executeCommand('list.focusFirst');
  if (place.editor !== undefined && selection !== undefined) {
    place.editor.selection = selection;
  }
  ctx.paint(uri);
  ctx.log.debug(`read: #${reading.task}, ${locations.length - 1} hunks`);
}

interface Shown {
  uri: vscode.Uri;
  position: vscode.Position;
  /** The editor that was there already, whose cursor is the person's. */
  editor: vscode.TextEditor | undefined;
}

/** The place in the code, shown; the cursor stays where it is when that file is before the person already. */
async function target(reading: Reading): Promise<Shown | undefined> {
  if (!reading.target?.uri) {
    return undefined;
  }
  const uri = vscode.Uri.parse(reading.target.uri);
  const position = new vscode.Position(Math.max(0, reading.target.line), 0);
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.uri.toString() === uri.toString()) {
    return { uri, position, editor };
  }
  try {
    await vscode.window.showTextDocument(uri, { selection: new vscode.Range(position, position), preview: true });
    return { uri, position, editor: undefined };
  } catch {
    return undefined;
  }
}

/** Goes to a place and shows it, as a row of the queue or "next" asks. */
export async function reveal(uri: string, line: number): Promise<void> {
  const position = new vscode.Position(Math.max(0, line), 0);
  await vscode.window.showTextDocument(vscode.Uri.parse(uri), { selection: new vscode.Range(position, position) });
}
