// The queue: a tree in its own container. Rows, their order and what can be done with them come from the server.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import type { QueueRow } from './protocol';
import { contextValue, type Section, sections, spoken, symbol } from './rows';

export type Node =
  | { kind: 'note'; text: string }
  | { kind: 'section'; section: Section }
  | { kind: 'row'; row: QueueRow };

export function isRowNode(value: unknown): value is { kind: 'row'; row: QueueRow } {
  return typeof value === 'object' && value !== null && 'kind' in value && value.kind === 'row' && 'row' in value;
}

const COLLAPSED = new Set(['Earlier']);

export class QueueView implements vscode.TreeDataProvider<Node> {
  private readonly changedEmitter = new vscode.EventEmitter<undefined>();
  readonly onDidChangeTreeData = this.changedEmitter.event;
  private readonly tree: vscode.TreeView<Node>;
  private filter = '';
  private shown = '';

  constructor(private readonly ctx: Ctx) {
    this.tree = vscode.window.createTreeView('backburner.queue', { treeDataProvider: this, showCollapseAll: false });
    ctx.extension.subscriptions.push(
      this.tree,
      this.changedEmitter,
      ctx.onDidChange(() => this.update()),
      vscode.workspace.onDidChangeConfiguration((event) => {
        if (event.affectsConfiguration('backburner.queue.badge')) {
          this.badge();
        }
      }),
    );
  }

  /** Opens the view; a question first, else the first row, is what the person wants to see. */
  async open(): Promise<void> {
    await vscode.commands.executeCommand('backburner.queue.focus');
    const row = this.ctx.queue.rows.find((candidate) => candidate.state === 'asking') ?? this.ctx.queue.rows[0];
    const node = row && this.nodeOf(row.task);
    if (node !== undefined) {
      await this.tree.reveal(node, { select: true, focus: true });
    }
  }

  setFilter(filter: string): void {
    this.filter = filter.trim();
    this.tree.description = this.filter ? `filter: ${this.filter}` : undefined;
    void vscode.commands.executeCommand('setContext', 'backburner.filtered', this.filter !== '');
    this.shown = '';
    this.update();
  }

  get currentFilter(): string {
    return this.filter;
  }

  getChildren(node?: Node): Node[] {
    if (node === undefined) {
      const note = this.ctx.queue.note;
      const tops = sections(this.ctx.queue, this.filter).map((section): Node => ({ kind: 'section', section }));
      return note && tops.length > 0 ? [{ kind: 'note', text: note }, ...tops] : tops;
    }
    return node.kind === 'section' ? node.section.rows.map((row) => ({ kind: 'row', row })) : [];
  }

  getParent(node: Node): Node | undefined {
    if (node.kind !== 'row') {
      return undefined;
    }
    const section = sections(this.ctx.queue, this.filter).find((candidate) => candidate.title === node.row.section);
    return section && { kind: 'section', section };
  }

  getTreeItem(node: Node): vscode.TreeItem {
    switch (node.kind) {
      case 'note':
        return note(node.text);
      case 'section':
        return heading(node.section);
      case 'row':
        return item(node.row);
    }
  }

  private nodeOf(task: number): Node | undefined {
    const row = sections(this.ctx.queue, this.filter)
      .flatMap((section) => section.rows)
      .find((candidate) => candidate.task === task);
    return row && { kind: 'row', row };
  }

  private update(): void {
    const now = JSON.stringify(this.ctx.queue);
    if (now === this.shown) {
      return;
    }
    this.shown = now;
    this.badge();
    this.changedEmitter.fire(undefined);
  }

  private badge(): void {
    const wanted = vscode.workspace.getConfiguration('backburner').get<boolean>('queue.badge', false);
    const value = this.ctx.status.asking + this.ctx.status.unread;
    this.tree.badge = wanted && value > 0 ? { value, tooltip: this.ctx.status.tooltip } : undefined;
  }
}

function note(text: string): vscode.TreeItem {
  const made = new vscode.TreeItem(text, vscode.TreeItemCollapsibleState.None);
  made.id = 'note';
  made.iconPath = new vscode.ThemeIcon('history');
  made.tooltip = text;
  return made;
}

function heading(section: Section): vscode.TreeItem {
  const state = COLLAPSED.has(section.title)
    ? vscode.TreeItemCollapsibleState.Collapsed
    : vscode.TreeItemCollapsibleState.Expanded;
  const made = new vscode.TreeItem(section.title, state);
  made.id = `section ${section.title}`;
  made.description = String(section.rows.length);
  made.contextValue = 'section';
  made.accessibilityInformation = { label: `${section.title}, ${section.rows.length}` };
  return made;
}

function item(row: QueueRow): vscode.TreeItem {
  const made = new vscode.TreeItem(row.title, vscode.TreeItemCollapsibleState.None);
  made.id = `task ${row.task}`;
  made.description = row.detail;
  made.iconPath = new vscode.ThemeIcon(symbol(row.state));
  made.contextValue = contextValue(row);
  made.tooltip = [row.title, row.detail, row.why].filter((line) => line).join('\n');
  made.accessibilityInformation = { label: spoken(row) };
  const first = row.actions?.[0];
  if (first !== undefined) {
    made.command = { command: first.command, title: first.title, arguments: [first.arguments] };
  } else if (row.uri) {
    made.command = { command: 'backburner.ui.reveal', title: 'Reveal', arguments: [{ task: row.task }] };
  }
  return made;
}
