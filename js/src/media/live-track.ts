/** Chooses the track of a room to show: the newest live one of the service. */

/** The service's participants have this prefix in their identity; all others send or view. */
const SERVICE_PREFIX = "inference-server-";

/** The part of a room's participant that the choice needs. */
interface Sender {
  identity: string;
  /** Its tracks of one kind, in the order in which they were subscribed; undefined before that. */
  tracks: Iterable<MediaStreamTrack | undefined>;
}

/**
 * The track to show, or null.
 *
 * After a reconnect a room may still list the service's former participant, with a track that has ended;
 * only live tracks are chosen.
 *
 * @param participants in the order in which they joined
 */
export function liveTrack(participants: Iterable<Sender>): MediaStreamTrack | null {
  let chosen: MediaStreamTrack | null = null;
  for (const { identity, tracks } of participants) {
    if (!identity.startsWith(SERVICE_PREFIX)) continue;
    for (const track of tracks) if (track?.readyState === "live") chosen = track;
  }
  return chosen;
}
