// The conversation at the line, as comment threads: what a task asks or found, what can be done about it as links, and a
// box for what the person says to it. A thread exists only because the person opened it; nothing appears by itself.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import type { Finding, Outcome, QueueRow, TaskView } from './protocol';
import { type About, about, literal, rowOf, told } from './rows';

export type Saying = 'reply' | 'steer' | 'answer';

const BOX: Record<Saying, string> = {
  reply: 'What should be different?',
  steer: 'A note that it reads at its next turn',
  answer: 'Answer in your own words',
};

const UNSENT = 'You, not sent';
const SETTLE_MS = 250;
/** How long a second press of the key that sent counts as the same one. */
const PRESS_MS = 1000;
const OVER = new Set(['accepted', 'rejected', 'cancelled']);

interface Thread {
  thread: vscode.CommentThread;
  whom: About;
  saying: Saying;
  /** Only in the thread of a finding; what is said there is about it. */
  finding?: Finding;
  /** And what stands there, with its place. */
  shows?: string;
  /** The question stood when the thread was opened: once it is answered, the thread has nothing to ask. */
  pending?: boolean;
  /** What the person said is on its way: pressed twice is said once. */
  sending?: boolean;
}

export class Conversations {
  private readonly controller: vscode.CommentController;
  private readonly threads = new Map<string, Thread>();
  private pressed: NodeJS.Timeout | undefined;

  constructor(private readonly ctx: Ctx) {
    this.controller = vscode.comments.createCommentController('backburner', 'Backburner');
    this.controller.options = { prompt: BOX.reply, placeHolder: BOX.reply };
    if (Number(vscode.version.split('.')[1]) < 107) {
      // A click in the margin opens a thread there only in files that one could comment on (microsoft/vscode#276463).
      const file = { enableFileComments: true, ranges: [] } as unknown as vscode.Range[];
      this.controller.commentingRangeProvider = { provideCommentingRanges: () => file };
    }
    ctx.extension.subscriptions.push(
      this.controller,
      ctx.onDidChange(() => this.update()),
      { dispose: () => clearTimeout(this.pressed) },
    );
  }

  /** Opens the thread of a task, ready to be typed into. False: the task has no place in a file. */
  async open(asked: About, saying: Saying): Promise<boolean> {
    const row = rowOf(this.ctx.queue, asked);
    const view = await this.ctx.send<TaskView>('backburner.show', asked);
    if (!row?.uri) {
      return false;
    }
    const whom = about(row);
    const uri = vscode.Uri.parse(row.uri);
    const position = new vscode.Position(row.line ?? 0, 0);
    const editor = await vscode.window.showTextDocument(uri, { selection: new vscode.Range(position, position) });
    this.controller.options = { prompt: BOX[saying], placeHolder: BOX[saying] };
    const name = `task ${row.project} ${row.task}`;
    const pending = view.state === 'asking';
    const before = this.threads.get(name);
    // What was begun to be written there stays; another kind of box is another thread.
    if (before?.saying !== saying || before.pending !== pending) {
      this.close(name);
    }
    const thread = this.thread(name, uri, position, { whom, saying, pending });
    thread.label = `#${row.task} ${view.title}`;
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded;
    editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    const says = saying === 'answer' ? asking(whom, view) : summary(view);
    const unsent = thread.comments.filter(({ author }) => author.name === UNSENT);
    thread.comments = [comment(view.task, view.agent, says), ...unsent];
    await focusBox();
    return true;
  }

  /** One closed thread for each finding that is still open: when the person reads a result, and whenever they change. */
  async showFindings(asked: About): Promise<void> {
    const row = rowOf(this.ctx.queue, asked);
    const view = await this.ctx.send<TaskView>('backburner.show', asked);
    if (row === undefined) {
      return;
    }
    const open = view.findings.filter((finding) => (finding.verdict ?? 'open') === 'open');
    const kept = new Set<string>();
    for (const finding of open) {
      const uri = fileOf(row, finding.path);
      if (uri === undefined) {
        continue;
      }
      const name = `finding ${row.project} ${finding.id}`;
      kept.add(name);
      const position = new vscode.Position(Math.max(0, finding.line - 1), 0);
      const body = found(about(row), finding);
      // What is set again is drawn again, and closes under the person's hand.
      const shows = `${uri}:${finding.line} ${body.value}`;
      if (this.threads.get(name)?.shows === shows) {
        continue;
      }
      const thread = this.thread(name, uri, position, { whom: about(row), saying: 'reply', finding, shows });
      thread.label = `#${row.task} ${finding.severity}`;
      thread.comments = [comment(row.task, view.agent, body)];
    }
    for (const [name, { whom, finding }] of this.threads) {
      if (finding !== undefined && rowOf(this.ctx.queue, whom) === row && !kept.has(name)) {
        this.close(name);
      }
    }
  }

