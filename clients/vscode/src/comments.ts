// The conversation at the line, as comment threads: what a task asks or found, and a box for what the person says to it.
// A thread exists only because the person opened it; nothing appears by itself.

import * as vscode from 'vscode';
import type { Ctx } from './ctx';
import type { Outcome, QueueRow, TaskView } from './protocol';
import { literal, told } from './rows';

export type Saying = 'reply' | 'steer' | 'answer';

const BOX: Record<Saying, string> = {
  reply: 'What should be different?',
  steer: 'A note that it reads at its next turn',
  answer: 'Answer in your own words',
};

const SETTLE_MS = 250;

interface Thread {
  thread: vscode.CommentThread;
  task: number;
  saying: Saying;
}

export class Conversations {
  private readonly controller: vscode.CommentController;
  private readonly threads = new Map<string, Thread>();

  constructor(private readonly ctx: Ctx) {
    this.controller = vscode.comments.createCommentController('backburner', 'Backburner');
    ctx.extension.subscriptions.push(
      this.controller,
      ctx.onDidChange(() => this.update()),
    );
  }

  /** Opens the thread of a task, ready to be typed into. False: the task has no place in a file. */
  async open(task: number, saying: Saying): Promise<boolean> {
    const row = this.ctx.queue.rows.find((candidate) => candidate.task === task);
    const view = await this.ctx.send<TaskView>('backburner.show', { task });
    if (!row?.uri) {
      return false;
    }
    const uri = vscode.Uri.parse(row.uri);
    const position = new vscode.Position(row.line ?? 0, 0);
    const editor = await vscode.window.showTextDocument(uri, { selection: new vscode.Range(position, position) });
    this.controller.options = { prompt: BOX[saying], placeHolder: BOX[saying] };
    this.close(`task ${task}`);
    const thread = this.thread(`task ${task}`, uri, position, task, saying);
    thread.label = `#${task} ${view.title}`;
    thread.collapsibleState = vscode.CommentThreadCollapsibleState.Expanded;
    editor.revealRange(new vscode.Range(position, position), vscode.TextEditorRevealType.InCenterIfOutsideViewport);
    thread.comments = [said(view, saying)];
    await focusBox();
    return true;
  }

  /** One closed thread for each finding that is still open, when the person reads a result that has some. */
  async showFindings(row: QueueRow, view: TaskView): Promise<void> {
    for (const finding of view.findings.filter((candidate) => (candidate.verdict ?? 'open') === 'open')) {
      const uri = beside(row, view, finding.path);
      if (uri === undefined) {
        continue;
      }
      const position = new vscode.Position(Math.max(0, finding.line - 1), 0);
      const thread = this.thread(finding.id, uri, position, row.task, 'reply');
      thread.label = `#${row.task} ${finding.severity}`;
      thread.comments = [comment(row.task, view.agent, new vscode.MarkdownString(literal(finding.message)))];
      thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    }
  }

  /** The person pressed the button under the box. */
  async say(reply: vscode.CommentReply): Promise<void> {
    const found = [...this.threads.values()].find((candidate) => candidate.thread === reply.thread);
    if (found === undefined || reply.text.trim() === '') {
      return;
    }
    const argument = { task: found.task, text: reply.text.trim() };
    const sentence = told(await this.ctx.send<Outcome | null>(`backburner.${found.saying}`, argument));
    const mine = comment(found.task, 'You', new vscode.MarkdownString(literal(argument.text)));
    reply.thread.comments = [...reply.thread.comments, mine];
    reply.thread.collapsibleState = vscode.CommentThreadCollapsibleState.Collapsed;
    if (sentence) {
      void vscode.window.showInformationMessage(sentence);
    }
  }

  /** Threads of tasks that are gone go too; a question that was answered is no longer one. */
  private update(): void {
    const rows = new Map(this.ctx.queue.rows.map((row) => [row.task, row]));
    if (this.ctx.connection.state !== 'running' || rows.size === 0) {
      return;
    }
    for (const [name, { thread, task, saying }] of this.threads) {
      const state = rows.get(task)?.state;
      const over = state === undefined || state === 'accepted' || state === 'rejected' || state === 'cancelled';
      if (over || (saying === 'answer' && state !== 'asking')) {
        thread.dispose();
        this.threads.delete(name);
      }
    }
  }

  private close(name: string): void {
    this.threads.get(name)?.thread.dispose();
    this.threads.delete(name);
  }

  private thread(
    name: string,
    uri: vscode.Uri,
    at: vscode.Position,
    task: number,
    saying: Saying,
  ): vscode.CommentThread {
    const range = new vscode.Range(at, at);
    const known = this.threads.get(name);
    const thread =
      known?.thread.uri.toString() === uri.toString()
        ? known.thread
        : this.controller.createCommentThread(uri, range, []);
    if (known !== undefined && known.thread !== thread) {
      known.thread.dispose();
    }
    thread.range = range;
    thread.canReply = true;
    thread.contextValue = saying;
    this.threads.set(name, { thread, task, saying });
    return thread;
  }
}

function said(view: TaskView, saying: Saying): vscode.Comment {
  const body = new vscode.MarkdownString('', true);
  const question = view.question;
  if (saying === 'answer' && question) {
    body.appendMarkdown(`${literal(question.sentence)}\n\n`);
    const links = question.choices.map(({ answer, title }) => {
      const argument = encodeURIComponent(JSON.stringify([{ task: view.task, text: answer }]));
      return `[$(check) ${literal(title)}](command:backburner.answer?${argument})`;
    });
    body.appendMarkdown(links.join(' &nbsp; '));
    if (question.default) {
      body.appendMarkdown(`\n\nWithout an answer: ${literal(question.default)}`);
    }
    body.isTrusted = { enabledCommands: ['backburner.answer'] };
  } else {
    body.appendMarkdown(literal(view.summary || view.error || view.direction || view.title));
  }
  return comment(view.task, view.agent, body);
}

function comment(task: number, name: string, body: vscode.MarkdownString): vscode.Comment {
  return { body, mode: vscode.CommentMode.Preview, author: { name }, label: name === 'You' ? undefined : `#${task}` };
}

/** Findings name paths; the row names the file that the task began at. */
function beside(row: QueueRow, view: TaskView, path: string): vscode.Uri | undefined {
  const targetPath = view.target.replace(/:\d+(-\d+)?$/, '');
  if (!row.uri) {
    return undefined;
  }
  const uri = vscode.Uri.parse(row.uri);
  if (path === targetPath || path === '') {
    return uri;
  }
  return uri.path.endsWith(`/${targetPath}`)
    ? uri.with({ path: uri.path.slice(0, -targetPath.length) + path })
    : undefined;
}

/** Puts the cursor into the box of the thread at the cursor's line. VS Code has no call for it, but the two keys' commands. */
async function focusBox(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
  await vscode.commands.executeCommand('workbench.action.focusCommentOnCurrentLine');
  await vscode.commands.executeCommand('widgetNavigation.focusNext');
}
