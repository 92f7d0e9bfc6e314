// Every command. Those of the server are registered here once, so that they exist before it runs: each finds its
// argument (a lens gives it, a row of the queue has it, else the place at the cursor), asks for words where words are
// needed, sends, and shows what came back. Those of the extension alone are `backburner.ui.*`.

import * as vscode from 'vscode';
import type { Conversations, Saying } from './comments';
import type { Ctx } from './ctx';
import {
  acknowledge,
  delegateFromHere,
  delegateInOneBox,
  delegateMatches,
  noPlace,
  placeHere,
  placesHere,
} from './delegate';
import { SERVER_COMMANDS } from './generated';
import { chooseServer, installServer } from './install';
import { removeKey, setKey } from './keys';
import type { NextResult, Outcome, Place, Reading, ServerAction } from './protocol';
import { chosen, isNode, type QueueView } from './queue';
import { reveal, showReading } from './read';
import type { Reviews } from './review';
import { type About, actionOf, rowOf, shortName, told } from './rows';

export interface Surfaces {
  queue: QueueView;
  reviews: Reviews;
  conversations: Conversations;
}

type Argument = Record<string, unknown>;
type Show = (ctx: Ctx, surfaces: Surfaces, argument: Argument, answer: unknown) => Promise<void>;

export function registerCommands(ctx: Ctx, surfaces: Surfaces): void {
  const register = (name: string, run: (...given: unknown[]) => Promise<unknown>) =>
    ctx.extension.subscriptions.push(
      vscode.commands.registerCommand(name, (...given: unknown[]) => ctx.attempt(() => run(...given))),
    );
  for (const name of SERVER_COMMANDS) {
    register(name, (given) => serverCommand(ctx, surfaces, name, given));
  }
  for (const [name, run] of Object.entries(own(ctx, surfaces))) {
    register(`backburner.ui.${name}`, run);
  }
}

async function serverCommand(ctx: Ctx, surfaces: Surfaces, name: string, given: unknown): Promise<void> {
  const argument = await argumentFor(ctx, surfaces, name, given);
  if (argument === undefined) {
    return;
  }
  const short = shortName(name);
  if (short === 'delegate' && !argument.instruction && !argument.recipe && Array.isArray(argument.targets)) {
    await delegateInOneBox(ctx, atEachCursor(ctx, argument.targets as Place[]), argument.prompt as string | undefined);
    return;
  }
  if (short in SAYINGS && !argument.text) {
    await say(ctx, surfaces, argument, short as Saying);
    return;
  }
  const answer = await ctx.send<unknown>(name, argument);
  await (SHOW[short] ?? showOutcome)(ctx, surfaces, argument, answer);
}

/** The menu of code actions knows the first cursor only. */
function atEachCursor(ctx: Ctx, targets: Place[]): Place[] {
  const here = placesHere(ctx);
  return targets.length === 1 && here.length > 1 && targets[0]?.uri === here[0]?.uri ? here : targets;
}

const SAYINGS: Record<Saying, string> = {
  reply: 'What should be different?',
  steer: 'A note that it reads at its next turn',
  answer: 'Your answer',
};

/** Asks for the words in the thread at the line; in an input box for a task that has no line. */
async function say(ctx: Ctx, surfaces: Surfaces, argument: Argument, saying: Saying): Promise<void> {
  const whom = toAbout(argument);
  if (await surfaces.conversations.open(whom, saying)) {
    return;
  }
  const text = await vscode.window.showInputBox({ title: `#${whom.task}`, prompt: SAYINGS[saying] });
  if (text?.trim()) {
    await showOutcome(
      ctx,
      surfaces,
      { ...whom },
      await ctx.send(`backburner.${saying}`, { ...whom, text: text.trim() }),
    );
  }
}

function toAbout(argument: Argument): About {
  const task = Number(argument.task);
  return typeof argument.uri === 'string' && argument.uri ? { task, uri: argument.uri } : { task };
}

// ---- what a command is about -------------------------------------------------------------------------------------

