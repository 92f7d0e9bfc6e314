// The queue as a tree: sections, groups with more than one row in a section, rows. Pure. A node keeps its identity for as
// long as it is there, so that what did not change is not drawn anew: a click must not fall between two drawings.

import type { Queue, QueueRow } from './protocol';
import { matches, shortName } from './rows';

export type Node =
  | { kind: 'note'; id: string; text: string; children: Node[] }
  | { kind: 'section'; id: string; title: string; count: number; children: Node[] }
  | { kind: 'group'; id: string; title: string; rows: QueueRow[]; children: Node[] }
  | { kind: 'row'; id: string; row: QueueRow; children: Node[] };

export type RowNode = Extract<Node, { kind: 'row' }>;
export type GroupNode = Extract<Node, { kind: 'group' }>;

/** Sections in the order in which the server names them; empty ones do not occur. */
export function tree(queue: Queue, filter: string): Node[] {
  const shown = queue.rows.filter((row) => matches(row, filter));
  const titles = [...new Set(shown.map((row) => row.section))];
  const sections = titles.map((title): Node => {
    const rows = shown.filter((row) => row.section === title);
    return { kind: 'section', id: `section ${title}`, title, count: rows.length, children: inGroups(title, rows) };
  });
  const note: Node[] =
    queue.note && sections.length > 0 ? [{ kind: 'note', id: 'note', text: queue.note, children: [] }] : [];
  return [...note, ...sections];
}

/** Rows of one group stand where the first of them stands. */
function inGroups(section: string, rows: readonly QueueRow[]): Node[] {
  const found: Node[] = [];
  const groups = new Map<string, GroupNode>();
  for (const row of rows) {
    const name = `${row.project ?? ''} ${row.group}`;
    const alike = row.group_title
      ? rows.filter((other) => other.group === row.group && other.project === row.project)
      : [];
    const group = groups.get(name);
    if (alike.length < 2) {
      found.push(rowNode(row));
    } else if (group !== undefined) {
      group.children.push(rowNode(row));
    } else {
      const title = row.group_title ?? '';
      const id = `group ${section} ${name}`;
      const made: GroupNode = { kind: 'group', id, title, rows: alike, children: [rowNode(row)] };
      groups.set(name, made);
      found.push(made);
    }
  }
  return found;
}

function rowNode(row: QueueRow): RowNode {
  // Results of another branch have no number: their title tells them apart.
  return { kind: 'row', id: `row ${row.project ?? ''} ${row.task || row.title}`, row, children: [] };
}

/**
 * Takes what is new over into the nodes that are there. `changed`: the nodes to draw anew, each without those around it
 * that stand as they stood; undefined in it is the top.
 */
export function update(old: readonly Node[], fresh: readonly Node[]): { nodes: Node[]; changed: (Node | undefined)[] } {
  const changed: (Node | undefined)[] = [];
  const nodes = reconcile(old, fresh, undefined, changed);
  return { nodes, changed: changed.includes(undefined) ? [undefined] : changed };
}

function reconcile(
  old: readonly Node[],
  fresh: readonly Node[],
  parent: Node | undefined,
  changed: (Node | undefined)[],
): Node[] {
  const known = new Map(old.map((node) => [node.id, node]));
  const moved = old.length !== fresh.length || old.some((node, at) => node.id !== fresh[at]?.id);
  if (moved) {
    changed.push(parent);
  }
  return fresh.map((node) => {
    const before = known.get(node.id);
    if (before === undefined) {
      return node;
    }
    const face = JSON.stringify({ ...before, children: [] });
    const children = reconcile(before.children, node.children, before, changed);
    Object.assign(before, node, { children });
    if (face !== JSON.stringify({ ...node, children: [] }) && !changed.includes(before)) {
      changed.push(before);
    }
    return before;
  });
}

/** The menus of a node depend on what the server offers there: `task accept reject draft`, `group diff acceptRest`. */
export function contextValue(node: RowNode | GroupNode): string {
  if (node.kind === 'row') {
    return ['task', ...offered(node.row)].join(' ');
  }
  // A verdict on all of them is offered when it is offered on each; the rest may be taken as soon as one row offers it.
  const all = node.rows.map((row) => new Set(offered(row)));
  const inEach = ['accept', 'reject'].filter((name) => all.every((names) => names.has(name)));
  const rest = all.some((names) => names.has('acceptRest')) ? ['acceptRest'] : [];
  return ['group', ...inEach, ...rest].join(' ');
}

function offered(row: QueueRow): string[] {
  return [...new Set((row.actions ?? []).map((action) => shortName(action.command)))];
}
