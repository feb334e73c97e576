/**
 * Tells a reloaded page the ids that it had before.
 *
 * The ids are in `sessionStorage` only while no page of the tab is loaded: a page that is left stores its
 * ids, and the next page takes them out. So a tab that is duplicated, which copies the storage, has none
 * of the ids of the page that still runs.
 */

/** Where the ids are in `sessionStorage`. */
const KEY = "decart-widget.former";
/** Ids that are kept at most, one for each widget of the page; the kernel reads no more. */
const MAX_IDS = 64;

function read(): string[] {
  try {
    const ids: unknown = JSON.parse(sessionStorage.getItem(KEY) ?? "[]");
    return Array.isArray(ids) ? ids : [];
  } catch {
    return []; // a page without storage, or with another one's entry
  }
}

/** Takes the ids out that the tab's former page stored. */
export function takeFormerPages(): string[] {
  const ids = read();
  if (ids.length) sessionStorage.removeItem(KEY);
  return ids;
}

/** Stores an id of this page, which is being left. */
export function storeFormerPage(id: string): void {
  try {
    sessionStorage.setItem(KEY, JSON.stringify([...read(), id].slice(-MAX_IDS)));
  } catch {
    // Without storage the reloaded page waits until the kernel has noticed that this one is gone.
  }
}
