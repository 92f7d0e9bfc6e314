import assert from 'node:assert/strict';
import { test } from 'node:test';
import { headers, hunkAt, neighbour, signed, starts } from '../../src/hunks';
import { distinct, placeRows, targetsOf } from '../../src/places';
import { alike } from '../../src/problems';
import type { Hunk, OfferedPlace, ProposalFile } from '../../src/protocol';
import { remember } from '../../src/recents';
import { chosen } from '../../src/settings';

const hunk = (ordinal: number, live: [number, number], merged: [number, number], verdict = 'open'): Hunk => ({
  id: `12.1/a.py:${ordinal}`,
  path: 'a.py',
  placement: 'fits',
  verdict,
  kind: 'edit',
  live,
  merged,
});
const file = (...hunks: Hunk[]): ProposalFile => ({
  path: 'a.py',
  uri: 'file:///a.py',
  kind: 'edit',
  base: '',
  proposed: '',
  merged: '',
  hunks,
});

test('a line belongs to the open hunk that holds it, on either side', () => {
  const both = file(hunk(1, [2, 4], [2, 6]), hunk(2, [9, 10], [11, 12]));
  assert.equal(hunkAt(both, 'live', 3)?.id, '12.1/a.py:1');
  assert.equal(hunkAt(both, 'merged', 5)?.id, '12.1/a.py:1');
  assert.equal(hunkAt(both, 'merged', 11)?.id, '12.1/a.py:2');
  assert.equal(hunkAt(both, 'live', 6), undefined);
});

test('a hunk that adds lines can be pointed at where they will be', () => {
  const adds = file(hunk(1, [2, 2], [2, 5]));
  assert.equal(hunkAt(adds, 'live', 1)?.id, '12.1/a.py:1');
  assert.equal(hunkAt(adds, 'live', 2)?.id, '12.1/a.py:1');
  assert.equal(hunkAt(adds, 'live', 3), undefined);
});

test('a hunk that adds lines among like ones can be pointed at where an editor draws it', () => {
  const merged = 'import re\n\nWORD = 1\n\n\ndef f():\n';
  const adds = {
    ...file(hunk(1, [2, 2], [2, 4]), hunk(2, [8, 9], [10, 11])),
    live: 'import re\n\n\ndef f():\n',
    merged,
  };
  const on = (side: 'live' | 'merged') => [0, 1, 2, 3, 4, 5].filter((line) => hunkAt(adds, side, line) !== undefined);
  assert.deepEqual(on('merged'), [1, 2, 3]);
  assert.deepEqual(on('live'), [0, 1, 2]);
});

test('of a renamed file the hunk at the line comes before the rename', () => {
  const rename: Hunk = { ...hunk(1, [0, 0], [0, 0]), kind: 'rename', live: null, merged: null };
  const both = file(rename, hunk(2, [9, 10], [11, 12]));
  assert.equal(hunkAt(both, 'merged', 11)?.id, '12.1/a.py:2');
  assert.equal(hunkAt(both, 'merged', 3)?.kind, 'rename');
});

test('a hunk that was decided is no longer there', () => {
  const decided = file(hunk(1, [2, 4], [2, 6], 'accepted'), hunk(2, [9, 10], [11, 12]));
  assert.equal(hunkAt(decided, 'live', 3), undefined);
  assert.deepEqual(starts(decided, 'live'), [9]);
});

test('next and previous go round', () => {
  assert.equal(neighbour([2, 9, 20], 9, 1), 20);
  assert.equal(neighbour([2, 9, 20], 20, 1), 2);
  assert.equal(neighbour([2, 9, 20], 2, -1), 20);
  assert.equal(neighbour([], 2, 1), undefined);
});

const diff = [
  '#12 Iterative lexer',
  '+24 −3, tests pass',
  '--- a/x.py',
  '+++ b/x.py',
  '@@ -1,2 +1,2 @@ 12.1/x.py:1',
  ' same',
  '-old',
  '+new',
  '--- a/y.py',
  '+++ b/y.py',
  '@@ -1 +1 @@ 12.1/y.py:1',
  '-only',
].join('\n');

