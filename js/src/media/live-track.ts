/** Which track of a room is the picture: that of the service's newest participant that lives. */

/** Whoever transforms the picture is called so; everybody else in the room only watches, or sends. */
const SERVICE = "inference-server-";

/** As much of a room's participant as the choice needs. */
export interface Sender {
  identity: string;
  /** Its video tracks, in the order in which they came. */
  tracks: Iterable<MediaStreamTrack | undefined>;
}

/**
 * The track to show, or null.
 *
 * After a reconnect a room may still hold the participant of before, with a track that has ended:
 * it never wins over one that lives.
 *
 * @param participants in the order in which they came
 */
export function liveTrack(participants: Iterable<Sender>): MediaStreamTrack | null {
  let chosen: MediaStreamTrack | null = null;
  for (const { identity, tracks } of participants) {
    if (!identity.startsWith(SERVICE)) continue;
    for (const track of tracks) if (track?.readyState === "live") chosen = track;
  }
  return chosen;
}
