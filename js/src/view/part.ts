/** What shows something of a session, and is updated when the session has changed. */
export interface Updatable {
  update(): void;
}

/** A part of a view, with an element of its own. */
export interface Part extends Updatable {
  element: HTMLElement;
}
