// The queue: a tree in its own container. Rows, their order and what can be done with them come from the server.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import type { QueueRow } from './protocol';
import { about, actionOf, spoken, symbol } from './rows';
import { contextValue, type GroupNode, type Node, type RowNode, tree, update } from './tree';

export function isNode(value: unknown): value is RowNode | GroupNode {
  return typeof value === 'object' && value !== null && 'kind' in value && 'children' in value;
}

const COLLAPSED = new Set(['Earlier']);

export class QueueView implements vscode.TreeDataProvider<Node> {
  private readonly changedEmitter = new vscode.EventEmitter<Node | undefined>();
  readonly onDidChangeTreeData = this.changedEmitter.event;
  private readonly tree: vscode.TreeView<Node>;
  private filter = '';
  private nodes: Node[] = [];

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
    const rows = this.rows();
    const node = rows.find((candidate) => candidate.row.state === 'asking') ?? rows[0];
    if (node !== undefined) {
      await this.tree.reveal(node, { select: true, focus: true });
    }
  }

  setFilter(filter: string): void {
    this.filter = filter.trim();
    this.tree.description = this.filter ? `filter: ${this.filter}` : undefined;
    void vscode.commands.executeCommand('setContext', 'backburner.filtered', this.filter !== '');
    this.update();
  }

  get currentFilter(): string {
    return this.filter;
  }

  getChildren(node?: Node): Node[] {
    return node === undefined ? this.nodes : node.children;
  }

  getParent(node: Node): Node | undefined {
    const within = (nodes: readonly Node[]): Node | undefined => {
      for (const candidate of nodes) {
        const found = candidate.children.includes(node) ? candidate : within(candidate.children);
        if (found !== undefined) {
          return found;
        }
      }
      return undefined;
    };
    return within(this.nodes);
  }

  getTreeItem(node: Node): vscode.TreeItem {
    const made = item(this.ctx, node);
    made.id = node.id;
    return made;
  }

  private rows(nodes: readonly Node[] = this.nodes): RowNode[] {
    return nodes.flatMap((node) => (node.kind === 'row' ? [node] : this.rows(node.children)));
  }

  private update(): void {
    const { nodes, changed } = update(this.nodes, tree(this.ctx.queue, this.filter));
    this.nodes = nodes;
    this.badge();
    for (const node of changed) {
      this.changedEmitter.fire(node);
    }
  }

  private badge(): void {
    const wanted = vscode.workspace.getConfiguration('backburner').get<boolean>('queue.badge', false);
    const value = this.ctx.status.asking + this.ctx.status.unread;
    this.tree.badge = wanted && value > 0 ? { value, tooltip: this.ctx.status.tooltip } : undefined;
  }
}

/** What a command is about that was chosen in a row or at a group. */
export function chosen(node: RowNode | GroupNode, command: string): Record<string, unknown> {
  if (node.kind === 'row') {
    return actionOf(node.row, command)?.arguments ?? { ...about(node.row) };
  }
  const [first] = node.rows;
  return { ...(first && about(first)), ...(command === 'backburner.acceptRest' ? {} : { group: true }) };
}

function item(ctx: Ctx, node: Node): vscode.TreeItem {
  const { None, Expanded, Collapsed } = vscode.TreeItemCollapsibleState;
  switch (node.kind) {
    case 'note': {
      const made = new vscode.TreeItem(node.text, None);
      made.iconPath = new vscode.ThemeIcon('history');
      made.tooltip = node.text;
      return made;
    }
    case 'section': {
      const made = new vscode.TreeItem(node.title, COLLAPSED.has(node.title) ? Collapsed : Expanded);
      made.description = String(node.count);
      made.contextValue = 'section';
      made.accessibilityInformation = { label: `${node.title}, ${node.count}` };
      return made;
    }
    case 'group': {
      const all = node.rows[0];
      const total = ctx.queue.rows.filter((row) => row.group === all?.group && row.project === all?.project).length;
      const made = new vscode.TreeItem(node.title, Expanded);
      made.description = `${node.rows.length} of ${total}`;
      made.iconPath = new vscode.ThemeIcon('layers');
      made.contextValue = contextValue(node);
      made.tooltip = `${node.title}\n${node.rows.map((row) => row.title).join('\n')}`;
      made.accessibilityInformation = { label: `group, ${node.title}, ${node.rows.length} of ${total}` };
      return made;
    }
    case 'row':
      return rowItem(node, node.row);
  }
}

function rowItem(node: RowNode, row: QueueRow): vscode.TreeItem {
  const made = new vscode.TreeItem(row.title, vscode.TreeItemCollapsibleState.None);
  made.description = row.detail;
  made.iconPath = new vscode.ThemeIcon(symbol(row.state));
  made.contextValue = contextValue(node);
  made.tooltip = [row.title, row.detail, row.why].filter((line) => line).join('\n');
  made.accessibilityInformation = { label: spoken(row) };
  const first = row.actions?.[0];
  if (first !== undefined) {
    made.command = { command: first.command, title: first.title, arguments: [first.arguments] };
  } else if (row.uri) {
    made.command = { command: 'backburner.ui.reveal', title: 'Reveal', arguments: [about(row)] };
  }
  return made;
}