  /** The person pressed the button under the box. */
  async say(reply: vscode.CommentReply): Promise<void> {
    const into = [...this.threads.values()].find((candidate) => candidate.thread === reply.thread);
    const said = reply.text.trim();
    if (into === undefined || said === '' || into.sending) {
      return;
    }
    const { whom, saying, finding } = into;
    const text = finding ? `About ${finding.path}:${finding.line}, "${finding.message}":\n${said}` : said;
    const keep = (name: string) => {
      const mine = comment(whom.task, name, new vscode.MarkdownString(literal(said)));
      reply.thread.comments = [...reply.thread.comments, mine];
    };
    into.sending = true;
    let sentence: string;
    try {
      sentence = told(await this.ctx.send<Outcome | null>(`backburner.${saying}`, { ...whom, text }));
    } catch (error) {
      // VS Code empties the box in any case.
      keep(UNSENT);
      throw error;
    } finally {
      into.sending = false;
    }
    keep('You');
    // The key that sends inserts a line in the code, and held or pressed twice it arrives there.
    await vscode.commands.executeCommand('setContext', 'backburner.said', true);
    reply.thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    await vscode.commands.executeCommand('workbench.action.focusActiveEditorGroup');
    clearTimeout(this.pressed);
    this.pressed = setTimeout(() => {
      void vscode.commands.executeCommand('setContext', 'backburner.said', false);
    }, PRESS_MS);
    if (sentence) {
      void vscode.window.showInformationMessage(sentence);
    }
  }

  /** Threads of tasks that are gone go too; a question that was answered is no longer one. */
  private update(): void {
    if (this.ctx.connection.state !== 'running' || this.ctx.queue.rows.length === 0) {
      return;
    }
    const withFindings = new Set<QueueRow>();
    for (const [name, { whom, finding, pending, saying }] of this.threads) {
      const row = rowOf(this.ctx.queue, whom);
      if (row === undefined || OVER.has(row.state) || (saying === 'answer' && pending && row.state !== 'asking')) {
        this.close(name);
      } else if (finding !== undefined) {
        withFindings.add(row);
      }
    }
    for (const row of withFindings) {
      this.showFindings(about(row)).catch((error) => this.ctx.log.debug(`findings of #${row.task}: ${error}`));
    }
  }

  private close(name: string): void {
    this.threads.get(name)?.thread.dispose();
    this.threads.delete(name);
  }

  private thread(name: string, uri: vscode.Uri, at: vscode.Position, of: Omit<Thread, 'thread'>): vscode.CommentThread {
    const range = new vscode.Range(at, at);
    const known = this.threads.get(name)?.thread;
    const stays = known?.uri.toString() === uri.toString();
    if (known !== undefined && !stays) {
      known.dispose();
    }
    const thread = stays && known !== undefined ? known : this.controller.createCommentThread(uri, range, []);
    if (thread !== known) {
      thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    }
    thread.range = range;
    thread.canReply = true;
    thread.contextValue = of.saying;
    this.threads.set(name, { ...of, thread });
    return thread;
  }
}

/** The question with its answers as links, or the one that was answered: the same, and what was taken. */
function asking(whom: About, view: TaskView): vscode.MarkdownString {
  const question = view.question ?? view.answered;
  if (!question) {
    return summary(view);
  }
  const body = trusted(literal(question.sentence), ['backburner.answer']);
  const links = question.choices.map(({ answer, title }) =>
    link(title, answer === question.answer ? 'pass' : 'check', 'backburner.answer', { ...whom, text: answer }),
  );
  body.appendMarkdown(`\n\n${links.join(' &nbsp; ')}`);
  if (question.answer) {
    body.appendMarkdown(`\n\nAnswered: ${literal(question.answer)} Another answer lets it go on from there.`);
  } else if (question.default) {
    body.appendMarkdown(`\n\nWithout an answer: ${literal(question.default)}`);
  }
  return body;
}

const FINDING_ICONS: Record<string, string> = { 'backburner.delegate': 'flame', 'backburner.dismiss': 'close' };

/** A finding with what the server offers to do about it. */
function found(whom: About, finding: Finding): vscode.MarkdownString {
  const offered = (finding.actions ?? []).filter((action) => action.command in FINDING_ICONS);
  const body = trusted(literal(finding.message), Object.keys(FINDING_ICONS));
  const links = offered.map(({ command, arguments: argument }) =>
    command === 'backburner.delegate'
      ? link('Fix this', FINDING_ICONS[command], command, argument)
      : link('Dismiss', FINDING_ICONS[command], command, { ...whom, ...argument }),
  );
  body.appendMarkdown(`\n\n${links.join(' &nbsp; ')}`);
  return body;
}

function summary(view: TaskView): vscode.MarkdownString {
  return new vscode.MarkdownString(literal(view.summary || view.error || view.direction || view.title));
}

function trusted(text: string, enabledCommands: string[]): vscode.MarkdownString {
  const body = new vscode.MarkdownString(text, true);
  body.isTrusted = { enabledCommands };
  return body;
}

function link(title: string, icon: string | undefined, command: string, argument: object): string {
  return `[$(${icon}) ${literal(title)}](command:${command}?${encodeURIComponent(JSON.stringify([argument]))})`;
}

function comment(task: number, name: string, body: vscode.MarkdownString): vscode.Comment {
  return { body, mode: vscode.CommentMode.Preview, author: { name }, label: name === 'You' ? undefined : `#${task}` };
}

/** Findings name paths of the project. */
function fileOf(row: QueueRow, path: string): vscode.Uri | undefined {
  if (!row.project || path === '') {
    return row.uri ? vscode.Uri.parse(row.uri) : undefined;
  }
  return vscode.Uri.joinPath(vscode.Uri.parse(row.project), path);
}

/** Puts the cursor into the box of the thread at the cursor's line. VS Code has no call for it, but the two keys' commands. */
async function focusBox(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await vscode.commands.executeCommand('workbench.action.focusCommentOnCurrentLine');
  await vscode.commands.executeCommand('widgetNavigation.focusNext');
}
