/**
 * The peer connection that livekit-client makes: in its own piece of the front end, this class stands
 * in for the browser's.
 *
 * A fresh connection climbs from 300 kbit/s, and livekit-client hints at 1 Mbit/s at most: the first
 * seconds would be a blur. So the answer gets the bitrates that were asked for, as with offer and
 * answer.
 */

import { type Bitrates, withBitrates } from "./sdp.ts";

/** A browser passes over members that it doesn't know; livekit-client hands all of them on. */
export interface PeerConfiguration extends RTCConfiguration {
  decartBitrates?: Bitrates;
}

// Where the browser has none the piece loads all the same, and the session says what is missing.
const Browsers = globalThis.RTCPeerConnection ?? class {};

class RoomPeerConnection extends Browsers {
  readonly #rates: Bitrates | undefined;

  constructor(configuration?: PeerConfiguration) {
    super(configuration);
    this.#rates = configuration?.decartBitrates;
  }

  override setRemoteDescription(description: RTCSessionDescriptionInit): Promise<void> {
    const { type, sdp } = description;
    if (type !== "answer" || !sdp || !this.#rates) return super.setRemoteDescription(description);
    return super.setRemoteDescription({ type, sdp: withBitrates(sdp, this.#rates) });
  }
}

export { RoomPeerConnection as RTCPeerConnection };
