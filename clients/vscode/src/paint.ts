// Added and removed lines of the server's diff documents get the theme's diff colours, also inside a peek. The signs at
// the start of the lines say the same without colour.

import * as vscode from 'vscode';
import { signed } from './hunks';

const OURS = /\/[^/]*\.(diff|patch)$/;

export function paintDiffs(extension: vscode.ExtensionContext): (uri: vscode.Uri) => void {
  const painted = new Set<string>();
  const line = (background: string, ruler: string) =>
    vscode.window.createTextEditorDecorationType({
      isWholeLine: true,
      backgroundColor: new vscode.ThemeColor(background),
      overviewRulerColor: new vscode.ThemeColor(ruler),
    });
  const added = line('diffEditor.insertedLineBackground', 'editorOverviewRuler.addedForeground');
  const removed = line('diffEditor.removedLineBackground', 'editorOverviewRuler.deletedForeground');
  const paint = (editor: vscode.TextEditor) => {
    if (painted.has(editor.document.uri.toString())) {
      const { plus, minus } = signed(editor.document.getText());
      editor.setDecorations(added, plus.map(wholeLine));
      editor.setDecorations(removed, minus.map(wholeLine));
    }
  };
  const paintAll = () => {
    vscode.window.visibleTextEditors.forEach(paint);
  };
  extension.subscriptions.push(
    added,
    removed,
    vscode.window.onDidChangeVisibleTextEditors(paintAll),
    vscode.workspace.onDidChangeTextDocument((event) => {
      if (painted.has(event.document.uri.toString())) {
        paintAll();
      }
    }),
  );
  return (uri) => {
    if (OURS.test(uri.path)) {
      painted.add(uri.toString());
      paintAll();
    }
  };
}

function wholeLine(line: number): vscode.Range {
  return new vscode.Range(line, 0, line, 0);
}
