// Which hunk stands at a line of the live text or of the merged one, and where its header is in a diff document: pure.

import type { Hunk, ProposalFile } from './protocol';

export type Side = 'live' | 'merged';

export function openHunks(file: ProposalFile): Hunk[] {
  return file.hunks.filter((hunk) => hunk.verdict === 'open');
}

/** The open hunk that holds the line; a hunk that only adds or only removes lines also owns the line before it. */
export function hunkAt(file: ProposalFile, side: Side, line: number): Hunk | undefined {
  const placed = openHunks(file);
  const spanned = (holds: (first: number, end: number) => boolean) =>
    placed.find((hunk) => {
      const span = hunk[side];
      return span ? holds(...span) : false;
    });
  return (
    spanned((first, end) => first <= line && line < end) ??
    spanned((first, end) => first === end && (line === first || line === first - 1)) ??
    placed.find((hunk) => mayStand(file, hunk, side, line)) ??
    // What concerns the file as a whole, such as its name, stands nowhere in it.
    placed.find((hunk) => !hunk[side] && hunk.kind !== 'edit')
  );
}

/**
 * Lines that were only added (or only removed) among like lines, blank ones say, can be said to be earlier or later, and a diff
 * editor draws them where it likes: whether the line is one of those where the hunk may be drawn.
 */
function mayStand(file: ProposalFile, hunk: Hunk, side: Side, line: number): boolean {
  const { live, merged } = hunk;
  if (!live || !merged || live[0] < live[1] === merged[0] < merged[1]) {
    return false;
  }
  const [[first, end], text] = live[0] < live[1] ? [live, file.live] : [merged, file.merged];
  const lines = (text ?? '').split('\n');
  const alike = (one: number, other: number) => lines[one] !== undefined && lines[one] === lines[other];
  let earlier = 0;
  while (alike(first - earlier - 1, end - earlier - 1)) {
    earlier += 1;
  }
  let later = 0;
  while (alike(first + later, end + later)) {
    later += 1;
  }
  const [from, to] = side === 'live' ? live : merged;
  const before = from === to ? 1 : 0;
  return from - earlier - before <= line && line < to + later + before;
}

/** First lines of the open hunks, in order. */
export function starts(file: ProposalFile, side: Side): number[] {
  return openHunks(file)
    .map((hunk) => hunk[side]?.[0])
    .filter((line): line is number => line !== undefined)
    .sort((a, b) => a - b);
}

/** The next (or previous) hunk from a line, going round. */
export function neighbour(lines: readonly number[], from: number, step: 1 | -1): number | undefined {
  const onward = step === 1 ? lines.find((line) => line > from) : [...lines].reverse().find((line) => line < from);
  return onward ?? (step === 1 ? lines[0] : lines[lines.length - 1]);
}

/** Line numbers of the hunk headers of a unified diff, or its first line when there are none. */
export function headers(text: string): number[] {
  const found: number[] = [];
  text.split('\n').forEach((line, number) => {
    if (/^@@ /.test(line)) {
      found.push(number);
    }
  });
  return found;
}

/** Line numbers of added and removed lines inside the hunks. */
export function signed(text: string): { plus: number[]; minus: number[] } {
  const plus: number[] = [];
  const minus: number[] = [];
  let inHunk = false;
  text.split('\n').forEach((content, number) => {
    if (content.startsWith('@@ ')) {
      inHunk = true;
    } else if (/^(--- |diff |index |rename |new file|deleted file)/.test(content) || /^[^ +\-\\]/.test(content)) {
      inHunk = false;
    } else if (inHunk && content.startsWith('+')) {
      plus.push(number);
    } else if (inHunk && content.startsWith('-')) {
      minus.push(number);
    }
  });
  return { plus, minus };
}
