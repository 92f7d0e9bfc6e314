// What the picker of "Delegate from here" lists: one row for all places of a kind, then each of them. Pure.

import type { OfferedPlace, Place } from './protocol';

export interface PlaceRow {
  label: string;
  detail: string;
  /** Title of the group that begins with this row. */
  heading?: string;
  places: Place[];
}

const HEADINGS: Record<string, string> = { problem: 'Problems', comment: 'Comments', symbol: 'Symbols' };

export function placeRows(offered: readonly OfferedPlace[]): PlaceRow[] {
  const rows: PlaceRow[] = [];
  for (const kind of new Set(offered.map((place) => place.kind))) {
    const ofKind = offered.filter((place) => place.kind === kind);
    const start = rows.length;
    for (const group of new Set(ofKind.map((place) => place.group))) {
      const alike = ofKind.filter((place) => place.group === group);
      if (kind !== 'symbol' && group !== '' && alike.length > 1) {
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
