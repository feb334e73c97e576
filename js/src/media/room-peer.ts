/**
 * The peer connection that livekit-client makes: in the chunk `room`, esbuild's `inject` replaces the
 * browser's `RTCPeerConnection` by this class.
 *
 * The bandwidth estimate of a new connection starts at 300 kbit/s, and livekit-client hints at 1 Mbit/s
 * at most: the first seconds would be blurred. So the requested bitrates are put into the answer, as
 * peer.ts does.
 */

import { type Bitrates, withBitrates } from "./sdp.ts";

/** livekit-client passes unknown members on to the constructor, and browsers ignore them. */
interface PeerConfiguration extends RTCConfiguration {
  decartBitrates?: Bitrates;
}

// A browser without WebRTC must still load the chunk: the session reports what is missing.
const BrowserPeerConnection = globalThis.RTCPeerConnection ?? class {};

class RoomPeerConnection extends BrowserPeerConnection {
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