const ABOUT_NOTHING = new Set(['today', 'doctor', 'practise', 'trust']);
const ABOUT_A_PLACE = new Set(['again', 'instruction', 'places', 'actions']);

async function argumentFor(ctx: Ctx, surfaces: Surfaces, name: string, given: unknown): Promise<Argument | undefined> {
  if (isNode(given)) {
    return chosen(given, name);
  }
  if (typeof given === 'object' && given !== null && !(given instanceof vscode.Uri)) {
    return given as Argument;
  }
  const short = shortName(name);
  if (ABOUT_NOTHING.has(short)) {
    return {};
  }
  if (short === 'next') {
    const place = placeHere(ctx);
    return { uri: place?.uri ?? '', line: place?.start_line ?? 0, show: false };
  }
  if (ABOUT_A_PLACE.has(short)) {
    const place = placeHere(ctx);
    if (place === undefined) {
      void vscode.window.showInformationMessage(noPlace());
    }
    return place && { place };
  }
  const reviewed = surfaces.reviews.taskHere(given instanceof vscode.Uri ? given : undefined);
  if (reviewed === undefined) {
    return actionHere(ctx, name);
  }
  await surfaces.reviews.keepEdits(reviewed);
  return { ...reviewed };
}

/** What is not before the person is not decided by one key. */
const DECIDES = new Set(['accept', 'acceptRest', 'reject', 'dismiss', 'undo', 'stop']);

/** What can be reviewed is what can be read or accepted. */
const AS_FOR: Record<string, readonly string[]> = {
  'backburner.ui.review': ['backburner.ui.review', 'backburner.read', 'backburner.accept'],
};

/** From the palette: what the server offers at the cursor, else in the queue; asks only when there are several. */
async function actionHere(ctx: Ctx, name: string): Promise<Argument | undefined> {
  const names = AS_FOR[name] ?? [name];
  // One of the ready answers would be a guess; the words are asked for.
  const justTask = names.length > 1 || shortName(name) in SAYINGS;
  const all = await actionsAt(ctx);
  const offered = all
    .filter((action) => names.includes(action.command))
    .map((action) => ({ ...action, lens: rowOf(ctx.queue, toAbout(action.arguments))?.title }));
  const inQueue = ctx.queue.rows.flatMap((row) => {
    const action = names.map((each) => actionOf(row, each)).find((each) => each !== undefined);
    return action ? [{ ...action, title: row.title, lens: row.detail }] : [];
  });
  const choices = offered.length > 0 ? offered : inQueue;
  if (choices.length === 0) {
    const unread = DECIDES.has(shortName(name)) ? all.find(({ command }) => command === 'backburner.read') : undefined;
    const sentence = unread ? `Read #${unread.arguments.task} first.` : `Nothing here to ${shortName(name)}.`;
    void vscode.window.showInformationMessage(sentence);
    return undefined;
  }
  const [nearest] = offered;
  const [only] = choices;
  const elsewhere = nearest === undefined && DECIDES.has(shortName(name));
  if (only !== undefined && choices.length === 1 && !elsewhere) {
    return justTask ? { ...toAbout(only.arguments) } : only.arguments;
  }
  // Several hunks of one task at one place: the server puts the one that the cursor is on first.
  if (nearest !== undefined && offered.every((action) => action.arguments.task === nearest.arguments.task)) {
    return justTask ? { ...toAbout(nearest.arguments) } : nearest.arguments;
  }
  const picked = await vscode.window.showQuickPick(
    choices.map((action) => ({ label: action.title, description: action.lens, action })),
    { placeHolder: elsewhere ? `Nothing here to ${shortName(name)}. Another one?` : 'Which one?' },
  );
  return justTask ? picked && { ...toAbout(picked.action.arguments) } : picked?.action.arguments;
}

async function actionsAt(ctx: Ctx): Promise<ServerAction[]> {
  const place = placeHere(ctx);
  if (place === undefined) {
    return [];
  }
  const answer = await ctx.send<{ actions: ServerAction[] } | null>('backburner.actions', { place });
  return answer?.actions ?? [];
}

