// The queue as a tree, as words, as a tooltip: pure functions over what the server answered.

import type { Outcome, Queue, QueueRow, ServerAction, Status } from './protocol';

export interface Section {
  title: string;
  rows: QueueRow[];
}

/** Sections in the order in which the server names them; empty ones do not occur. */
export function sections(queue: Queue, filter: string): Section[] {
  const found: Section[] = [];
  for (const row of queue.rows) {
    if (!matches(row, filter)) {
      continue;
    }
    let section = found.find((candidate) => candidate.title === row.section);
    if (section === undefined) {
      section = { title: row.section, rows: [] };
      found.push(section);
    }
    section.rows.push(row);
  }
  return found;
}

/** All words of the filter occur in the row, in any order. */
function matches(row: QueueRow, filter: string): boolean {
  const text = `${row.title} ${row.detail} ${row.state} ${row.section}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** The menus of a row depend on which actions the server offers there: `task accept reject draft`. */
export function contextValue(row: QueueRow): string {
  const names = (row.actions ?? []).map((action) => shortName(action.command));
  return ['task', ...new Set(names)].join(' ');
}

export function shortName(command: string): string {
  return command.slice(command.lastIndexOf('.') + 1);
}

export function actionOf(row: QueueRow, command: string): ServerAction | undefined {
  return row.actions?.find((action) => action.command === command);
}

const SYMBOLS: Record<string, string> = {
  queued: 'circle-outline',
  running: 'loading',
  asking: 'question',
  ready: 'pass',
  accepted: 'check',
  rejected: 'circle-slash',
  failed: 'error',
  cancelled: 'circle-slash',
};

export function symbol(state: string): string {
  return SYMBOLS[state] ?? 'circle-outline';
}

/** What a screen reader says of a row: everything that icon and order say to the eye. */
export function spoken(row: QueueRow): string {
  const parts = [
    row.section,
    row.title,
    row.detail,
    row.state === 'ready' && row.seen === false ? 'not read yet' : '',
    row.why,
  ];
  return parts.filter((part) => part).join(', ');
}

/** `$(flame) 3  $(check) 2  $(question) 1`; parts that are zero are left out. */
export function statusText(status: Status): string {
  const parts: [string, number][] = [
    ['flame', status.running],
    ['check', status.ready],
    ['question', status.asking],
  ];
  const shown = parts.filter(([, count]) => count > 0).map(([icon, count]) => `$(${icon}) ${count}`);
  return shown.length > 0 ? shown.join('  ') : '$(flame)';
}

/** Markdown: the server's sentence, the causes that need the person, then each running task with time and direction. */
export function statusTooltip(status: Status, queue: Queue | undefined): string {
  const lines = [literal(status.tooltip || 'Nothing cooking.')];
  for (const cause of status.causes) {
    lines.push(`$(warning) ${literal(cause)}`);
  }
  const running = queue?.rows.filter((row) => row.state === 'running') ?? [];
  for (const row of running.slice(0, 10)) {
    lines.push(`${literal(row.title)}  \n${literal(row.detail)}`);
  }
  if (running.length > 10) {
    lines.push(`and ${running.length - 10} more`);
  }
  return lines.join('\n\n');
}

/** What the person must be told of an answer, each reason once; empty when the marks say it all. */
export function told(outcome: Outcome | null | undefined): string {
  const reasons = new Set((outcome?.left ?? []).map((item) => item.reason));
  return outcome?.message || outcome?.sentence || [...reasons].join(' ');
}

/** Makes text harmless inside Markdown. */
export function literal(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+!|~$]/g, '\\$&');
}