test('headers of hunks are found, and only lines of hunks are added or removed', () => {
  assert.deepEqual(headers(diff), [4, 10]);
  assert.deepEqual(signed(diff), { plus: [7], minus: [6, 11] });
});

test('problems of the same kind go along, each once, and never our own', () => {
  const at = (line: number, source: string, code: unknown, message = 'm') => ({
    source,
    code,
    message,
    range: { start: { line, character: 0 } },
  });
  const here = [at(1, 'ruff', { value: 'F401' }), at(1, 'backburner', '#12')];
  const inFile = [
    at(1, 'ruff', 'F401'),
    at(7, 'ruff', { value: 'F401' }),
    at(8, 'ruff', 'E501'),
    at(9, 'backburner', '#12'),
  ];
  assert.deepEqual(
    alike(here, inFile).map((problem) => problem.range.start.line),
    [1, 7],
  );
});

const offered = (kind: string, group: string, title: string, line: number): OfferedPlace => ({
  kind,
  group,
  title,
  place: { uri: 'file:///a.py', start_line: line },
});

test('cursors in one symbol or on one line are one place, with the problems of all', () => {
  const uri = 'file:///a.py';
  const symbol = (name: string, start_line: number, end_line: number) => ({
    kind: 'symbol',
    group: 'function',
    title: name,
    place: { uri, symbol: name, start_line, end_line },
  });
  const symbols = [symbol('Lexer', 2, 20), symbol('Lexer.parse', 4, 9), symbol('count', 22, 25)];
  const cursor = (line: number, ...diagnostics: string[]) => ({
    uri,
    start_line: line,
    start_character: 3,
    end_line: -1,
    ...(diagnostics.length > 0 ? { diagnostics } : {}),
  });
  const lines = (start_line: number, end_line: number, end_character: number) => ({
    uri,
    start_line,
    end_line,
    end_character,
  });
  const found = distinct(
    [cursor(5), cursor(8, 'one'), cursor(24), cursor(12), cursor(4, 'two'), cursor(0), lines(0, 1, 0), lines(6, 6, 4)],
    symbols,
  );
  assert.deepEqual(found, [
    { ...cursor(5), diagnostics: ['one', 'two'] },
    cursor(24),
    cursor(12),
    cursor(0),
    lines(6, 6, 4),
  ]);
});

test('places of one kind can be chosen together, and none is delegated twice', () => {
  const rows = placeRows([
    offered('problem', 'ruff F401', "'os' unused", 1),
    offered('problem', 'ruff F401', "'re' unused", 2),
    offered('symbol', 'function', 'parse()', 5),
    offered('symbol', 'function', 'lex()', 9),
  ]);
  assert.deepEqual(
    rows.map((row) => row.label),
    ['All 2: ruff F401', "'os' unused", "'re' unused", 'parse()', 'lex()'],
  );
  assert.deepEqual(
    rows.map((row) => row.heading),
    ['Problems', undefined, undefined, 'Symbols', undefined],
  );
  assert.deepEqual(
    targetsOf(rows.slice(0, 2)).map((place) => place.start_line),
    [1, 2],
  );
});

test('the latest instruction comes first and stands once', () => {
  assert.deepEqual(remember(['a', 'b'], ' b '), ['b', 'a']);
  assert.deepEqual(remember(['a'], '  '), ['a']);
  assert.equal(remember(Array.from({ length: 20 }, String), 'new').length, 20);
});

test('only settings that somebody set are handed over, the nearest one', () => {
  const set: Record<string, object> = {
    agent: { defaultValue: '', globalValue: 'opus', workspaceValue: 'codex' },
    effort: { defaultValue: '' },
    'review.read_first': { defaultValue: true, globalValue: false },
  };
  assert.deepEqual(
    chosen(['agent', 'effort', 'review.read_first', 'absent'], (key) => set[key]),
    { agent: 'codex', review: { read_first: false } },
  );
});