const ours = (name: string, title: string, argument?: Argument) => ({
  command: `backburner.ui.${name}`,
  title,
  arguments: argument,
});

const IN_REVIEW = [
  ours('acceptHunk', 'Accept this hunk'),
  ours('rejectHunk', 'Reject this hunk'),
  ours('acceptAll', 'Accept all'),
  ours('rejectAll', 'Reject all'),
  ours('nextHunk', 'Next hunk'),
  ours('previousHunk', 'Previous hunk'),
];

/** What only this editor can do about the tasks here: side by side, what is to be read. */
function besides(offered: readonly ServerAction[]) {
  const has = (command: string) => offered.find((action) => action.command === command);
  const [read, draft] = [has('backburner.read') ?? has('backburner.accept'), has('backburner.draft')];
  return [
    ...(read ? [ours('review', `#${read.arguments.task} Review side by side`, { ...toAbout(read.arguments) })] : []),
    ...(draft
      ? [ours('reviewDraft', `#${draft.arguments.task} Draft side by side`, { ...toAbout(draft.arguments) })]
      : []),
  ];
}

async function actionsHere(ctx: Ctx, surfaces: Surfaces): Promise<void> {
  const offered = await actionsAt(ctx);
  const actions = [...(surfaces.reviews.taskHere() ? IN_REVIEW : []), ...offered, ...besides(offered)];
  if (actions.length === 0) {
    void vscode.window.showInformationMessage('Nothing can be done here. Put the cursor in a function.');
    return;
  }
  const picked = await vscode.window.showQuickPick(
    actions.map((action) => ({ label: action.title, action })),
    { title: 'Backburner: Actions Here' },
  );
  if (picked !== undefined) {
    await vscode.commands.executeCommand(picked.action.command, picked.action.arguments);
  }
}

// ---- what came back ----------------------------------------------------------------------------------------------

const showOutcome: Show = async (ctx, surfaces, _argument, answer) => {
  const sentence = told(answer as Outcome | null);
  if (sentence) {
    void vscode.window.showInformationMessage(sentence);
  }
  await ctx.refresh();
  await surfaces.reviews.judged();
};

const showText =
  (name: string): Show =>
  async (_ctx, surfaces, _argument, answer) => {
    const text = (answer as { text?: string } | null)?.text;
    await surfaces.reviews.showText(name, text ?? '');
  };

const SHOW: Record<string, Show> = {
  delegate: async (_ctx, _surfaces, _argument, answer) => acknowledge(answer as Outcome | null),
  again: async (_ctx, _surfaces, _argument, answer) => acknowledge(answer as Outcome | null),
  read: async (ctx, surfaces, argument, answer) => {
    const reading = answer as Reading;
    await showReading(ctx, reading);
    await ctx.refresh();
    await surfaces.conversations.showFindings(toAbout(argument));
  },
  draft: async (ctx, _surfaces, _argument, answer) => showReading(ctx, answer as Reading),
  diff: async (_ctx, _surfaces, _argument, answer) => {
    const uri = (answer as { uri?: string } | null)?.uri;
    if (uri) {
      await vscode.window.showTextDocument(vscode.Uri.parse(uri), { preview: true });
    }
  },
  next: async (ctx, _surfaces, _argument, answer) => {
    const next = answer as NextResult;
    if (next.uri) {
      await reveal(next.uri, next.line ?? 0);
    }
    vscode.window.setStatusBarMessage(next.why, 5000);
    const first = rowOf(ctx.queue, toAbout({ ...next }))?.actions?.[0];
    if (first?.command === 'backburner.read') {
      await vscode.commands.executeCommand(first.command, first.arguments);
    }
  },
  today: showText('Today'),
  doctor: showText('Doctor'),
  setKey: async (ctx, _surfaces, _argument, answer) => setKey(ctx, (answer as { variable: string }).variable),
  practise: async (_ctx, _surfaces, _argument, answer) => {
    const sample = answer as { uri: string; line: number };
    await reveal(sample.uri, sample.line);
  },
  trust: async (ctx, surfaces, _argument, answer) => {
    const asked = answer as { path: string; text: string; sha256: string; sentence?: string };
    if (!asked.sha256) {
      void vscode.window.showInformationMessage(told(asked) || 'No project file needs your approval.');
      return;
    }
    await surfaces.reviews.showSource(asked.path.replace(/^.*[\\/]/, ''), asked.text);
    const question = `Approve exactly these contents of ${asked.path}?`;
    if ((await vscode.window.showWarningMessage(question, 'Approve')) === 'Approve') {
      const approval = { path: asked.path, sha256: asked.sha256 };
      await showOutcome(ctx, surfaces, {}, await ctx.send('backburner.trust', approval));
    }
  },
};

