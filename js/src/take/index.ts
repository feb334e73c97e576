/** What is taken away from a session: stills, clips, frames; a piece of its own. */

export {};
