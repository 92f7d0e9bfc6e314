// The queue as a tree, as words, as a tooltip: pure functions over what the server answered.

import type { Outcome, Queue, QueueRow, ServerAction, Status } from './protocol';

/** All words of the filter occur in the row, in any order. */
export function matches(row: QueueRow, filter: string): boolean {
  const text = `${row.title} ${row.detail} ${row.state} ${row.section} ${row.group_title ?? ''}`.toLowerCase();
  return filter
    .toLowerCase()
    .split(/\s+/)
    .every((word) => text.includes(word));
}

/** A task as commands name it: numbers count in each project, so with several projects open `uri` names the project. */
export interface About {
  task: number;
  uri?: string;
}

/** The row of a task; without a project, the first that has its number. */
export function rowOf(queue: Queue, { task, uri }: About): QueueRow | undefined {
  const numbered = queue.rows.filter((row) => row.task === task);
  if (!uri || numbered.length < 2) {
    return numbered[0];
  }
  const around = numbered.filter((row) => row.project && `${uri}/`.startsWith(`${row.project}/`));
  return around.sort((a, b) => (b.project?.length ?? 0) - (a.project?.length ?? 0))[0];
}

export function sameTask(one: About, other: About): boolean {
  return one.task === other.task && (one.uri ?? '') === (other.uri ?? '');
}

/** How to name the task of a row to the server. */
export function about(row: QueueRow): About {
  return row.project ? { task: row.task, uri: row.project } : { task: row.task };
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
  // A clause is the reason why a whole result stays; the other reasons are sentences.
  const reasons = new Set(
    (outcome?.left ?? []).map(({ task, reason }) => (reason.endsWith('.') ? reason : `#${task} stays: ${reason}.`)),
  );
  return outcome?.message || outcome?.sentence || [...reasons].join(' ');
}

/** Makes text harmless inside Markdown. */
export function literal(text: string): string {
  return text.replace(/[\\`*_{}[\]<>()#+!|~$]/g, '\\$&');
}
