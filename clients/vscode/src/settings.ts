// The settings that the server gets: only those that somebody set, so that a default of the editor never stands in the way
// of the person's own configuration file. Pure over a way to look a key up.

interface Inspected {
  globalValue?: unknown;
  workspaceValue?: unknown;
  workspaceFolderValue?: unknown;
}

/** `review.read_first` becomes `{review: {read_first: ...}}`. */
export function chosen(
  keys: readonly string[],
  inspect: (key: string) => Inspected | undefined,
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const key of keys) {
    const each = inspect(key);
    const value = each?.workspaceFolderValue ?? each?.workspaceValue ?? each?.globalValue;
    if (value === undefined) {
      continue;
    }
    const names = key.split('.');
    const last = names.pop() ?? key;
    let table = found;
    for (const name of names) {
      table[name] ??= {};
      table = table[name] as Record<string, unknown>;
    }
    table[last] = value;
  }
  return found;
}
