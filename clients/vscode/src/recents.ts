// The instructions that were given before, latest first, each once.

const LONGEST = 20;

export function remember(recents: readonly string[], instruction: string): string[] {
  const text = instruction.trim();
  return text === '' ? [...recents] : [text, ...recents.filter((recent) => recent !== text)].slice(0, LONGEST);
}
