import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Queue, QueueRow, Status } from '../../src/protocol';
import { actionOf, contextValue, literal, sections, spoken, statusText, statusTooltip } from '../../src/rows';

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

test('rows keep the order of the server, under the headings it names', () => {
  const queue: Queue = { rows: [row(4, 'Asks you', 'asking'), row(9, 'Ready', 'ready'), row(2, 'Ready', 'ready')] };
  assert.deepEqual(
    sections(queue, '').map((section) => [section.title, section.rows.map((each) => each.task)]),
    [
      ['Asks you', [4]],
      ['Ready', [9, 2]],
    ],
  );
});

test('a filter keeps rows that hold all of its words', () => {
  const queue: Queue = {
    rows: [row(4, 'Ready', 'ready'), row(5, 'Running', 'running', { detail: 'parser.py · 3 min' })],
  };
  assert.deepEqual(
    sections(queue, 'PARSER running').map((section) => section.title),
    ['Running'],
  );
  assert.deepEqual(sections(queue, 'parser lexer.py'), []);
});

test('what can be done with a row is what the server offers', () => {
  const offered = row(12, 'Ready', 'ready', { actions: [action('backburner.read'), action('backburner.accept')] });
  assert.equal(contextValue(offered), 'task read accept');
  assert.equal(contextValue(row(1, 'Waiting', 'queued')), 'task');
  assert.equal(actionOf(offered, 'backburner.accept')?.arguments.task, 12);
  assert.equal(actionOf(offered, 'backburner.stop'), undefined);
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
