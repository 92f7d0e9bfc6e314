// Mirrors server/backburner/model/{commands,view,settings}.py: what the server is asked and what it answers.
// The names are the server's own (snake_case); only the status notification is in camelCase. Nothing here decides.

export interface Place {
  uri: string;
  start_line: number;
  start_character?: number;
  /** -1: to the end of the symbol around `start_line`. */
  end_line?: number;
  end_character?: number;
  symbol?: string;
  whole_file?: boolean;
  /** LSP diagnostics of other servers at the place. */
  diagnostics?: unknown[];
  comment?: string;
}

export interface ServerAction {
  command: string;
  title: string;
  lens?: string;
  arguments: Record<string, unknown>;
  task?: number;
}

export interface QueueRow {
  section: string;
  task: number;
  group: number;
  state: string;
  title: string;
  detail: string;
  why?: string;
  uri?: string;
  line?: number;
  seen?: boolean;
  hunks?: number;
  /** URI of its project's folder. */
  project?: string;
  /** What was asked of all tasks of the group; empty for a task alone. */
  group_title?: string;
  actions?: ServerAction[];
}

export interface Queue {
  rows: QueueRow[];
  note?: string;
  empty?: string;
}

export interface Status {
  running: number;
  ready: number;
  asking: number;
  waiting: number;
  failed: number;
  unread: number;
  tooltip: string;
  text: string;
  causes: string[];
  revision: number;
}

export interface Hunk {
  id: string;
  path: string;
  placement: string;
  verdict: string;
  kind: string;
  line?: number;
  /** Lines in the live text, zero-based, end exclusive. */
  live?: [number, number] | null;
  /** The same in the merged text. */
  merged?: [number, number] | null;
}

export interface ProposalFile {
  path: string;
  uri: string;
  /** Where the live text is now: another file while a rename is not accepted. */
  live_uri?: string;
  kind: string;
  /** The person's text as it was when this was answered. */
  live?: string | null;
  base: string | null;
  proposed: string | null;
  merged: string | null;
  hunks: Hunk[];
}

export interface Proposal {
  task: number;
  run: string;
  title: string;
  draft?: boolean;
  files: ProposalFile[];
}

export interface Choice {
  answer: string;
  title: string;
}

export interface Question {
  id: string;
  sentence: string;
  choices: Choice[];
  default: string;
  deadline: number;
  /** Only of a question that was answered. */
  answer?: string;
}

export interface Finding {
  id: string;
  path: string;
  line: number;
  severity: string;
  message: string;
  verdict?: string;
  actions?: ServerAction[];
}

export interface TaskView {
  task: number;
  state: string;
  agent: string;
  target: string;
  title: string;
  summary: string;
  error: string;
  direction?: string;
  report?: string;
  question?: Question | null;
  /** The last question that was answered; its answer can be changed. */
  answered?: Question | null;
  findings: Finding[];
}

/** A document that the server keeps in its state folder and that is to be shown over the code. */
export interface Reading {
  task: number;
  uri: string;
  title: string;
  language: string;
  target?: { uri: string; line: number } | null;
}

export interface NextResult {
  task: number;
  why: string;
  uri?: string;
  line?: number;
}

export interface OfferedPlace {
  kind: string;
  group: string;
  title: string;
  detail?: string;
  place: Place;
}

export interface Places {
  places: OfferedPlace[];
  prompt?: string;
}

export interface Matches {
  places: OfferedPlace[];
  /** How many others there are. */
  more: number;
}

export interface Outcome {
  task?: number;
  tasks?: number[];
  /** What the person must know; empty when the mark at the line says it all. */
  sentence?: string;
  message?: string;
  /** What a verdict could not do, with the reason as a sentence. */
  left?: { task: number; item: string; reason: string }[];
}

export const STATUS = 'backburner/status';

/** What we can do beyond plain LSP; the server then leaves it to us. */
export const EXPERIMENTAL = { status: true, input: true, peek: true, review: true } as const;