// ---- the extension's own -----------------------------------------------------------------------------------------

function own(ctx: Ctx, surfaces: Surfaces): Record<string, (...given: unknown[]) => Promise<unknown>> {
  const { queue, reviews } = surfaces;
  const judge = (command: string, whole: boolean) => async (given?: unknown) => {
    const uri = given instanceof vscode.Uri ? given : undefined;
    const at = uri === undefined ? (given as { uri?: vscode.Uri; lineNumber?: number } | undefined) : undefined;
    const shown = reviews.taskHere(uri ?? at?.uri);
    if (shown !== undefined) {
      await reviews.keepEdits(shown);
    }
    const here = whole ? undefined : reviews.here(at);
    const task = whole ? shown : here?.whom;
    if (task === undefined) {
      vscode.window.setStatusBarMessage('Put the cursor in a change.', 3000);
      return;
    }
    const argument = here === undefined ? { ...task } : { ...task, hunks: [here.hunk.id] };
    await showOutcome(ctx, surfaces, argument, await ctx.send(command, argument));
  };
  return {
    delegate: async (given) => {
      const asked = given as { targets?: Place[]; place?: Place; prompt?: string } | undefined;
      const here = asked?.targets ?? (asked?.place ? [asked.place] : placesHere(ctx));
      await delegateInOneBox(ctx, here, asked?.prompt);
    },
    delegateFromHere: () => delegateFromHere(ctx),
    delegateMatches: () => delegateMatches(ctx),
    actionsHere: () => actionsHere(ctx, surfaces),
    queue: () => queue.open(),
    filter: async () => {
      const filter = await vscode.window.showInputBox({
        title: 'Filter the queue',
        prompt: 'Rows that hold all of these words; empty shows all.',
        value: queue.currentFilter,
      });
      if (filter !== undefined) {
        queue.setFilter(filter);
      }
    },
    clearFilter: async () => queue.setFilter(''),
    reveal: async (given) => {
      const row = rowOf(ctx.queue, isNode(given) ? toAbout(chosen(given, '')) : toAbout(given as Argument));
      if (row?.uri) {
        await reveal(row.uri, row.line ?? 0);
      }
    },
    review: async (given) => {
      const argument = await argumentFor(ctx, surfaces, 'backburner.ui.review', given);
      if (argument !== undefined) {
        await reviews.show(toAbout(argument), argument.draft === true, argument.path as string | undefined);
      }
    },
    reviewDraft: async (given) => {
      const argument = await argumentFor(ctx, surfaces, 'backburner.draft', given);
      if (argument !== undefined) {
        await reviews.show(toAbout(argument), true);
      }
    },
    acceptHunk: judge('backburner.accept', false),
    rejectHunk: judge('backburner.reject', false),
    acceptAll: judge('backburner.accept', true),
    rejectAll: judge('backburner.reject', true),
    nextHunk: async () => reviews.step(1),
    previousHunk: async () => reviews.step(-1),
    say: (reply) => surfaces.conversations.say(reply as vscode.CommentReply),
    setKey: () => setKey(ctx),
    removeKey: () => removeKey(ctx),
    restart: () => ctx.connection.restartNow('asked for'),
    log: async () => ctx.log.show(),
    installServer: () => installServer(ctx),
    chooseServer: () => chooseServer(ctx),
    walkthrough: async () =>
      vscode.commands.executeCommand('workbench.action.openWalkthrough', `${ctx.extension.extension.id}#start`, false),
  };
}
