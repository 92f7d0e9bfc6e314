// Which problems go along with a delegation: never our own marks. Pure over the few fields that matter.

interface Problem {
  source?: string | undefined;
  code?: unknown;
  message: string;
  range: { start: { line: number; character: number } };
}

const MOST = 200;
export const OURS = 'backburner';

/** The problems at the place, and those of the same kind elsewhere in the file, so that "all like this" can be offered. */
export function alike<T extends Problem>(here: readonly T[], inFile: readonly T[]): T[] {
  const others = here.filter((problem) => problem.source !== OURS);
  const kinds = new Set(others.map(kind));
  const known = new Set(others.map(identity));
  const more = inFile.filter(
    (problem) => problem.source !== OURS && kinds.has(kind(problem)) && !known.has(identity(problem)),
  );
  return [...others, ...more].slice(0, MOST);
}

function kind(problem: Problem): string {
  const code = problem.code;
  const value = typeof code === 'object' && code !== null && 'value' in code ? code.value : code;
  return `${problem.source ?? ''} ${value === undefined || value === null ? problem.message : String(value)}`;
}

function identity(problem: Problem): string {
  const { line, character } = problem.range.start;
  return `${line}:${character} ${problem.source ?? ''} ${problem.message}`;
}
