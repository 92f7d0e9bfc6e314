// What the pickers of places list: one row for all places of a kind, then each of them. Pure.

import type { OfferedPlace, Place } from './protocol';

export interface PlaceRow {
  label: string;
  detail: string;
  /** Title of the group that begins with this row. */
  heading?: string;
  places: Place[];
}

const HEADINGS: Record<string, string> = {
  problem: 'Problems',
  comment: 'Comments',
  symbol: 'Symbols',
  match: 'Matches',
};

export function placeRows(offered: readonly OfferedPlace[]): PlaceRow[] {
  const rows: PlaceRow[] = [];
  for (const kind of new Set(offered.map((place) => place.kind))) {
    const ofKind = offered.filter((place) => place.kind === kind);
    const start = rows.length;
    for (const group of new Set(ofKind.map((place) => place.group))) {
      const alike = ofKind.filter((place) => place.group === group);
      if (kind !== 'symbol' && kind !== 'match' && group !== '' && alike.length > 1) {
        rows.push({ label: `All ${alike.length}: ${group}`, detail: '', places: alike.map((place) => place.place) });
      }
      for (const { title, detail, place } of alike) {
        rows.push({ label: title, detail: detail || `line ${place.start_line + 1}`, places: [place] });
      }
    }
    const first = rows[start];
    if (first) {
      first.heading = HEADINGS[kind] ?? kind;
    }
  }
  return rows;
}

/** The targets of the chosen rows, each place once although its whole group may be chosen too. */
export function targetsOf(chosen: readonly PlaceRow[]): Place[] {
  const seen = new Map<string, Place>();
  for (const place of chosen.flatMap((row) => row.places)) {
    seen.set(`${place.uri}:${place.start_line}:${place.start_character ?? 0}:${place.symbol ?? ''}`, place);
  }
  return [...seen.values()];
}

/** Cursors in one symbol, or on the same lines outside of any, are one place, with all problems there. */
export function distinct(targets: readonly Place[], offered: readonly OfferedPlace[]): Place[] {
  const symbols = offered.filter(({ kind }) => kind === 'symbol').map(({ place }) => place);
  const seen = new Map<string, Place>();
  for (const place of targets) {
    const key = `${place.uri} ${placeName(place, symbols)}`;
    const diagnostics = [...(seen.get(key)?.diagnostics ?? []), ...(place.diagnostics ?? [])];
    seen.set(key, { ...(seen.get(key) ?? place), ...(diagnostics.length > 0 ? { diagnostics } : {}) });
  }
  return [...seen.values()];
}

function placeName(place: Place, symbols: readonly Place[]): string {
  const { start_line: start, end_line: end = -1, end_character: character = 0 } = place;
  if (place.symbol || end >= 0) {
    return `${place.symbol ?? ''} ${start}-${end > start && character === 0 ? end - 1 : end}`;
  }
  // Of nested ones the innermost begins last.
  const around = symbols.filter((symbol) => symbol.start_line <= start && start < (symbol.end_line ?? 0));
  const [inner] = around.sort((a, b) => b.start_line - a.start_line);
  return inner?.symbol ? `${inner.symbol} ${inner.start_line}` : ` ${start}-${start}`;
}
