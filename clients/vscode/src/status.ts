// The status bar item: how many cook, wait to be read, ask. A click opens the queue.

import * as vscode from 'vscode';
import type { State } from './connection';
import type { Ctx } from './ctx';
import { statusText, statusTooltip } from './rows';

const WITHOUT_SERVER: Partial<Record<State, [string, string]>> = {
  starting: ['$(flame)', 'Backburner starts.'],
  waiting: ['$(flame) $(sync)', 'The Backburner server ended and is started again.'],
  missing: ['$(flame) $(warning)', 'The Backburner server was not found. Click for what to do.'],
  untrusted: ['$(flame) $(shield)', 'Backburner runs nothing in a folder that is not trusted.'],
};

export function showStatus(ctx: Ctx): void {
  const item = vscode.window.createStatusBarItem('status', vscode.StatusBarAlignment.Left, -10);
  item.name = 'Backburner';
  item.command = 'backburner.ui.queue';
  const update = () => {
    const without = WITHOUT_SERVER[ctx.connection.state];
    const text = without?.[0] ?? statusText(ctx.status);
    const spoken = without?.[1] ?? (ctx.status.tooltip || 'Nothing cooking.');
    const tooltip = new vscode.MarkdownString(without?.[1] ?? statusTooltip(ctx.status, ctx.queue), true);
    if (item.text !== text) {
      item.text = text;
    }
    item.tooltip = tooltip;
    item.accessibilityInformation = { label: `Backburner: ${spoken}`, role: 'button' };
  };
  update();
  item.show();
  ctx.extension.subscriptions.push(item, ctx.onDidChange(update), ctx.connection.onDidChangeState(update));
}
