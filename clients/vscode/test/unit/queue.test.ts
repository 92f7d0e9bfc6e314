import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queue, QueueRow, Status } from '../../src/protocol';
import { actionOf, literal, rowOf, spoken, statusText, statusTooltip, told } from '../../src/rows';
import { contextValue, type Node, type RowNode, tree, update } from '../../src/tree';

const row = (task: number, section: string, state: string, more: Partial<QueueRow> = {}): QueueRow => ({
  section,
  task,
  group: task,
  state,
  title: `#${task} Iterative lexer`,
  detail: 'lexer.py · +24 −3 · tests pass',
  ...more,
});
const action = (command: string) => ({ command, title: command, arguments: { task: 12 } });
const status = (more: Partial<Status>): Status => ({
  running: 0,
  ready: 0,
  asking: 0,
  waiting: 0,
  failed: 0,
  unread: 0,
  tooltip: '',
  text: '',
  causes: [],
  revision: 0,
  ...more,
});

const ids = (nodes: readonly Node[]): unknown[] =>
  nodes.map((node) => (node.kind === 'row' ? node.row.task : [node.kind, ids(node.children)]));
const nodeOf = (of: QueueRow): RowNode => ({ kind: 'row', id: '', row: of, children: [] });

test('rows keep the order of the server, under the headings it names', () => {
  const queue: Queue = { rows: [row(4, 'Asks you', 'asking'), row(9, 'Ready', 'ready'), row(2, 'Ready', 'ready')] };
  assert.deepEqual(ids(tree(queue, '')), [
    ['section', [4]],
    ['section', [9, 2]],
  ]);
});

test('a filter keeps rows that hold all of its words', () => {
  const queue: Queue = {
    rows: [row(4, 'Ready', 'ready'), row(5, 'Running', 'running', { detail: 'parser.py · 3 min' })],
  };
  assert.deepEqual(ids(tree(queue, 'PARSER running')), [['section', [5]]]);
  assert.deepEqual(tree(queue, 'parser lexer.py'), []);
});

const grouped = { group: 1, group_title: 'Remove unused imports' };

test('rows of one group in one section are nested, one alone is not', () => {
  const rows = [
    row(1, 'Ready', 'ready', grouped),
    row(4, 'Ready', 'ready'),
    row(2, 'Ready', 'ready', grouped),
    row(3, 'Running', 'running', grouped),
  ];
  assert.deepEqual(ids(tree({ rows }, '')), [
    ['section', [['group', [1, 2]], 4]],
    ['section', [3]],
  ]);
});

test('only what changed is drawn anew, and nodes keep their identity', () => {
  const before = tree({ rows: [row(1, 'Ready', 'ready'), row(2, 'Running', 'running')] }, '');
  const same = update(before, tree({ rows: [row(1, 'Ready', 'ready'), row(2, 'Running', 'running')] }, ''));
  assert.deepEqual(same.changed, []);
  const later = row(2, 'Running', 'running', { detail: 'opus 4m' });
  const moved = update(same.nodes, tree({ rows: [row(1, 'Ready', 'ready'), later] }, ''));
  assert.deepEqual(ids(moved.changed as Node[]), [2]);
  assert.equal(moved.nodes[0], before[0]);
  assert.equal(moved.nodes[1]?.children[0], before[1]?.children[0]);
  const more = update(moved.nodes, tree({ rows: [row(1, 'Ready', 'ready'), row(3, 'Ready', 'ready'), later] }, ''));
  assert.deepEqual(more.changed, [before[0]]);
  assert.deepEqual(update(more.nodes, tree({ rows: [later] }, '')).changed, [undefined]);
});

test('numbers count in each project: the innermost that holds the file names the task', () => {
  const projects = ['file:///a', 'file:///a/b', 'file:///c'];
  const rows = projects.map((project) => row(1, 'Ready', 'ready', { project }));
  assert.equal(rowOf({ rows }, { task: 1, uri: 'file:///a/b/x.py' })?.project, 'file:///a/b');
  assert.equal(rowOf({ rows }, { task: 1, uri: 'file:///a/bc.py' })?.project, 'file:///a');
  assert.equal(rowOf({ rows }, { task: 1 })?.project, 'file:///a');
  const inEach = tree({ rows }, '')[0]?.children ?? [];
  assert.equal(new Set(inEach.map((node) => node.id)).size, 3);
});

test('what can be done with a row is what the server offers', () => {
  const offered = row(12, 'Ready', 'ready', { actions: [action('backburner.read'), action('backburner.accept')] });
  assert.equal(contextValue(nodeOf(offered)), 'task read accept');
  assert.equal(contextValue(nodeOf(row(1, 'Waiting', 'queued'))), 'task');
  assert.equal(actionOf(offered, 'backburner.accept')?.arguments.task, 12);
  assert.equal(actionOf(offered, 'backburner.stop'), undefined);
});

test('a group is accepted as a whole only when each of its results may be', () => {
  const read = { ...grouped, actions: [action('backburner.accept'), action('backburner.acceptRest')] };
  const unread = { ...grouped, actions: [action('backburner.read')] };
  const group = (...rows: QueueRow[]) => tree({ rows }, '')[0]?.children[0] as Extract<Node, { kind: 'group' }>;
  assert.equal(
    contextValue(group(row(1, 'Ready', 'ready', read), row(2, 'Ready', 'ready', unread))),
    'group acceptRest',
  );
  assert.equal(
    contextValue(group(row(1, 'Ready', 'ready', read), row(2, 'Ready', 'ready', read))),
    'group accept acceptRest',
  );
});

test('a screen reader hears what icon and place say to the eye', () => {
  const said = spoken(row(12, 'Ready', 'ready', { seen: false, why: 'near the cursor' }));
  assert.equal(said, 'Ready, #12 Iterative lexer, lexer.py · +24 −3 · tests pass, not read yet, near the cursor');
});

test('the status leaves out parts that are zero', () => {
  assert.equal(statusText(status({ running: 3, ready: 2, asking: 1 })), '$(flame) 3  $(check) 2  $(question) 1');
  assert.equal(statusText(status({ ready: 2 })), '$(check) 2');
  assert.equal(statusText(status({})), '$(flame)');
});

test('the tooltip lists what runs with its direction, and never lets text be markup', () => {
  const running = row(12, 'Running', 'running', { detail: 'opus 3m: [split](command:evil) lexer' });
  const text = statusTooltip(status({ tooltip: '1 running', causes: ['Anthropic refused the key.'] }), {
    rows: [running],
  });
  assert.match(text, /^1 running/);
  assert.match(text, /\$\(warning\) Anthropic refused the key\./);
  assert.doesNotMatch(text, /\]\(command/);
  assert.equal(literal('<a> [b](c) $(x)'), '\\<a\\> \\[b\\]\\(c\\) \\$\\(x\\)');
});

test('what a verdict could not do is told in sentences, each once', () => {
  const left = [
    { task: 3, item: '', reason: 'also touches notes.md' },
    { task: 4, item: '', reason: 'The editor did not take the change to a.py.' },
    { task: 4, item: '4.1/a.py:2', reason: 'a.py is gone. Run again or read it.' },
    { task: 4, item: '4.1/a.py:3', reason: 'a.py is gone. Run again or read it.' },
  ];
  const [stays, refused, gone] = left.map(({ reason }) => reason);
  assert.equal(told({ left }), `#3 stays: ${stays}. ${refused} ${gone}`);
});
