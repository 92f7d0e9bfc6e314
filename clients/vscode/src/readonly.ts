// Files that the person's settings keep from being changed. VS Code heeds them for what is typed, not for what an extension
// changes. A file that was made read-only for this session only cannot be told from others.

import { stat } from 'node:fs/promises';
import * as vscode from 'vscode';

const OWNER_MAY_WRITE = 0o200;

export async function isReadonly(document: vscode.TextDocument): Promise<boolean> {
  const settings = vscode.workspace.getConfiguration('files', document.uri);
  const folder = vscode.workspace.getWorkspaceFolder(document.uri);
  const listed = (name: string) =>
    Object.entries(settings.get<Record<string, boolean>>(name, {})).some(
      ([glob, on]) =>
        on &&
        [glob, ...(folder ? [new vscode.RelativePattern(folder, glob)] : [])].some(
          (pattern) => vscode.languages.match({ pattern }, document) > 0,
        ),
    );
  if (listed('readonlyExclude')) {
    return false;
  }
  if (listed('readonlyInclude')) {
    return true;
  }
  return settings.get('readonlyFromPermissions', false) && !(await mayWrite(document.uri.fsPath));
}

async function mayWrite(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & OWNER_MAY_WRITE) !== 0;
  } catch {
    return true;
  }
}
