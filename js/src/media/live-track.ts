/** The service's participants of a room: their newest live track is shown, and they alone see the camera. */

/** The service's participants have this prefix in their identity; all others send or view. */
const SERVICE_PREFIX = "inference-server-";

/** The usual identity of the service's participant: it may subscribe before it has joined. */
const USUAL_SERVICE = "inference-server-1";

/**
 * Who may subscribe to the camera and the microphone, for `setTrackSubscriptionPermissions`: the service's
 * participants. Viewers of the room would receive the raw camera otherwise.
 *
 * @param identities of the room's participants
 */
export function allowedSubscribers(
  identities: Iterable<string>,
): { participantIdentity: string; allowAll: true }[] {
  const services = [...identities].filter((identity) => identity.startsWith(SERVICE_PREFIX));
  return [...new Set([USUAL_SERVICE, ...services])].map((participantIdentity) => ({
    participantIdentity,
    allowAll: true,
  }));
}

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
