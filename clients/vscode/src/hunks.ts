// Which hunk stands at a line of the live text or of the merged one, and where its header is in a diff document: pure.

import type { Hunk, ProposalFile } from './protocol';

export type Side = 'live' | 'merged';

export function openHunks(file: ProposalFile): Hunk[] {
  return file.hunks.filter((hunk) => hunk.verdict === 'open');
}

/** The open hunk that holds the line; a hunk that only adds or only removes lines also owns the line before it. */
export function hunkAt(file: ProposalFile, side: Side, line: number): Hunk | undefined {
  const placed = openHunks(file);
  const inside = placed.find((hunk) => {
    const span = hunk[side];
    return span ? span[0] <= line && line < span[1] : hunk.kind !== 'edit';
  });
  return (
    inside ??
    placed.find((hunk) => {
      const span = hunk[side];
      return span !== null && span !== undefined && span[0] === span[1] && (line === span[0] || line === span[0] - 1);
    })
  );
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
